import type { Journal } from './journal.ts'
import type { Logger } from './logger.ts'
import { RowTable, runKey, runOfKey, tableRange } from './row-keys.ts'
import { decodeRunRow, type RunRow } from './run-row.ts'
import { encodeCount } from './visibility-counts.ts'
import { INDEX_VERSION, termsOf } from './visibility-index.ts'
import { builtKey, countKey, entryKey, placeOf } from './visibility-keys.ts'

const RUNS_PER_COMMIT = 2_000
const ROWS_PER_COMMIT = 10_000

/**
 * Make the visibility index of a folder that has none, or one of another version, from the rows of its
 * runs: once, before anything else is done with it. It takes some ten seconds for a million runs.
 *
 * The mark that says that the index is complete is written last, so a process that is killed meanwhile
 * begins again. A folder without runs gets its mark with the first one.
 */
export async function buildVisibilityIndex(journal: Journal, logger: Logger): Promise<void> {
  if (journal.getRow(builtKey)?.[0] === INDEX_VERSION || journal.nextRun <= 1) return
  logger.info({ runs: journal.nextRun - 1 }, 'building the index of runs for lists')
  await removeOld(journal)
  const counts = new Map<string, { readonly key: Buffer; count: number }>()
  const { start, end } = tableRange(RowTable.run)
  let from: Uint8Array = start
  for (;;) {
    const rows: [Buffer, Uint8Array][] = []
    let last: number | undefined
    for (const [key, value] of journal.rows({ start: from, end, limit: RUNS_PER_COMMIT })) {
      last = runOfKey(key)
      const row = tryDecode(last, value, logger)
      if (row === undefined) continue
      const place = placeOf(last, row.startTime)
      for (const term of termsOf(row)) rows.push([entryKey(term, place), NO_VALUE])
      const count = countKey(row.namespace, row.workflowType, row.status)
      const name = count.toString('latin1')
      const counter = counts.get(name) ?? { key: count, count: 0 }
      counter.count++
      counts.set(name, counter)
    }
    if (last === undefined) break
    await journal.commit({ records: [], rows })
    from = runKey(last + 1)
  }
  const rows = [...counts.values()].map(({ key, count }) => [key, encodeCount(count)] as const)
  await journal.commit({ records: [], rows: [...rows, [builtKey, Buffer.of(INDEX_VERSION)]] })
}

/** A row that is damaged is one run that cannot be found; it must not keep the others from being read. */
export function tryDecode(run: number, value: Uint8Array, logger: Logger): RunRow | undefined {
  try {
    return decodeRunRow(value)
  } catch (error) {
    logger.error({ run, err: error }, 'the row of a run cannot be read')
    return undefined
  }
}

async function removeOld(journal: Journal): Promise<void> {
  for (const table of [RowTable.visibility, RowTable.runCount]) await removeAll(journal, table)
}

async function removeAll(journal: Journal, table: RowTable): Promise<void> {
  const { start, end } = tableRange(table)
  let from = start
  for (;;) {
    const keys: Uint8Array[] = []
    for (const [key] of journal.rows({ start: from, end, limit: ROWS_PER_COMMIT })) keys.push(key)
    const last = keys.at(-1)
    if (last === undefined) return
    // From the start it would pass over all that was removed until a checkpoint.
    from = Buffer.concat([last, Buffer.of(0)])
    await journal.commit({ records: [], rows: keys.map((key) => [key, null] as const) })
  }
}

const NO_VALUE = new Uint8Array(0)
