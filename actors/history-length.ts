import type { Command } from './commands.ts'
import type { Failure } from './failure.ts'
import {
  type ActivityResolution,
  type Input,
  InputKind,
  type LocalActivityResolution,
} from './inputs.ts'
import type { Payload, PayloadMap } from './payload.ts'

/*
 * How long a run's history is, counted as the events that it exports to. Counted twice, by the actor
 * for `workflowInfo()` and by the export for the ids of events, from the same inputs and commands:
 * the two must agree, or code that continues as new by its history length would replay differently.
 *
 * An activation's history length is the id of its WORKFLOW_TASK_STARTED: the events of all turns
 * before it, those of its own inputs, and the first two of its workflow task.
 */

/** WORKFLOW_TASK_SCHEDULED, _STARTED and _COMPLETED: what a turn writes beside inputs and commands. */
export const WORKFLOW_TASK_EVENTS = 3
/** Of these, how many are there before the code runs. */
export const EVENTS_BEFORE_CODE_RUNS = 2

const SUGGESTED_EVENTS = 4_096
const SUGGESTED_BYTES = 4 * 1024 * 1024

/** Whether it is time to continue as new: at 4,096 events or 4 MiB, as on Temporal's server. */
export function isContinueAsNewSuggested(historyLength: number, historySize: number): boolean {
  return historyLength >= SUGGESTED_EVENTS || historySize >= SUGGESTED_BYTES
}

export const SuggestContinueAsNewReason = {
  HISTORY_SIZE_TOO_LARGE: 'HISTORY_SIZE_TOO_LARGE',
  TOO_MANY_HISTORY_EVENTS: 'TOO_MANY_HISTORY_EVENTS',
  TOO_MANY_UPDATES: 'TOO_MANY_UPDATES',
} as const
/** Why a run should continue as new. */
export type SuggestContinueAsNewReason =
  (typeof SuggestContinueAsNewReason)[keyof typeof SuggestContinueAsNewReason]

export function continueAsNewReasons(
  historyLength: number,
  historySize: number,
): readonly SuggestContinueAsNewReason[] {
  const reasons: SuggestContinueAsNewReason[] = []
  if (historySize >= SUGGESTED_BYTES) reasons.push('HISTORY_SIZE_TOO_LARGE')
  if (historyLength >= SUGGESTED_EVENTS) reasons.push('TOO_MANY_HISTORY_EVENTS')
  return reasons
}

/**
 * The number of history events of an input that a turn handles. An update has none: its event is that
 * of its acceptance.
 */
export function eventsOfInput(input: Input): number {
  if (input[0] === InputKind.updateRequested) return 0
  // The workflow task that was begun, and failed by the reset.
  if (input[0] === InputKind.reset) return WORKFLOW_TASK_EVENTS
  // ACTIVITY_TASK_STARTED is written with the outcome, as Temporal does for activities with retries.
  return input[0] === InputKind.activityResolved ? 2 : 1
}

/** Whether an input has an event in history and no turn: what operators do to a run, its code does not see. */
export function isTurnless(input: Input): boolean {
  return input[0] === InputKind.paused || input[0] === InputKind.unpaused
}

/** The number of history events of a command: none of a rejection, which leaves no trace. */
export function eventsOfCommand(command: Command): number {
  switch (command.kind) {
    case 'rejectUpdate':
      return 0
    case 'setPatchMarker':
      // The marker, and the upsert of TemporalChangeVersion after it.
      return command.changeVersions === undefined ? 1 : 2
    case 'scheduleLocalActivity':
      return 0
    case 'cancelLocalActivity':
      // One that is waited for is recorded with its outcome.
      return command.resolved === undefined ? 0 : 1
    default:
      return 1
  }
}

/** About what an event of no great content takes. */
const EVENT_BYTES = 64

