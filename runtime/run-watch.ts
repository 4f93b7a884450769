import type { Acceptor } from './acceptor.ts'
import type { RunRow } from './run-row.ts'
import { DEFAULT_NAMESPACE, summarize } from './visibility.ts'
import type { WorkflowSummary } from './workflow-service.ts'

/**
 * Tell of the runs of a namespace that start or close, after the commit. Costs nothing while nobody
 * watches. Rows are saved for other reasons too (a strike, a request to cancel): these are told as
 * well, since a listener takes each call as the run's present state.
 *
 * @returns how to stop
 */
export function watchRuns(
  acceptor: Acceptor,
  namespace: string | undefined,
  onChange: (summary: WorkflowSummary) => void,
): () => void {
  const watched = namespace ?? DEFAULT_NAMESPACE
  const watcher = (row: RunRow): void => {
    if (row.namespace === watched) onChange(summarize(row))
  }
  acceptor.rowWatchers ??= new Set()
  acceptor.rowWatchers.add(watcher)
  return () => {
    acceptor.rowWatchers?.delete(watcher)
    if (acceptor.rowWatchers?.size === 0) acceptor.rowWatchers = undefined
  }
}
