import type { Failure, RetryState } from './failure.ts'
import type { Payload, PayloadMap } from './payload.ts'

/**
 * The inputs of a run: everything its mailbox can hold, in the form in which they rest in the journal
 * and reach the worker. They are tuples, since msgpack writes a tuple without field names and a
 * signal is the most frequent thing there is. Position 0 is the kind, position 1 the time in
 * milliseconds since the epoch at which the input was accepted: the workflow's clock.
 */
export const InputKind = {
  started: 1,
  signaled: 2,
  activityResolved: 3,
  timerFired: 4,
  cancelRequested: 5,
  terminated: 6,
  timedOut: 7,
  childStarted: 9,
  childResolved: 10,
  externalSignalResolved: 11,
  externalCancelResolved: 12,
  localActivityResolved: 13,
  updateRequested: 8,
  paused: 14,
  unpaused: 15,
  reset: 16,
} as const

export type StartedInput = readonly [
  kind: typeof InputKind.started,
  time: number,
  attributes: StartedAttributes,
]
export type SignaledInput = readonly [
  kind: typeof InputKind.signaled,
  time: number,
  name: string,
  args: readonly Payload[],
  attributes?: SignaledAttributes | undefined,
]
export type ActivityResolvedInput = readonly [
  kind: typeof InputKind.activityResolved,
  time: number,
  /** The number of the schedule command within its run. */
  seq: number,
  resolution: ActivityResolution,
]
export type LocalActivityResolvedInput = readonly [
  kind: typeof InputKind.localActivityResolved,
  time: number,
  /** The number of the schedule command within its run. */
  seq: number,
  resolution: LocalActivityResolution,
]
export type TimerFiredInput = readonly [
  kind: typeof InputKind.timerFired,
  time: number,
  /** The number of the start command within its run. */
  seq: number,
]
export type CancelRequestedInput = readonly [
  kind: typeof InputKind.cancelRequested,
  time: number,
  attributes: {
    readonly reason?: string
    readonly identity?: string
    readonly requestId?: string
    /** The workflow that asked for it, if one did. */
    readonly external?: ExecutionRef
  },
]
/** Closes the run past the mailbox; the actor never sees it. */
export type TerminatedInput = readonly [
  kind: typeof InputKind.terminated,
  time: number,
  attributes: {
    readonly reason?: string
    readonly identity?: string
    readonly details?: readonly Payload[]
  },
]
/** Closes the run past the mailbox; the actor never sees it. */
export type TimedOutInput = readonly [
  kind: typeof InputKind.timedOut,
  time: number,
  attributes: { readonly retryState: RetryState },
]

/** From now on the run takes no turns. It has no turn of its own: the code does not see it. */
export type PausedInput = readonly [
  kind: typeof InputKind.paused,
  time: number,
  attributes: PauseAttributes,
]
/** The run goes on. It has no turn of its own: the code does not see it. */
export type UnpausedInput = readonly [
  kind: typeof InputKind.unpaused,
  time: number,
  attributes: PauseAttributes,
]

/**
 * The run begins here anew, with the turn that this input is the last of: what came before is another
 * run's. From now on its random numbers are its own.
 */
export type ResetInput = readonly [
  kind: typeof InputKind.reset,
  time: number,
  attributes: ResetAttributes,
]

/** A child was started, or could not be. */
export type ChildStartedInput = readonly [
  kind: typeof InputKind.childStarted,
  time: number,
  /** The number of the start command within its run. */
  seq: number,
  outcome: { readonly runId: string } | { readonly cause: 'WORKFLOW_ALREADY_EXISTS' },
]
/** A child has closed, and no run continues it. */
export type ChildResolvedInput = readonly [
  kind: typeof InputKind.childResolved,
  time: number,
  seq: number,
  resolution: ChildResolution,
]
/** A signal to another workflow is in that workflow's history, or cannot be. */
export type ExternalSignalResolvedInput = readonly [
  kind: typeof InputKind.externalSignalResolved,
  time: number,
  seq: number,
  /** Undefined: delivered. */
  cause?: ExternalFailureCause | undefined,
]
/** A request to another workflow to cancel itself is in that workflow's history, or cannot be. */
export type ExternalCancelResolvedInput = readonly [
  kind: typeof InputKind.externalCancelResolved,
  time: number,
  /** The number of the cancel command, or of the child that it was for. */
  seq: number,
  target: 'external' | 'child',
  cause?: ExternalFailureCause | undefined,
]
/** An update that a client asks for; the turn that handles it accepts or rejects it. */
export type UpdateRequestedInput = readonly [
  kind: typeof InputKind.updateRequested,
  time: number,
  /** Unique within the run. */
  updateId: string,
  name: string,
  args: readonly Payload[],
  attributes?: UpdateRequestedAttributes | undefined,
]

