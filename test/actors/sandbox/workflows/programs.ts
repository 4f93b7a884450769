import {
  ActivityCancellationType,
  allHandlersFinished,
  CancellationScope,
  condition,
  continueAsNew,
  defineQuery,
  defineSignal,
  getSignalChannel,
  isCancellation,
  proxyActivities,
  setDefaultSignalHandler,
  setHandler,
  sleep,
  uuid4,
  workflowInfo,
} from 'signalbox/workflow'

const { work } = proxyActivities<{ work(n: number): Promise<number> }>({
  startToCloseTimeout: '1 minute',
})
const { hurry } = proxyActivities<{ hurry(n: number): Promise<number> }>({
  startToCloseTimeout: '1 minute',
  cancellationType: ActivityCancellationType.WAIT_CANCELLATION_COMPLETED,
})

export const state = defineQuery<unknown>('state')
const a = defineSignal<[number]>('a')
const b = defineSignal<[number]>('b')

/** A bit of everything, so that random inputs meet as much of the engine as they can. */
export async function everything(): Promise<unknown> {
  const log: unknown[] = []
  let total = 0
  let stopping = false
  setHandler(state, () => ({ total, log, length: workflowInfo().historyLength }))
  setHandler(a, (n) => {
    total += n
    log.push(['a', n, Date.now()])
    if (n === 9) stopping = true
  })
  const late = sleep(40).then(() => {
    setHandler(b, async (n) => {
      log.push(['b', n, uuid4()])
      const result = await work(n)
      log.push(['worked', result])
      if (n === 8) await CancellationScope.nonCancellable(() => sleep(n))
    })
    setDefaultSignalHandler((name) => void log.push(['default', name]))
  })
  const channel = getSignalChannel<number>('c')
  const consumer = (async () => {
    for (;;) {
      const received = await channel.receiveWithTimeout(30)
      log.push(['c', received.value, Math.random()])
      if (stopping && !received.ok) return
      if (received.ok && received.value > 5) {
        try {
          await CancellationScope.withTimeout(15, () => hurry(received.value))
        } catch (error) {
          log.push(['hurry', isCancellation(error)])
          if (CancellationScope.current().consideredCancelled) throw error
        }
      }
    }
  })()
  await Promise.all([late, consumer, condition(() => stopping && total > 12)])
  await condition(allHandlersFinished)
  if (total > 40) await continueAsNew<typeof everything>()
  return { total, log }
}
