import type { Failure, RetryState, TimeoutType } from './failure.ts'
import type { Duration } from './workflow/duration.ts'

/**
 * The error classes of workflows, shared by the host and by every workflow context. Each context has
 * its own copy, so `instanceof` goes by a registered symbol on the prototype: an error is recognised
 * whichever copy of the class made it. The symbols are Temporal's, so that its classes are, too.
 */
function brand(type: { readonly prototype: object }, name: string): void {
  const marker = Symbol.for(`__temporal_is${name}`)
  Object.defineProperty(type.prototype, 'name', {
    value: name,
    enumerable: true,
    configurable: true,
    writable: true,
  })
  Object.defineProperty(type.prototype, marker, { value: true })
  Object.defineProperty(type, Symbol.hasInstance, {
    value(this: { readonly prototype: object }, error: unknown): boolean {
      // A subclass without a brand of its own inherits this method; for it the prototype chain rules,
      // or else every instance of the parent would count as an instance of the subclass.
      if (this !== type) return Object.prototype.isPrototypeOf.call(this.prototype, Object(error))
      return typeof error === 'object' && error !== null && marker in error
    },
  })
}

/** `'BENIGN'` marks a failure that is expected and should not raise an alarm. */
export const ApplicationFailureCategory = { BENIGN: 'BENIGN' } as const
export type ApplicationFailureCategory =
  (typeof ApplicationFailureCategory)[keyof typeof ApplicationFailureCategory]

/** The base of all failures that may travel between workflows, activities and clients. */
export class TemporalFailure extends Error {
  /** The failure as data, if this error was made from one. */
  failure?: Failure
  override readonly cause?: Error

  constructor(message?: string | null, cause?: Error) {
    super(message ?? undefined)
    if (cause !== undefined) this.cause = cause
  }
}
brand(TemporalFailure, 'TemporalFailure')

/** An error of the engine rather than of user code. */
export class ServerFailure extends TemporalFailure {
  readonly nonRetryable: boolean

  constructor(message: string | undefined, nonRetryable: boolean, cause?: Error) {
    super(message, cause)
    this.nonRetryable = nonRetryable
  }
}
brand(ServerFailure, 'ServerFailure')

export interface ApplicationFailureOptions {
  message?: string
  /** What retry policies match; the name of the error class is customary. */
  type?: string
  /** True: no retry policy tries again. Default false. */
  nonRetryable?: boolean
  /** Values for whoever catches it; they are turned into payloads. */
  details?: unknown[]
  /** Overrides the retry policy's interval before the next attempt. */
  nextRetryDelay?: Duration
  cause?: Error
  category?: ApplicationFailureCategory
}

/**
 * A failure of user code. Thrown by a workflow it fails the workflow; thrown by an activity it is
 * retried unless `nonRetryable` or its `type` is in the retry policy's `nonRetryableErrorTypes`.
 */
export class ApplicationFailure extends TemporalFailure {
  readonly type?: string | undefined | null
  readonly nonRetryable?: boolean | undefined | null
  readonly details?: unknown[] | undefined | null
  readonly nextRetryDelay?: Duration | undefined | null
  readonly category?: ApplicationFailureCategory | undefined | null

  /** Prefer {@link ApplicationFailure.create}. */
  constructor(
    message?: string | null,
    type?: string | null,
    nonRetryable?: boolean | null,
    details?: unknown[] | null,
    cause?: Error,
    nextRetryDelay?: Duration | null,
    category?: ApplicationFailureCategory | null,
  ) {
    super(message, cause)
    this.type = type
    this.nonRetryable = nonRetryable
    this.details = details
    this.nextRetryDelay = nextRetryDelay
    this.category = category
  }

  /** The failure for any error: itself if it is one, else with its message, class name, stack and cause. */
  static fromError(error: unknown, overrides?: ApplicationFailureOptions): ApplicationFailure {
    return Object.assign(ensureApplicationFailure(error), overrides)
  }

