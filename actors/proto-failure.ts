import type { Failure, RetryState, TimeoutType } from './failure.ts'
import type { Payload } from './payload.ts'
import { fromProtoPayload, type ProtoPayload, toProtoPayload } from './proto-payload.ts'

interface ProtoPayloads {
  payloads?: ProtoPayload[] | null
}

/** Temporal's `Failure` message, which failure converters are written for. */
export interface ProtoFailure {
  message?: string | null
  source?: string | null
  stackTrace?: string | null
  /** Message and stack trace, where they are encoded. */
  encodedAttributes?: ProtoPayload | null
  cause?: ProtoFailure | null
  applicationFailureInfo?: {
    type?: string | null
    nonRetryable?: boolean | null
    details?: ProtoPayloads | null
    nextRetryDelay?: ProtoDuration | null
    category?: number | null
  } | null
  timeoutFailureInfo?: {
    timeoutType?: number | null
    lastHeartbeatDetails?: ProtoPayloads | null
  } | null
  canceledFailureInfo?: { details?: ProtoPayloads | null } | null
  terminatedFailureInfo?: { identity?: string | null } | null
  serverFailureInfo?: { nonRetryable?: boolean | null } | null
  activityFailureInfo?: {
    activityType?: { name?: string | null } | null
    activityId?: string | null
    identity?: string | null
    retryState?: number | null
  } | null
  childWorkflowExecutionFailureInfo?: {
    namespace?: string | null
    workflowExecution?: { workflowId?: string | null; runId?: string | null } | null
    workflowType?: { name?: string | null } | null
    retryState?: number | null
  } | null
}

interface ProtoDuration {
  /** A number, or an object of the `long` package. */
  seconds?: number | { toNumber(): number } | null
  nanos?: number | null
}

const timeoutTypes: readonly (TimeoutType | undefined)[] = [
  undefined,
  'START_TO_CLOSE',
  'SCHEDULE_TO_START',
  'SCHEDULE_TO_CLOSE',
  'HEARTBEAT',
]
const retryStates: readonly (RetryState | undefined)[] = [
  undefined,
  'IN_PROGRESS',
  'NON_RETRYABLE_FAILURE',
  'TIMEOUT',
  'MAXIMUM_ATTEMPTS_REACHED',
  'RETRY_POLICY_NOT_SET',
  'INTERNAL_SERVER_ERROR',
  'CANCEL_REQUESTED',
]
const BENIGN = 1

export function toProtoFailure(failure: Failure): ProtoFailure {
  const {
    applicationFailureInfo: application,
    timeoutFailureInfo: timeout,
    canceledFailureInfo: cancelled,
    activityFailureInfo: activity,
    childWorkflowExecutionFailureInfo: child,
    encodedAttributes,
    cause,
    ...rest
  } = failure
  return {
    ...rest,
    ...(encodedAttributes === undefined
      ? {}
      : { encodedAttributes: toProtoPayload(encodedAttributes) }),
    ...(cause === undefined ? {} : { cause: toProtoFailure(cause) }),
    ...(application && {
      applicationFailureInfo: {
        ...(application.type === undefined ? {} : { type: application.type }),
        nonRetryable: application.nonRetryable ?? false,
        ...toProtoPayloads('details', application.details),
        ...(application.nextRetryDelayMs === undefined
          ? {}
          : { nextRetryDelay: toDuration(application.nextRetryDelayMs) }),
        ...(application.category === 'BENIGN' ? { category: BENIGN } : {}),
      },
    }),
    ...(timeout && {
      timeoutFailureInfo: {
        timeoutType: timeoutTypes.indexOf(timeout.timeoutType),
        ...toProtoPayloads('lastHeartbeatDetails', timeout.lastHeartbeatDetails),
      },
    }),
    ...(cancelled && { canceledFailureInfo: toProtoPayloads('details', cancelled.details) }),
    ...(activity && {
      activityFailureInfo: {
        activityType: { name: activity.activityType },
        activityId: activity.activityId,
        ...(activity.identity === undefined ? {} : { identity: activity.identity }),
        retryState: retryStates.indexOf(activity.retryState),
      },
    }),
    ...(child && {
      childWorkflowExecutionFailureInfo: {
        namespace: child.namespace,
        workflowExecution: { workflowId: child.workflowId, runId: child.runId },
        workflowType: { name: child.workflowType },
        retryState: retryStates.indexOf(child.retryState),
      },
    }),
  }
}

