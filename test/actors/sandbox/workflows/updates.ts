import {
  allHandlersFinished,
  ApplicationFailure,
  CancellationScope,
  condition,
  currentUpdateInfo,
  defineQuery,
  defineSignal,
  defineUpdate,
  HandlerUnfinishedPolicy,
  isCancellation,
  proxyActivities,
  setDefaultUpdateHandler,
  setHandler,
  sleep,
} from 'signalbox/workflow'

const note = defineSignal<[string]>('note')
const told = defineQuery<string[]>('told')
const tell = defineUpdate<string, [string]>('tell')
const slow = defineUpdate<string>('slow')
const abandoned = defineUpdate<string>('abandoned')
const end = defineSignal<['return' | 'fail']>('end')

/** Notes what it is told, in order. */
export async function listener(): Promise<string[]> {
  const seen: string[] = []
  setHandler(told, () => seen)
  setHandler(note, (text) => {
    seen.push(`note ${text}`)
  })
  setHandler(
    tell,
    (text) => {
      seen.push(`tell ${text} ${Date.now()}`)
      return text.toUpperCase()
    },
    {
      validator: (text) => {
        if (text === 'no') throw ApplicationFailure.create({ message: 'not this', type: 'No' })
        if (text === 'sleep') void sleep(1)
      },
    },
  )
  await condition(() => seen.includes('note end'))
  return seen
}

/** Closes while handlers may be running. */
export async function closing(): Promise<string> {
  let how: 'return' | 'fail' | undefined
  const wait = async (): Promise<string> => {
    await condition(() => false)
    return 'never'
  }
  setHandler(slow, wait)
  setHandler(abandoned, wait, { unfinishedPolicy: HandlerUnfinishedPolicy.ABANDON })
  setHandler(end, (given) => {
    how = given
  })
  await condition(() => how !== undefined)
  if (how === 'fail') throw ApplicationFailure.create({ message: 'as told' })
  return 'closed'
}

/** Waits for its handlers. */
export async function patient(): Promise<string[]> {
  const seen: string[] = []
  let done = false
  setHandler(slow, async () => {
    await sleep(10)
    seen.push('slow')
    return 'slow'
  })
  setHandler(end, () => {
    done = true
  })
  await condition(() => done)
  seen.push(`finished ${allHandlersFinished()}`)
  await condition(allHandlersFinished)
  return seen
}

/** Says in which update it is, through awaits. */
export async function informed(): Promise<string[]> {
  const seen: string[] = []
  const say = (where: string): void => {
    const { id, name } = currentUpdateInfo() ?? {}
    seen.push(`${where} ${id} ${name}`)
  }
  let isOpen = false
  setHandler(told, () => seen)
  setHandler(note, () => {
    isOpen = true
    say('signal')
  })
  setHandler(
    slow,
    async () => {
      say('handler')
      await condition(() => isOpen)
      say('later')
      return 'done'
    },
    { validator: () => say('validator') },
  )
  say('main')
  await condition(() => false)
  return seen
}

/** Sets its handlers while updates wait for them, and takes them away again. */
export async function setsLate(): Promise<string[]> {
  const seen: string[] = []
  setHandler(told, () => seen)
  await Promise.resolve()
  setHandler(tell, (text) => {
    seen.push(`tell ${text}`)
    setHandler(tell, undefined)
    return text
  })
  await Promise.resolve()
  setHandler(tell, (text) => {
    seen.push(`again ${text}`)
    return text
  })
  setDefaultUpdateHandler((name, ...args) => {
    seen.push(`default ${name} ${args.join()}`)
    return name
  })
  await condition(() => false)
  return seen
}

/** Its updates wait in scopes; the cancellation of the workflow reaches those that were not shielded. */
export async function scoped(): Promise<string[]> {
  const seen: string[] = []
  setHandler(tell, async (how) => {
    const body = async (): Promise<string> => {
      await sleep('1 hour')
      return how
    }
    try {
      return await (how === 'shielded' ? CancellationScope.nonCancellable(body) : body())
    } catch (error) {
      seen.push(`${how} ${isCancellation(error)}`)
      throw error
    }
  })
  setHandler(told, () => seen)
  await condition(() => false).catch(() => undefined)
  await CancellationScope.nonCancellable(() => condition(() => seen.includes('never')))
  return seen
}

/** Sets a handler when the activity that it waits for is cancelled. */
export async function setsWhenCancelled(): Promise<void> {
  const { work } = proxyActivities<{ work(): Promise<void> }>({
    startToCloseTimeout: '1 minute',
    cancellationType: 'TRY_CANCEL',
  })
  await work().catch(() => setHandler(tell, (text) => text.toUpperCase()))
  await CancellationScope.nonCancellable(() => condition(() => false))
}
