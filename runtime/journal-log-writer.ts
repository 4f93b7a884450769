import {
  checkNotWritten,
  checkRecord,
  checkRowKey,
  processedBy,
  throwRunDeleted,
} from './journal-batch-check.ts'
import {
  type FrameHeader,
  FrameKind,
  frameHeaderBytes,
  positionOf,
  requestHashBytes,
  writeFrameHeader,
} from './journal-frame.ts'
import { firstRareByte } from './journal-rare-rows.ts'
import { rowDeleted } from './journal-row-overlay.ts'
import { RunCell } from './journal-run-table.ts'
import { fourPagesBytes } from './journal-tree.ts'
import type { LogWindow } from './journal-window.ts'
import { type JournalBatch, type NewRecord, RecordKind, type RunProgress } from './journal.ts'

/** A batch as rows of the log, and what of it becomes visible once they are durable. */
export interface EncodedCommit {
  readonly firstRow: number
  readonly rows: readonly Uint8Array[]
  /** Make it visible in the window it was encoded for. */
  apply(): void
}

const slabBytes = 2 ** 20

/**
 * Turns batches into rows of the log. Everything that can be wrong with a batch is found here,
 * before its transaction begins. Bytes are copied once, into memory that the window keeps.
 */
export class LogWriter {
  #slab = Buffer.allocUnsafeSlow(slabBytes)
  #view = viewOf(this.#slab)
  /** End of what is used of the slab, and where the open row starts. */
  #at = 0
  #rowStart = 0
  #nextRow: number
  #rows: Uint8Array[] = []
  #window: LogWindow
  readonly #stateBefore: (run: number) => (RunProgress & { readonly last: number }) | undefined
  readonly #isDeleted: (run: number) => boolean

  // The runs of the batch in hand, by order of appearance: their slots and their states after it.
  #touched = 0
  #slots = new Int32Array(1_024)
  #heads = new Float64Array(1_024)
  #processed = new Float64Array(1_024)
  #lasts = new Float64Array(1_024)

  constructor(options: {
    readonly window: LogWindow
    /** The state of a run that the window does not know. */
    readonly stateBefore: (run: number) => (RunProgress & { readonly last: number }) | undefined
    readonly isDeleted: (run: number) => boolean
  }) {
    this.#window = options.window
    this.#nextRow = options.window.endRow
    this.#stateBefore = options.stateBefore
    this.#isDeleted = options.isDeleted
  }

  /** The number of the next row of the log. */
  get nextRow(): number {
    return this.#nextRow
  }

  /** Later batches belong to `window`, which starts at the next row. */
  startWindow(window: LogWindow): void {
    this.#window = window
  }

  /** @throws SignalboxError with SIGNALBOX_ERR_INTERNAL; then nothing has changed */
  encode(batch: JournalBatch): EncodedCommit {
    const { deletedRuns = [] } = batch
    const start = { slab: this.#slab, view: this.#view, at: this.#at, nextRow: this.#nextRow }
    this.#rows = []
    this.#rowStart = this.#at
    this.#touched = 0
    try {
      for (const run of deletedRuns) {
        const offset = this.#reserve(0)
        this.#writeHeader(offset, { ...headerWithoutRun(FrameKind.runDeleted, 0), run })
      }
      for (const record of batch.records) this.#writeRecord(record)
      checkNotWritten(batch.records, deletedRuns)
      const changes: RowChanges = { keys: [], places: [], rarePlaces: [] }
      for (const [key, value] of batch.rows) this.#writeRow(key, value, changes)
      this.#closeRow()
      return this.#commit(start.nextRow, batch, deletedRuns, changes)
    } catch (error) {
      for (let i = 0; i < this.#touched; i += 1)
        this.#window.runs.cells[this.#slots[i]! + RunCell.pending] = 0
      this.#slab = start.slab
      this.#view = start.view
      this.#at = start.at
      this.#nextRow = start.nextRow
      throw error
    }
  }

  #commit(
    firstRow: number,
    batch: JournalBatch,
    deletedRuns: readonly number[],
    { keys, places, rarePlaces }: RowChanges,
  ): EncodedCommit {
    const window = this.#window
    const rows = this.#rows
    const touched = this.#touched
    const requests = batch.records.flatMap(({ run, requests }) =>
      requests === undefined || requests.length === 0 ? [] : [{ run, pairs: [...requests] }],
    )
    return {
      firstRow,
      rows,
      apply: () => {
        for (const row of rows) window.append(row)
        this.#applyRuns(window, touched)
        for (const run of deletedRuns) window.deletedRuns.add(run)
        for (const [i, key] of keys.entries()) window.overlay.set(key, places[i]!)
        window.rare.add(rarePlaces)
        for (const { run, pairs } of requests) {
          for (let i = 0; i < pairs.length; i += 2) {
            window.requests.add(pairs[i]!, run, pairs[i + 1]!)
          }
        }
      },
    }
  }

  #applyRuns(window: LogWindow, touched: number): void {
    const { runs } = window
    for (let i = 0; i < touched; i += 1) {
      const slot = this.#slots[i]!
      runs.cells[slot + RunCell.head] = this.#heads[i]!
      runs.cells[slot + RunCell.processed] = this.#processed[i]!
      runs.cells[slot + RunCell.last] = this.#lasts[i]!
      runs.cells[slot + RunCell.durable] = 1
      runs.cells[slot + RunCell.pending] = 0
      if (runs.cells[slot + RunCell.run]! > window.highestRun)
        window.highestRun = runs.cells[slot + RunCell.run]!
    }
  }

