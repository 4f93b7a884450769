import type { JournalReads } from './journal.ts'
import { RowTable, runKey, tableRange } from './row-keys.ts'
import { decodeRunRow, type RunRow } from './run-row.ts'
import { decodeCount } from './visibility-counts.ts'
import { INDEX_VERSION, termsOf } from './visibility-index.ts'
import { builtKey, countKey, entryKey, placeOf, placeOfKey } from './visibility-keys.ts'

/** Told of a row that does not fit, or of one that is missing. */
export type TellRow = (key: Uint8Array, problem: string) => void

/**
 * Compares the index of lists with the runs: that each run has its entries, that each entry is of a run
 * that is found by it, and that the counts are those of the runs.
 *
 * An index that is not complete, as of a folder of an older version, is not looked at: the next process
 * that opens the folder builds it anew.
 */
export class VisibilityCheck {
  readonly #reads: JournalReads
  readonly #tell: TellRow
  readonly #isComplete: boolean
  /** By the key of the count. */
  readonly #runs = new Map<string, number>()
  /** Runs whose rows cannot be read may have any entries. */
  #isEachRunKnown = true
  #found = 0
  #present = 0

  constructor(reads: JournalReads, tell: TellRow) {
    this.#reads = reads
    this.#tell = tell
    this.#isComplete = reads.getRow(builtKey)?.[0] === INDEX_VERSION
  }

  /** A run that is there. @param row undefined if it cannot be read */
  addRun(run: number, row: RunRow | undefined): void {
    if (!this.#isComplete) return
    if (row === undefined) {
      this.#isEachRunKnown = false
      return
    }
    const place = placeOf(run, row.startTime)
    for (const term of termsOf(row)) {
      const key = entryKey(term, place)
      if (this.#reads.getRow(key) === undefined) {
        this.#tell(key, `is missing: lists do not find run ${run}`)
      } else this.#present++
    }
    const name = countKey(row.namespace, row.workflowType, row.status).toString('latin1')
    this.#runs.set(name, (this.#runs.get(name) ?? 0) + 1)
  }

  /** There is an entry. */
  addEntry(): void {
    this.#found++
  }

  /** After all runs and entries. */
  finish(): void {
    if (!this.#isComplete) return
    // Each entry of a run was looked up: only if there are more does each need a look.
    if (this.#found !== this.#present) this.#findStrays()
    if (this.#isEachRunKnown) this.#checkCounts()
  }

  #findStrays(): void {
    for (const [key] of this.#reads.rows(tableRange(RowTable.visibility))) {
      const { run } = placeOfKey(key)
      const value = this.#reads.getRow(runKey(run))
      if (value === undefined) {
        this.#tell(key, `is an entry of run ${run}, which is not there`)
        continue
      }
      if (entriesOf(run, value)?.some((entry) => entry.equals(key)) ?? true) continue
      this.#tell(key, `is an entry of run ${run}, which is not to be found by it`)
    }
  }

  #checkCounts(): void {
    const counts = new Map(this.#runs)
    for (const [key, value] of this.#reads.rows(tableRange(RowTable.runCount))) {
      if (builtKey.equals(key)) continue
      const name = Buffer.from(key).toString('latin1')
      const [runs, count] = [counts.get(name) ?? 0, decodeCount(value)]
      counts.delete(name)
      if (runs !== count) this.#tell(key, `counts ${count} runs, and there are ${runs}`)
    }
    for (const [name, runs] of counts) {
      this.#tell(Buffer.from(name, 'latin1'), `is missing: there are ${runs} runs to count`)
    }
  }
}

/** Undefined for a run whose row cannot be read: that was told when the row was looked at. */
function entriesOf(run: number, value: Uint8Array): readonly Buffer[] | undefined {
  try {
    const row = decodeRunRow(value)
    return termsOf(row).map((term) => entryKey(term, placeOf(run, row.startTime)))
  } catch {
    return undefined
  }
}
