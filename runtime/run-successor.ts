import type { TerminalCommand } from '../actors/commands.ts'
import type { Failure, RetryState } from '../actors/failure.ts'
import type { StartedAttributes } from '../actors/inputs.ts'
import type { Payload } from '../actors/payload.ts'
import { decideRetry } from './activity-policy.ts'
import { cronBackoff, parseCronSchedule } from './cron-schedule.ts'
import type { RunRow } from './run-row.ts'

/** Why and when another run follows one that has ended. */
export interface Successor {
  readonly initiator: 'RETRY' | 'CRON_SCHEDULE'
  readonly attempt: number
  readonly backoffMs: number
  readonly continuedFailure?: Failure
  readonly lastCompletionResult?: Payload
}

/** What a run that times out is told to those who wait, and its retry policy. */
export const runTimeoutFailure: Failure = {
  message: 'Workflow execution timed out',
  timeoutFailureInfo: { timeoutType: 'START_TO_CLOSE' },
}

/** May another run follow this one, by retry policy or cron? Most cannot, and need no look at it. */
export function mayBeFollowed(row: RunRow): boolean {
  return row.retryPolicy !== undefined || row.cronSchedule !== undefined
}

/**
 * The run that follows one that has completed, failed or timed out: another attempt if the retry policy
 * has one, else the next of the cron schedule. A workflow that was cancelled or terminated, or whose
 * whole execution has timed out, is not followed.
 */
export function successorOf(
  row: RunRow,
  started: StartedAttributes,
  end: Pick<TerminalCommand & { kind: 'completeWorkflow' }, 'result'> | { failure: Failure },
  now: number,
): Successor | undefined {
  const last = started.lastCompletionResult
  if ('failure' in end) {
    const { failure } = end
    const retry = retryOf(row, failure, now)
    const kept = last === undefined ? {} : { lastCompletionResult: last }
    if (retry.delayMs !== undefined) {
      return {
        initiator: 'RETRY',
        attempt: row.attempt + 1,
        backoffMs: retry.delayMs,
        continuedFailure: failure,
        ...kept,
      }
    }
    const next = nextOfCron(row, now)
    return next && { ...next, continuedFailure: failure, ...kept }
  }
  const next = nextOfCron(row, now)
  return next && { ...next, lastCompletionResult: end.result }
}

function nextOfCron(row: RunRow, now: number): Successor | undefined {
  if (row.cronSchedule === undefined) return undefined
  const schedule = parseCronSchedule(row.cronSchedule)
  const backoffMs = cronBackoff(schedule, row.executionTime ?? row.startTime, now)
  return { initiator: 'CRON_SCHEDULE', attempt: 1, backoffMs }
}

/** What a workflow retry policy makes of a failure: a wait before the next attempt, or why there is none. */
export function retryOf(
  run: Pick<RunRow, 'retryPolicy' | 'attempt' | 'executionExpirationTime'>,
  failure: Failure,
  now: number,
): { readonly state: RetryState; readonly delayMs?: number } {
  const { retryPolicy: policy, attempt } = run
  if (policy === undefined) return { state: 'RETRY_POLICY_NOT_SET' }
  const decision = decideRetry({
    policy,
    attempt,
    failure,
    cancelRequested: false,
    now,
    expirationTime: run.executionExpirationTime ?? Number.POSITIVE_INFINITY,
  })
  return decision.retry
    ? { state: 'IN_PROGRESS', delayMs: decision.delayMs }
    : { state: decision.state }
}
