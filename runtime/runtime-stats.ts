import type { ActivityOutcomeName } from './diagnostics.ts'
import type { ErrorCode } from './errors.ts'
import type { WorkflowStatus } from './workflow-service.ts'

/** What inputs are, in counts of them. */
export const INPUT_KINDS = [
  'start',
  'signal',
  'update',
  'cancel',
  'timer',
  'activity',
  'child',
  'external',
  'pause',
  'reset',
  'close',
] as const
export type InputKindName = (typeof INPUT_KINDS)[number]

/** A call of the service that may be refused. */
export type RejectableOperation =
  'start' | 'signal' | 'signalWithStart' | 'update' | 'updateWithStart' | 'cancel' | 'terminate'

/**
 * Where a runtime stands, and what it has done since it was opened. Counts only grow; they are of this
 * runtime alone and begin at 0 with each open.
 */
export interface RuntimeStats {
  readonly state: 'recovering' | 'serving' | 'draining' | 'poisoned' | 'closed'
  readonly inputs: {
    /** Since open, by what they are. An update's and a signal's senders are clients, or workflows. */
    readonly accepted: Readonly<Record<InputKindName, number>>
    /** Their turns have ended. */
    readonly processed: number
    /** Waiting in all mailboxes now, quarantined ones included. */
    readonly waiting: number
    /** Bytes accepted and not durable yet. */
    readonly uncommittedBytes: number
  }
  readonly rejected: readonly {
    readonly operation: RejectableOperation
    readonly code: ErrorCode
    readonly count: number
  }[]
  readonly commits: {
    readonly count: number
    readonly records: number
    readonly inputs: number
  }
  readonly runs: {
    /** Known to the host now. */
    readonly inMemory: number
    /** With a live actor now: `limits.maxCachedWorkflows` bounds them. */
    readonly cached: number
    /** Built by doing their history again, and the inputs that this took. */
    readonly replays: number
    readonly replayedInputs: number
    /** Parked now; and how often a turn failed. */
    readonly parked: number
    readonly parks: number
    /** Quarantined now, whenever that was; and how often since open. */
    readonly quarantined: number
    readonly quarantines: number
    readonly closed: Readonly<Partial<Record<WorkflowStatus, number>>>
  }
  readonly slots: readonly SlotStats[]
  readonly timers: {
    /** In memory: those due within about a minute. Later ones are in the journal alone. */
    readonly near: number
    readonly fired: number
    /** How late the next one already is, in milliseconds. */
    readonly lateMs: number
  }
  readonly activities: {
    /** Without an outcome now: running, waiting for a place or for their next attempt. */
    readonly pending: number
    /** Functions that run now. */
    readonly running: number
    /** Due, and waiting for one of `limits.maxConcurrentActivities` places. */
    readonly queued: number
    /** Attempts that failed and are followed by another. */
    readonly retries: number
    /** Names that no function is registered under are counted as `other`. */
    readonly outcomes: readonly {
      readonly activityType: string
      readonly outcome: ActivityOutcomeName
      readonly count: number
    }[]
  }
}

export interface SlotStats {
  readonly index: number
  readonly ready: boolean
  /** Turns since open, replayed ones and queries included. */
  readonly turns: number
  /** Workers that died or were ended. */
  readonly deaths: number
  /** Bytes sent and not handled yet: `limits.slotWindowBytes` bounds them. */
  readonly outstandingBytes: number
}
