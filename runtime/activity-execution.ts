import type { Failure } from '../actors/failure.ts'
import type { DeadlineEntry } from './activity-deadlines.ts'
import type { AttemptEvents, RunningAttempt } from './activity-executor.ts'
import { isRuntimeTimeout, timeoutFailure } from './activity-failure.ts'
import { type ActivityTimeouts, effectiveTimeouts } from './activity-policy.ts'
import { type ActivityTask, isLocal } from './activity-task.ts'
import type { PendingActivity } from './workflow-service.ts'

export type ActivityPhase =
  /** Due, and waiting for its place among the functions under way. */
  | 'queued'
  /** The next attempt's time has not come. */
  | 'waiting'
  /** The attempt is being journaled, or could not be. */
  | 'saving'
  | 'running'
  /** The attempt's function has ended, and somebody else will tell the outcome. */
  | 'async'
  | 'over'

/** A task in the runner: what the journal knows of it and where it stands now. */
export interface ActivityExecution extends DeadlineEntry {
  task: ActivityTask
  readonly timeouts: ActivityTimeouts
  /** When scheduleToClose is over; `Infinity` without one. */
  readonly expirationTime: number
  phase: ActivityPhase
  /** The call under way, which the runner still listens to … */
  attempt: RunningAttempt | undefined
  /** … and what it was given to be heard by: an earlier attempt's events are none of this one's. */
  events: AttemptEvents | undefined
  startedTime: number
  lastHeartbeatTime: number
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
    expirationTime: firstScheduleTime(task) + timeouts.scheduleToCloseMs,
    phase: 'queued',
    attempt: undefined,
    events: undefined,
    startedTime: 0,
    lastHeartbeatTime: 0,
    flushTime: Infinity,
    nextFlushTime: 0,
    holdsPermit: false,
  }
}

/** A local activity's earlier attempts may have been other tasks'. */
function firstScheduleTime(task: ActivityTask): number {
  return (isLocal(task) ? task.command.originalScheduleTime : undefined) ?? task.scheduledTime
}

/** True while an attempt is under way, in whosever hands it is. */
export function isUnderWay({ phase }: ActivityExecution): boolean {
  return phase === 'running' || phase === 'async'
}

/** When an attempt that is due has waited for its start too long. */
export function scheduleToStartTime({ task, timeouts }: ActivityExecution): number {
  return task.dueTime + timeouts.scheduleToStartMs
}

/** When the runner must look at the execution again. */
export function nextDeadline(execution: ActivityExecution): number {
  const { phase, expirationTime, timeouts } = execution
  if (phase === 'waiting') return Math.min(execution.task.dueTime, expirationTime)
  if (phase === 'queued') return Math.min(scheduleToStartTime(execution), expirationTime)
  if (!isUnderWay(execution)) return expirationTime
  return Math.min(
    expirationTime,
    execution.startedTime + timeouts.startToCloseMs,
    execution.lastHeartbeatTime + timeouts.heartbeatMs,
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

/**
 * What is told of activities; nothing of local ones.
 *
 * @param identity who runs the activities
 */
export function describeExecutions(
  executions: readonly ActivityExecution[],
  identity: string,
): PendingActivity[] {
  return executions
    .filter(({ task }) => !isLocal(task))
    .map((execution) => describe(execution, identity))
}

function describe(execution: ActivityExecution, identity: string): PendingActivity {
  const { task, expirationTime } = execution
  const { command, cancelRequested, lastFailure, heartbeatDetails, lastAttemptEndTime } = task
  const underWay = isUnderWay(execution)
  const waits = execution.phase === 'waiting'
  return {
    activityId: command.activityId,
    activityType: command.activityType,
    state: cancelRequested === true ? 'CANCEL_REQUESTED' : underWay ? 'STARTED' : 'SCHEDULED',
    attempt: task.attempt,
    maximumAttempts: command.retryPolicy.maximumAttempts,
    scheduledTime: task.scheduledTime,
    ...(expirationTime === Infinity ? {} : { expirationTime }),
    ...(underWay ? { lastStartedTime: execution.startedTime, lastWorkerIdentity: identity } : {}),
    ...(underWay && execution.lastHeartbeatTime > execution.startedTime
      ? { lastHeartbeatTime: execution.lastHeartbeatTime }
      : {}),
    ...(lastAttemptEndTime === undefined ? {} : { lastAttemptCompleteTime: lastAttemptEndTime }),
    ...(task.retryDelayMs === undefined ? {} : { currentRetryIntervalMs: task.retryDelayMs }),
    ...(waits ? { nextAttemptScheduleTime: task.dueTime } : {}),
    ...(lastFailure === undefined ? {} : { lastFailure }),
    ...(heartbeatDetails === undefined ? {} : { heartbeatDetails }),
  }
}
