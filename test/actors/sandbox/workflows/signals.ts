import {
  allHandlersFinished,
  ApplicationFailure,
  CancelledFailure,
  condition,
  continueAsNew,
  defineQuery,
  defineSignal,
  HandlerUnfinishedPolicy,
  setDefaultSignalHandler,
  setHandler,
  sleep,
} from '@temporalio/workflow'

const anySignal = (name: string) => defineSignal<[unknown?]>(name)
const add = defineSignal<[unknown]>('add')
const done = defineSignal('done')

/** Collects what comes until it is told that it is done. */
export async function collect(): Promise<unknown[]> {
  const seen: unknown[] = []
  let finished = false
  setHandler(add, (value) => void seen.push(value))
  setHandler(done, () => {
    finished = true
  })
  setHandler(defineQuery<unknown[]>('seen'), () => seen)
  await condition(() => finished)
  return seen
}

/** Sets its handlers only after a timer. */
export async function late(): Promise<string[]> {
  const trace: string[] = []
  await sleep(1000)
  trace.push('before')
  setHandler(anySignal('a'), (value) => void trace.push(`a${String(value)}`))
  trace.push('between')
  setDefaultSignalHandler((name, value) => void trace.push(`default ${name}${String(value)}`))
  trace.push('after')
  return trace
}

/** As in the SDK's test `signalsOrdering2`; nested, the first handler sets all others. */
export async function reentrantDrain(nested: boolean): Promise<string[]> {
  const trace: string[] = []
  const a = anySignal('A')
  const setOthers = () => {
    setHandler(anySignal('B'), (value) => void trace.push(`B${String(value)}`))
    setDefaultSignalHandler((name, value) => void trace.push(`default ${name}${String(value)}`))
    setHandler(anySignal('C'), (value) => void trace.push(`C${String(value)}`))
  }
  await sleep(1000)
  setHandler(a, (value) => {
    trace.push(`A${String(value)}`)
    setHandler(a, undefined)
    if (nested) setOthers()
  })
  if (!nested) setOthers()
  return trace
}

/** Handlers that await: started in order, then interleaved. */
export async function concurrent(): Promise<string[]> {
  const trace: string[] = []
  setHandler(add, async (value) => {
    trace.push(`start ${String(value)}`)
    await Promise.resolve()
    trace.push(`end ${String(value)}`)
  })
  let finished = false
  setHandler(done, () => {
    finished = true
  })
  await condition(() => finished)
  return trace
}

/** Specific handlers win over the default one, and can be taken away. */
export async function cleared(): Promise<string[]> {
  const trace: string[] = []
  setDefaultSignalHandler((name) => void trace.push(`default ${name}`))
  setHandler(add, (value) => {
    trace.push(`add ${String(value)}`)
    if (value === 'last') setHandler(add, undefined)
    if (value === 'mute') setDefaultSignalHandler(undefined)
  })
  let finished = false
  setHandler(done, () => {
    finished = true
  })
  await condition(() => finished)
  return trace
}

export async function reservedNames(): Promise<string[]> {
  const messages: string[] = []
  for (const name of ['__temporal_x', '__stack_trace', '__enhanced_stack_trace']) {
    try {
      setHandler(anySignal(name), () => {})
    } catch (error) {
      messages.push(`${(error as Error).name}: ${(error as Error).message}`)
    }
  }
  setDefaultSignalHandler((name) => void messages.push(name))
  await condition(() => messages.includes('end'))
  return messages
}

export async function handlerByName(): Promise<void> {
  setHandler('paid' as never, undefined)
}

export async function failingHandler(): Promise<void> {
  setHandler(add, async (how) => {
    if (how === 'application') throw ApplicationFailure.create({ message: 'no', type: 'Refused' })
    if (how === 'cancelled') throw new CancelledFailure('given up')
    if (how === 'again') await continueAsNew<typeof failingHandler>()
    if (how === 'bug') throw new TypeError('a bug')
  })
  setHandler(defineSignal('sync'), () => {
    throw new RangeError('a sync bug')
  })
  await condition(() => false)
}

/** Ends while a handler still runs. */
export async function unfinished(policy: HandlerUnfinishedPolicy, how: string): Promise<void> {
  setHandler(
    add,
    async () => {
      await sleep(1000)
    },
    { unfinishedPolicy: policy },
  )
  let finished = false
  setHandler(done, () => {
    finished = true
  })
  await condition(() => finished)
  if (how === 'fail') throw ApplicationFailure.nonRetryable('over')
  if (how === 'wait') await condition(allHandlersFinished)
}

/** Tells in which order a turn's inputs reach it. */
export async function grouped(): Promise<string[]> {
  const trace: string[] = []
  setHandler(add, (value) => void trace.push(`signal ${String(value)}`))
  await sleep(1000)
  trace.push('timer')
  return trace
}

/** Continues as new while signals wait that nobody has a handler for. */
export async function handOver(): Promise<void> {
  setHandler(add, () => {})
  let finished = false
  setHandler(done, () => {
    finished = true
  })
  await condition(() => finished)
  await continueAsNew<typeof handOver>()
}

/** The first terminal command wins, and others do not follow it. */
export async function twoEnds(): Promise<string> {
  setHandler(add, async () => {
    void sleep(5000)
    throw ApplicationFailure.create({ message: 'handler' })
  })
  let finished = false
  setHandler(done, () => {
    finished = true
  })
  await condition(() => finished)
  void sleep(7000)
  return 'main'
}
