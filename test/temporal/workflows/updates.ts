import {
  allHandlersFinished,
  ApplicationFailure,
  CancellationScope,
  condition,
  currentUpdateInfo,
  defineUpdate,
  isCancellation,
  proxyActivities,
  setDefaultUpdateHandler,
  setHandler,
  sleep,
  workflowInfo,
} from '@temporalio/workflow'
import { add, go, say, stop } from './signals.ts'

const { echo, sum } = proxyActivities<{
  echo(value: unknown): Promise<unknown>
  sum(...numbers: number[]): Promise<number>
}>({ startToCloseTimeout: '1 minute' })

export const put = defineUpdate<number, [string, number]>('put')
export const slow = defineUpdate<string, [number]>('slow')
export const refuse = defineUpdate<void, [string]>('refuse')
export const whoAmI = defineUpdate<string | undefined>('whoAmI')

/** Updates that answer at once, with a validator, between signals. */
export async function ledger(): Promise<unknown> {
  const log: unknown[] = []
  let open = true
  setHandler(
    put,
    (name, amount) => {
      log.push([name, amount, Date.now()])
      return log.length
    },
    {
      validator: (_name, amount) => {
        if (amount < 0) throw ApplicationFailure.create({ message: 'below zero', type: 'Negative' })
      },
    },
  )
  setHandler(refuse, (why) => {
    log.push(['refused', why])
    throw ApplicationFailure.create({ message: why, type: 'Refused', details: [log.length] })
  })
  setHandler(whoAmI, () => {
    const info = currentUpdateInfo()
    return info === undefined ? undefined : `${info.id} ${info.name}`
  })
  setHandler(say, (word) => void log.push(['say', word, currentUpdateInfo()?.id]))
  setHandler(stop, () => {
    open = false
  })
  await condition(() => !open)
  return { log, outside: currentUpdateInfo() ?? 'none' }
}

/** Updates that take timers and activities, and interleave with each other and with signals. */
export async function slowUpdates(): Promise<unknown> {
  const log: unknown[] = []
  let stopped = false
  setHandler(slow, async (n) => {
    log.push(['begin', n])
    const echoed = await echo(n)
    await sleep(n)
    const total = await sum(n, 1)
    log.push(['end', n, total, currentUpdateInfo()?.name])
    return `${String(echoed)} and ${total}`
  })
  setHandler(put, async (name, amount) => {
    await condition(() => stopped)
    return log.push([name, amount])
  })
  setHandler(add, async (n) => {
    log.push(['add', await sum(n, n)])
  })
  setHandler(stop, () => {
    stopped = true
  })
  await condition(() => stopped)
  await condition(allHandlersFinished)
  return log
}

/** An update that fails with its activity's failure, and one that is cancelled with the workflow. */
export async function updatesThatFail(): Promise<unknown> {
  const log: unknown[] = []
  const { fail } = proxyActivities<{ fail(how: string): Promise<never> }>({
    startToCloseTimeout: '1 minute',
    retry: { maximumAttempts: 1 },
  })
  setHandler(refuse, async (how) => {
    await fail(how)
  })
  setHandler(slow, async (n) => {
    try {
      await CancellationScope.cancellable(() => sleep(n))
    } catch (error) {
      log.push(['cancelled', isCancellation(error)])
      throw error
    }
    return 'slept'
  })
  try {
    await condition(() => false)
  } catch (error) {
    if (!isCancellation(error)) throw error
  }
  await CancellationScope.nonCancellable(() => condition(allHandlersFinished))
  return log
}

/** Handlers that come late: what is there before is held until the end of its activation. */
export async function lateUpdateHandler(): Promise<unknown> {
  const log: unknown[] = []
  setDefaultUpdateHandler((name, ...args) => {
    log.push(['default', name, args, workflowInfo().historyLength])
    return args.length
  })
  let gone = false
  setHandler(go, () => {
    setHandler(put, (name, amount) => log.push(['put', name, amount]))
  })
  setHandler(stop, () => {
    gone = true
  })
  await condition(() => gone)
  return log
}
