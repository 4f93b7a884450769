import { failureToError } from '../failure-converter.ts'
import { continueAsNewReasons, type SuggestContinueAsNewReason } from '../history-length.ts'
import { fromPayload, fromPayloadMap } from '../payload-converter.ts'
import { toSearchAttributes, toTypedSearchAttributes } from '../search-attribute-payloads.ts'
import type { SearchAttributes, TypedSearchAttributes } from '../search-attributes.ts'
import type { Activator } from './activator.ts'
import { assertInWorkflowContext } from './current-run.ts'
import { notBuilt } from './not-built.ts'
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
  /** Each an array of values. */
  readonly searchAttributes: SearchAttributes
  readonly typedSearchAttributes: TypedSearchAttributes
  readonly memo?: Readonly<Record<string, unknown>>
  /** What the last completed run of a cron schedule returned. */
  readonly lastResult?: unknown
  /** Why the run before this one failed, if this one is its retry or the next one of its cron schedule. */
  readonly lastFailure?: Error
  /** Events in the run's history up to the turn in hand. */
  readonly historyLength: number
  /** Bytes in it. */
  readonly historySize: number
  /** True once the history is so long that the workflow should continue as new. */
  readonly continueAsNewSuggested: boolean
  /** Why; missing while it is not suggested. */
  readonly suggestedContinueAsNewReasons?: readonly SuggestContinueAsNewReason[]
  /** Always false: there are no worker deployments here. */
  readonly targetWorkerDeploymentVersionChanged: boolean
  /** When the run was started. */
  readonly startTime: Date
  /** When its first turn was: later than `startTime` after a delay or a backoff. */
  readonly runStartTime: Date
  readonly executionTimeoutMs?: number
  readonly executionExpirationTime?: Date
  readonly runTimeoutMs?: number
  readonly taskTimeoutMs: number
  readonly retryPolicy?: RetryPolicy
  /** From 1; grows with each retry of the workflow. */
  readonly attempt: number
  readonly cronSchedule?: string
  /** Of a cron schedule: how long after its start the run began, in milliseconds. */
  readonly cronScheduleToScheduleInterval?: number
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
  /** Not there: every draw throws. Use `Math.random`, which is the run's own. */
  readonly random: UnsafeRandomSource
}

export interface UnsafeRandomSource {
  random(): number
  uuid4(): string
  fillRandom(bytes: Uint8Array): Uint8Array
}

const noRandom: UnsafeRandomSource = {
  random: () => notBuilt('workflowInfo().unsafe.random.random'),
  uuid4: () => notBuilt('workflowInfo().unsafe.random.uuid4'),
  fillRandom: () => notBuilt('workflowInfo().unsafe.random.fillRandom'),
}

interface CachedInfo {
  turn: number
  info: WorkflowInfo
}

const cache = new WeakMap<Activator, CachedInfo>()

/** What the workflow may know of itself, as of the turn in hand. */
export function workflowInfo(): WorkflowInfo {
  return infoOf(
    assertInWorkflowContext(
      'Workflow.workflowInfo(...) may only be used from a Workflow Execution.',
    ),
  )
}

/** What a run may know of itself. */
export function infoOf(activator: Activator): WorkflowInfo {
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

/** A run has changed its search attributes or its memo. */
export function changeInfo(
  activator: Activator,
  change: Partial<Pick<WorkflowInfo, 'searchAttributes' | 'typedSearchAttributes' | 'memo'>>,
): void {
  cache.set(activator, { turn: activator.turn, info: { ...infoOf(activator), ...change } })
}

type Changing =
  | 'historyLength'
  | 'historySize'
  | 'continueAsNewSuggested'
  | 'suggestedContinueAsNewReasons'
  | 'unsafe'

function changing(activator: Activator): Pick<WorkflowInfo, Changing> {
  const { historyLength, historySize, continueAsNewSuggested, replaying } = activator
  return {
    historyLength,
    historySize,
    continueAsNewSuggested,
    ...(continueAsNewSuggested
      ? { suggestedContinueAsNewReasons: continueAsNewReasons(historyLength, historySize) }
      : {}),
    unsafe: {
      now: () => activator.now,
      isReplaying: replaying,
      isReplayingHistoryEvents: replaying,
      random: noRandom,
    },
  }
}

function makeInfo(activator: Activator): WorkflowInfo {
  const { started } = activator
  const { continuedFromExecutionRunId, memo, executionTimeoutMs, executionExpirationTime } = started
  const { runTimeoutMs, retryPolicy, cronSchedule, parent, root, namespace } = started
  const { continuedFailure, firstTaskBackoffMs, lastCompletionResult: last } = started
  return {
    workflowId: started.workflowId,
    runId: started.runId,
    workflowType: started.workflowType,
    namespace: started.namespace,
    taskQueue: started.taskQueue,
    firstExecutionRunId: started.firstExecutionRunId,
    originalExecutionRunId: started.originalExecutionRunId ?? started.runId,
    ...(continuedFromExecutionRunId === undefined ? {} : { continuedFromExecutionRunId }),
    ...(parent
      ? { parent: { workflowId: parent.workflowId, runId: parent.runId, namespace } }
      : {}),
    ...(root ? { root: { workflowId: root.workflowId, runId: root.runId } } : {}),
    searchAttributes: toSearchAttributes(started.searchAttributes),
    typedSearchAttributes: toTypedSearchAttributes(started.searchAttributes),
    memo: memo ? fromPayloadMap(memo) : {},
    ...(last === undefined ? {} : { lastResult: fromPayload(last) }),
    ...(continuedFailure === undefined ? {} : { lastFailure: failureToError(continuedFailure) }),
    targetWorkerDeploymentVersionChanged: false,
    startTime: new Date(activator.startTime),
    runStartTime: new Date(activator.runStartTime),
    ...(executionTimeoutMs === undefined ? {} : { executionTimeoutMs }),
    ...(executionExpirationTime === undefined
      ? {}
      : { executionExpirationTime: new Date(executionExpirationTime) }),
    ...(runTimeoutMs === undefined ? {} : { runTimeoutMs }),
    taskTimeoutMs: started.taskTimeoutMs,
    ...(retryPolicy ? { retryPolicy: retryPolicyOf(retryPolicy) } : {}),
    attempt: started.attempt,
    ...(cronSchedule === undefined ? {} : { cronSchedule }),
    ...(cronSchedule === undefined || firstTaskBackoffMs === undefined
      ? {}
      : { cronScheduleToScheduleInterval: firstTaskBackoffMs }),
    ...changing(activator),
  }
}
