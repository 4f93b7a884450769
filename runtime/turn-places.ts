import { HistoryExporter, type HistoryRun, type HistoryTurn } from './history.ts'

/** Where a turn is in the history of its run. */
export interface TurnPlace {
  /** Its WORKFLOW_TASK_COMPLETED; undefined for a turn without a task of its own. */
  readonly taskCompletedId: number | undefined
  /** How many events there are once it has ended. */
  readonly length: number
}

/** The places of a run's turns, in their order. */
export function turnPlaces(turns: Iterable<HistoryTurn>, run: HistoryRun): readonly TurnPlace[] {
  const exporter = new HistoryExporter(run, { limit: 0 })
  const places: TurnPlace[] = []
  for (const turn of turns) {
    const before = exporter.taskCompletedId
    const goesOn = exporter.addTurn(turn)
    const { taskCompletedId, length } = exporter
    const own = taskCompletedId === before ? undefined : taskCompletedId
    places.push({ taskCompletedId: own, length })
    if (!goesOn) break
  }
  return places
}
