import type { Failure } from './failure.ts'
import type { RetryPolicyData } from './inputs.ts'
import type { EncodedPayload, Payload, PayloadMap } from './payload.ts'

/**
 * What a turn asks for. The journal holds the commands of every turn; replay compares the kind and
 * the key attributes (see `commandIdentity`) of what the code asks for now with what it asked for then.
 */
export type Command =
  | ScheduleActivityCommand
  | { readonly kind: 'requestCancelActivity'; readonly seq: number }
  | ScheduleLocalActivityCommand
  | CancelLocalActivityCommand
  | StartChildCommand
  | CancelChildCommand
  | SignalExternalCommand
  | CancelExternalCommand
  | {
      readonly kind: 'startTimer'
      readonly seq: number
      readonly delayMs: number
      /** When it is due, in milliseconds since the epoch. The actor adds it: turn time + delay. */
      readonly dueTime?: number
      /** Text; with payload codecs, what they made of it. */
      readonly summary?: string | EncodedPayload
    }
  | {
      readonly kind: 'cancelTimer'
      readonly seq: number
      /** That of the timer, added by the actor: the timer index is by due time. */
      readonly dueTime?: number
    }
  | UpdateCommand
  | SetPatchMarkerCommand
  | {
      readonly kind: 'upsertSearchAttributes'
      /** What changes: a payload of null or of an empty list removes. */
      readonly searchAttributes: PayloadMap
    }
  | {
      readonly kind: 'upsertMemo'
      /** What changes: a null payload removes. */
      readonly memo: PayloadMap
    }
  | TerminalCommand

/**
 * What became of an update. `seq` is the number of its input, so that replay finds the same update; a
 * turn that handled one accepts or rejects it, and the turn that accepted it or a later one completes it.
 */
export type UpdateCommand =
  | { readonly kind: 'acceptUpdate'; readonly seq: number; readonly updateId: string }
  | {
      readonly kind: 'completeUpdate'
      readonly seq: number
      readonly updateId: string
      readonly outcome: UpdateOutcome
    }
  /** Leaves no event and no change of state: a replay does not show the update to the code at all. */
  | {
      readonly kind: 'rejectUpdate'
      readonly seq: number
      readonly updateId: string
      readonly failure: Failure
    }

export type UpdateOutcome = { readonly result: Payload } | { readonly failure: Failure }

/** The commands that end a run; the first one of a run wins and is the last command of its turn. */
export type TerminalCommand =
  | { readonly kind: 'completeWorkflow'; readonly result: Payload }
  | { readonly kind: 'failWorkflow'; readonly failure: Failure }
  | { readonly kind: 'cancelWorkflow'; readonly details?: readonly Payload[] }
  | ContinueAsNewCommand

/** Recorded where `patched` or `deprecatePatch` is true for the first time in a run. */
export interface SetPatchMarkerCommand {
  readonly kind: 'setPatchMarker'
  readonly patchId: string
  readonly deprecated: boolean
  /** All patches of the run until now, for the search attribute TemporalChangeVersion. Missing if they are too long. */
  readonly changeVersions?: readonly string[]
}

export interface ScheduleActivityCommand {
  readonly kind: 'scheduleActivity'
  /** Dense per run from 1, over activities alone; the default activity id is its decimal form. */
  readonly seq: number
  readonly activityId: string
  readonly activityType: string
  readonly args: readonly Payload[]
  readonly headers?: PayloadMap
  readonly taskQueue?: string
  /** At least one of startToClose and scheduleToClose is set. */
  readonly startToCloseTimeoutMs?: number
  readonly scheduleToCloseTimeoutMs?: number
  readonly scheduleToStartTimeoutMs?: number
  readonly heartbeatTimeoutMs?: number
  readonly retryPolicy: RetryPolicyData
  readonly cancellationType: 'TRY_CANCEL' | 'WAIT_CANCELLATION_COMPLETED' | 'ABANDON'
  readonly summary?: string | EncodedPayload
}

/**
 * Run an activity without an event of its own: history shows its outcome alone, as a marker. Journaled
 * like any command, so that it runs again if the process ends before its outcome is there.
 */
export interface ScheduleLocalActivityCommand {
  readonly kind: 'scheduleLocalActivity'
  /** Of the same numbers as other activities. */
  readonly seq: number
  readonly activityId: string
  readonly activityType: string
  readonly args: readonly Payload[]
  readonly headers?: PayloadMap
  readonly taskQueue?: string
  readonly startToCloseTimeoutMs?: number
  readonly scheduleToCloseTimeoutMs?: number
  readonly scheduleToStartTimeoutMs?: number
  readonly heartbeatTimeoutMs?: undefined
  readonly retryPolicy: RetryPolicyData
  readonly cancellationType: 'TRY_CANCEL' | 'WAIT_CANCELLATION_COMPLETED' | 'ABANDON'
  readonly summary?: string
  /** The first attempt of this command, from 1; those before it were other commands'. */
  readonly attempt: number
  /** When the first of those commands was issued, in milliseconds since the epoch. */
  readonly originalScheduleTime?: number
  /** A wait before a retry that is longer than this is left to a timer of the workflow. */
  readonly localRetryThresholdMs: number
}

/** Cancel a local activity that has no outcome. */
export interface CancelLocalActivityCommand {
  readonly kind: 'cancelLocalActivity'
  readonly seq: number
  /** Set if the workflow does not wait for its end: this is its outcome, and history shows it. */
  readonly resolved?: {
    readonly activityId: string
    readonly activityType: string
    readonly attempt: number
    readonly originalScheduleTime?: number
    /** Its function is not told either. */
    readonly abandoned: boolean
  }
}

