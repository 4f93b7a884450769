import type { UpdateOutcome } from '../actors/commands.ts'
import type { Failure, RetryState } from '../actors/failure.ts'
import type { ExecutionRef, RetryPolicyData } from '../actors/inputs.ts'
import type { Payload, PayloadMap } from '../actors/payload.ts'

/**
 * What the engine offers, in plain data with payloads already converted: the calls of Temporal's
 * WorkflowService that apply. The client and the HTTP API are both written over it. Every method may
 * reject with a `SignalboxError`; see `docs/errors.md` for the codes.
 */
export interface WorkflowService {
  startWorkflow(request: StartRequest): Promise<StartResponse>
  signalWorkflow(request: SignalRequest): Promise<SignalResponse | undefined>
  signalWithStart(request: SignalWithStartRequest): Promise<StartResponse>
  /** Resolves when the update is as far as `waitForStage` says, or when `timeoutMs` is over. */
  updateWorkflow(request: UpdateRequest): Promise<UpdateResponse>
  /** The same for an update that was asked for before. */
  pollUpdate(request: PollUpdateRequest): Promise<UpdateResponse>
  /** Resolves when the start, if there was one, and the update are durable. */
  updateWithStart(request: UpdateWithStartRequest): Promise<UpdateWithStartResponse>
  queryWorkflow(request: QueryRequest): Promise<QueryResponse>
  describeWorkflow(target: Target): Promise<WorkflowDescription>
  /** Resolves when the run (or, with `followRuns`, its chain) has closed, or when `timeoutMs` is over (`closed: false`). */
  waitForClose(request: WaitForCloseRequest): Promise<CloseStatus>
  getHistory(request: HistoryRequest): Promise<HistoryResponse>
  listWorkflows(request: ListRequest): Promise<ListResponse>
  countWorkflows(request: CountRequest): Promise<CountResponse>
  /**
   * Tell of each run of a namespace that starts or closes, once that is durable and in the order of
   * the commits. Listeners that throw end up in the committer: they must not.
   *
   * @returns how to stop
   */
  watchWorkflows(
    namespace: string | undefined,
    onChange: (summary: WorkflowSummary) => void,
  ): () => void
  /** The namespaces that have workflows, and 'default', in order. */
  listNamespaces(): readonly string[]
  cancelWorkflow(request: CancelRequest): Promise<void>
  terminateWorkflow(request: TerminateRequest): Promise<void>
  /** Delete a run with all that it is; one that is running is terminated first. Resolves when it is durably gone. */
  deleteWorkflow(request: DeleteRequest): Promise<void>
  /** End an attempt that is under way with a result; resolves when that is durable. */
  completeActivity(request: CompleteActivityRequest): Promise<void>
  /** End an attempt with a failure; the retry policy decides whether another one follows. */
  failActivity(request: FailActivityRequest): Promise<void>
  /** End an activity whose cancellation was requested as cancelled. */
  cancelActivity(request: CancelActivityRequest): Promise<void>
  /** Say that an attempt is alive; resolves when the details are durable. */
  heartbeatActivity(request: HeartbeatActivityRequest): Promise<HeartbeatActivityResponse>
  /** Let a quarantined or parked run try again at once. */
  releaseWorkflow(target: Target): Promise<void>
  /**
   * Let a workflow begin anew at a point of a run's history: another run takes over what was before it, and
   * by default what it was sent after it.
   */
  resetWorkflow(request: ResetRequest): Promise<ResetResponse>
  /** Let a run take no turns until it is unpaused; what it is sent waits. */
  pauseWorkflow(request: PauseRequest): Promise<void>
  /** Let a paused run go on with what has waited, in order. */
  unpauseWorkflow(request: PauseRequest): Promise<void>
}

/** `namespace` is 'default' where it is not given; an empty or missing `runId` is the current run. */
export interface Target {
  readonly namespace?: string | undefined
  readonly workflowId: string
  readonly runId?: string | undefined
}

/** The service for whoever sends many signals, and must know before the next one that one was refused. */
export interface IntakeService extends WorkflowService {
  /**
   * As {@link signalWorkflow}, but what is refused at once is thrown. Signals that wait for the same
   * commit may be given the same promise.
   */
  submitSignal(request: SignalRequest): Promise<SignalResponse | undefined>
  /** As {@link signalWithStart}, but what is refused at once is thrown. */
  submitSignalWithStart(request: SignalWithStartRequest): Promise<StartResponse>
}

export type { UpdateOutcome }

export type IdReusePolicy =
  'ALLOW_DUPLICATE' | 'ALLOW_DUPLICATE_FAILED_ONLY' | 'REJECT_DUPLICATE' | 'TERMINATE_IF_RUNNING'
