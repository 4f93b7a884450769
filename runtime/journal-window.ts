import {
  FrameKind,
  frameBodyBytes,
  frameHeaderBytes,
  frameKind,
  frameLastSeq,
  framePrevious,
  frameSeq,
  offsetOf,
  rowOf,
} from './journal-frame.ts'
import { RareRows, type RowChange } from './journal-rare-rows.ts'
import { RowOverlay } from './journal-row-overlay.ts'
import { RunCell, RunTable } from './journal-run-table.ts'
import { RequestIndex } from './request-index.ts'

/**
 * A stretch of the log in memory, row by row as it is on disk, with what it says of runs, rows and
 * request ids. The active window takes new commits; a frozen one is being moved into the data tree.
 */
export class LogWindow {
  readonly firstRow: number
  /** Row `firstRow + i` at place i. */
  rows: Uint8Array[] = []
  #rowBytes = 0
  readonly runs: RunTable
  overlay = new RowOverlay()
  rare = new RareRows((place) => this.#rowChange(place))
  requests = new RequestIndex()
  readonly deletedRuns = new Set<number>()
  highestRun = 0

  constructor(firstRow: number, expectedRuns = 0) {
    this.firstRow = firstRow
    this.runs = new RunTable(expectedRuns)
  }

  get endRow(): number {
    return this.firstRow + this.rows.length
  }

  /** Memory that the window takes, roughly: its rows, and what is kept beside them. */
  get memoryBytes(): number {
    return (
      this.#rowBytes +
      (this.overlay.size + this.rare.sortedSize) * overlayEntryBytes +
      this.rare.size * rareRowBytes +
      this.runs.size * runSlotBytes +
      this.requests.size * requestEntryBytes
    )
  }

  append(row: Uint8Array): void {
    this.rows.push(row)
    this.#rowBytes += row.length
  }

  /** Where a row change lies, as the overlay keeps it: a small integer. */
  placeOf(row: number, offset: number): number {
    return (row - this.firstRow) * maxOffset + offset
  }

  /** The value of the row put at a place; a view. */
  rowValue(place: number): Uint8Array {
    const bytes = this.rows[Math.floor(place / maxOffset)]!
    const start = (place % maxOffset) + frameHeaderBytes
    const keyLength = bytes[start]! | (bytes[start + 1]! << 8)
    const end = start + frameBodyBytes(bytes, place % maxOffset)
    return bytes.subarray(start + 2 + keyLength, end)
  }

  /** What was done to the row at a place; the key is a view. */
  #rowChange(place: number): RowChange {
    const bytes = this.rows[Math.floor(place / maxOffset)]!
    const offset = place % maxOffset
    const start = offset + frameHeaderBytes
    if (frameKind(bytes, offset) === FrameKind.rowDelete) {
      return { key: bytes.subarray(start, start + frameBodyBytes(bytes, offset)), isDeleted: true }
    }
    const keyLength = bytes[start]! | (bytes[start + 1]! << 8)
    return { key: bytes.subarray(start + 2, start + 2 + keyLength), isDeleted: false }
  }

  /** Once all is in the data tree: keep only the states of the runs, as a cache of recent ones. */
  release(): void {
    this.rows = []
    this.#rowBytes = 0
    this.overlay = new RowOverlay()
    this.rare = new RareRows((place) => this.#rowChange(place))
    this.requests = new RequestIndex()
  }
}

/** A row is closed at 16 KiB less 16 bytes, so no frame starts beyond. */
const maxOffset = 2 ** 14
const overlayEntryBytes = 128
const rareRowBytes = 8
const runSlotBytes = 72
const requestEntryBytes = 40

/** The windows whose frames are not in the data tree yet: the frozen one, if any, and the active one. */
export class RetainedLog {
  active: LogWindow
  /** The window before; its frames are gone once `firstRow` has passed it. */
  previous: LogWindow
  /** The first row that the data tree does not have: that of the last complete checkpoint. */
  firstRow: number
  readonly #walks = new Map<number, Walk>()

  constructor(previous: LogWindow, active: LogWindow, firstRow: number) {
    this.previous = previous
    this.active = active
    this.firstRow = firstRow
  }