export interface StartChildCommand {
  readonly kind: 'startChildWorkflow'
  /** Dense per run from 1, over child workflows alone. */
  readonly seq: number
  readonly workflowId: string
  readonly workflowType: string
  readonly args: readonly Payload[]
  readonly taskQueue: string
  readonly executionTimeoutMs?: number
  readonly runTimeoutMs?: number
  readonly taskTimeoutMs?: number
  readonly retryPolicy?: RetryPolicyData
  readonly cronSchedule?: string
  readonly idReusePolicy?: ChildIdReusePolicy
  readonly parentClosePolicy: ParentClosePolicyName
  readonly cancellationType: ChildCancellationTypeName
  readonly memo?: PayloadMap
  readonly searchAttributes?: PayloadMap
  readonly headers?: PayloadMap
  readonly summary?: string
  readonly details?: string
}

export type ParentClosePolicyName = 'TERMINATE' | 'ABANDON' | 'REQUEST_CANCEL'
export type ChildCancellationTypeName =
  'ABANDON' | 'TRY_CANCEL' | 'WAIT_CANCELLATION_COMPLETED' | 'WAIT_CANCELLATION_REQUESTED'
export type ChildIdReusePolicy =
  'ALLOW_DUPLICATE' | 'ALLOW_DUPLICATE_FAILED_ONLY' | 'REJECT_DUPLICATE' | 'TERMINATE_IF_RUNNING'

/** Asks a child that was started before to cancel itself. */
export interface CancelChildCommand {
  readonly kind: 'cancelChildWorkflow'
  /** The number of the child. */
  readonly seq: number
  readonly workflowId: string
  /** The child's first run; missing while its start is not known. */
  readonly runId?: string
}

export interface SignalExternalCommand {
  readonly kind: 'signalExternalWorkflow'
  /** Dense per run from 1, over signals to other workflows alone. */
  readonly seq: number
  readonly workflowId: string
  readonly runId?: string
  /** The target must be a child of this run. */
  readonly childOnly?: boolean
  readonly signalName: string
  readonly args: readonly Payload[]
  readonly headers?: PayloadMap
}

export interface CancelExternalCommand {
  readonly kind: 'cancelExternalWorkflow'
  /** Dense per run from 1, over cancellations of external workflows alone. */
  readonly seq: number
  readonly workflowId: string
  readonly runId?: string
}

export interface ContinueAsNewCommand {
  readonly kind: 'continueAsNew'
  readonly workflowType: string
  readonly args: readonly Payload[]
  readonly taskQueue?: string
  readonly runTimeoutMs?: number
  readonly taskTimeoutMs?: number
  /** The new run's first turn waits this long. */
  readonly backoffMs?: number
  readonly memo?: PayloadMap
  readonly searchAttributes?: PayloadMap
  readonly headers?: PayloadMap
  /**
   * The sequence numbers of signals that this run was given and nobody has taken yet: buffered
   * without a handler, or waiting in a channel. They move to the new run, in this order, ascending.
   */
  readonly carriedSeqs: readonly number[]
}

export function isTerminal(command: Command): command is TerminalCommand {
  switch (command.kind) {
    case 'completeWorkflow':
    case 'failWorkflow':
    case 'cancelWorkflow':
    case 'continueAsNew':
      return true
    default:
      return false
  }
}

/**
 * The part of a command that replay compares: its kind and the attributes by which the history
 * would find it again. Arguments, timeouts and results are free to change between deployments, as
 * they are in Temporal.
 */
export function commandIdentity(command: Command): string {
  switch (command.kind) {
    case 'scheduleActivity':
      return `scheduleActivity ${command.seq} ${command.activityType} id=${command.activityId}`
    case 'scheduleLocalActivity':
      return `scheduleLocalActivity ${command.seq} ${command.activityType}`
    case 'startChildWorkflow':
      return `startChildWorkflow ${command.seq} ${command.workflowType} id=${command.workflowId}`
    case 'cancelLocalActivity':
    case 'requestCancelActivity':
    case 'startTimer':
    case 'cancelTimer':
    case 'cancelChildWorkflow':
    case 'signalExternalWorkflow':
    case 'cancelExternalWorkflow':
    case 'acceptUpdate':
    case 'completeUpdate':
    case 'rejectUpdate':
      return `${command.kind} ${command.seq}`
    case 'setPatchMarker':
      return `setPatchMarker ${command.patchId}`
    default:
      return command.kind
  }
}

/**
 * Whether a turn's commands are those that the journal has for it, as Temporal compares them: a marker
 * of a deprecated patch may be missing from the code by now, and a marker that the code asks for may
 * be missing from the journal; everything else must be there in the same order.
 */
export function isSameTurn(ofJournal: readonly Command[], ofCode: readonly Command[]): boolean {
  const journaled = withoutRejections(ofJournal)
  const issued = withoutRejections(ofCode)
  let then = 0
  let now = 0
  while (then < journaled.length || now < issued.length) {
    const recorded = journaled[then]
    const asked = issued[now]
    if (recorded !== undefined && asked !== undefined) {
      if (commandIdentity(recorded) === commandIdentity(asked)) {
        then++
        now++
        continue
      }
    }
    if (recorded?.kind === 'setPatchMarker') {
      if (!recorded.deprecated) return false
      then++
    } else if (asked?.kind === 'setPatchMarker') now++
    else return false
  }
  return true
}

/** Updates that were rejected are not shown to a replay. */
function withoutRejections(commands: readonly Command[]): readonly Command[] {
  const isRejection = ({ kind }: Command): boolean => kind === 'rejectUpdate'
  return commands.some(isRejection) ? commands.filter((command) => !isRejection(command)) : commands
}
