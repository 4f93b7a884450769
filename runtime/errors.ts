/**
 * Every error that signalbox raises itself, in one table: its code, what it means in google.rpc
 * terms, the HTTP status that follows from that, and what to do. `docs/errors.md` has the same
 * table; a test compares the two. Match on `code`: it is stable, while messages may change.
 */
const table = {
  SIGNALBOX_ERR_INVALID_ARGUMENT: [
    'INVALID_ARGUMENT',
    'A field of the request is missing or wrong.',
  ],
  SIGNALBOX_ERR_INVALID_OPTION: [
    'INVALID_ARGUMENT',
    'An option of Runtime.open, of the server or of the command line is wrong.',
  ],
  SIGNALBOX_ERR_PAYLOAD_TOO_LARGE: [
    'INVALID_ARGUMENT',
    'A payload is larger than maxPayloadBytes.',
  ],
  SIGNALBOX_ERR_PAYLOAD_CONVERSION: [
    'INVALID_ARGUMENT',
    'A value cannot be turned into a payload or back.',
  ],
  SIGNALBOX_ERR_PAYLOAD_CODEC: [
    'UNAVAILABLE',
    'A payload codec failed. Nothing was written; retry once it works again.',
  ],
  SIGNALBOX_ERR_REQUEST_ID_REUSED: [
    'INVALID_ARGUMENT',
    'The request id was used before for the same workflow with another payload.',
  ],
  SIGNALBOX_ERR_WORKFLOW_NOT_FOUND: ['NOT_FOUND', 'There is no such workflow, or it has closed.'],
  SIGNALBOX_ERR_ACTIVITY_NOT_FOUND: [
    'NOT_FOUND',
    'There is no such attempt under way: it has ended, timed out, or its workflow has closed.',
  ],
  SIGNALBOX_ERR_ACTIVITY_NOT_CANCELLED: [
    'INVALID_ARGUMENT',
    'An activity can be reported as cancelled only after its cancellation was requested.',
  ],
  SIGNALBOX_ERR_ACTIVITY_CANCELLED: [
    'FAILED_PRECONDITION',
    'The workflow asks the activity to stop: report its cancellation, or its outcome.',
  ],
  SIGNALBOX_ERR_WORKFLOW_ALREADY_STARTED: [
    'ALREADY_EXISTS',
    'A workflow with this id is running, or the reuse policy forbids another run.',
  ],
  SIGNALBOX_ERR_WORKFLOW_FAILED: [
    'FAILED_PRECONDITION',
    'The workflow whose result was asked for did not complete; the cause says why.',
  ],
  SIGNALBOX_ERR_CONTINUED_AS_NEW: [
    'FAILED_PRECONDITION',
    'The run whose result was asked for continued as new.',
  ],
  SIGNALBOX_ERR_WORKFLOW_TYPE_UNKNOWN: [
    'INVALID_ARGUMENT',
    'The workflow bundle exports no function of this name.',
  ],
  SIGNALBOX_ERR_QUERY_NOT_REGISTERED: [
    'INVALID_ARGUMENT',
    'The workflow has no handler for this query.',
  ],
  SIGNALBOX_ERR_QUERY_FAILED: ['INVALID_ARGUMENT', "The workflow's query handler threw."],
  SIGNALBOX_ERR_QUERY_REJECTED: ['FAILED_PRECONDITION', 'The query reject condition held.'],
  SIGNALBOX_ERR_UPDATE_FAILED: [
    'FAILED_PRECONDITION',
    'The workflow rejected the update or its handler failed; the cause says why.',
  ],
  SIGNALBOX_ERR_UPDATE_TIMEOUT: [
    'DEADLINE_EXCEEDED',
    'The wait for an update was cancelled or took too long. The update itself goes on.',
  ],
  SIGNALBOX_ERR_UPDATE_LIMIT: [
    'FAILED_PRECONDITION',
    'The run has had as many updates as maxUpdatesPerRun allows.',
  ],
  SIGNALBOX_ERR_WORKFLOW_NOT_READY: [
    'FAILED_PRECONDITION',
    'The run is parked or quarantined; describe it to see why.',
  ],
  SIGNALBOX_ERR_WORKFLOW_PAUSED: [
    'FAILED_PRECONDITION',
    'The workflow is paused: it takes no updates and is not to be paused again. Unpause it first.',
  ],
  SIGNALBOX_ERR_WORKFLOW_NOT_PAUSED: [
    'FAILED_PRECONDITION',
    'Only a paused workflow can be unpaused.',
  ],
  SIGNALBOX_ERR_RESET_TOO_LARGE: [
    'FAILED_PRECONDITION',
    'The history that the reset would copy, with the inputs that it gives again, is larger than maxResetBytes.',
  ],
  SIGNALBOX_ERR_MAILBOX_FULL: [
    'RESOURCE_EXHAUSTED',
    'As much as the limits allow waits to be written or handled. Nothing was written; retry later.',
  ],
  SIGNALBOX_ERR_TOO_MANY_REQUESTS: [
    'RESOURCE_EXHAUSTED',
    'More requests than the API takes from this caller, or at a time. Nothing was written; retry later.',
  ],
  SIGNALBOX_ERR_PENDING_LIMIT: [
    'RESOURCE_EXHAUSTED',
    'A workflow has as much under way with other workflows as the limits allow. Its turn is parked and tried again.',
  ],
  SIGNALBOX_ERR_INDETERMINATE: [
    'UNAVAILABLE',
    'Storage failed while the request was written: it may or may not have been recorded. Retry with the same request id.',
  ],
  SIGNALBOX_ERR_RUNTIME_POISONED: [
    'UNAVAILABLE',
    'An earlier storage error stopped this runtime; open it anew once the cause is mended.',
  ],
  SIGNALBOX_ERR_RUNTIME_CLOSED: ['UNAVAILABLE', 'The runtime is closing or closed.'],
  SIGNALBOX_ERR_DATA_DIR_LOCKED: [
    'FAILED_PRECONDITION',
    'Another process has the data folder open.',
  ],
  SIGNALBOX_ERR_DATA_DIR_INCOMPATIBLE: [
    'FAILED_PRECONDITION',
    'The data folder was made by a version that this one cannot read, or is not one of signalbox.',
  ],
  SIGNALBOX_ERR_JOURNAL_CORRUPT: ['DATA_LOSS', 'A journal record is damaged or missing.'],
  SIGNALBOX_ERR_BUNDLE_FAILED: [
    'FAILED_PRECONDITION',
    'The workflow code could not be bundled or loaded.',
  ],
  SIGNALBOX_ERR_UNAUTHENTICATED: ['UNAUTHENTICATED', 'The request has no valid token.'],
  SIGNALBOX_ERR_PERMISSION_DENIED: ['PERMISSION_DENIED', 'The token is valid, and not for this.'],
  SIGNALBOX_ERR_NOT_IMPLEMENTED: ['UNIMPLEMENTED', 'The feature is not part of this version.'],
  SIGNALBOX_ERR_INTERNAL: ['INTERNAL', 'A defect of signalbox; please report it.'],
} as const satisfies Record<string, readonly [status: StatusName, meaning: string]>

