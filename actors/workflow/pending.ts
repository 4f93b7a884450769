import type { ScheduleActivityCommand, ScheduleLocalActivityCommand } from '../commands.ts'
import type { Failure } from '../failure.ts'
import { failureToError } from '../failure-converter.ts'
import type { CancelledFailure } from '../failures.ts'
import type { ActivityResolution, LocalActivityResolution } from '../inputs.ts'
import type { Payload } from '../payload.ts'
import { fromPayload } from '../payload-converter.ts'
import type { Activator } from './activator.ts'
import type { Cancellable, CancellationScope } from './cancellation-scope.ts'
import { forgetWait, noteWait } from './stack-traces.ts'
import { LocalActivityDoBackoff } from './local-activity-backoff.ts'

/** Something that code awaits in a scope. */
abstract class Pending implements Cancellable {
  protected readonly activator: Activator
  protected readonly scope: CancellationScope
  protected readonly reject: (reason: unknown) => void

  constructor(activator: Activator, scope: CancellationScope, reject: (reason: unknown) => void) {
    this.activator = activator
    this.scope = scope
    this.reject = reject
  }

  /** False in a cancelled scope: then it only waits to be rejected, and nothing is to be asked for. */
  begin(): boolean {
    if (this.scope.consideredCancelled) {
      this.scope.register({ cancelled: this.reject })
      return false
    }
    if (this.scope.cancellable) this.scope.register(this)
    if (this.activator.extensions !== undefined) noteWait(this.activator, this)
    return true
  }

  protected end(): void {
    if (this.scope.cancellable) this.scope.unregister(this)
    this.forget()
  }

  protected forget(): void {
    if (this.activator.extensions !== undefined) forgetWait(this.activator, this)
  }

  abstract cancelled(error: CancelledFailure): void
}

export class PendingTimer extends Pending {
  readonly #seq: number
  readonly #resolve: () => void

  constructor(
    activator: Activator,
    seq: number,
    scope: CancellationScope,
    resolve: () => void,
    reject: (reason: unknown) => void,
  ) {
    super(activator, scope, reject)
    this.#seq = seq
    this.#resolve = resolve
  }

  fire(): void {
    this.end()
    this.#resolve()
  }

  override cancelled(error: CancelledFailure): void {
    if (!this.activator.timers.cancel(this.#seq)) return
    this.forget()
    this.reject(error)
  }
}

export class BlockedCondition extends Pending {
  readonly predicate: () => boolean
  readonly #resolve: () => void

  constructor(
    activator: Activator,
    scope: CancellationScope,
    predicate: () => boolean,
    resolve: () => void,
    reject: (reason: unknown) => void,
  ) {
    super(activator, scope, reject)
    this.predicate = predicate
    this.#resolve = resolve
  }

  resolve(): void {
    this.end()
    this.#resolve()
  }

  override cancelled(error: CancelledFailure): void {
    this.activator.assertWritable()
    this.activator.conditions.delete(this)
    this.forget()
    this.reject(error)
  }
}

/** A call of an activity: what was asked for, and whoever awaits its result. */
abstract class PendingCall<C> extends Pending {
  readonly command: C
  readonly #resolve: (result: unknown) => void

  constructor(
    activator: Activator,
    command: C,
    scope: CancellationScope,
    resolve: (result: unknown) => void,
    reject: (reason: unknown) => void,
  ) {
    super(activator, scope, reject)
    this.command = command
    this.#resolve = resolve
  }

  protected complete(result: Payload): void {
    this.#resolve(fromPayload(result))
  }
}

export class PendingActivity extends PendingCall<ScheduleActivityCommand> {
  resolve(resolution: ActivityResolution): void {
    this.end()
    if (resolution.status === 'completed') this.complete(resolution.result)
    else this.reject(failureToError(this.#wrap(resolution.failure)))
  }

  override cancelled(): void {
    this.activator.activities.cancel(this)
  }

  /** What awaiting code sees of an activity that was cancelled without waiting for its end. */
  cancelledFailure(): Failure {
    return {
      message: 'Activity cancelled',
      // Without a message, as Temporal makes it.
      cause: { message: '', canceledFailureInfo: {} },
      activityFailureInfo: { ...this.#identity(), retryState: 'CANCEL_REQUESTED' },
    }
  }

  /** The failure as an activity's, whether the host says which activity or only what happened. */
  #wrap(failure: Failure): Failure {
    if (failure.activityFailureInfo) return failure
    const cancelled = failure.canceledFailureInfo !== undefined
    const final = failure.applicationFailureInfo?.nonRetryable === true
    return {
      message: cancelled ? 'Activity cancelled' : 'Activity task failed',
      cause: failure,
      activityFailureInfo: {
        ...this.#identity(),
        retryState: cancelled
          ? 'CANCEL_REQUESTED'
          : failure.timeoutFailureInfo
            ? 'TIMEOUT'
            : final
              ? 'NON_RETRYABLE_FAILURE'
              : 'MAXIMUM_ATTEMPTS_REACHED',
      },
    }
  }

  #identity(): { readonly activityType: string; readonly activityId: string } {
    const { activityType, activityId } = this.command
    return { activityType, activityId }
  }
}

export class PendingLocalActivity extends PendingCall<ScheduleLocalActivityCommand> {
  resolve(resolution: LocalActivityResolution): void {
    this.end()
    if (resolution.status === 'completed') this.complete(resolution.result)
    else if (resolution.status === 'backoff') {
      const { attempt, delayMs, originalScheduleTime } = resolution
      this.reject(
        new LocalActivityDoBackoff({
          attempt: attempt + 1,
          backoffDurationMs: delayMs,
          originalScheduleTimeMs: originalScheduleTime,
        }),
      )
    } else this.reject(failureToError(resolution.failure))
  }

  override cancelled(): void {
    this.activator.activities.cancelLocal(this)
  }

  /** What awaiting code sees of one that was cancelled without waiting for its end. */
  cancelledFailure(): Failure {
    const { activityType, activityId } = this.command
    return {
      message: 'Local Activity cancelled',
      cause: { message: 'Activity cancelled', canceledFailureInfo: {} },
      activityFailureInfo: { activityType, activityId, retryState: 'CANCEL_REQUESTED' },
    }
  }
}
