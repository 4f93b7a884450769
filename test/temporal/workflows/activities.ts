import {
  ActivityCancellationType,
  ActivityFailure,
  ApplicationFailure,
  CancellationScope,
  CancelledFailure,
  condition,
  isCancellation,
  proxyActivities,
  rootCause,
  scheduleActivity,
  setHandler,
  sleep,
  TimeoutFailure,
} from '@temporalio/workflow'
import type * as activities from '../fixtures/activities.ts'
import { go, say, stop } from './signals.ts'

const { echo, gate, fail, sum, nothing } = proxyActivities<typeof activities>({
  startToCloseTimeout: '1 minute',
  retry: { maximumAttempts: 1 },
})

function kindOf(error: unknown): unknown {
  if (!(error instanceof ActivityFailure)) return String(error)
  const { cause } = error
  return [
    error.activityType,
    error.activityId,
    error.retryState,
    cause?.name,
    cause?.message,
    cause instanceof ApplicationFailure
      ? [cause.type, cause.nonRetryable, cause.details]
      : undefined,
    cause instanceof TimeoutFailure ? cause.timeoutType : undefined,
    rootCause(error),
  ]
}

export async function values(...values: unknown[]): Promise<unknown> {
  const answers: unknown[] = []
  for (const value of values) answers.push(await echo(value))
  answers.push(await nothing(), await echo(new Uint8Array([1, 2, 3])))
  return answers
}

export async function parallel(count: number): Promise<unknown> {
  const numbers = Array.from({ length: count }, (_, n) => n)
  const doubled = await Promise.all(numbers.map((n) => sum(n, n)))
  return [doubled, await sum(...doubled)]
}

/** Signals before, while and after an activity runs. */
export async function attended(): Promise<unknown> {
  const trace: unknown[] = []
  let gone = false
  setHandler(say, (word) => void trace.push(word))
  setHandler(go, () => void (gone = true))
  trace.push(await gate('attended'))
  await condition(() => gone)
  trace.push(await echo(trace.length))
  return trace
}

export async function failures(): Promise<unknown> {
  const trace: unknown[] = []
  for (const how of ['plain', 'application', 'nonRetryable', 'caused', 'benign'] as const) {
    await fail(how).catch((error: unknown) => void trace.push(kindOf(error)))
  }
  return trace
}

export async function failsWithActivity(): Promise<unknown> {
  return await fail('application')
}

export async function timedOut(): Promise<unknown> {
  const { gate } = proxyActivities<typeof activities>({
    startToCloseTimeout: 20,
    retry: { maximumAttempts: 1 },
  })
  return await gate('timedOut').catch(kindOf)
}

export async function retried(): Promise<unknown> {
  const { flaky } = proxyActivities<typeof activities>({
    startToCloseTimeout: '10s',
    scheduleToCloseTimeout: '1 minute',
    retry: { initialInterval: 1, backoffCoefficient: 1, maximumAttempts: 4, maximumInterval: 5 },
  })
  return [await flaky('retried', 2), await flaky('again', 0)]
}

/** The three ways of cancelling an activity that is running. */
export async function cancelled(type: ActivityCancellationType): Promise<unknown> {
  const trace: unknown[] = []
  const { patient } = proxyActivities<typeof activities>({
    startToCloseTimeout: '1 minute',
    heartbeatTimeout: '5s',
    cancellationType: type,
    retry: { maximumAttempts: 1 },
  })
  const scope = new CancellationScope()
  const running = scope.run(() =>
    patient('cancelled').catch((error: unknown) => {
      trace.push([isCancellation(error), kindOf(error)])
    }),
  )
  setHandler(stop, () => scope.cancel())
  setHandler(say, (word) => void trace.push(word))
  await running
  trace.push('after')
  let gone = false
  setHandler(go, () => void (gone = true))
  await condition(() => gone)
  return trace
}

/** Cancelled in the turn that schedules it: a server never hears of it. */
export async function cancelledAtOnce(): Promise<unknown> {
  const trace: unknown[] = []
  const scope = new CancellationScope()
  const running = scope.run(() =>
    Promise.allSettled([
      echo(1).catch((error: unknown) => void trace.push(kindOf(error))),
      sleep('1 hour').catch((error: unknown) => void trace.push(isCancellation(error))),
    ]),
  )
  scope.cancel()
  await running
  trace.push(await echo(2))
  const dead = new CancellationScope()
  dead.cancel()
  await dead
    .run(() => echo(3))
    .catch((error: unknown) => {
      trace.push(error instanceof CancelledFailure)
    })
  trace.push(await echo(4))
  return trace
}

/** Everything that a call may be given. */
export async function optionsOfActivities(): Promise<unknown> {
  const first = await scheduleActivity<string>('echo', ['by name'], {
    activityId: 'my-own-id',
    startToCloseTimeout: '30s',
    scheduleToCloseTimeout: '90s',
    scheduleToStartTimeout: '45s',
    heartbeatTimeout: '7s',
    retry: { maximumAttempts: 3, nonRetryableErrorTypes: ['Nope'] },
    summary: 'one with everything',
  })
  const byType = proxyActivities({
    scheduleToCloseTimeout: 60_000,
    cancellationType: ActivityCancellationType.ABANDON,
  })
  const { echo } = byType as unknown as Pick<typeof activities, 'echo'>
  return [
    first,
    await echo('untyped'),
    await sum.executeWithOptions({ startToCloseTimeout: '2s' }, [1, 2]),
  ]
}

/** A signal handler that calls activities, beside a main function that does. */
export async function handlersWithActivities(): Promise<unknown> {
  const trace: unknown[] = []
  let open = 0
  let stopped = false
  setHandler(say, async (word) => {
    open++
    trace.push(await echo(word))
    open--
  })
  setHandler(stop, () => void (stopped = true))
  for (let round = 0; round < 3; round++) trace.push(await echo(round))
  await condition(() => stopped && open === 0)
  return trace.map(String).toSorted()
}