  static create(options: ApplicationFailureOptions): ApplicationFailure {
    const {
      message,
      type,
      nonRetryable = false,
      details,
      cause,
      nextRetryDelay,
      category,
    } = options
    return new this(message, type, nonRetryable, details, cause, nextRetryDelay, category)
  }

  /** A failure that retry policies may try again. */
  static retryable(
    message?: string | null,
    type?: string | null,
    ...details: unknown[]
  ): ApplicationFailure {
    return new this(message, type ?? 'Error', false, details)
  }

  /** A failure that no retry policy tries again. */
  static nonRetryable(
    message?: string | null,
    type?: string | null,
    ...details: unknown[]
  ): ApplicationFailure {
    return new this(message, type ?? 'Error', true, details)
  }
}
brand(ApplicationFailure, 'ApplicationFailure')

/** Thrown where work was cancelled. */
export class CancelledFailure extends TemporalFailure {
  readonly details: unknown[]

  constructor(message: string | undefined, details: unknown[] = [], cause?: Error) {
    super(message, cause)
    this.details = details
  }
}
brand(CancelledFailure, 'CancelledFailure')

/** The workflow was terminated. */
export class TerminatedFailure extends TemporalFailure {}
brand(TerminatedFailure, 'TerminatedFailure')

/** Something took longer than it was allowed to. */
export class TimeoutFailure extends TemporalFailure {
  readonly lastHeartbeatDetails: unknown
  readonly timeoutType: TimeoutType

  constructor(
    message: string | undefined,
    lastHeartbeatDetails: unknown,
    timeoutType: TimeoutType,
  ) {
    super(message)
    this.lastHeartbeatDetails = lastHeartbeatDetails
    this.timeoutType = timeoutType
  }
}
brand(TimeoutFailure, 'TimeoutFailure')

/** What a workflow sees when an activity failed for good; the reason is its `cause`. */
export class ActivityFailure extends TemporalFailure {
  readonly activityType: string
  readonly activityId: string | undefined
  readonly retryState: RetryState
  readonly identity: string | undefined

  constructor(
    message: string | undefined,
    activityType: string,
    activityId: string | undefined,
    retryState: RetryState,
    identity: string | undefined,
    cause?: Error,
  ) {
    super(message, cause)
    this.activityType = activityType
    this.activityId = activityId
    this.retryState = retryState
    this.identity = identity
  }
}
brand(ActivityFailure, 'ActivityFailure')

/** What a workflow sees when a child workflow failed; the reason is its `cause`. */
export class ChildWorkflowFailure extends TemporalFailure {
  readonly namespace: string | undefined
  readonly execution: { readonly workflowId: string; readonly runId: string }
  readonly workflowType: string
  readonly retryState: RetryState

  constructor(
    namespace: string | undefined,
    execution: { readonly workflowId: string; readonly runId: string },
    workflowType: string,
    retryState: RetryState,
    cause?: Error,
  ) {
    super('Child Workflow execution failed', cause)
    this.namespace = namespace
    this.execution = execution
    this.workflowType = workflowType
    this.retryState = retryState
  }
}
brand(ChildWorkflowFailure, 'ChildWorkflowFailure')

/** A workflow with this id is running, or the reuse policy forbids another run. */
export class WorkflowExecutionAlreadyStartedError extends TemporalFailure {
  readonly workflowId: string
  readonly workflowType: string

  constructor(message: string, workflowId: string, workflowType: string) {
    super(message)
    this.workflowId = workflowId
    this.workflowType = workflowType
  }
}
brand(WorkflowExecutionAlreadyStartedError, 'WorkflowExecutionAlreadyStartedError')

/** A value that an API cannot take. */
export class ValueError extends Error {
  override readonly cause?: unknown

  constructor(message: string | undefined, cause?: unknown) {
    super(message)
    if (cause !== undefined) this.cause = cause
  }
}
brand(ValueError, 'ValueError')

/** A value could not be turned into a payload, or a payload into a value. */
export class PayloadConverterError extends ValueError {}
brand(PayloadConverterError, 'PayloadConverterError')