export type Input =
  | StartedInput
  | SignaledInput
  | ActivityResolvedInput
  | LocalActivityResolvedInput
  | TimerFiredInput
  | CancelRequestedInput
  | TerminatedInput
  | TimedOutInput
  | UpdateRequestedInput
  | PausedInput
  | UnpausedInput
  | ResetInput
  | ChildStartedInput
  | ChildResolvedInput
  | ExternalSignalResolvedInput
  | ExternalCancelResolvedInput

/** One run of a workflow. */
export interface ExecutionRef {
  readonly workflowId: string
  readonly runId: string
}

/** The run that started a child, and by which of its commands. */
export interface ParentRef extends ExecutionRef {
  /** The number of the start command within the parent's run. */
  readonly seq: number
}

export type ExternalFailureCause = 'EXTERNAL_WORKFLOW_EXECUTION_NOT_FOUND'

export type ChildResolution =
  | { readonly status: 'completed'; readonly result: Payload }
  | { readonly status: 'failed'; readonly failure: Failure; readonly retryState: RetryState }
  | { readonly status: 'cancelled'; readonly details?: readonly Payload[] }
  | { readonly status: 'timedOut'; readonly retryState: RetryState }
  | { readonly status: 'terminated' }

export interface StartedAttributes {
  readonly namespace: string
  readonly workflowId: string
  readonly runId: string
  /** Of a run that was reset: the run that random numbers are seeded by up to there. */
  readonly originalExecutionRunId?: string
  readonly workflowType: string
  readonly taskQueue: string
  readonly args: readonly Payload[]
  /** The first run of the chain; equal to `runId` unless this run continues another. */
  readonly firstExecutionRunId: string
  readonly continuedFromExecutionRunId?: string
  /** From 1; grows with each retry of the workflow. */
  readonly attempt: number
  readonly requestId?: string
  readonly identity?: string
  readonly executionTimeoutMs?: number
  /** When the whole chain times out, in milliseconds since the epoch. */
  readonly executionExpirationTime?: number
  readonly runTimeoutMs?: number
  readonly taskTimeoutMs: number
  readonly retryPolicy?: RetryPolicyData
  readonly cronSchedule?: string
  readonly memo?: PayloadMap
  /** What is shown of the run: `summary` and `details`. */
  readonly userMetadata?: PayloadMap
  readonly searchAttributes?: PayloadMap
  readonly headers?: PayloadMap
  /** Of a child: who started it. Every run of its chain has it. */
  readonly parent?: ParentRef
  /** Of a child: the workflow at the top of the tree of parents. */
  readonly root?: ExecutionRef
  /** What made this run follow another; missing in runs of earlier versions, which only continued as new. */
  readonly initiator?: 'WORKFLOW' | 'RETRY' | 'CRON_SCHEDULE'
  /** How the run before this one failed. */
  readonly continuedFailure?: Failure
  /** What the last run of a cron schedule that completed returned. */
  readonly lastCompletionResult?: Payload
  /** How long after the start the first turn was to be: start delay, retry backoff, cron. */
  readonly firstTaskBackoffMs?: number
}

export interface SignaledAttributes {
  readonly requestId?: string
  readonly identity?: string
  readonly headers?: PayloadMap
  /** The workflow that sent it, if one did. */
  readonly external?: ExecutionRef
}

export interface PauseAttributes {
  readonly identity?: string
  readonly reason?: string
  readonly requestId?: string
}

export interface ResetAttributes {
  /** The run whose history was taken over. */
  readonly baseRunId: string
  readonly newRunId: string
  readonly reason?: string
  readonly identity?: string
  readonly requestId?: string
}

export interface UpdateRequestedAttributes {
  readonly identity?: string
  readonly headers?: PayloadMap
}

export type ActivityResolution =
  | { readonly status: 'completed'; readonly result: Payload; readonly attempt: number }
  | { readonly status: 'failed'; readonly failure: Failure; readonly attempt: number }
  | { readonly status: 'cancelled'; readonly failure: Failure; readonly attempt: number }

/** How a local activity ended, or that its next attempt is up to the workflow. */
export type LocalActivityResolution =
  | ActivityResolution
  | {
      readonly status: 'backoff'
      readonly failure: Failure
      /** The attempt that failed. */
      readonly attempt: number
      readonly delayMs: number
      readonly originalScheduleTime: number
    }

/** A retry policy with every default filled in; durations in milliseconds. */
export interface RetryPolicyData {
  readonly initialIntervalMs: number
  readonly backoffCoefficient: number
  readonly maximumIntervalMs: number
  /** 0 is unlimited. */
  readonly maximumAttempts: number
  readonly nonRetryableErrorTypes: readonly string[]
}
