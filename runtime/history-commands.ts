import type {
  ScheduleActivityCommand,
  SetPatchMarkerCommand,
  TerminalCommand,
  UpdateOutcome,
} from '../actors/commands.ts'
import type { StartedAttributes } from '../actors/inputs.ts'
import type { PayloadMap } from '../actors/payload.ts'
import {
  failureToJson,
  type JsonMessage,
  jsonMessage,
  optionalDuration,
  payloadMapToJson,
  payloadsToJson,
  payloadToJson,
  retryPolicyToJson,
} from './history-json.ts'
import { retryOf } from './run-successor.ts'
import { taskQueueToJson } from './history-inputs.ts'

/* The attributes of the events that commands export to, without the ids of other events. */

export function activityScheduledAttributes(
  command: ScheduleActivityCommand,
  taskQueue: string,
): JsonMessage {
  return jsonMessage({
    activityId: command.activityId,
    activityType: { name: command.activityType },
    taskQueue: taskQueueToJson(command.taskQueue ?? taskQueue),
    header: payloadMapToJson(command.headers),
    input: payloadsToJson(command.args),
    scheduleToCloseTimeout: optionalDuration(command.scheduleToCloseTimeoutMs),
    scheduleToStartTimeout: optionalDuration(command.scheduleToStartTimeoutMs),
    startToCloseTimeout: optionalDuration(command.startToCloseTimeoutMs),
    heartbeatTimeout: optionalDuration(command.heartbeatTimeoutMs),
    retryPolicy: retryPolicyToJson(command.retryPolicy),
  })
}

export function updateOutcome(outcome: UpdateOutcome): JsonMessage {
  return 'result' in outcome
    ? { success: { payloads: [payloadToJson(outcome.result)] } }
    : { failure: failureToJson(outcome.failure) }
}

/** The marker of a patch, in the form of Temporal's core. */
export function markerAttributes({ patchId, deprecated }: SetPatchMarkerCommand): JsonMessage {
  const data = JSON.stringify({ id: patchId, deprecated })
  return {
    markerName: 'core_patch',
    details: { 'patch-data': { payloads: [payloadToJson(data)] } },
  }
}

export function upsertAttributes(searchAttributes: PayloadMap): JsonMessage {
  return jsonMessage({
    searchAttributes: payloadMapToJson(searchAttributes, 'indexedFields'),
  })
}

export function propertiesAttributes(memo: PayloadMap): JsonMessage {
  return jsonMessage({ upsertedMemo: payloadMapToJson(memo) })
}

export type TerminalEvent =
  | 'WORKFLOW_EXECUTION_COMPLETED'
  | 'WORKFLOW_EXECUTION_FAILED'
  | 'WORKFLOW_EXECUTION_CANCELED'
  | 'WORKFLOW_EXECUTION_CONTINUED_AS_NEW'

export function terminalEvent(command: TerminalCommand): TerminalEvent {
  switch (command.kind) {
    case 'completeWorkflow':
      return 'WORKFLOW_EXECUTION_COMPLETED'
    case 'failWorkflow':
      return 'WORKFLOW_EXECUTION_FAILED'
    case 'cancelWorkflow':
      return 'WORKFLOW_EXECUTION_CANCELED'
    case 'continueAsNew':
      return 'WORKFLOW_EXECUTION_CONTINUED_AS_NEW'
    default:
      return command satisfies never
  }
}

interface TerminalRun {
  /** The run that follows by continue-as-new, retry or cron. */
  readonly newRunId?: string | undefined
  readonly closeTime?: number | undefined
}

export function terminalAttributes(
  command: TerminalCommand,
  started: StartedAttributes | undefined,
  { newRunId, closeTime = 0 }: TerminalRun,
): JsonMessage {
  switch (command.kind) {
    case 'completeWorkflow': {
      const result = { payloads: [payloadToJson(command.result)] }
      return jsonMessage({ result, newExecutionRunId: newRunId })
    }
    case 'failWorkflow':
      return jsonMessage({
        failure: failureToJson(command.failure),
        retryState: `RETRY_STATE_${started === undefined ? 'RETRY_POLICY_NOT_SET' : retryOf(started, command.failure, closeTime).state}`,
        newExecutionRunId: newRunId,
      })
    case 'cancelWorkflow':
      return jsonMessage({ details: payloadsToJson(command.details) })
    case 'continueAsNew':
      return jsonMessage({
        newExecutionRunId: newRunId,
        workflowType: { name: command.workflowType },
        taskQueue: taskQueueToJson(command.taskQueue ?? started?.taskQueue ?? ''),
        input: payloadsToJson(command.args),
        workflowRunTimeout: optionalDuration(command.runTimeoutMs ?? started?.runTimeoutMs),
        backoffStartInterval: optionalDuration(command.backoffMs),
        workflowTaskTimeout: optionalDuration(command.taskTimeoutMs ?? started?.taskTimeoutMs),
        initiator: 'CONTINUE_AS_NEW_INITIATOR_WORKFLOW',
        header: payloadMapToJson(command.headers),
        memo: payloadMapToJson(command.memo ?? started?.memo),
        searchAttributes: payloadMapToJson(
          command.searchAttributes ?? started?.searchAttributes,
          'indexedFields',
        ),
      })
    default:
      return command satisfies never
  }
}
