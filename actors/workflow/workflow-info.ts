import { fromPayloadMap, fromSearchAttributes } from '../payload-converter.ts'
import type { Activator } from './activator.ts'
import { assertInWorkflowContext } from './current-run.ts'
import { type RetryPolicy, retryPolicyOf } from './retry-policy.ts'

/** What a workflow may know of itself. Durations in milliseconds. */
export interface WorkflowInfo {
  readonly workflowId: string
  readonly runId: string
  readonly workflowType: string
  readonly namespace: string
  readonly taskQueue: string
  /** The first run of the chain of runs that continue each other. */
  readonly firstExecutionRunId: string
  readonly originalExecutionRunId: string
  readonly continuedFromExecutionRunId?: string
  /** Of a child: the run that started it. */
  readonly parent?: ParentWorkflowInfo
  /** Of a child: the workflow at the top of the tree of parents. */
  readonly root?: RootWorkflowInfo
  readonly searchAttributes: Readonly<Record<string, unknown>>
  readonly memo?: Readonly<Record<string, unknown>>
  /** Events in the run's history up to the turn in hand. */
  readonly historyLength: number
  /** Bytes in it. */
  readonly historySize: number
  /** True once the history is so long that the workflow should continue as new. */
  readonly continueAsNewSuggested: boolean
  readonly startTime: Date
  readonly runStartTime: Date
  readonly executionTimeoutMs?: number
  readonly executionExpirationTime?: Date
  readonly runTimeoutMs?: number
  readonly taskTimeoutMs: number
  readonly retryPolicy?: RetryPolicy
  /** From 1; grows with each retry of the workflow. */
  readonly attempt: number
  readonly cronSchedule?: string
  readonly unsafe: UnsafeWorkflowInfo
}

export interface ParentWorkflowInfo {
  readonly workflowId: string
  readonly runId: string
  readonly namespace: string
}

export interface RootWorkflowInfo {
  readonly workflowId: string
  readonly runId: string
}

export interface UnsafeWorkflowInfo {
  /** The workflow's time; the clock of the machine is not there to be read. */
  readonly now: () => number
  /** True while the turn is done again from the journal. A workflow must not behave differently then. */
  readonly isReplaying: boolean
  readonly isReplayingHistoryEvents: boolean
}

interface CachedInfo {
  turn: number
  info: WorkflowInfo
}

const cache = new WeakMap<Activator, CachedInfo>()

/** What the workflow may know of itself, as of the turn in hand. */
export function workflowInfo(): WorkflowInfo {
  const activator = assertInWorkflowContext(
    'Workflow.workflowInfo(...) may only be used from a Workflow Execution.',
  )
  const cached = cache.get(activator)
  if (cached === undefined) {
    const info = makeInfo(activator)
    cache.set(activator, { turn: activator.turn, info })
    return info
  }
  if (cached.turn !== activator.turn) {
    cached.turn = activator.turn
    // Predicates of conditions ask in every turn; a copy of literal fields costs least.
    cached.info = { ...cached.info, ...changing(activator) }
  }
  return cached.info
}

function changing(
  activator: Activator,
): Pick<WorkflowInfo, 'historyLength' | 'historySize' | 'continueAsNewSuggested' | 'unsafe'> {
  const { historyLength, historySize, continueAsNewSuggested, replaying } = activator
  return {
    historyLength,
    historySize,
    continueAsNewSuggested,
    unsafe: {
      now: () => activator.now,
      isReplaying: replaying,
      isReplayingHistoryEvents: replaying,
    },
  }
}

function makeInfo(activator: Activator): WorkflowInfo {
  const { started } = activator
  const { continuedFromExecutionRunId, memo, executionTimeoutMs, executionExpirationTime } = started
  const { runTimeoutMs, retryPolicy, cronSchedule, parent, root, namespace } = started
  return {
    workflowId: started.workflowId,
    runId: started.runId,
    workflowType: started.workflowType,
    namespace: started.namespace,
    taskQueue: started.taskQueue,
    firstExecutionRunId: started.firstExecutionRunId,
    originalExecutionRunId: started.runId,
    ...(continuedFromExecutionRunId === undefined ? {} : { continuedFromExecutionRunId }),
    ...(parent
      ? { parent: { workflowId: parent.workflowId, runId: parent.runId, namespace } }
      : {}),
    ...(root ? { root: { workflowId: root.workflowId, runId: root.runId } } : {}),
    searchAttributes: started.searchAttributes
      ? fromSearchAttributes(started.searchAttributes)
      : {},
    memo: memo ? fromPayloadMap(memo) : {},
    startTime: new Date(activator.startTime),
    runStartTime: new Date(activator.startTime),
    ...(executionTimeoutMs === undefined ? {} : { executionTimeoutMs }),
    ...(executionExpirationTime === undefined
      ? {}
      : { executionExpirationTime: new Date(executionExpirationTime) }),
    ...(runTimeoutMs === undefined ? {} : { runTimeoutMs }),
    taskTimeoutMs: started.taskTimeoutMs,
    ...(retryPolicy ? { retryPolicy: retryPolicyOf(retryPolicy) } : {}),
    attempt: started.attempt,
    ...(cronSchedule === undefined ? {} : { cronSchedule }),
    ...changing(activator),
  }
}