export type IdConflictPolicy = 'FAIL' | 'USE_EXISTING' | 'TERMINATE_EXISTING'

/** Bounds of `waitFor: 'processed'`. What is waited for is durable before the wait ends. */
export interface ProcessedWait {
  /**
   * How long to wait for the turn to end, in milliseconds, at least 0; then the answer says
   * `processed: false`. Default for ever.
   */
  readonly timeoutMs?: number | undefined
  /** Ends the wait, as its timeout does. */
  readonly signal?: AbortSignal | undefined
}

export interface StartRequest extends ProcessedWait {
  readonly namespace?: string | undefined
  readonly workflowId: string
  readonly workflowType: string
  readonly args: readonly Payload[]
  readonly taskQueue?: string | undefined
  readonly requestId?: string | undefined
  readonly identity?: string | undefined
  readonly idReusePolicy?: IdReusePolicy | undefined
  readonly idConflictPolicy?: IdConflictPolicy | undefined
  readonly executionTimeoutMs?: number | undefined
  readonly runTimeoutMs?: number | undefined
  readonly taskTimeoutMs?: number | undefined
  readonly retryPolicy?: RetryPolicyData | undefined
  readonly cronSchedule?: string | undefined
  readonly startDelayMs?: number | undefined
  /** With 'processed', resolve when the first turn has ended. Default 'durable'. */
  readonly waitFor?: WaitFor | undefined
  readonly memo?: PayloadMap | undefined
  /** Shown beside the workflow, and fixed: texts by the names `summary` and `details`. */
  readonly userMetadata?: PayloadMap | undefined
  readonly searchAttributes?: PayloadMap | undefined
  readonly headers?: PayloadMap | undefined
}

export interface StartResponse {
  readonly runId: string
  readonly firstExecutionRunId: string
  /** False if a running workflow was used. */
  readonly started: boolean
  /** With `waitFor: 'processed'`: whether the turn has ended, or only the wait for it. */
  readonly processed?: boolean
}

/** The answer to a signal with `waitFor: 'processed'`; it is durable in any case. */
export interface SignalResponse {
  /** Whether the turn has ended, or only the wait for it. */
  readonly processed?: boolean
}

/** When a signal's promise resolves: once it is fsynced, or once its turn has ended as well. */
export type WaitFor = 'durable' | 'processed'

export interface SignalRequest extends Target, ProcessedWait {
  readonly signalName: string
  readonly args: readonly Payload[]
  readonly requestId?: string | undefined
  readonly identity?: string | undefined
  readonly headers?: PayloadMap | undefined
  readonly waitFor?: WaitFor | undefined
}

export interface SignalWithStartRequest extends StartRequest {
  readonly signalName: string
  readonly signalArgs: readonly Payload[]
}

/**
 * How far an update is. Admitted: it is on disk. Accepted: the workflow has taken it on. Completed: it has
 * its outcome; an update that is rejected is completed at once.
 */
export type UpdateStage = 'ADMITTED' | 'ACCEPTED' | 'COMPLETED'

interface UpdateWait {
  /** Default ACCEPTED. */
  readonly waitForStage?: UpdateStage | undefined
  /** How long to wait for the stage; then the answer has the stage that there is. Default for ever. */
  readonly timeoutMs?: number | undefined
  /** Ends the wait, as its timeout does. */
  readonly signal?: AbortSignal | undefined
}

interface UpdateContent {
  readonly updateName: string
  readonly args: readonly Payload[]
  /** The same id again, for the same run, is the same update. Default: a new one. */
  readonly updateId?: string | undefined
  readonly identity?: string | undefined
  readonly headers?: PayloadMap | undefined
}

export interface UpdateRequest extends Target, UpdateContent, UpdateWait {
  readonly firstExecutionRunId?: string | undefined
}

export interface PollUpdateRequest extends Target, UpdateWait {
  readonly updateId: string
}

export interface UpdateResponse {
  readonly workflowId: string
  /** The run that the update is of. */
  readonly runId: string
  readonly updateId: string
  readonly stage: UpdateStage
  /** Of a completed update. */
  readonly outcome?: UpdateOutcome
}

/** `idConflictPolicy` must be given. */
export interface UpdateWithStartRequest extends StartRequest {
  readonly update: UpdateContent & UpdateWait
}

export interface UpdateWithStartResponse extends StartResponse {
  /** As {@link WorkflowService.updateWorkflow} answers. */
  readonly update: Promise<UpdateResponse>
}

export type QueryRejectCondition = 'NONE' | 'NOT_OPEN' | 'NOT_COMPLETED_CLEANLY'

export interface QueryRequest extends Target {
  readonly queryType: string
  readonly args: readonly Payload[]
  readonly headers?: PayloadMap | undefined
  readonly rejectCondition?: QueryRejectCondition | undefined
}

