import type { Failure } from '../actors/failure.ts'
import { formatEnum, retryState, timeoutType } from './enum-json.ts'
import type { JsonValue } from './json-text.ts'
import { encodePayloads } from './payload-json.ts'
import { formatDuration } from './time-json.ts'

/** A failure as Temporal's `Failure` message in proto3 JSON. */
export function encodeFailure(failure: Failure, shorthand: boolean): JsonValue {
  return {
    message: unlessEmpty(failure.message),
    source: unlessEmpty(failure.source),
    stackTrace: unlessEmpty(failure.stackTrace),
    cause: failure.cause === undefined ? undefined : encodeFailure(failure.cause, shorthand),
    ...encodeInfo(failure, shorthand),
  }
}

function encodeInfo(failure: Failure, shorthand: boolean): Record<string, JsonValue> {
  const list = (payloads: Parameters<typeof encodePayloads>[0] | undefined) =>
    payloads === undefined || payloads.length === 0
      ? undefined
      : encodePayloads(payloads, shorthand)
  if (failure.applicationFailureInfo !== undefined) {
    const { type, nonRetryable, details, nextRetryDelayMs, category } =
      failure.applicationFailureInfo
    return {
      applicationFailureInfo: {
        type: unlessEmpty(type),
        nonRetryable: nonRetryable === true ? true : undefined,
        details: list(details),
        nextRetryDelay:
          nextRetryDelayMs === undefined ? undefined : formatDuration(nextRetryDelayMs),
        category: category === undefined ? undefined : `APPLICATION_ERROR_CATEGORY_${category}`,
      },
    }
  }
  if (failure.timeoutFailureInfo !== undefined) {
    const { timeoutType: type, lastHeartbeatDetails } = failure.timeoutFailureInfo
    return {
      timeoutFailureInfo: {
        timeoutType: formatEnum(timeoutType, type),
        lastHeartbeatDetails: list(lastHeartbeatDetails),
      },
    }
  }
  if (failure.canceledFailureInfo !== undefined) {
    return { canceledFailureInfo: { details: list(failure.canceledFailureInfo.details) } }
  }
  if (failure.terminatedFailureInfo !== undefined) {
    return { terminatedFailureInfo: { identity: failure.terminatedFailureInfo.identity } }
  }
  if (failure.serverFailureInfo !== undefined) {
    const nonRetryable = failure.serverFailureInfo.nonRetryable === true ? true : undefined
    return { serverFailureInfo: { nonRetryable } }
  }
  return encodeOrigin(failure)
}

/** What failed: an activity or a child workflow. */
function encodeOrigin(failure: Failure): Record<string, JsonValue> {
  if (failure.activityFailureInfo !== undefined) {
    const info = failure.activityFailureInfo
    return {
      activityFailureInfo: {
        identity: unlessEmpty(info.identity),
        activityType: { name: info.activityType },
        activityId: info.activityId,
        retryState: formatEnum(retryState, info.retryState),
      },
    }
  }
  if (failure.childWorkflowExecutionFailureInfo !== undefined) {
    const info = failure.childWorkflowExecutionFailureInfo
    return {
      childWorkflowExecutionFailureInfo: {
        namespace: info.namespace,
        workflowExecution: { workflowId: info.workflowId, runId: info.runId },
        workflowType: { name: info.workflowType },
        retryState: formatEnum(retryState, info.retryState),
      },
    }
  }
  return {}
}

function unlessEmpty(value: string | undefined): string | undefined {
  return value === '' ? undefined : value
}
