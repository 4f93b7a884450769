import {
  CancellationScope,
  CancelledFailure,
  condition,
  defineSignal,
  isCancellation,
  proxyActivities,
  setHandler,
  sleep,
  Trigger,
} from '@temporalio/workflow'
import type * as activities from '../fixtures/activities.ts'
import { go, say, stop } from './signals.ts'

const { echo, gate } = proxyActivities<typeof activities>({ startToCloseTimeout: '1 minute' })

/** The run is cancelled while it waits; it cleans up and says that it was cancelled. */
export async function cleansUp(): Promise<unknown> {
  const trace: unknown[] = []
  try {
    await sleep('1 hour')
  } catch (error) {
    if (!isCancellation(error)) throw error
    trace.push(CancellationScope.current().consideredCancelled)
    await CancellationScope.nonCancellable(async () => {
      trace.push(await echo('cleaning'))
      await sleep(2)
      trace.push(CancellationScope.current().consideredCancelled)
    })
    await sleep(1).catch((again: unknown) => void trace.push(again instanceof CancelledFailure))
    await echo(trace).catch((again: unknown) => void trace.push(isCancellation(again)))
    throw error
  }
  return trace
}

/** Cancelled, and completes all the same. */
export async function toleratesCancellation(): Promise<unknown> {
  const trace: unknown[] = []
  setHandler(say, (word) => void trace.push(word))
  await condition(() => false).catch((error: unknown) => {
    trace.push([isCancellation(error), String(error)])
  })
  return trace
}

export async function nested(): Promise<unknown> {
  const trace: string[] = []
  const wait = (name: string, ms = 3_600_000): Promise<void> =>
    sleep(ms).catch((error: unknown) => {
      trace.push(
        `${name} ${isCancellation(error)} ${CancellationScope.current().consideredCancelled}`,
      )
    })
  const outer = new CancellationScope()
  const shield = new CancellationScope({ cancellable: false })
  const whole = outer.run(async () => {
    await Promise.all([
      wait('outer'),
      CancellationScope.cancellable(() => wait('inner')),
      shield.run(() =>
        Promise.all([
          wait('shielded', 40),
          CancellationScope.cancellable(() => wait('within', 30)),
        ]),
      ),
    ])
    trace.push('outer is over')
  })
  setHandler(stop, () => outer.cancel())
  setHandler(go, () => shield.cancel())
  const requested = outer.cancelRequested.catch(
    (error: unknown) => void trace.push(`requested ${String(error)}`),
  )
  await whole
  await requested
  return trace
}

/** A scope with a timeout around an activity that may be faster. */
export async function withTimeout(ms: number): Promise<unknown> {
  try {
    return await CancellationScope.withTimeout(ms, () => gate('withTimeout'))
  } catch (error) {
    return isCancellation(error) ? 'too late' : String(error)
  }
}

/** Many wait in one scope; a trigger and a condition are cancelled with it. */
export async function shared(): Promise<unknown> {
  const trace: string[] = []
  const scope = new CancellationScope()
  const said = (name: string) => (error: unknown) =>
    void trace.push(`${name} ${isCancellation(error)}`)
  const waits = [
    scope.run(async () => await new Trigger<string>()).catch(said('trigger')),
    scope.run(() => condition(() => false)).catch(said('condition')),
    scope.run(() => condition(() => false, '1 day')).catch(said('timed condition')),
    scope.run(() => sleep('2 days')).catch(said('sleep')),
    scope.run(() => gate('shared')).catch(said('activity')),
  ]
  setHandler(stop, () => scope.cancel())
  await Promise.all(waits)
  return trace
}

/** What runs in a scope that a signal handler opens. */
export async function scopesInHandlers(): Promise<unknown> {
  const trace: string[] = []
  const scopes: CancellationScope[] = []
  let open = 0
  setHandler(say, async (word) => {
    open++
    const scope = new CancellationScope()
    scopes.push(scope)
    await scope
      .run(() => sleep(60_000))
      .catch((error: unknown) => void trace.push(`${String(word)} ${isCancellation(error)}`))
    open--
  })
  setHandler(go, () => scopes.shift()?.cancel())
  let stopped = false
  setHandler(stop, () => void (stopped = true))
  await condition(() => stopped && open === 0)
  return trace
}

export const cancelWith = defineSignal<[string]>('cancelWith')

/** A race whose loser is cancelled. */
export async function loserIsCancelled(): Promise<unknown> {
  const trace: string[] = []
  setHandler(cancelWith, (why) => void trace.push(why))
  const scope = new CancellationScope()
  const result = await scope.run(() =>
    Promise.race([sleep(20).then(() => 'timer'), gate('loser').then(() => 'activity')]).finally(
      () => scope.cancel(),
    ),
  )
  await sleep(2)
  return [result, trace, scope.consideredCancelled]
}
