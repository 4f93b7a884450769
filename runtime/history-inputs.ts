import type {
  ActivityResolution,
  CancelRequestedInput,
  ExecutionRef,
  ResetInput,
  SignaledInput,
  StartedAttributes,
  TerminatedInput,
  UpdateRequestedInput,
} from '../actors/inputs.ts'
import { isRuntimeTimeout } from './activity-failure.ts'
import {
  durationToJson,
  failureToJson,
  type JsonMessage,
  jsonMessage,
  optionalDuration,
  payloadMapToJson,
  payloadsToJson,
  payloadToJson,
  retryPolicyToJson,
  timeToJson,
} from './history-json.ts'

/* The attributes of the events that inputs export to. */

export function taskQueueToJson(name: string): JsonMessage {
  return { name, kind: 'TASK_QUEUE_KIND_NORMAL' }
}

export function startedAttributes(started: StartedAttributes): JsonMessage {
  const { continuedFromExecutionRunId: continued, executionExpirationTime: expiration } = started
  return jsonMessage({
    workflowType: { name: started.workflowType },
    taskQueue: taskQueueToJson(started.taskQueue),
    input: payloadsToJson(started.args),
    workflowExecutionTimeout: optionalDuration(started.executionTimeoutMs),
    workflowRunTimeout: optionalDuration(started.runTimeoutMs),
    workflowTaskTimeout: durationToJson(started.taskTimeoutMs),
    continuedExecutionRunId: continued,
    initiator: continued === undefined ? undefined : initiator(started),
    // The run's own id, from which Math.random and uuid4 are seeded.
    originalExecutionRunId: started.originalExecutionRunId ?? started.runId,
    identity: started.identity,
    firstExecutionRunId: started.firstExecutionRunId,
    retryPolicy: started.retryPolicy && retryPolicyToJson(started.retryPolicy),
    attempt: started.attempt,
    workflowExecutionExpirationTime: expiration === undefined ? undefined : timeToJson(expiration),
    cronSchedule: started.cronSchedule,
    firstWorkflowTaskBackoff: optionalDuration(started.firstTaskBackoffMs),
    continuedFailure: started.continuedFailure && failureToJson(started.continuedFailure),
    lastCompletionResult:
      started.lastCompletionResult === undefined
        ? undefined
        : { payloads: [payloadToJson(started.lastCompletionResult)] },
    memo: payloadMapToJson(started.memo),
    searchAttributes: payloadMapToJson(started.searchAttributes, 'indexedFields'),
    header: payloadMapToJson(started.headers),
    workflowId: started.workflowId,
    parentWorkflowNamespace: started.parent && started.namespace,
    parentWorkflowExecution: started.parent && executionToJson(started.parent),
    rootWorkflowExecution: started.root && executionToJson(started.root),
  })
}

function executionToJson({ workflowId, runId }: ExecutionRef): JsonMessage {
  return { workflowId, runId }
}

function initiator(started: StartedAttributes): string {
  if (started.initiator !== undefined) {
    return `CONTINUE_AS_NEW_INITIATOR_${started.initiator}`
  }
  if (started.attempt > 1) return 'CONTINUE_AS_NEW_INITIATOR_RETRY'
  if (started.cronSchedule) return 'CONTINUE_AS_NEW_INITIATOR_CRON_SCHEDULE'
  return 'CONTINUE_AS_NEW_INITIATOR_WORKFLOW'
}

export function signaledAttributes(input: SignaledInput): JsonMessage {
  const attributes = input[4]
  return jsonMessage({
    signalName: input[2],
    input: payloadsToJson(input[3]),
    identity: attributes?.identity,
    header: payloadMapToJson(attributes?.headers),
    externalWorkflowExecution: attributes?.external && executionToJson(attributes.external),
  })
}

/** The request that WORKFLOW_EXECUTION_UPDATE_ACCEPTED holds. */
export function updateRequest(input: UpdateRequestedInput): JsonMessage {
  const [, , updateId, name, args, attributes] = input
  return {
    meta: jsonMessage({ updateId, identity: attributes?.identity }),
    input: jsonMessage({
      header: payloadMapToJson(attributes?.headers),
      name,
      args: payloadsToJson(args),
    }),
  }
}

export function cancelRequestedAttributes(input: CancelRequestedInput): JsonMessage {
  const { reason, identity, external } = input[2]
  return jsonMessage({
    cause: reason,
    identity,
    externalWorkflowExecution: external && executionToJson(external),
  })
}

/** Of the WORKFLOW_TASK_FAILED that stands where a run was reset, without the ids of other events. */
export function resetAttributes([, , attributes]: ResetInput): JsonMessage {
  const { baseRunId, newRunId, reason, identity } = attributes
  return jsonMessage({
    cause: 'WORKFLOW_TASK_FAILED_CAUSE_RESET_WORKFLOW',
    failure: jsonMessage({ message: reason, resetWorkflowFailureInfo: {} }),
    identity,
    baseRunId,
    newRunId,
  })
}

export function terminatedAttributes(input: TerminatedInput): JsonMessage {
  const { reason, identity, details } = input[2]
  return jsonMessage({ reason, identity, details: payloadsToJson(details) })
}

export type ActivityOutcomeEvent =
  | 'ACTIVITY_TASK_COMPLETED'
  | 'ACTIVITY_TASK_FAILED'
  | 'ACTIVITY_TASK_TIMED_OUT'
  | 'ACTIVITY_TASK_CANCELED'

export function activityOutcomeEvent(resolution: ActivityResolution): ActivityOutcomeEvent {
  if (resolution.status === 'completed') return 'ACTIVITY_TASK_COMPLETED'
  if (resolution.status === 'cancelled') return 'ACTIVITY_TASK_CANCELED'
  const cause = resolution.failure.cause ?? resolution.failure
  return isRuntimeTimeout(cause) ? 'ACTIVITY_TASK_TIMED_OUT' : 'ACTIVITY_TASK_FAILED'
}

/** Without the ids of other events. The ActivityFailure around a cause is what the SDK makes of it. */
export function activityOutcomeAttributes(resolution: ActivityResolution): JsonMessage {
  if (resolution.status === 'completed') {
    return { result: { payloads: [payloadToJson(resolution.result)] } }
  }
  const { cause = resolution.failure, activityFailureInfo: info } = resolution.failure
  const identity = info?.identity
  if (resolution.status === 'cancelled') {
    return jsonMessage({ details: payloadsToJson(cause.canceledFailureInfo?.details), identity })
  }
  return jsonMessage({
    failure: failureToJson(cause),
    retryState: info && `RETRY_STATE_${info.retryState}`,
    identity: isRuntimeTimeout(cause) ? undefined : identity,
  })
}

/** Of ACTIVITY_TASK_STARTED, which is written together with the outcome. */
export function activityStartedAttributes(resolution: ActivityResolution): JsonMessage {
  const failed = resolution.status === 'completed' ? undefined : resolution.failure
  return jsonMessage({
    identity: failed?.activityFailureInfo?.identity,
    attempt: resolution.attempt,
  })
}
