import { SignalboxError } from './errors.ts'
import { parseListQuery } from './visibility-filter.ts'
import { summarize } from './visibility.ts'
import { openSnapshot } from './journal-snapshot.ts'
import { type StoredRun, storedRuns, streamHistory } from './stored-runs.ts'
import type { HistoryEvent } from './workflow-service.ts'

export interface DumpOptions {
  /** Default: all. */
  readonly namespace?: string | undefined
  readonly workflowId?: string | undefined
  readonly runId?: string | undefined
  /** A filter as that of lists. */
  readonly query?: string | undefined
  /** A run whose line has only the beginning of its history. */
  readonly onDamage?: ((workflowId: string, problem: string) => void) | undefined
  /** Of the runs looked at so far, how many of how many. */
  readonly onProgress?: ((done: number, total: number) => void) | undefined
}

/** About how much text is gathered before it is handed on. */
const CHUNK_BYTES = 64 * 1024

/**
 * The histories of runs, oldest first, as lines of JSON: `{"workflowId", …, "history":{"events":[…]}}`,
 * in pieces of some 64 KiB. Memory is bounded by one turn, not by the length of a history. A run with a
 * damaged record has what comes before it, and beside the history `"damaged"` with the reason.
 *
 * @returns how many runs
 * @throws SignalboxError with SIGNALBOX_ERR_JOURNAL_CORRUPT, SIGNALBOX_ERR_DATA_DIR_INCOMPATIBLE,
 *   SIGNALBOX_ERR_INVALID_ARGUMENT for a filter that cannot be
 */
export async function* dumpData(
  dataDir: string,
  options: DumpOptions = {},
): AsyncGenerator<string, number, void> {
  const filter = parseListQuery(options.query ?? '')
  const snapshot = await openSnapshot(dataDir)
  try {
    const total = snapshot.reads.nextRun - 1
    let runs = 0
    let text = ''
    for (const run of storedRuns(snapshot.reads)) {
      options.onProgress?.(run.key, total)
      const { namespace, workflowId, runId } = run.row
      if (options.namespace !== undefined && namespace !== options.namespace) continue
      if (options.workflowId !== undefined && workflowId !== options.workflowId) continue
      if (options.runId !== undefined && runId !== options.runId) continue
      if (!filter.matches(summarize(run.row))) continue
      runs++
      text += headOf(run)
      let separator = ''
      let damage: string | undefined
      const events = streamHistory(snapshot.reads, run)
      for (;;) {
        const next = nextOrDamage(events)
        if (typeof next === 'string') damage = next
        if (typeof next === 'string' || next.done === true) break
        text += separator + JSON.stringify(next.value)
        separator = ','
        if (text.length < CHUNK_BYTES) continue
        yield text
        text = ''
      }
      text += damage === undefined ? ']}}\n' : `]},"damaged":${JSON.stringify(damage)}}\n`
      if (damage !== undefined) options.onDamage?.(run.row.workflowId, damage)
    }
    if (text !== '') yield text
    return runs
  } finally {
    await snapshot.close()
  }
}

/** The next event, or what keeps it from being read. */
function nextOrDamage(events: Iterator<HistoryEvent>): IteratorResult<HistoryEvent> | string {
  try {
    return events.next()
  } catch (error) {
    const isDamage =
      error instanceof SignalboxError && error.code === 'SIGNALBOX_ERR_JOURNAL_CORRUPT'
    if (isDamage) return error.message
    throw error
  }
}

function headOf({ row }: StoredRun): string {
  const { namespace, workflowId, runId, workflowType, status, startTime, closeTime } = row
  const head = JSON.stringify({
    namespace,
    workflowId,
    runId,
    workflowType,
    status,
    startTime: new Date(startTime).toISOString(),
    ...(closeTime === undefined ? {} : { closeTime: new Date(closeTime).toISOString() }),
  })
  return `${head.slice(0, -1)},"history":{"events":[`
}