export function fromProtoFailure(proto: ProtoFailure): Failure {
  const { source, stackTrace, encodedAttributes, cause } = proto
  return {
    message: proto.message ?? '',
    ...(source ? { source } : {}),
    ...(stackTrace ? { stackTrace } : {}),
    ...(encodedAttributes ? { encodedAttributes: fromProtoPayload(encodedAttributes) } : {}),
    ...(cause ? { cause: fromProtoFailure(cause) } : {}),
    ...infoOf(proto),
  }
}

function infoOf(proto: ProtoFailure): Partial<Failure> {
  const {
    applicationFailureInfo: application,
    timeoutFailureInfo: timeout,
    canceledFailureInfo: cancelled,
    activityFailureInfo: activity,
    childWorkflowExecutionFailureInfo: child,
  } = proto
  if (application) {
    const { type, nextRetryDelay } = application
    return {
      applicationFailureInfo: {
        ...(type ? { type } : {}),
        nonRetryable: application.nonRetryable ?? false,
        ...fromProtoPayloads('details', application.details),
        ...(nextRetryDelay ? { nextRetryDelayMs: fromDuration(nextRetryDelay) } : {}),
        ...(application.category === BENIGN ? { category: 'BENIGN' as const } : {}),
      },
    }
  }
  if (timeout) {
    return {
      timeoutFailureInfo: {
        timeoutType: timeoutTypes[timeout.timeoutType ?? 0] ?? 'START_TO_CLOSE',
        ...fromProtoPayloads('lastHeartbeatDetails', timeout.lastHeartbeatDetails),
      },
    }
  }
  if (cancelled) return { canceledFailureInfo: fromProtoPayloads('details', cancelled.details) }
  if (proto.terminatedFailureInfo) return { terminatedFailureInfo: {} }
  if (proto.serverFailureInfo) {
    return { serverFailureInfo: { nonRetryable: proto.serverFailureInfo.nonRetryable ?? false } }
  }
  if (activity) {
    return {
      activityFailureInfo: {
        activityType: activity.activityType?.name ?? '',
        activityId: activity.activityId ?? '',
        ...(activity.identity ? { identity: activity.identity } : {}),
        retryState: retryStates[activity.retryState ?? 0] ?? 'IN_PROGRESS',
      },
    }
  }
  if (!child) return {}
  return {
    childWorkflowExecutionFailureInfo: {
      namespace: child.namespace ?? '',
      workflowId: child.workflowExecution?.workflowId ?? '',
      runId: child.workflowExecution?.runId ?? '',
      workflowType: child.workflowType?.name ?? '',
      retryState: retryStates[child.retryState ?? 0] ?? 'IN_PROGRESS',
    },
  }
}

function toProtoPayloads<K extends string>(
  name: K,
  payloads: readonly Payload[] | undefined,
): { [P in K]?: ProtoPayloads } {
  if (payloads === undefined) return {}
  return { [name]: { payloads: payloads.map(toProtoPayload) } } as { [P in K]: ProtoPayloads }
}

function fromProtoPayloads<K extends string>(
  name: K,
  proto: ProtoPayloads | null | undefined,
): { [P in K]?: readonly Payload[] } {
  if (!proto?.payloads) return {}
  return { [name]: proto.payloads.map(fromProtoPayload) } as {
    readonly [P in K]: Payload[]
  }
}

function toDuration(ms: number): ProtoDuration {
  return { seconds: Math.floor(ms / 1000), nanos: Math.round((ms % 1000) * 1e6) }
}

function fromDuration({ seconds, nanos }: ProtoDuration): number {
  const whole = typeof seconds === 'object' ? seconds?.toNumber() : seconds
  return (whole ?? 0) * 1000 + (nanos ?? 0) / 1e6
}
