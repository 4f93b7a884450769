import { CancellationScope, endScope } from './cancellation-scope.ts'
import { assertInWorkflowContext } from './current-run.ts'
import { durationToMs, type Duration } from './duration.ts'

/** By which Temporal tells a `condition` of timeout 0 that is one from one of old that waits for ever. */
const CONDITION_0_PATCH = '__sdk_internal_patch_number:1'

export interface TimerOptions {
  /** Shown beside the timer in the workflow's history. */
  readonly summary?: string
}

/**
 * Wait. The timer is durable: it goes on while the process is down and fires once it is over,
 * however long ago that was. Less than a millisecond is one millisecond.
 *
 * @throws {CancelledFailure} when the scope is cancelled
 */
export function sleep(duration: Duration, options?: TimerOptions): Promise<void> {
  const activator = assertInWorkflowContext(
    'Workflow.sleep(...) may only be used from a Workflow Execution',
  )
  return activator.timers.start(
    CancellationScope.current(),
    durationToMs(duration),
    options?.summary,
  )
}

/**
 * Wait until `predicate` holds. It is evaluated at once, after every input of the workflow and as long
 * as that changes anything; it should only look at the workflow's state.
 *
 * With a timeout: true if it held, false if time was over first.
 *
 * @throws {CancelledFailure} when the scope is cancelled
 */
export function condition(
  predicate: () => boolean,
  timeout: Duration,
  options?: TimerOptions,
): Promise<boolean>
export function condition(predicate: () => boolean): Promise<void>
export async function condition(
  predicate: () => boolean,
  timeout?: Duration,
  options?: TimerOptions,
): Promise<boolean | void> {
  const activator = assertInWorkflowContext(
    'Workflow.condition(...) may only be used from a Workflow Execution.',
  )
  // Anything else is no timeout, as in Temporal's SDK.
  if (typeof timeout !== 'number' && typeof timeout !== 'string') {
    return activator.block(CancellationScope.current(), predicate)
  }
  // As in Temporal's SDK, whose replay expects the marker wherever a timeout of 0 is.
  if (timeout === 0 && !activator.patches.decide(CONDITION_0_PATCH, false)) {
    return activator.block(CancellationScope.current(), predicate)
  }
  const timeoutMs = durationToMs(timeout)
  const scope = new CancellationScope({ cancellable: true })
  const timer = () => activator.timers.start(scope, timeoutMs, options?.summary)
  return inside(async () => {
    try {
      return await Promise.race([
        timer().then(() => false),
        activator.block(scope, predicate).then(() => true),
      ])
    } finally {
      endScope(scope)
    }
  })
}

/** As many microtasks as CancellationScope.run takes, without its cost. */
async function inside<T>(body: () => Promise<T>): Promise<T> {
  return await body()
}

/** The workflow's `setTimeout`: a durable timer. */
export function setWorkflowTimeout(
  callback: (...args: unknown[]) => unknown,
  delayMs?: number,
  ...args: unknown[]
): number {
  const activator = assertInWorkflowContext()
  const seq = activator.timers.next
  const scope = new CancellationScope({ cancellable: true })
  void inside(() => activator.timers.start(scope, Number(delayMs) || 1)).then(
    () => {
      activator.timers.timeouts.delete(seq)
      callback(...args)
    },
    () => activator.timers.timeouts.delete(seq),
  )
  activator.timers.timeouts.set(seq, scope)
  return seq
}

/** The workflow's `clearTimeout`. A handle that is unknown or has fired is ignored. */
export function clearWorkflowTimeout(handle: unknown): void {
  const activator = assertInWorkflowContext()
  const { timeouts } = activator.timers
  const scope = timeouts.get(handle as number)
  if (scope === undefined) {
    // It asks for nothing, but on Temporal it uses up a timer's number, and numbers are history.
    if (typeof handle === 'number') activator.timers.skip()
    return
  }
  timeouts.delete(handle as number)
  endScope(scope)
}