  #writeRecord(record: NewRecord): void {
    const place = this.#touch(record.run)
    checkRecord(record, this.#heads[place]!, this.#processed[place]!)
    const { requests, bytes } = record
    const requestCount = requests === undefined ? 0 : requests.length / 2
    const offset = this.#reserve(bytes.length + requestCount * requestHashBytes)
    const slab = this.#slab
    const bodyStart = offset + frameHeaderBytes
    slab.set(bytes, bodyStart)
    if (requests !== undefined) {
      this.#writeRequests(requests, record.seq, bodyStart + bytes.length)
    }
    this.#writeHeader(offset, {
      kind: record.kind,
      run: record.run,
      seq: record.seq,
      count: record.kind === RecordKind.progress ? 0 : record.count,
      bodyBytes: bytes.length,
      requests: requestCount,
      previous: this.#lasts[place]!,
    })
    this.#lasts[place] = positionOf(this.#nextRow, offset - this.#rowStart)
    if (record.kind === RecordKind.inputs) this.#heads[place] = record.seq + record.count - 1
    else if (processedBy(record) > this.#processed[place]!) {
      this.#processed[place] = processedBy(record)
    }
  }

  #writeRequests(requests: readonly number[], seq: number, start: number): void {
    let at = start
    for (let i = 0; i < requests.length; i += 2) {
      this.#view.setFloat64(at, requests[i]!, true)
      this.#view.setUint32(at + 8, requests[i + 1]! - seq, true)
      at += requestHashBytes
    }
  }

  #writeRow(key: Uint8Array, value: Uint8Array | null, changes: RowChanges): void {
    checkRowKey(key)
    const bodyBytes = value === null ? key.length : 2 + key.length + value.length
    const offset = this.#reserve(bodyBytes)
    const bodyStart = offset + frameHeaderBytes
    if (value === null) {
      this.#slab.set(key, bodyStart)
      this.#writeHeader(offset, headerWithoutRun(FrameKind.rowDelete, bodyBytes))
    } else {
      this.#view.setUint16(bodyStart, key.length, true)
      this.#slab.set(key, bodyStart + 2)
      this.#slab.set(value, bodyStart + 2 + key.length)
      this.#writeHeader(offset, headerWithoutRun(FrameKind.rowPut, bodyBytes))
    }
    const place = this.#window.placeOf(this.#nextRow, offset - this.#rowStart)
    if (key[0]! >= firstRareByte) {
      changes.rarePlaces.push(place)
      return
    }
    const bytes = Buffer.from(key.buffer, key.byteOffset, key.byteLength)
    changes.keys.push(bytes.toString('latin1'))
    changes.places.push(value === null ? rowDeleted : place)
  }

  #writeHeader(offset: number, header: FrameHeader): void {
    writeFrameHeader(this.#view, this.#slab, offset, header)
  }

  /** The place of a run in the batch. */
  #touch(run: number): number {
    const { runs } = this.#window
    let slot = runs.find(run)
    if (slot >= 0 && runs.cells[slot + RunCell.pending]! > 0) {
      return runs.cells[slot + RunCell.pending]! - 1
    }
    if (this.#isDeleted(run)) throwRunDeleted(run)
    if (slot < 0) {
      const before = this.#stateBefore(run)
      slot = runs.add(run, before?.head ?? 0, before?.processed ?? 0, before?.last ?? 0)
    }
    const place = this.#touched
    if (place === this.#slots.length) this.#growTouched()
    this.#touched += 1
    this.#slots[place] = slot
    this.#heads[place] = runs.cells[slot + RunCell.head]!
    this.#processed[place] = runs.cells[slot + RunCell.processed]!
    this.#lasts[place] = runs.cells[slot + RunCell.last]!
    runs.cells[slot + RunCell.pending] = place + 1
    return place
  }

  #growTouched(): void {
    const slots = new Int32Array(this.#slots.length * 2)
    slots.set(this.#slots)
    this.#slots = slots
    this.#heads = doubled(this.#heads)
    this.#processed = doubled(this.#processed)
    this.#lasts = doubled(this.#lasts)
  }

  /** Room for a frame with so many bytes behind its header; where in the slab it starts. */
  #reserve(bytesAfterHeader: number): number {
    const length = frameHeaderBytes + bytesAfterHeader
    if (this.#at > this.#rowStart && this.#at - this.#rowStart + length > fourPagesBytes) {
      this.#closeRow()
    }
    const isNewRow = this.#at === this.#rowStart
    if (isNewRow && this.#slab.length - this.#at < Math.max(length, fourPagesBytes)) {
      this.#slab = Buffer.allocUnsafeSlow(Math.max(length, slabBytes))
      this.#view = viewOf(this.#slab)
      this.#at = 0
      this.#rowStart = 0
    }
    const offset = this.#at
    this.#at += length
    return offset
  }

  #closeRow(): void {
    if (this.#at === this.#rowStart) return
    this.#rows.push(this.#slab.subarray(this.#rowStart, this.#at))
    this.#nextRow += 1
    this.#rowStart = this.#at
  }
}

/** What a batch does to rows: keys with their places, and the places of those that are read rarely. */
interface RowChanges {
  readonly keys: string[]
  readonly places: number[]
  readonly rarePlaces: number[]
}

function headerWithoutRun(kind: FrameKind, bodyBytes: number): FrameHeader {
  return { kind, run: 0, seq: 0, count: 0, bodyBytes, requests: 0, previous: 0 }
}

function doubled(column: Float64Array): Float64Array<ArrayBuffer> {
  const result = new Float64Array(column.length * 2)
  result.set(column)
  return result
}

function viewOf(slab: Buffer): DataView {
  return new DataView(slab.buffer, slab.byteOffset, slab.length)
}
