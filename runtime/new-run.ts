import type { StartedAttributes } from '../actors/inputs.ts'
import { defined } from './defined.ts'
import { firstBackoff } from './first-backoff.ts'
import { MAX_DUE_TIME } from './row-keys.ts'
import type { RunRow } from './run-row.ts'
import type { StartRequest } from './workflow-service.ts'

const DEFAULT_TASK_TIMEOUT_MS = 10_000

/** What the first run of a chain is started with, by a client's request. */
export function firstAttributes(
  request: StartRequest & { readonly namespace: string },
  runId: string,
  now: number,
  defaultTaskQueue: string,
): StartedAttributes {
  return {
    namespace: request.namespace,
    workflowId: request.workflowId,
    runId,
    workflowType: request.workflowType,
    taskQueue: request.taskQueue ?? defaultTaskQueue,
    args: request.args,
    firstExecutionRunId: runId,
    attempt: 1,
    taskTimeoutMs: request.taskTimeoutMs ?? DEFAULT_TASK_TIMEOUT_MS,
    ...defined({
      retryPolicy: request.retryPolicy,
      cronSchedule: request.cronSchedule,
      firstTaskBackoffMs: firstBackoff(request, now),
      requestId: request.requestId,
      identity: request.identity,
      executionTimeoutMs: request.executionTimeoutMs,
      executionExpirationTime:
        request.executionTimeoutMs === undefined ? undefined : now + request.executionTimeoutMs,
      runTimeoutMs: request.runTimeoutMs,
      memo: request.memo,
      userMetadata: request.userMetadata,
      searchAttributes: request.searchAttributes,
      headers: request.headers,
    }),
  }
}

/** The summary of a run that begins now, of any origin. */
export function firstRow(
  attributes: StartedAttributes,
  now: number,
  groups: RunRow['groups'],
): RunRow {
  const backoffMs = attributes.firstTaskBackoffMs ?? 0
  return {
    namespace: attributes.namespace,
    workflowId: attributes.workflowId,
    runId: attributes.runId,
    firstExecutionRunId: attributes.firstExecutionRunId,
    workflowType: attributes.workflowType,
    taskQueue: attributes.taskQueue,
    startTime: now,
    taskTimeoutMs: attributes.taskTimeoutMs,
    executionTimeoutMs: attributes.executionTimeoutMs,
    executionExpirationTime: attributes.executionExpirationTime,
    runTimeoutMs: attributes.runTimeoutMs,
    memo: attributes.memo,
    searchAttributes: attributes.searchAttributes,
    status: 'RUNNING',
    closeSeq: 0,
    historyLength: 0,
    groups,
    cancelRequested: false,
    strikes: 0,
    parent: attributes.parent,
    root: attributes.root,
    attempt: attributes.attempt,
    retryPolicy: attributes.retryPolicy,
    cronSchedule: attributes.cronSchedule,
    // Set when it closes: a field that a copy adds costs Node 20 microseconds.
    closeTime: undefined,
    newRunId: undefined,
    quarantined: undefined,
    pause: undefined,
    ...(backoffMs > 0
      ? { executionTime: Math.min(now + backoffMs, MAX_DUE_TIME), delayed: true }
      : {}),
  }
}

/** When the run times out, in ms since 1970; undefined if it never does. */
export function timeoutOf(row: RunRow): number | undefined {
  const { startTime, executionTime = startTime, runTimeoutMs, executionExpirationTime } = row
  // A run that a reset made has all of its time, whenever its first turn was.
  const begin = Math.max(startTime, executionTime)
  const runEnd = runTimeoutMs === undefined ? undefined : begin + runTimeoutMs
  const ends = [runEnd, executionExpirationTime].filter((end) => end !== undefined)
  return ends.length === 0 ? undefined : Math.min(...ends)
}