export type StatusName =
  | 'INVALID_ARGUMENT'
  | 'NOT_FOUND'
  | 'ALREADY_EXISTS'
  | 'FAILED_PRECONDITION'
  | 'RESOURCE_EXHAUSTED'
  | 'DEADLINE_EXCEEDED'
  | 'UNAUTHENTICATED'
  | 'PERMISSION_DENIED'
  | 'UNIMPLEMENTED'
  | 'UNAVAILABLE'
  | 'INTERNAL'
  | 'DATA_LOSS'

export type ErrorCode = keyof typeof table

/** The table of all codes: google.rpc status name and meaning by code. */
export const errorTable: Readonly<
  Record<ErrorCode, readonly [status: StatusName, meaning: string]>
> = table

const brand = Symbol.for('signalbox.error')

/**
 * An error of signalbox itself. `code` is one of {@link errorTable}; `fields` has the particulars
 * that a program may want, such as the run id of the workflow that is in the way.
 */
export class SignalboxError extends Error {
  override name = 'SignalboxError'
  readonly code: ErrorCode
  /** The google.rpc status name, from which the HTTP status follows. */
  readonly status: StatusName
  readonly fields: Readonly<Record<string, unknown>>

  constructor(
    code: ErrorCode,
    message: string,
    options?: { readonly cause?: unknown; readonly fields?: Readonly<Record<string, unknown>> },
  ) {
    super(message, options?.cause === undefined ? undefined : { cause: options.cause })
    this.code = code
    this.status = errorTable[code][0]
    this.fields = options?.fields ?? {}
    Object.defineProperty(this, brand, { value: true })
  }

  /** True for errors of any loaded copy of signalbox. */
  static override [Symbol.hasInstance](value: unknown): boolean {
    if (this !== SignalboxError) return Function.prototype[Symbol.hasInstance].call(this, value)
    return typeof value === 'object' && value !== null && brand in value
  }
}
