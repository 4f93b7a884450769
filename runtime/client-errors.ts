import type { RetryState } from '../actors/failure.ts'
import { SignalboxError } from './errors.ts'
import type { WorkflowStatus } from './workflow-service.ts'

type Fields = Readonly<Record<string, unknown>>

/** There is no such workflow, or it has closed. Code SIGNALBOX_ERR_WORKFLOW_NOT_FOUND. */
export class WorkflowNotFoundError extends SignalboxError {
  override name = 'WorkflowNotFoundError'
  readonly workflowId: string
  readonly runId: string | undefined

  constructor(message: string, workflowId: string, runId?: string, fields: Fields = {}) {
    super('SIGNALBOX_ERR_WORKFLOW_NOT_FOUND', message, { fields: { workflowId, runId, ...fields } })
    this.workflowId = workflowId
    this.runId = runId
  }
}

/** The workflow id is taken. Code SIGNALBOX_ERR_WORKFLOW_ALREADY_STARTED. */
export class WorkflowExecutionAlreadyStartedError extends SignalboxError {
  override name = 'WorkflowExecutionAlreadyStartedError'
  readonly workflowId: string
  readonly workflowType: string

  constructor(message: string, workflowId: string, workflowType: string, fields: Fields) {
    super('SIGNALBOX_ERR_WORKFLOW_ALREADY_STARTED', message, {
      fields: { workflowId, workflowType, ...fields },
    })
    this.workflowId = workflowId
    this.workflowType = workflowType
  }
}

/**
 * The workflow did not complete: it failed, was cancelled, was terminated or timed out. `cause` says
 * which, as the failure class that Temporal uses for it. Code SIGNALBOX_ERR_WORKFLOW_FAILED.
 */
export class WorkflowFailedError extends SignalboxError {
  override name = 'WorkflowFailedError'
  override readonly cause: Error | undefined
  readonly retryState: RetryState

  constructor(message: string, cause: Error | undefined, retryState: RetryState) {
    super('SIGNALBOX_ERR_WORKFLOW_FAILED', message, { cause })
    this.cause = cause
    this.retryState = retryState
  }
}

/** The run continued as new, and the handle does not follow runs. Code SIGNALBOX_ERR_CONTINUED_AS_NEW. */
export class WorkflowContinuedAsNewError extends SignalboxError {
  /** Temporal's, which is not that of the class. */
  override name = 'WorkflowExecutionContinuedAsNewError'
  readonly newExecutionRunId: string

  constructor(message: string, newExecutionRunId: string) {
    super('SIGNALBOX_ERR_CONTINUED_AS_NEW', message, { fields: { newExecutionRunId } })
    this.newExecutionRunId = newExecutionRunId
  }
}

/** The query reject condition held. Code SIGNALBOX_ERR_QUERY_REJECTED. */
export class QueryRejectedError extends SignalboxError {
  override name = 'QueryRejectedError'
  /** The workflow's status, which is why. */
  readonly rejectedStatus: WorkflowStatus

  constructor(rejectedStatus: WorkflowStatus) {
    super('SIGNALBOX_ERR_QUERY_REJECTED', `query rejected: the workflow is ${rejectedStatus}`, {
      fields: { rejectedStatus },
    })
    this.rejectedStatus = rejectedStatus
  }
}

/** The workflow has no handler for the query. Code SIGNALBOX_ERR_QUERY_NOT_REGISTERED. */
export class QueryNotRegisteredError extends SignalboxError {
  override name = 'QueryNotRegisteredError'

  constructor(message: string, fields: Fields) {
    super('SIGNALBOX_ERR_QUERY_NOT_REGISTERED', message, { fields })
  }
}

/** The attempt has ended, timed out, or its workflow has closed. Code SIGNALBOX_ERR_ACTIVITY_NOT_FOUND. */
export class ActivityNotFoundError extends SignalboxError {
  override name = 'ActivityNotFoundError'

  constructor(message: string, options?: { readonly cause?: unknown }) {
    super('SIGNALBOX_ERR_ACTIVITY_NOT_FOUND', message, options)
  }
}

/** A heartbeat's answer: the workflow asks it to stop. Code SIGNALBOX_ERR_ACTIVITY_CANCELLED. */
export class ActivityCancelledError extends SignalboxError {
  override name = 'ActivityCancelledError'

  constructor(message: string) {
    super('SIGNALBOX_ERR_ACTIVITY_CANCELLED', message)
  }
}

/**
 * The update was rejected, its handler failed, or its run closed before the handler had finished.
 * `cause` is the failure. Code SIGNALBOX_ERR_UPDATE_FAILED.
 */
export class WorkflowUpdateFailedError extends SignalboxError {
  override name = 'WorkflowUpdateFailedError'
  override readonly cause: Error | undefined

  constructor(message: string, cause: Error | undefined) {
    super('SIGNALBOX_ERR_UPDATE_FAILED', message, { cause })
    this.cause = cause
  }
}

/**
 * The wait for an update ended before the update did, by its timeout or abort signal. That changes
 * nothing for the update: ask again with its id. Code SIGNALBOX_ERR_UPDATE_TIMEOUT.
 */
export class WorkflowUpdateRPCTimeoutOrCancelledError extends SignalboxError {
  override name = 'WorkflowUpdateRPCTimeoutOrCancelledError'

  constructor(message: string, fields: Fields) {
    super('SIGNALBOX_ERR_UPDATE_TIMEOUT', message, { fields })
  }
}