  isDeleted(run: number): boolean {
    return this.active.deletedRuns.has(run) || this.previous.deletedRuns.has(run)
  }

  rowBytes(row: number): Uint8Array {
    const window = row >= this.active.firstRow ? this.active : this.previous
    return window.rows[row - window.firstRow]!
  }

  /** The position of the run's last durable frame in these windows, or 0. */
  lastFrame(run: number): number {
    let slot = this.active.runs.findDurable(run)
    let last = slot < 0 ? 0 : this.active.runs.cells[slot + RunCell.last]!
    if (slot < 0) {
      slot = this.previous.runs.findDurable(run)
      last = slot < 0 ? 0 : this.previous.runs.cells[slot + RunCell.last]!
    }
    return rowOf(last) < this.firstRow ? 0 : last
  }

  /**
   * Positions of the run's frames in commit order, from the inputs that hold `fromSeq` or, if those
   * are not here, from the run's first frame in these windows: `complete` tells which.
   */
  framesFrom(run: number, fromSeq: number): { positions: readonly number[]; complete: boolean } {
    const last = this.lastFrame(run)
    if (last === 0) return { positions: [], complete: false }
    let walk = this.#walks.get(run)
    if (walk === undefined || rowOf(walk.positions[0]!) < this.firstRow) {
      walk = { positions: [], seqs: [], last: 0 }
    }
    this.#extend(walk, last)
    // A run with a long tail is read again and again while its slot catches up with its mailbox.
    if (walk.positions.length >= longWalk) {
      this.#walks.delete(run)
      this.#walks.set(run, walk)
      if (this.#walks.size > maxWalks) this.#walks.delete(this.#walks.keys().next().value!)
    }
    const from = lastAtMost(walk.seqs, fromSeq)
    if (from < 0) return { positions: walk.positions, complete: false }
    return { positions: walk.positions.slice(from), complete: true }
  }

  /** Forget what was cached of frames that a checkpoint has moved away. */
  dropWalks(): void {
    this.#walks.clear()
  }

  /** Follow the back-pointers from `last` to what the walk has already. */
  #extend(walk: Walk, last: number): void {
    if (walk.last === last) return
    const found: number[] = []
    let at = last
    while (at !== 0 && at !== walk.last && rowOf(at) >= this.firstRow) {
      found.push(at)
      at = framePrevious(this.rowBytes(rowOf(at)), offsetOf(at))
    }
    for (let i = found.length - 1; i >= 0; i -= 1) {
      const position = found[i]!
      const row = this.rowBytes(rowOf(position))
      const isInputs = frameKind(row, offsetOf(position)) === FrameKind.inputs
      const before = walk.seqs.at(-1) ?? Infinity
      walk.positions.push(position)
      // For frames of other kinds the inputs before them count, so that the search stays sorted.
      walk.seqs.push(isInputs ? frameSeq(row, offsetOf(position)) : before)
    }
    walk.last = last
  }
}

interface Walk {
  readonly positions: number[]
  /** The first input of the last inputs frame up to here; Infinity before the first. */
  readonly seqs: number[]
  last: number
}

const longWalk = 256
const maxWalks = 32

/** The first frame of the inputs that hold `seq`, or −1 if they lie before all of these. */
function lastAtMost(seqs: readonly number[], seq: number): number {
  let low = 0
  let high = seqs.length
  // Infinity stands only at the front: there the inputs of those frames lie before the window.
  while (low < high && seqs[low] === Infinity) low += 1
  const start = low
  while (low < high) {
    const middle = (low + high) >>> 1
    if (seqs[middle]! <= seq) low = middle + 1
    else high = middle
  }
  if (low === start) return -1
  const wanted = seqs[low - 1]!
  let first = low - 1
  while (first > start && seqs[first - 1] === wanted) first -= 1
  return first
}

/** Whether a frame holds or follows an input: the first such one starts a read. */
export function reaches(bytes: Uint8Array, offset: number, fromSeq: number): boolean {
  return frameLastSeq(bytes, offset) >= fromSeq
}
