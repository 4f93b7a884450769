import type { Failure, RetryState, TimeoutType } from '../actors/failure.ts'
import type { LocalActivityResolution } from '../actors/inputs.ts'
import type { Payload } from '../actors/payload.ts'
import { outOfTimeFailure } from './activity-execution.ts'
import {
  cancelledResolution,
  failedResolution,
  isRuntimeTimeout,
  NOT_STARTED_DETAILS,
  RUNTIME_SOURCE,
  timeoutFailure,
} from './activity-failure.ts'
import { type ActivityTask, isLocal, type LocalActivityTask } from './activity-task.ts'

/*
 * What a workflow sees of an activity that has no result. Of a local one it is what Temporal's core
 * makes of it: an error of the function as it is, a timeout and a cancellation as the cause of an
 * ActivityFailure.
 */

/** @param identity who ran it */
export function resolveFailed(
  task: ActivityTask,
  identity: string,
  failure: Failure,
  state: RetryState,
): LocalActivityResolution {
  const { command, attempt } = task
  if (isLocal(task)) {
    const wrapped = isRuntimeTimeout(failure)
      ? wrap(task, 'Local Activity timed out', failure)
      : failure
    return { status: 'failed', failure: wrapped, attempt }
  }
  const cause = state === 'TIMEOUT' ? outOfTimeFailure(task, failure) : failure
  return failedResolution({ command, attempt, identity }, cause, state)
}

/** Its function heeded the cancellation. */
export function resolveCancelled(
  task: ActivityTask,
  identity: string,
  details: readonly Payload[] | undefined,
): LocalActivityResolution {
  const { command, attempt } = task
  if (isLocal(task)) return cancelledLocally(task, 'CANCELLED', details)
  return cancelledResolution({ command, attempt, identity }, details)
}

/** It was cancelled while none of its functions ran. */
export function resolveCancelledIdle(
  task: ActivityTask,
  identity: string,
): LocalActivityResolution {
  if (isLocal(task)) return cancelledLocally(task, 'Activity cancelled')
  return resolveCancelled(task, identity, NOT_STARTED_DETAILS)
}

/** The next attempt is so far off that the workflow is to wait for it by a timer of its own. */
export function resolveBackoff(
  task: LocalActivityTask,
  failure: Failure,
  delayMs: number,
): LocalActivityResolution {
  const originalScheduleTime = task.command.originalScheduleTime ?? task.scheduledTime
  return { status: 'backoff', failure, attempt: task.attempt, delayMs, originalScheduleTime }
}

export function timeoutOf(task: ActivityTask, type: TimeoutType, cause?: Failure): Failure {
  if (!isLocal(task)) {
    return timeoutFailure(type, { lastHeartbeatDetails: task.heartbeatDetails, cause })
  }
  return {
    message: 'Activity timed out',
    source: RUNTIME_SOURCE,
    timeoutFailureInfo: { timeoutType: type },
  }
}

function cancelledLocally(
  task: LocalActivityTask,
  message: string,
  details?: readonly Payload[],
): LocalActivityResolution {
  const canceledFailureInfo = details === undefined ? {} : { details }
  const failure = wrap(task, 'Local Activity cancelled', { message, canceledFailureInfo })
  return { status: 'cancelled', failure, attempt: task.attempt }
}

function wrap({ command }: LocalActivityTask, message: string, cause: Failure): Failure {
  const { activityType, activityId } = command
  // Whatever the reason, core says that it was a cancel request.
  return {
    message,
    cause,
    activityFailureInfo: { activityType, activityId, retryState: 'CANCEL_REQUESTED' },
  }
}
