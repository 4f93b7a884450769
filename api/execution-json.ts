import type { ExecutionRef } from '../actors/inputs.ts'
import type {
  PendingActivity,
  WorkflowDescription,
  WorkflowSummary,
} from '../runtime/workflow-service.ts'
import {
  formatEnum,
  parentClosePolicy,
  pendingActivityState,
  taskQueueKind,
  workflowStatus,
} from './enum-json.ts'
import { encodeFailure } from './failure-json.ts'
import type { JsonValue } from './json-text.ts'
import { encodePayloadMap, encodePayloads } from './payload-json.ts'
import { encodeStandstill } from './standstill-json.ts'
import { formatDuration, formatTimestamp } from './time-json.ts'

/** One workflow of a list, as Temporal's `WorkflowExecutionInfo`. */
export function encodeExecutionInfo(summary: WorkflowSummary, shorthand: boolean): JsonValue {
  const memo = encodePayloadMap(summary.memo, shorthand)
  const indexedFields = encodePayloadMap(summary.searchAttributes, shorthand)
  const { closeTime, parentExecution } = summary
  const execution = { workflowId: summary.workflowId, runId: summary.runId }
  return {
    execution,
    type: { name: summary.workflowType },
    startTime: formatTimestamp(summary.startTime),
    closeTime: closeTime === undefined ? undefined : formatTimestamp(closeTime),
    executionDuration:
      closeTime === undefined ? undefined : formatDuration(closeTime - summary.startTime),
    executionTime:
      summary.executionTime === undefined ? undefined : formatTimestamp(summary.executionTime),
    status: formatEnum(workflowStatus, summary.status),
    historyLength: summary.historyLength === 0 ? undefined : String(summary.historyLength),
    parentExecution: parentExecution && encodeExecution(parentExecution),
    // A workflow without a parent is its own root.
    rootExecution: encodeExecution(summary.rootExecution ?? execution),
    memo: memo === undefined ? undefined : { fields: memo },
    searchAttributes: indexedFields === undefined ? undefined : { indexedFields },
    taskQueue: summary.taskQueue === '' ? undefined : summary.taskQueue,
    firstRunId: summary.firstExecutionRunId,
  }
}

function encodeExecution({ workflowId, runId }: ExecutionRef): JsonValue {
  return { workflowId, runId }
}

/**
 * One workflow in full, as Temporal's `DescribeWorkflowExecutionResponse`. What Temporal has no
 * field for is under `signalbox`: the depth of the mailbox and why a run does not advance.
 */
export function encodeDescription(description: WorkflowDescription, shorthand: boolean): JsonValue {
  const { executionTimeoutMs, runTimeoutMs, reset } = description
  const duration = (ms: number | undefined) => (ms === undefined ? undefined : formatDuration(ms))
  const { pendingActivities: pending, pendingChildren: children } = description
  return {
    executionConfig: {
      taskQueue: {
        name: description.taskQueue === '' ? undefined : description.taskQueue,
        kind: formatEnum(taskQueueKind, 'NORMAL'),
      },
      workflowExecutionTimeout: duration(executionTimeoutMs),
      workflowRunTimeout: duration(runTimeoutMs),
      defaultWorkflowTaskTimeout: duration(description.taskTimeoutMs),
    },
    workflowExecutionInfo: encodeExecutionInfo(description, shorthand),
    workflowExtendedInfo: encodeExtendedInfo(description),
    pendingActivities:
      pending.length === 0
        ? undefined
        : pending.map((activity) => encodePendingActivity(activity, shorthand)),
    pendingChildren:
      children.length === 0
        ? undefined
        : children.map((child) => ({
            workflowId: child.workflowId,
            runId: child.runId,
            workflowTypeName: child.workflowType,
            parentClosePolicy: formatEnum(parentClosePolicy, child.parentClosePolicy),
          })),
    signalbox: {
      mailboxDepth: description.mailboxDepth,
      attempt: description.attempt > 1 ? description.attempt : undefined,
      cronSchedule: description.cronSchedule,
      delayed: description.delayed,
      ...encodeStandstill(description),
      reset: reset && {
        baseRunId: reset.baseRunId,
        eventId: String(reset.eventId),
        reason: reset.reason,
      },
    },
  }
}

function encodeExtendedInfo(description: WorkflowDescription): JsonValue | undefined {
  const { pause, reset, resetRunId } = description
  if (pause === undefined && reset === undefined && resetRunId === undefined) return undefined
  return {
    originalStartTime: reset && formatTimestamp(reset.originalStartTime),
    lastResetTime: reset && formatTimestamp(reset.resetTime),
    resetRunId,
    pauseInfo: pause && {
      identity: pause.identity,
      pausedTime: formatTimestamp(pause.pausedTime),
      reason: pause.reason,
    },
  }
}

function encodePendingActivity(activity: PendingActivity, shorthand: boolean): JsonValue {
  const { lastFailure, heartbeatDetails, currentRetryIntervalMs } = activity
  const time = (ms: number | undefined) => (ms === undefined ? undefined : formatTimestamp(ms))
  return {
    activityId: activity.activityId,
    activityType: { name: activity.activityType },
    state: formatEnum(pendingActivityState, activity.state),
    heartbeatDetails:
      heartbeatDetails === undefined ? undefined : encodePayloads(heartbeatDetails, shorthand),
    lastHeartbeatTime: time(activity.lastHeartbeatTime),
    lastStartedTime: time(activity.lastStartedTime),
    attempt: activity.attempt,
    maximumAttempts: activity.maximumAttempts === 0 ? undefined : activity.maximumAttempts,
    scheduledTime: formatTimestamp(activity.scheduledTime),
    expirationTime: time(activity.expirationTime),
    lastFailure: lastFailure === undefined ? undefined : encodeFailure(lastFailure, shorthand),
    lastWorkerIdentity: activity.lastWorkerIdentity,
    currentRetryInterval:
      currentRetryIntervalMs === undefined ? undefined : formatDuration(currentRetryIntervalMs),
    lastAttemptCompleteTime: time(activity.lastAttemptCompleteTime),
    nextAttemptScheduleTime: time(activity.nextAttemptScheduleTime),
  }
}