export type QueryResponse =
  | { readonly result: Payload; readonly rejectedStatus?: undefined }
  | { readonly rejectedStatus: WorkflowStatus; readonly result?: undefined }

export type WorkflowStatus =
  | 'RUNNING'
  | 'COMPLETED'
  | 'FAILED'
  | 'CANCELED'
  | 'TERMINATED'
  | 'CONTINUED_AS_NEW'
  | 'TIMED_OUT'
  | 'PAUSED'

/** Where a run comes from that a reset made. */
export interface ResetInfo {
  readonly baseRunId: string
  /** The workflow task of the base run that is done anew: the id of its WORKFLOW_TASK_COMPLETED. */
  readonly eventId: number
  /** When, and when the run whose place it took had started, in milliseconds since the epoch. */
  readonly resetTime: number
  readonly originalStartTime: number
  readonly reason?: string
}

/** Who paused a run, when, and why. */
export interface PauseInfo {
  readonly identity?: string
  readonly reason?: string
  /** In milliseconds since the epoch. */
  readonly pausedTime: number
}

/** Times in milliseconds since the epoch. */
export interface WorkflowSummary {
  readonly namespace: string
  readonly workflowId: string
  readonly runId: string
  readonly firstExecutionRunId: string
  readonly workflowType: string
  readonly taskQueue: string
  readonly status: WorkflowStatus
  readonly startTime: number
  readonly closeTime?: number
  /** When the first turn is or was due, if not at the start. */
  readonly executionTime?: number
  readonly historyLength: number
  readonly memo?: PayloadMap
  readonly searchAttributes?: PayloadMap
  /** Of a child: the run that started it. */
  readonly parentExecution?: ExecutionRef
  /** Of a child: the workflow at the top of the tree of parents. */
  readonly rootExecution?: ExecutionRef
}

export interface WorkflowDescription extends WorkflowSummary, Standstill {
  readonly executionTimeoutMs?: number
  readonly runTimeoutMs?: number
  readonly taskTimeoutMs: number
  /** Of a workflow that was started with a summary or details. */
  readonly userMetadata?: PayloadMap
  /** From 1; grows with each retry of the workflow. */
  readonly attempt: number
  readonly retryPolicy?: RetryPolicyData
  readonly cronSchedule?: string
  /** The first turn is still waited for. */
  readonly delayed?: boolean
  readonly pendingActivities: readonly PendingActivity[]
  readonly pendingChildren: readonly PendingChild[]
  /** Accepted inputs whose turns have not ended. */
  readonly mailboxDepth: number
  readonly pause?: PauseInfo
  /** The run that took this one's place when the workflow was reset. */
  readonly resetRunId?: string
  /** Of a run that a reset made. */
  readonly reset?: ResetInfo
}

/** A child that has been started and has not ended. */
export interface PendingChild {
  readonly workflowId: string
  /** The child's first run. */
  readonly runId: string
  readonly workflowType: string
  readonly parentClosePolicy: 'TERMINATE' | 'ABANDON' | 'REQUEST_CANCEL'
}

/** Why an open run does not advance, if it does not. */
export interface Standstill {
  readonly parked?: ParkedState
  readonly quarantined?: { readonly reason: string; readonly since: number }
}

export interface ParkedState {
  readonly reason: string
  readonly stack?: string
  readonly attempts: number
  /** When the turn is tried again. */
  readonly nextAttemptTime: number
}

export interface PendingActivity {
  readonly activityId: string
  readonly activityType: string
  readonly state: 'SCHEDULED' | 'STARTED' | 'CANCEL_REQUESTED'
  readonly attempt: number
  readonly maximumAttempts: number
  readonly scheduledTime: number
  /** When scheduleToClose is over. */
  readonly expirationTime?: number
  /** Of the attempt that is under way. */
  readonly lastStartedTime?: number
  readonly lastHeartbeatTime?: number
  readonly lastWorkerIdentity?: string
  /** When the attempt before ended, and how long after it this one begins. */
  readonly lastAttemptCompleteTime?: number
  readonly currentRetryIntervalMs?: number
  /** When the next attempt begins, if none is under way. */
  readonly nextAttemptScheduleTime?: number
  readonly lastFailure?: Failure
  readonly heartbeatDetails?: readonly Payload[]
}

/** An activity by the token of one of its attempts, or by its ids: then whichever attempt is under way. */
export type ActivityTarget =
  | { readonly taskToken: Uint8Array; readonly namespace?: string | undefined }
  | (Target & { readonly taskToken?: undefined; readonly activityId: string })

