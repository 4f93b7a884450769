import type { Failure } from '../actors/failure.ts'
import type { ActivityAttempt } from './activity-attempt.ts'
import type { DeadlineEntry } from './activity-deadlines.ts'
import { isRuntimeTimeout, timeoutFailure } from './activity-failure.ts'
import { type ActivityTimeouts, effectiveTimeouts } from './activity-policy.ts'
import type { ActivityTask } from './activity-task.ts'
import type { PendingActivity } from './workflow-service.ts'

export type ActivityPhase =
  /** Due, and waiting for its place among the functions under way. */
  | 'queued'
  /** The next attempt's time has not come. */
  | 'waiting'
  /** The attempt is being journaled, or could not be. */
  | 'saving'
  | 'running'
  | 'over'

/** A task in the runner: what the journal knows of it and where it stands now. */
export interface ActivityExecution extends DeadlineEntry {
  task: ActivityTask
  readonly timeouts: ActivityTimeouts
  /** When scheduleToClose is over; `Infinity` without one. */
  readonly expirationTime: number
  phase: ActivityPhase
  /** The call under way, which the runner still listens to. */
  attempt: ActivityAttempt | undefined
  /** When heartbeat details newer than the journal's are to be saved; `Infinity` if there are none. */
  flushTime: number
  /** Not before this time. */
  nextFlushTime: number
  /** Counted among the functions under way. */
  holdsPermit: boolean
}

export function newExecution(task: ActivityTask): ActivityExecution {
  const timeouts = effectiveTimeouts(task.command)
  return {
    deadline: Infinity,
    deadlineIndex: -1,
    task,
    timeouts,
    expirationTime: task.scheduledTime + timeouts.scheduleToCloseMs,
    phase: 'queued',
    attempt: undefined,
    flushTime: Infinity,
    nextFlushTime: 0,
    holdsPermit: false,
  }
}

/** When an attempt that is due has waited for its start too long. */
export function scheduleToStartTime({ task, timeouts }: ActivityExecution): number {
  return task.dueTime + timeouts.scheduleToStartMs
}

/** When the runner must look at the execution again. */
export function nextDeadline(execution: ActivityExecution): number {
  const { phase, expirationTime, timeouts, attempt } = execution
  if (phase === 'waiting') return Math.min(execution.task.dueTime, expirationTime)
  if (phase === 'queued') return Math.min(scheduleToStartTime(execution), expirationTime)
  if (attempt === undefined) return expirationTime
  return Math.min(
    expirationTime,
    attempt.startedTime + timeouts.startToCloseMs,
    attempt.lastHeartbeatTime + timeouts.heartbeatMs,
    execution.flushTime,
  )
}

/** The failure of an attempt that was under way when its process ended. */
export function lostAttemptFailure(task: ActivityTask): Failure {
  const type = task.command.heartbeatTimeoutMs ? 'HEARTBEAT' : 'START_TO_CLOSE'
  const failure = timeoutFailure(type, { lastHeartbeatDetails: task.heartbeatDetails })
  const message = `${failure.message}: attempt ${task.attempt} was under way when its process ended`
  return { ...failure, message }
}

/** A timeout after which no retry fits before scheduleToClose counts as that timeout, as in Temporal. */
export function outOfTimeFailure(task: ActivityTask, failure: Failure): Failure {
  if (!isRuntimeTimeout(failure)) return failure
  return timeoutFailure('SCHEDULE_TO_CLOSE', {
    message:
      'Not enough time to schedule next retry before activity ScheduleToClose timeout, ' +
      'giving up retrying',
    lastHeartbeatDetails: task.heartbeatDetails,
    cause: failure,
  })
}

export function describeExecution({ phase, task, attempt }: ActivityExecution): PendingActivity {
  const { command, cancelRequested, lastFailure, heartbeatDetails } = task
  const state = phase === 'running' ? 'STARTED' : 'SCHEDULED'
  return {
    activityId: command.activityId,
    activityType: command.activityType,
    state: cancelRequested === true ? 'CANCEL_REQUESTED' : state,
    attempt: task.attempt,
    maximumAttempts: command.retryPolicy.maximumAttempts,
    scheduledTime: task.scheduledTime,
    ...(attempt === undefined ? {} : { lastStartedTime: attempt.startedTime }),
    ...(lastFailure === undefined ? {} : { lastFailure }),
    ...(heartbeatDetails === undefined ? {} : { heartbeatDetails }),
  }
}
