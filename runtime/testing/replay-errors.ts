import { DeterminismViolationError } from '../../actors/failures.ts'

/** A history that cannot be replayed: it is broken, or the code threw an error that is no failure. */
export class ReplayError extends Error {
  override name = 'ReplayError'
  readonly workflowId: string
  /** The event at which it came out; undefined for the history as a whole. */
  readonly eventId: number | undefined

  constructor(
    message: string,
    place: { readonly workflowId: string; readonly eventId?: number | undefined },
    options?: ErrorOptions,
  ) {
    super(message, options)
    this.workflowId = place.workflowId
    this.eventId = place.eventId
  }
}

/**
 * How code and history differ: the code asks for something else than the event says, it does not ask for
 * what the event says, or it asks for more than there are events.
 */
export type MismatchKind = 'different' | 'missing' | 'surplus'

/** Where and how code first differs from a history. */
export interface HistoryMismatch {
  readonly workflowId: string
  readonly kind: MismatchKind
  /** The event that does not fit; for a surplus the WORKFLOW_TASK_COMPLETED whose commands end too early. */
  readonly eventId: number
  /** The WORKFLOW_TASK_COMPLETED of the turn. */
  readonly taskCompletedEventId: number
  /** What history has, in words; undefined for a surplus. */
  readonly expected: string | undefined
  /** What the code asks for, in words; undefined for what is missing. */
  readonly actual: string | undefined
}

/** Today's code does not do what the history says that it did. */
export class HistoryMismatchError extends DeterminismViolationError implements HistoryMismatch {
  readonly workflowId: string
  readonly kind: MismatchKind
  readonly eventId: number
  readonly taskCompletedEventId: number
  readonly expected: string | undefined
  readonly actual: string | undefined

  constructor(mismatch: HistoryMismatch) {
    const { workflowId, eventId, expected = 'nothing more', actual = 'nothing more' } = mismatch
    super(
      `[TMPRL1100] Nondeterminism error: workflow ${workflowId}, event ${eventId}: ` +
        `the history has ${expected}, and the code now issues ${actual}`,
    )
    this.workflowId = workflowId
    this.kind = mismatch.kind
    this.eventId = eventId
    this.taskCompletedEventId = mismatch.taskCompletedEventId
    this.expected = mismatch.expected
    this.actual = mismatch.actual
  }
}
