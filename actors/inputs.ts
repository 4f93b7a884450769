import type { Failure } from './failure.ts'
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
  localActivityResolved: 13,
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
  attributes: { readonly reason?: string; readonly identity?: string; readonly requestId?: string },
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
  attributes: { readonly retryState: 'TIMEOUT' },
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

export interface StartedAttributes {
  readonly namespace: string
  readonly workflowId: string
  readonly runId: string
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
  readonly searchAttributes?: PayloadMap
  readonly headers?: PayloadMap
}

export interface SignaledAttributes {
  readonly requestId?: string
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