export type CompleteActivityRequest = ActivityTarget & { readonly result: Payload }
export type FailActivityRequest = ActivityTarget & { readonly failure: Failure }
export type CancelActivityRequest = ActivityTarget & {
  readonly details?: readonly Payload[] | undefined
}
export type HeartbeatActivityRequest = CancelActivityRequest
export interface HeartbeatActivityResponse {
  /** The workflow wants it to stop: answer with {@link WorkflowService.cancelActivity}. */
  readonly cancelRequested: boolean
}

export interface WaitForCloseRequest extends Target {
  readonly followRuns?: boolean | undefined
  readonly timeoutMs?: number | undefined
  readonly signal?: AbortSignal | undefined
}

/** How a run ended, or what keeps it from going on. */
export type CloseStatus =
  | ({ readonly closed: false } & Standstill)
  | {
      readonly closed: true
      readonly runId: string
      readonly status: WorkflowStatus
      readonly result?: Payload
      readonly failure?: Failure
      /** Why a failed workflow is not tried again. */
      readonly retryState?: RetryState
      /** The run that follows this one: by continue-as-new, retry or cron. */
      readonly newRunId?: string
    }

/** A history event in Temporal's proto3 JSON form: what `temporal workflow show -o json` prints. */
export interface HistoryEvent {
  readonly eventId: string
  readonly eventTime: string
  readonly eventType: string
  readonly [attributes: string]: unknown
}

export interface HistoryRequest extends Target {
  /** At most this many events; default 1,000. */
  readonly pageSize?: number | undefined
  readonly pageToken?: string | undefined
  /** Only the event that closed the run. */
  readonly closeEventOnly?: boolean | undefined
  /** From the newest event to the oldest; inputs that wait are left out. Default false. */
  readonly reverse?: boolean | undefined
  /** With nothing new to show, wait up to `timeoutMs` for it. */
  readonly waitNewEvent?: boolean | undefined
  readonly timeoutMs?: number | undefined
  readonly signal?: AbortSignal | undefined
}

export interface HistoryResponse {
  readonly events: readonly HistoryEvent[]
  readonly nextPageToken?: string
}

export interface ListRequest {
  readonly namespace?: string | undefined
  /** SQL-like filter over WorkflowId, WorkflowType, RunId, ExecutionStatus, StartTime, CloseTime. */
  readonly query?: string | undefined
  /** 1 … 1,000, default 100. */
  readonly pageSize?: number | undefined
  readonly pageToken?: string | undefined
}

export interface ListResponse {
  readonly executions: readonly WorkflowSummary[]
  readonly nextPageToken?: string
}

export interface CountRequest {
  readonly namespace?: string | undefined
  readonly query?: string | undefined
}

export interface CountResponse {
  readonly count: number
  /** With `GROUP BY ExecutionStatus`. */
  readonly groups?: readonly { readonly status: WorkflowStatus; readonly count: number }[]
}

export interface CancelRequest extends Target {
  readonly firstExecutionRunId?: string | undefined
  readonly requestId?: string | undefined
  readonly identity?: string | undefined
  readonly reason?: string | undefined
}

export interface DeleteRequest extends Target {
  readonly firstExecutionRunId?: string | undefined
  readonly identity?: string | undefined
  /** Of the termination, if the run is running. */
  readonly reason?: string | undefined
}

export interface TerminateRequest extends Target {
  readonly firstExecutionRunId?: string | undefined
  readonly identity?: string | undefined
  readonly reason?: string | undefined
  readonly details?: readonly Payload[] | undefined
}

/** To pause a run, or to let a paused one go on. The same request id again changes nothing. */
export interface PauseRequest extends Target {
  readonly identity?: string | undefined
  readonly reason?: string | undefined
  readonly requestId?: string | undefined
}

/** Signals, updates: what a reset can leave out. */
export type ResetReapplyExcludeType = 'SIGNAL' | 'UPDATE'

/** A reset. The run is the base: what was before the point is its history. Default: the current run. */
export interface ResetRequest extends Target {
  /**
   * A workflow task of the run, by its WORKFLOW_TASK_COMPLETED or WORKFLOW_TASK_STARTED: it is done anew.
   * In place of it a `resetType`.
   */
  readonly eventId?: number | undefined
  readonly resetType?: 'FIRST_WORKFLOW_TASK' | 'LAST_WORKFLOW_TASK' | undefined
  /** What came after the point and is not to be reapplied. Default: nothing. */
  readonly reapplyExcludeTypes?: readonly ResetReapplyExcludeType[] | undefined
  readonly reason?: string | undefined
  readonly identity?: string | undefined
  /** The same id again gives the run that the first reset made. */
  readonly requestId?: string | undefined
}

export interface ResetResponse {
  /** The new run. */
  readonly runId: string
}
