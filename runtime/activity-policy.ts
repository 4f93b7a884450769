import type { ScheduleActivityCommand, ScheduleLocalActivityCommand } from '../actors/commands.ts'
import type { Failure, RetryState, TimeoutType } from '../actors/failure.ts'
import type { RetryPolicyData } from '../actors/inputs.ts'

/** An activity's timeouts as they apply, in milliseconds; `Infinity` where there is none. */
export interface ActivityTimeouts {
  readonly scheduleToCloseMs: number
  readonly startToCloseMs: number
  readonly scheduleToStartMs: number
  readonly heartbeatMs: number
}

/**
 * As Temporal's server fills in and caps them: scheduleToClose stands in for what is missing and
 * bounds the others, and a heartbeat cannot be due later than the attempt's end. Zero means unset.
 */
export function effectiveTimeouts(
  command: ScheduleActivityCommand | ScheduleLocalActivityCommand,
): ActivityTimeouts {
  const scheduleToCloseMs = command.scheduleToCloseTimeoutMs || Infinity
  const startToCloseMs = Math.min(command.startToCloseTimeoutMs || Infinity, scheduleToCloseMs)
  return {
    scheduleToCloseMs,
    startToCloseMs,
    scheduleToStartMs: Math.min(command.scheduleToStartTimeoutMs || Infinity, scheduleToCloseMs),
    heartbeatMs: Math.min(command.heartbeatTimeoutMs || Infinity, startToCloseMs),
  }
}

/** The limits by which activities run; see `Limits` for what each means. */
export interface ActivityPolicyLimits {
  readonly maxPayloadBytes: number
  readonly maxConcurrentActivities: number
  readonly maxConcurrentLocalActivities: number
  readonly defaultHeartbeatThrottleMs: number
  readonly maxHeartbeatThrottleMs: number
}

export const defaultActivityLimits: ActivityPolicyLimits = {
  maxPayloadBytes: 2 * 1024 * 1024,
  maxConcurrentActivities: 1_000,
  maxConcurrentLocalActivities: 1_000,
  defaultHeartbeatThrottleMs: 30_000,
  maxHeartbeatThrottleMs: 60_000,
}

/** How long at least heartbeat details rest in memory before the next ones are saved, in milliseconds. */
export function heartbeatThrottle(
  command: { readonly heartbeatTimeoutMs?: number | undefined },
  { heartbeatMs }: ActivityTimeouts,
  limits: ActivityPolicyLimits = defaultActivityLimits,
): number {
  const throttle = command.heartbeatTimeoutMs
    ? heartbeatMs * 0.8
    : limits.defaultHeartbeatThrottleMs
  return Math.min(throttle, limits.maxHeartbeatThrottleMs)
}

export type RetryDecision =
  | { readonly retry: true; readonly delayMs: number }
  | { readonly retry: false; readonly state: RetryState }

export interface FailedAttempt {
  readonly policy: RetryPolicyData
  /** The attempt that failed, from 1. */
  readonly attempt: number
  readonly failure: Failure
  readonly cancelRequested: boolean
  readonly now: number
  /** When scheduleToClose is over, in milliseconds since the epoch; `Infinity` without one. */
  readonly expirationTime: number
}

/**
 * Whether another attempt follows, decided as Temporal's server does: a cancel request ends it;
 * then failures that are never retried; then the number of attempts; then the time that is left.
 */
export function decideRetry(failed: FailedAttempt): RetryDecision {
  const { policy, attempt, failure } = failed
  if (failed.cancelRequested) return { retry: false, state: 'CANCEL_REQUESTED' }
  if (!isRetryable(failure, policy.nonRetryableErrorTypes)) {
    return { retry: false, state: 'NON_RETRYABLE_FAILURE' }
  }
  if (policy.maximumAttempts > 0 && attempt >= policy.maximumAttempts) {
    return { retry: false, state: 'MAXIMUM_ATTEMPTS_REACHED' }
  }
  const delayMs = retryDelay(policy, attempt, failure)
  if (failed.now + delayMs > failed.expirationTime) return { retry: false, state: 'TIMEOUT' }
  return { retry: true, delayMs }
}

function retryDelay(policy: RetryPolicyData, attempt: number, failure: Failure): number {
  const maximum = policy.maximumIntervalMs > 0 ? policy.maximumIntervalMs : Infinity
  const given = failure.applicationFailureInfo?.nextRetryDelayMs
  if (given !== undefined) return Math.min(given, maximum)
  // Overflows to Infinity after enough attempts, which the maximum then bounds. Without a maximum
  // the largest safe integer does, so that a due time stays a number that the journal can hold.
  const interval = policy.initialIntervalMs * policy.backoffCoefficient ** (attempt - 1)
  return Math.min(Math.round(interval), maximum, MAX_DELAY_MS)
}

/** A hundred years. */
const MAX_DELAY_MS = 100 * 365 * 24 * 3_600_000

function isRetryable(failure: Failure, nonRetryableTypes: readonly string[]): boolean {
  if (failure.terminatedFailureInfo !== undefined) return false
  if (failure.canceledFailureInfo !== undefined) return false
  if (failure.timeoutFailureInfo !== undefined) {
    const name = timeoutName(failure.timeoutFailureInfo.timeoutType)
    if (name !== 'StartToClose' && name !== 'Heartbeat') return false
    return !nonRetryableTypes.includes(`TemporalTimeout:${name}`)
  }
  if (failure.serverFailureInfo !== undefined)
    return failure.serverFailureInfo.nonRetryable !== true
  const application = failure.applicationFailureInfo
  if (application === undefined) return true
  if (application.nonRetryable === true) return false
  return application.type === undefined || !nonRetryableTypes.includes(application.type)
}

/** The name by which messages and retry policies know a timeout: `StartToClose`. */
export function timeoutName(
  type: TimeoutType,
): 'StartToClose' | 'ScheduleToStart' | 'ScheduleToClose' | 'Heartbeat' {
  switch (type) {
    case 'START_TO_CLOSE':
      return 'StartToClose'
    case 'SCHEDULE_TO_START':
      return 'ScheduleToStart'
    case 'SCHEDULE_TO_CLOSE':
      return 'ScheduleToClose'
    default:
      return 'Heartbeat'
  }
}