/** A call that is not possible in the state things are in. */
export class IllegalStateError extends Error {}
brand(IllegalStateError, 'IllegalStateError')

/** There is no such workflow, or it has closed. */
export class WorkflowNotFoundError extends Error {
  readonly workflowId: string
  readonly runId: string | undefined

  constructor(message: string, workflowId: string, runId: string | undefined) {
    super(message)
    this.workflowId = workflowId
    this.runId = runId
  }
}
brand(WorkflowNotFoundError, 'WorkflowNotFoundError')

export class NamespaceNotFoundError extends Error {
  readonly namespace: string

  constructor(namespace: string) {
    super(`Namespace not found: '${namespace}'`)
    this.namespace = namespace
  }
}
brand(NamespaceNotFoundError, 'NamespaceNotFoundError')

/** Thrown by an activity that something else will complete. */
export class CompleteAsyncError extends Error {}
brand(CompleteAsyncError, 'CompleteAsyncError')

/**
 * A payload says that it is kept outside, and nothing here is configured to fetch it. Never thrown by
 * signalbox, which has no storage outside: a codec of one's own may have one, and throw it.
 */
export class ExternalStorageNotConfiguredError extends Error {
  constructor(
    message = 'Detected externally stored payload(s) but external storage is not configured.',
  ) {
    super(`[TMPRL1105] ${message}`)
  }
}
brand(ExternalStorageNotConfiguredError, 'ExternalStorageNotConfiguredError')

/** The base of errors in the use of the workflow API. */
export class WorkflowError extends Error {}
brand(WorkflowError, 'WorkflowError')

/** Workflow code did something that replay could not repeat. */
export class DeterminismViolationError extends WorkflowError {}
brand(DeterminismViolationError, 'DeterminismViolationError')

/** True for a cancellation, also one that an activity or a child workflow reports as its cause. */
export function isCancellation(error: unknown): boolean {
  if (error instanceof CancelledFailure) return true
  return (
    (error instanceof ActivityFailure || error instanceof ChildWorkflowFailure) &&
    error.cause instanceof CancelledFailure
  )
}

/** The message of the innermost cause of a failure. */
export function rootCause(error: unknown): string | undefined {
  if (error instanceof TemporalFailure) {
    return error.cause ? rootCause(error.cause) : error.message
  }
  if (isErrorLike(error)) return error.message
  return typeof error === 'string' ? error : undefined
}

/** `error` itself if it is an ApplicationFailure, else one made from it. */
export function ensureApplicationFailure(error: unknown): ApplicationFailure {
  if (error instanceof ApplicationFailure) return error
  const record = typeof error === 'object' && error !== null ? (error as ErrorFields) : undefined
  const message = (record && String(record.message)) || String(error)
  const type = record ? (record.constructor?.name ?? record.name) : undefined
  const cause = record && isErrorLike(record.cause) ? record.cause : undefined
  const failure = new ApplicationFailure(
    message,
    typeof type === 'string' ? type : undefined,
    false,
    undefined,
    cause,
  )
  failure.stack = (record && String(record.stack)) || ''
  return failure
}

/** `error` itself if it is a TemporalFailure, else an ApplicationFailure made from it. */
export function ensureTemporalFailure(error: unknown): TemporalFailure {
  return error instanceof TemporalFailure ? error : ensureApplicationFailure(error)
}

/** True for errors of any realm: an object with a name, a message and no odd stack. */
export function isErrorLike(error: unknown): error is Error {
  if (typeof error !== 'object' || error === null) return false
  const { name, message, stack } = error as ErrorFields
  return (
    typeof name === 'string' &&
    typeof message === 'string' &&
    (stack === undefined || stack === null || typeof stack === 'string')
  )
}

interface ErrorFields {
  readonly constructor?: { readonly name?: unknown }
  readonly name?: unknown
  readonly message?: unknown
  readonly stack?: unknown
  readonly cause?: unknown
}
