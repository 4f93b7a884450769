import type { ExecutionRef, ParentRef, RetryPolicyData } from '../actors/inputs.ts'
import type { PayloadMap } from '../actors/payload.ts'
import type { PatchMark } from '../actors/protocol.ts'
import { decode, encode } from '../actors/records.ts'
import type { PauseInfo, ResetInfo, WorkflowStatus } from './workflow-service.ts'

/** A run's summary: what is asked of a run without reading its history. */
export interface RunRow {
  readonly namespace: string
  readonly workflowId: string
  readonly runId: string
  readonly firstExecutionRunId: string
  readonly workflowType: string
  readonly taskQueue: string
  readonly startTime: number
  readonly taskTimeoutMs: number
  readonly executionTimeoutMs?: number | undefined
  readonly executionExpirationTime?: number | undefined
  readonly runTimeoutMs?: number | undefined
  readonly memo?: PayloadMap | undefined
  readonly searchAttributes?: PayloadMap | undefined
  readonly status: WorkflowStatus
  readonly closeTime?: number | undefined
  /** Of a closed run, the last turn that ended: what a replay may do. 0 while the run is open. */
  readonly closeSeq: number
  readonly historyLength: number
  /** The run that continues this one. */
  readonly newRunId?: string | undefined
  /** Inputs that were handled as one activation: first and last number, in order. */
  readonly groups: readonly (readonly [first: number, last: number])[]
  readonly cancelRequested: boolean
  readonly quarantined?: { readonly reason: string; readonly since: number } | undefined
  /** The patch markers of its history, so that a replay knows them before it comes to their turns. */
  readonly patches?: readonly PatchMark[] | undefined
  /** How often in a row its code took a worker, or the process, down with it. */
  readonly strikes: number
  /** Of a child: who started it. */
  readonly parent?: ParentRef | undefined
  /** Of a child: the workflow at the top of the tree of parents. */
  readonly root?: ExecutionRef | undefined
  /** From 1; grows with each retry of the workflow. */
  readonly attempt: number
  readonly retryPolicy?: RetryPolicyData | undefined
  readonly cronSchedule?: string | undefined
  /** When the first turn is due, or was, if not at the start: start delay, backoff, cron. */
  readonly executionTime?: number | undefined
  /** The first turn is still waited for: until `executionTime`, or what ends the wait before. */
  readonly delayed?: boolean | undefined
  /** Of a paused run. */
  readonly pause?: PauseInfo | undefined
  /** The run that took this one's place when the workflow was reset. */
  readonly resetRunId?: string | undefined
  /** Of a run that a reset made: where it comes from. */
  readonly reset?: ResetInfo | undefined
  /** Of a run that a reset made: how many of its turns, and of its inputs, are copies. */
  readonly resetTaken?: { readonly turns: number; readonly inputs: number } | undefined
}

/** What most runs do not have, in one field. */
interface Course {
  readonly attempt?: number
  readonly retryPolicy?: RetryPolicyData
  readonly cronSchedule?: string
  readonly executionTime?: number
  readonly delayed?: boolean
  readonly pause?: PauseInfo
  readonly resetRunId?: string
  readonly reset?: ResetInfo
  readonly resetTaken?: { readonly turns: number; readonly inputs: number }
}

function courseOf(row: RunRow): Course | null {
  const { attempt, retryPolicy, cronSchedule, executionTime, delayed } = row
  const { pause, resetRunId, reset, resetTaken } = row
  const course: Course = {
    ...(attempt === 1 ? {} : { attempt }),
    ...(retryPolicy === undefined ? {} : { retryPolicy }),
    ...(cronSchedule === undefined ? {} : { cronSchedule }),
    ...(executionTime === undefined ? {} : { executionTime }),
    ...(delayed === true ? { delayed } : {}),
    ...(pause === undefined ? {} : { pause }),
    ...(resetRunId === undefined ? {} : { resetRunId }),
    ...(reset === undefined ? {} : { reset }),
    ...(resetTaken === undefined ? {} : { resetTaken }),
  }
  return Object.keys(course).length === 0 ? null : course
}

const STATUSES: readonly WorkflowStatus[] = [
  'RUNNING',
  'COMPLETED',
  'FAILED',
  'CANCELED',
  'TERMINATED',
  'CONTINUED_AS_NEW',
  'TIMED_OUT',
  'PAUSED',
]
const ROW_FORMAT = 1

/** Fields by position; a later format may append to them. */
export function encodeRunRow(row: RunRow): Uint8Array {
  return encode([
    ROW_FORMAT,
    row.namespace,
    row.workflowId,
    row.runId,
    row.firstExecutionRunId === row.runId ? null : row.firstExecutionRunId,
    row.workflowType,
    row.taskQueue,
    row.startTime,
    row.taskTimeoutMs,
    row.executionTimeoutMs ?? null,
    row.executionExpirationTime ?? null,
    row.runTimeoutMs ?? null,
    row.memo ?? null,
    row.searchAttributes ?? null,
    STATUSES.indexOf(row.status),
    row.closeTime ?? null,
    row.closeSeq,
    row.historyLength,
    row.newRunId ?? null,
    row.groups,
    row.cancelRequested,
    row.quarantined ?? null,
    row.strikes,
    row.parent ?? null,
    row.root ?? null,
    row.patches ?? null,
    courseOf(row),
  ])
}

type Stored = [
  format: number,
  namespace: string,
  workflowId: string,
  runId: string,
  firstExecutionRunId: string | null,
  workflowType: string,
  taskQueue: string,
  startTime: number,
  taskTimeoutMs: number,
  executionTimeoutMs: number | null,
  executionExpirationTime: number | null,
  runTimeoutMs: number | null,
  memo: PayloadMap | null,
  searchAttributes: PayloadMap | null,
  status: number,
  closeTime: number | null,
  closeSeq: number,
  historyLength: number,
  newRunId: string | null,
  groups: [number, number][],
  cancelRequested: boolean,
  quarantined: { reason: string; since: number } | null,
  strikes: number,
  parent?: ParentRef | null,
  root?: ExecutionRef | null,
  patches?: PatchMark[] | null,
  course?: Course | null,
]

export function decodeRunRow(bytes: Uint8Array): RunRow {
  const at = decode<Stored>(bytes)
  return {
    namespace: at[1],
    workflowId: at[2],
    runId: at[3],
    firstExecutionRunId: at[4] ?? at[3],
    workflowType: at[5],
    taskQueue: at[6],
    startTime: at[7],
    taskTimeoutMs: at[8],
    executionTimeoutMs: at[9] ?? undefined,
    executionExpirationTime: at[10] ?? undefined,
    runTimeoutMs: at[11] ?? undefined,
    memo: at[12] ?? undefined,
    searchAttributes: at[13] ?? undefined,
    status: STATUSES[at[14]] ?? 'RUNNING',
    closeTime: at[15] ?? undefined,
    closeSeq: at[16],
    historyLength: at[17],
    newRunId: at[18] ?? undefined,
    groups: at[19],
    cancelRequested: at[20],
    quarantined: at[21] ?? undefined,
    strikes: at[22],
    parent: at[23] ?? undefined,
    root: at[24] ?? undefined,
    patches: at[25] ?? undefined,
    ...at[26],
    attempt: at[26]?.attempt ?? 1,
  }
}
