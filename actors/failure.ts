import type { Payload } from './payload.ts'

/** Why a timeout failure happened, as in Temporal's `TimeoutType`. */
export type TimeoutType = 'START_TO_CLOSE' | 'SCHEDULE_TO_START' | 'SCHEDULE_TO_CLOSE' | 'HEARTBEAT'

/** Why an activity or workflow is not tried again, as in Temporal's `RetryState`. */
export type RetryState =
  | 'IN_PROGRESS'
  | 'NON_RETRYABLE_FAILURE'
  | 'TIMEOUT'
  | 'MAXIMUM_ATTEMPTS_REACHED'
  | 'RETRY_POLICY_NOT_SET'
  | 'INTERNAL_SERVER_ERROR'
  | 'CANCEL_REQUESTED'

/**
 * An error as data: the fields of Temporal's `Failure` message, with durations in milliseconds.
 * At most one of the `…Info` fields is set; none of them means an error of unknown origin.
 */
export interface Failure {
  readonly message: string
  readonly source?: string
  readonly stackTrace?: string
  /** Message and stack trace as a payload, where the failure converter encodes them. */
  readonly encodedAttributes?: Payload
  readonly cause?: Failure
  readonly applicationFailureInfo?: {
    readonly type?: string
    readonly nonRetryable?: boolean
    readonly details?: readonly Payload[]
    readonly nextRetryDelayMs?: number
    readonly category?: 'BENIGN'
  }
  readonly timeoutFailureInfo?: {
    readonly timeoutType: TimeoutType
    readonly lastHeartbeatDetails?: readonly Payload[]
  }
  readonly canceledFailureInfo?: { readonly details?: readonly Payload[] }
  readonly terminatedFailureInfo?: { readonly identity?: string }
  readonly serverFailureInfo?: { readonly nonRetryable?: boolean }
  readonly activityFailureInfo?: {
    readonly activityType: string
    readonly activityId: string
    readonly identity?: string
    readonly retryState: RetryState
  }
  readonly childWorkflowExecutionFailureInfo?: {
    readonly namespace: string
    readonly workflowId: string
    readonly runId: string
    readonly workflowType: string
    readonly retryState: RetryState
  }
}
