import { type Input, InputKind } from '../actors/inputs.ts'
import { rejectedSeqs } from '../actors/rejected-seqs.ts'
import { SignalboxError } from './errors.ts'
import type { HistoryTurn } from './history-view.ts'
import type { RunRow } from './run-row.ts'
import { type TurnPlace, turnPlaces } from './turn-places.ts'
import type { ResetRequest } from './workflow-service.ts'

/** A turn of a history that is to be done anew. */
export interface ResetPoint {
  /** Its place among the turns. */
  readonly at: number
  /** Its WORKFLOW_TASK_COMPLETED. */
  readonly eventId: number
  readonly places: readonly TurnPlace[]
}

/**
 * The turn that a reset names, by an event of its workflow task: as on Temporal, the one that completed
 * it, or the one that started it.
 *
 * @throws SIGNALBOX_ERR_INVALID_ARGUMENT saying which there are
 */
export function findResetPoint(
  { eventId, resetType }: Pick<ResetRequest, 'eventId' | 'resetType'>,
  turns: readonly HistoryTurn[],
  row: RunRow,
): ResetPoint {
  const places = turnPlaces(turns, row)
  const points: { at: number; eventId: number }[] = []
  for (const [at, { taskCompletedId }] of places.entries()) {
    if (taskCompletedId !== undefined && turns[at]?.ended === true) {
      points.push({ at, eventId: taskCompletedId })
    }
  }
  const [first] = points
  const last = points.at(-1)
  if (first === undefined || last === undefined) {
    throw invalid(
      `run ${row.runId} of workflow ${row.workflowId} has not completed a workflow task: ` +
        'there is nothing to go back to. Terminate it and start it anew, or wait.',
    )
  }
  if (resetType === 'FIRST_WORKFLOW_TASK') return { ...first, places }
  if (resetType === 'LAST_WORKFLOW_TASK') return { ...last, places }
  const found = points.find((point) => point.eventId === eventId || point.eventId - 1 === eventId)
  if (found !== undefined) return { ...found, places }
  const wanted = eventId ?? 0
  const before = points.findLast((point) => point.eventId < wanted)
  const after = points.find((point) => point.eventId > wanted)
  const nearest = [before, after].flatMap((point) => point?.eventId ?? []).join(' and ')
  throw invalid(
    `event ${eventId} is no workflow task that run ${row.runId} has completed: give the id of a ` +
      `WORKFLOW_TASK_COMPLETED event. The nearest: ${nearest}; the first is ${first.eventId}, the ` +
      `last ${last.eventId}.`,
  )
}

/**
 * The inputs that the turn is given anew. An update that it rejected then stays rejected; with `updates`
 * excluded, those that it accepted are gone, since on Temporal they come after the point.
 */
export function inputsAnew(turn: HistoryTurn, withUpdates: boolean): readonly Input[] {
  const rejected = rejectedSeqs(turn.commands)
  return turn.inputs.filter(
    (input, at) =>
      input[0] !== InputKind.updateRequested ||
      (withUpdates && !rejected.includes(turn.firstSeq + at)),
  )
}

function invalid(message: string): SignalboxError {
  return new SignalboxError('SIGNALBOX_ERR_INVALID_ARGUMENT', message, {
    fields: { field: 'eventId' },
  })
}
