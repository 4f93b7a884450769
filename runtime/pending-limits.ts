import type { Command } from '../actors/commands.ts'
import type { TurnCommands } from '../actors/records.ts'
import type { TurnError } from '../actors/turns.ts'
import { checkAttributes } from './check-attributes.ts'
import { checkSchedule } from './check-schedule.ts'
import { SignalboxError } from './errors.ts'
import { checkIdentifier } from './identifiers.ts'
import type { Limits } from './options.ts'
import { checkPayloadMap, checkPayloads } from './payload-size.ts'

/** What a run has under way. */
export interface PendingCounts {
  /** Without an outcome; not local ones. */
  readonly activities: number
  readonly children: number
  /** Signals and cancellations that wait for their target's close to be decided. */
  readonly signals: number
  readonly cancels: number
}

export interface RefusedTurn {
  /** Among the turns that were looked at. */
  readonly index: number
  readonly error: TurnError
}

/**
 * The first of the turns that asks for what cannot be given: a workflow id or a search attribute that cannot
 * be, a payload that is too large, more children than a run may have. Such a turn is not committed: its run is
 * parked, as Temporal fails the workflow task.
 */
export function firstRefusedTurn(
  turns: readonly TurnCommands[],
  before: () => PendingCounts,
  limits: Limits,
): RefusedTurn | undefined {
  let counts: { -readonly [K in keyof PendingCounts]: PendingCounts[K] } | undefined
  for (let index = 0; index < turns.length; index++) {
    const [, commands] = turns[index] as TurnCommands
    // What the turns before it have sent is delivered by their commit.
    if (counts !== undefined) counts = { ...before(), ...ofEarlierTurns(counts) }
    for (const command of commands) {
      if (!isLimited(command)) continue
      counts ??= { ...before() }
      try {
        check(command, counts, limits)
      } catch (error) {
        if (!(error instanceof SignalboxError)) throw error
        return { index, error: { name: error.code, message: error.message } }
      }
    }
  }
  return undefined
}

function ofEarlierTurns({
  activities,
  children,
}: PendingCounts): Pick<PendingCounts, 'activities' | 'children'> {
  return { activities, children }
}

type Limited = Extract<
  Command,
  {
    readonly kind:
      | 'scheduleActivity'
      | 'startChildWorkflow'
      | 'signalExternalWorkflow'
      | 'cancelExternalWorkflow'
  }
>

function isLimited(command: Command): command is Limited {
  switch (command.kind) {
    case 'scheduleActivity':
    case 'startChildWorkflow':
    case 'signalExternalWorkflow':
    case 'cancelExternalWorkflow':
      return true
    default:
      return false
  }
}

function check(
  command: Limited,
  counts: { -readonly [K in keyof PendingCounts]: PendingCounts[K] },
  limits: Limits,
): void {
  if (command.kind === 'scheduleActivity') {
    const { maxPendingActivities } = limits
    if (++counts.activities <= maxPendingActivities) return
    throw beyond('maxPendingActivities', maxPendingActivities, 'activities without an outcome')
  }
  const { maxPayloadBytes, maxPendingChildren, maxPendingSignals, maxPendingCancels } = limits
  checkIdentifier('WorkflowId', command.workflowId)
  switch (command.kind) {
    case 'startChildWorkflow':
      checkIdentifier('WorkflowType', command.workflowType)
      checkIdentifier('taskQueue', command.taskQueue)
      checkSchedule(command)
      checkAttributes(command, limits)
      checkPayloads(command.args, maxPayloadBytes, 'input')
      checkPayloadMap(command.memo, maxPayloadBytes, 'memo')
      checkPayloadMap(command.searchAttributes, maxPayloadBytes, 'searchAttributes')
      checkPayloadMap(command.headers, maxPayloadBytes, 'header')
      if (++counts.children > maxPendingChildren) {
        throw beyond('maxPendingChildren', maxPendingChildren, 'children that have not ended')
      }
      break
    case 'signalExternalWorkflow':
      checkIdentifier('SignalName', command.signalName)
      checkPayloads(command.args, maxPayloadBytes, 'input')
      checkPayloadMap(command.headers, maxPayloadBytes, 'header')
      if (++counts.signals > maxPendingSignals) {
        throw beyond('maxPendingSignals', maxPendingSignals, 'signals to other workflows under way')
      }
      break
    case 'cancelExternalWorkflow':
      if (++counts.cancels > maxPendingCancels) {
        throw beyond('maxPendingCancels', maxPendingCancels, 'cancellations under way')
      }
      break
    default:
      command satisfies never
  }
}

function beyond(option: string, limit: number, what: string): SignalboxError {
  return new SignalboxError(
    'SIGNALBOX_ERR_PENDING_LIMIT',
    `the turn would give the workflow more than ${option} = ${limit} ${what}; ` +
      'it is tried again, and passes when there are fewer',
  )
}
