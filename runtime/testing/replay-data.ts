import { openSnapshot } from '../journal-snapshot.ts'
import { storedRuns, streamHistory } from '../stored-runs.ts'
import { isOpenStatus } from '../workflow-status.ts'
import { type HistoryAndWorkflowId, replayHistories, type ReplayResult } from './replay-history.ts'

/**
 * Replay every open run of a data folder that has had a turn over today's code; see `replayHistories`.
 *
 * @throws SIGNALBOX_ERR_BUNDLE_FAILED if the code does not build
 */
export async function* replayData(
  dataDir: string,
  workflowsPath: string,
  onProgress: (done: number, total: number) => void,
): AsyncGenerator<ReplayResult, void, void> {
  const snapshot = await openSnapshot(dataDir)
  const { reads } = snapshot
  function* histories(): Generator<HistoryAndWorkflowId> {
    for (const run of storedRuns(reads)) {
      onProgress(run.key, reads.nextRun - 1)
      if (!isOpenStatus(run.row.status) || (reads.runState(run.key)?.processed ?? 0) === 0) continue
      const { workflowId, namespace } = run.row
      yield { workflowId, namespace, history: { events: [...streamHistory(reads, run)] } }
    }
  }
  try {
    yield* replayHistories(workflowsPath, histories())
  } finally {
    await snapshot.close()
  }
}
