import {
  allHandlersFinished,
  ApplicationFailure,
  CancellationScope,
  condition,
  continueAsNew,
  defineQuery,
  defineSignal,
  defineUpdate,
  getExternalWorkflowHandle,
  isCancellation,
  log,
  proxyActivities,
  setHandler,
  sleep,
  startChild,
  Trigger,
  uuid4,
  workflowInfo,
} from '@temporalio/workflow'

/* Programs of some size, as users of Temporal write them, each for what it is known for. */

const { echo, sum, fail, flaky, gate } = proxyActivities<{
  echo(value: unknown): Promise<unknown>
  sum(...numbers: number[]): Promise<number>
  fail(how: string): Promise<never>
  flaky(name: string, failures: number): Promise<string>
  gate(name: string): Promise<string>
}>({
  startToCloseTimeout: '1 minute',
  heartbeatTimeout: '10 s',
  retry: { initialInterval: 1, maximumAttempts: 5 },
})

interface LockRequest {
  readonly holderId: string
  readonly releaseName: string
}

const requestLock = defineSignal<[LockRequest]>('request-lock')
const lockAcquired = defineSignal<[releaseName: string]>('lock-acquired')

/** A mutex for workflows: gives itself to one after the other, for as long as each holds it. */
export async function lockWorkflow(rounds: number): Promise<string[]> {
  const requests: LockRequest[] = []
  const served: string[] = []
  setHandler(requestLock, (request) => {
    requests.push(request)
  })
  while (served.length < rounds) {
    await condition(() => requests.length > 0)
    const request = requests.shift()
    if (request === undefined) continue
    let released = false
    setHandler(defineSignal(request.releaseName), () => {
      released = true
    })
    await getExternalWorkflowHandle(request.holderId).signal(lockAcquired, request.releaseName)
    await condition(() => released, '1 minute')
    served.push(request.holderId)
  }
  return served
}

/** Holds the lock of a {@link lockWorkflow} for a while. */
export async function lockHolder(lockId: string, holdMs: number): Promise<string> {
  const acquired = new Trigger<string>()
  setHandler(lockAcquired, (releaseName) => {
    acquired.resolve(releaseName)
  })
  const releaseName = `release-${uuid4()}`
  const lock = getExternalWorkflowHandle(lockId)
  const holderId = workflowInfo().workflowId
  await lock.signal(requestLock, { holderId, releaseName })
  const given = await acquired
  await sleep(holdMs)
  await lock.signal(given)
  return given === releaseName ? 'held' : 'mixed up'
}

/** A saga: what was done is undone in reverse, whatever stopped it. */
export async function saga(failsAt: number): Promise<unknown> {
  const done: unknown[] = []
  const compensations: (() => Promise<unknown>)[] = []
  const steps = ['reserve', 'charge', 'ship', 'notify']
  try {
    for (const [n, step] of steps.entries()) {
      compensations.unshift(() => echo(`undo ${step}`))
      if (n === failsAt) await fail('nonRetryable')
      done.push(await flaky(step, n % 3))
      await sleep(2)
    }
    return { done }
  } catch (error) {
    const undone: unknown[] = []
    await CancellationScope.nonCancellable(async () => {
      for (const compensate of compensations) undone.push(await compensate())
    })
    log.warn('the saga was undone', { steps: undone.length })
    if (isCancellation(error)) throw error
    throw ApplicationFailure.create({
      message: 'undone',
      type: 'SagaFailed',
      details: [done, undone],
      cause: error as Error,
    })
  }
}

const cancelSubscription = defineSignal('cancel-subscription')
const updateCharge = defineSignal<[number]>('update-charge')
const setPlan = defineUpdate<string, [string]>('set-plan')
const billingPeriod = defineQuery<number>('billing-period')

interface Subscription {
  readonly period: number
  readonly charge: number
  readonly plan: string
  readonly total: number
}

/** A subscription that bills by the period, and continues as new every few of them. */
export async function subscription(
  periodMs: number,
  periods: number,
  state: Subscription = { period: 0, charge: 10, plan: 'basic', total: 0 },
): Promise<Subscription> {
  let { period, charge, plan, total } = state
  let cancelled = false
  setHandler(cancelSubscription, () => {
    cancelled = true
  })
  setHandler(updateCharge, (amount) => {
    charge = amount
  })
  setHandler(billingPeriod, () => period)
  setHandler(setPlan, async (next) => {
    await echo(next)
    plan = next
    return `${plan} from period ${period}`
  })
  for (let n = 0; n < 2 && period < periods; n++) {
    if (await condition(() => cancelled, periodMs)) return { period, charge, plan, total }
    total = await sum(total, charge)
    period++
  }
  await condition(allHandlersFinished)
  if (period >= periods) return { period, charge, plan, total }
  return continueAsNew<typeof subscription>(periodMs, periods, { period, charge, plan, total })
}

/** Polls by an activity until it has an answer, with a pause that grows, or a signal that hurries it. */
export async function poller(attempts: number): Promise<unknown> {
  const polls: unknown[] = []
  let hurried = 0
  setHandler(defineSignal('hurry'), () => {
    hurried++
  })
  for (let attempt = 1; attempt <= attempts; attempt++) {
    polls.push(await echo(attempt))
    if (attempt === attempts) break
    const before = hurried
    const isHurried = await condition(() => hurried > before, attempt * 4)
    polls.push(isHurried ? 'hurried' : 'waited')
  }
  const answer = await CancellationScope.withTimeout('30 s', () => gate('answer'))
  return { polls, answer }
}

const recordProcessed = defineSignal<[number]>('record-processed')

/** A record of the batch below: tells its parent when it is done. */
export async function record(n: number): Promise<void> {
  await sleep(1 + ((n * 5) % 4))
  const { parent } = workflowInfo()
  if (parent === undefined) throw ApplicationFailure.nonRetryable('a record without its batch')
  await getExternalWorkflowHandle(parent.workflowId).signal(recordProcessed, n)
}

/** A batch in a sliding window: never more children at a time than it has room for. */
export async function slidingWindow(records: number, windowSize: number): Promise<unknown> {
  const running = new Set<number>()
  const processed: number[] = []
  setHandler(recordProcessed, (n) => {
    running.delete(n)
    processed.push(n)
  })
  let most = 0
  for (let n = 0; n < records; n++) {
    await condition(() => running.size < windowSize)
    running.add(n)
    most = Math.max(most, running.size)
    const workflowId = `${workflowInfo().workflowId}/${n}`
    await startChild(record, { workflowId, args: [n], parentClosePolicy: 'ABANDON' })
  }
  await condition(() => running.size === 0)
  return { processed: processed.sort((a, b) => a - b), most }
}