/** An estimate of an input's bytes in history; the same on every replay. For an update, once accepted. */
export function bytesOfInput(input: Input): number {
  switch (input[0]) {
    case InputKind.signaled: {
      const attributes = input[4]
      const header = attributes === undefined ? 0 : bytesOfMap(attributes.headers)
      return EVENT_BYTES + input[2].length + bytesOfPayloads(input[3]) + header
    }
    case InputKind.started: {
      const { args, headers, memo, searchAttributes } = input[2]
      const maps = bytesOfMap(headers) + bytesOfMap(memo) + bytesOfMap(searchAttributes)
      return EVENT_BYTES + bytesOfPayloads(args) + maps
    }
    case InputKind.localActivityResolved:
      return EVENT_BYTES + bytesOfOutcome(input[3])
    case InputKind.activityResolved:
      return 2 * EVENT_BYTES + bytesOfOutcome(input[3])
    case InputKind.childResolved: {
      const resolution = input[3]
      if (resolution.status === 'completed') return EVENT_BYTES + bytesOfPayload(resolution.result)
      if (resolution.status === 'failed') return EVENT_BYTES + bytesOfFailure(resolution.failure)
      return EVENT_BYTES
    }
    case InputKind.updateRequested:
      return (
        EVENT_BYTES + input[3].length + bytesOfPayloads(input[4]) + bytesOfMap(input[5]?.headers)
      )
    default:
      return EVENT_BYTES
  }
}

/** An estimate of a command's bytes in history; the same on every replay. */
export function bytesOfCommand(command: Command): number {
  switch (command.kind) {
    case 'scheduleActivity':
      return EVENT_BYTES + bytesOfPayloads(command.args) + bytesOfMap(command.headers)
    case 'startChildWorkflow': {
      const { args, headers, memo, searchAttributes } = command
      const maps = bytesOfMap(headers) + bytesOfMap(memo) + bytesOfMap(searchAttributes)
      return EVENT_BYTES + bytesOfPayloads(args) + maps
    }
    case 'signalExternalWorkflow':
      return EVENT_BYTES + bytesOfPayloads(command.args) + bytesOfMap(command.headers)
    case 'scheduleLocalActivity':
      return 0
    case 'completeWorkflow':
      return EVENT_BYTES + bytesOfPayload(command.result)
    case 'failWorkflow':
      return EVENT_BYTES + bytesOfFailure(command.failure)
    case 'continueAsNew':
      return EVENT_BYTES + bytesOfPayloads(command.args)
    case 'completeUpdate': {
      const { outcome } = command
      return (
        EVENT_BYTES +
        ('result' in outcome ? bytesOfPayload(outcome.result) : bytesOfFailure(outcome.failure))
      )
    }
    // The event of an acceptance holds the request: counted from the input.
    case 'acceptUpdate':
    case 'rejectUpdate':
      return 0
    case 'upsertSearchAttributes':
      return EVENT_BYTES + bytesOfMap(command.searchAttributes)
    case 'upsertMemo':
      return EVENT_BYTES + bytesOfMap(command.memo)
    case 'setPatchMarker':
      return eventsOfCommand(command) * EVENT_BYTES + command.patchId.length
    default:
      return EVENT_BYTES
  }
}

function bytesOfPayloads(payloads: readonly Payload[] | undefined): number {
  let bytes = 0
  if (payloads !== undefined) for (const payload of payloads) bytes += bytesOfPayload(payload)
  return bytes
}

function bytesOfPayload(payload: Payload): number {
  if (payload === null) return 0
  // Characters rather than bytes of UTF-8: it is an estimate, and counting bytes would read them all.
  if (typeof payload === 'string' || payload instanceof Uint8Array) return payload.length
  return payload.data.length
}

function bytesOfMap(map: PayloadMap | undefined): number {
  let bytes = 0
  if (map !== undefined) {
    for (const [name, payload] of Object.entries(map))
      bytes += name.length + bytesOfPayload(payload)
  }
  return bytes
}

function bytesOfOutcome(outcome: ActivityResolution | LocalActivityResolution): number {
  return outcome.status === 'completed'
    ? bytesOfPayload(outcome.result)
    : bytesOfFailure(outcome.failure)
}

function bytesOfFailure(failure: Failure): number {
  return (
    failure.message.length +
    (failure.stackTrace?.length ?? 0) +
    bytesOfPayloads(failure.applicationFailureInfo?.details) +
    (failure.cause === undefined ? 0 : bytesOfFailure(failure.cause))
  )
}
