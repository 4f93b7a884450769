import type { Failure, RetryState, TimeoutType } from '../actors/failure.ts'
import { errorToFailure } from '../actors/failure-converter.ts'
import { ensureApplicationFailure, isErrorLike } from '../actors/failures.ts'
import type { ActivityResolution } from '../actors/inputs.ts'
import type { Payload } from '../actors/payload.ts'
import { timeoutName } from './activity-policy.ts'

/**
 * The source of failures that are the runtime's verdict and not an activity's error, as Temporal's
 * server marks its own. The history export tells a timeout from a thrown TimeoutFailure by it.
 */
export const RUNTIME_SOURCE = 'Server'

/** The details of an activity that was cancelled before a function ran, as Temporal's server has them. */
export const NOT_STARTED_DETAILS: readonly Payload[] = ['"ACTIVITY_ID_NOT_STARTED"']

/** What is known of a timeout. */
export interface TimeoutParticulars {
  readonly message?: string
  readonly lastHeartbeatDetails?: readonly Payload[] | undefined
  readonly cause?: Failure | undefined
}

export function timeoutFailure(type: TimeoutType, particulars: TimeoutParticulars): Failure {
  const { message, lastHeartbeatDetails, cause } = particulars
  return {
    message: message ?? `activity ${timeoutName(type)} timeout`,
    source: RUNTIME_SOURCE,
    ...(cause === undefined ? {} : { cause }),
    timeoutFailureInfo: {
      timeoutType: type,
      ...(lastHeartbeatDetails === undefined ? {} : { lastHeartbeatDetails }),
    },
  }
}

/** True for a timeout that the runtime found, as opposed to a TimeoutFailure that a function threw. */
export function isRuntimeTimeout(failure: Failure): boolean {
  return failure.timeoutFailureInfo !== undefined && failure.source === RUNTIME_SOURCE
}

/**
 * The failure of whatever an activity function threw: an ApplicationFailure, as in Temporal. An error
 * that cannot be converted, say for details that are no JSON, gives the failure of that.
 */
export function thrownFailure(error: unknown): Failure {
  try {
    return errorToFailure(ensureApplicationFailure(error))
  } catch (conversionError) {
    return {
      message: `An error was thrown that cannot be converted: ${
        isErrorLike(conversionError) ? conversionError.message : 'no reason given'
      }`,
      source: RUNTIME_SOURCE,
      applicationFailureInfo: { type: 'PayloadConverterError', nonRetryable: false },
    }
  }
}

/** Temporal's verdict on a result, a failure or details beyond the size limit. */
export function sizeLimitFailure(message: string, cause?: Failure): Failure {
  return {
    message,
    source: RUNTIME_SOURCE,
    ...(cause === undefined ? {} : { cause }),
    serverFailureInfo: { nonRetryable: true },
  }
}

/** A failure's size as far as it can grow, in characters and bytes. */
export function failureBytes(failure: Failure): number {
  let bytes = failure.message.length + (failure.stackTrace?.length ?? 0)
  for (const detail of failure.applicationFailureInfo?.details ?? []) bytes += payloadBytes(detail)
  for (const detail of failure.canceledFailureInfo?.details ?? []) bytes += payloadBytes(detail)
  return failure.cause === undefined ? bytes : bytes + failureBytes(failure.cause)
}

export function payloadBytes(payload: Payload): number {
  if (payload === null) return 0
  // A text's size is that of its UTF-8, which is what is stored and sent.
  if (typeof payload === 'string') return Buffer.byteLength(payload)
  return payload instanceof Uint8Array ? payload.length : payload.data.length
}

interface FinishedActivity {
  readonly command: { readonly activityType: string; readonly activityId: string }
  readonly attempt: number
  readonly identity: string
}

/** How an activity ended without a result: the ActivityFailure that the workflow sees. */
export function failedResolution(
  activity: FinishedActivity,
  cause: Failure,
  retryState: RetryState,
): ActivityResolution {
  const message = isRuntimeTimeout(cause) ? 'Activity task timed out' : 'Activity task failed'
  return {
    status: 'failed',
    failure: activityFailure(activity, message, cause, retryState),
    attempt: activity.attempt,
  }
}

export function cancelledResolution(
  activity: FinishedActivity,
  details: readonly Payload[] | undefined,
): ActivityResolution {
  // Without a message, as Temporal's SDK makes it: code that looks at it must see the same there.
  const cause: Failure = {
    message: '',
    canceledFailureInfo: details === undefined ? {} : { details },
  }
  return {
    status: 'cancelled',
    failure: activityFailure(activity, 'Activity cancelled', cause, 'CANCEL_REQUESTED'),
    attempt: activity.attempt,
  }
}

function activityFailure(
  activity: FinishedActivity,
  message: string,
  cause: Failure,
  retryState: RetryState,
): Failure {
  const { activityType, activityId } = activity.command
  return {
    message,
    cause,
    activityFailureInfo: { activityType, activityId, identity: activity.identity, retryState },
  }
}
