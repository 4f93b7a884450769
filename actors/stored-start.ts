import { type Input, InputKind, type StartedAttributes } from './inputs.ts'
import type { Payload } from './payload.ts'

type StartedInput = Extract<Input, readonly [typeof InputKind.started, ...unknown[]]>

/** What only some runs have. */
type Rest = Omit<
  StartedAttributes,
  | 'namespace'
  | 'workflowId'
  | 'runId'
  | 'firstExecutionRunId'
  | 'workflowType'
  | 'taskQueue'
  | 'args'
  | 'attempt'
  | 'taskTimeoutMs'
>

/**
 * A started input as its record has it: what all runs have by position, the rest by name. Most of what a
 * million idle workflows take on the disk are these.
 */
export type StoredStart = readonly [
  kind: typeof InputKind.started,
  time: number,
  fields: readonly [
    namespace: string,
    workflowId: string,
    runId: string,
    /** null: the same as `runId`. */
    firstExecutionRunId: string | null,
    workflowType: string,
    taskQueue: string,
    args: readonly Payload[],
    attempt: number,
    taskTimeoutMs: number,
    rest: Rest | null,
  ],
]

export function storeStart([kind, time, attributes]: StartedInput): StoredStart {
  const {
    namespace,
    workflowId,
    runId,
    firstExecutionRunId,
    workflowType,
    taskQueue,
    args,
    attempt,
    taskTimeoutMs,
    ...rest
  } = attributes
  return [
    kind,
    time,
    [
      namespace,
      workflowId,
      runId,
      firstExecutionRunId === runId ? null : firstExecutionRunId,
      workflowType,
      taskQueue,
      args,
      attempt,
      taskTimeoutMs,
      Object.keys(rest).length === 0 ? null : rest,
    ],
  ]
}

export function readStart([kind, time, fields]: StoredStart): StartedInput {
  const [namespace, workflowId, runId, firstExecutionRunId] = fields
  const [, , , , workflowType, taskQueue, args, attempt, taskTimeoutMs, rest] = fields
  return [
    kind,
    time,
    {
      namespace,
      workflowId,
      runId,
      workflowType,
      taskQueue,
      args,
      firstExecutionRunId: firstExecutionRunId ?? runId,
      attempt,
      taskTimeoutMs,
      ...rest,
    },
  ]
}

/** Records of data folders before format 4 have the attributes by name. */
export function isStoredStart(input: Input | StoredStart): input is StoredStart {
  return input[0] === InputKind.started && Array.isArray(input[2])
}
