import { offsetOf, rowOf } from './journal-frame.ts'
import { recordAt } from './journal-frame-record.ts'
import { rowKey } from './journal-keys.ts'
import type { RequestStore } from './journal-request-store.ts'
import { firstRareByte } from './journal-rare-rows.ts'
import { mergedRows } from './journal-row-merge.ts'
import { rowDeleted } from './journal-row-overlay.ts'
import type { RunRecords } from './journal-run-records.ts'
import type { ReadTree } from './journal-tree.ts'
import { reaches, type RetainedLog } from './journal-window.ts'
import type {
  JournalReads,
  JournalRecord,
  RequestLocation,
  RowRange,
  RunProgress,
} from './journal.ts'

/** What readers see: the log since the last checkpoint, in memory, over the data tree. */
export class JournalView implements Omit<JournalReads, 'nextRun'> {
  readonly #tree: ReadTree
  readonly #log: RetainedLog
  readonly #records: RunRecords
  readonly #requests: RequestStore
  readonly #carried: (run: number) => RunProgress | undefined

  constructor(options: {
    readonly tree: ReadTree
    readonly log: RetainedLog
    readonly records: RunRecords
    readonly requests: RequestStore
    /** The state of a run at the checkpoint, if it was unfinished. */
    readonly carried: (run: number) => RunProgress | undefined
  }) {
    this.#tree = options.tree
    this.#log = options.log
    this.#records = options.records
    this.#requests = options.requests
    this.#carried = options.carried
  }

  *readRun(run: number, fromSeq: number): Iterable<JournalRecord> {
    if (this.#log.isDeleted(run)) return
    const { positions, complete } = this.#log.framesFrom(run, fromSeq)
    let hasReached = false
    if (!complete) {
      const frames = this.#records.framesFrom(run, fromSeq, this.#log.firstRow)
      for (const [bytes, offset] of frames) {
        hasReached ||= reaches(bytes, offset, fromSeq)
        if (hasReached) yield recordAt(run, bytes, offset)
      }
    }
    for (const position of positions) {
      const bytes = this.#log.rowBytes(rowOf(position))
      const offset = offsetOf(position)
      hasReached ||= reaches(bytes, offset, fromSeq)
      if (hasReached) yield recordAt(run, bytes, offset)
    }
  }

  runState(run: number): RunProgress | undefined {
    if (this.#log.isDeleted(run)) return undefined
    const { runs } = this.#log.active
    const slot = runs.findDurable(run)
    if (slot >= 0) return runs.progressAt(slot)
    return this.stateBefore(run)
  }

  /** The state of a run that the active window does not know. */
  stateBefore(run: number): RunProgress | undefined {
    const { runs } = this.#log.previous
    const slot = runs.findDurable(run)
    if (slot >= 0) return runs.progressAt(slot)
    return this.#carried(run) ?? this.#records.state(run, this.#log.firstRow)
  }

  getRow(key: Uint8Array): Uint8Array | undefined {
    const name = Buffer.from(key.buffer, key.byteOffset, key.byteLength).toString('latin1')
    const isRare = (key[0] ?? 0) >= firstRareByte
    for (const window of [this.#log.active, this.#log.previous]) {
      const place = (isRare ? window.rare.sorted() : window.overlay).get(name)
      if (place === rowDeleted) return undefined
      if (place !== undefined) return Uint8Array.from(window.rowValue(place))
    }
    return this.#tree.get(rowKey(key))
  }

  rows(range: RowRange): Iterable<readonly [key: Uint8Array, value: Uint8Array]> {
    const { active, previous } = this.#log
    return mergedRows([active, previous], this.#tree, range)
  }

  /** As the journal's. */
  sortRareRows(isOver: () => boolean): boolean {
    return this.#log.previous.rare.sort(isOver) && this.#log.active.rare.sort(isOver)
  }

  findRequest(hash: number): readonly RequestLocation[] {
    const found: RequestLocation[] = []
    this.#requests.find(hash, found)
    this.#log.previous.requests.find(hash, found)
    this.#log.active.requests.find(hash, found)
    // What a merge has not dropped yet of runs that are gone.
    return found.length === 0 ? found : found.filter(({ run }) => this.#exists(run))
  }

  #exists(run: number): boolean {
    if (this.#log.isDeleted(run)) return false
    const { active, previous, firstRow } = this.#log
    if (active.runs.findDurable(run) >= 0 || previous.runs.findDurable(run) >= 0) return true
    return this.#records.exists(run, firstRow)
  }
}
