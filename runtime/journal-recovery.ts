import { SignalboxError } from './errors.ts'
import { isUnfinished } from './journal-batch-check.ts'
import {
  FrameKind,
  frameBodyBytes,
  frameBytes,
  frameHeaderBytes,
  frameKind,
  frameLastSeq,
  frameRequests,
  frameRun,
  frameSeq,
  isFrame,
  isFrameBodyIntact,
  positionOf,
  requestHashBytes,
  uint32At,
} from './journal-frame.ts'
import { carriedKey, logRowKey, logRowOfKey, logRowsEnd, metaKey } from './journal-keys.ts'
import {
  type CheckpointMeta,
  decodeCarried,
  decodeCheckpoint,
  decodeFreeze,
} from './journal-meta.ts'
import { firstRareByte } from './journal-rare-rows.ts'
import { rowDeleted } from './journal-row-overlay.ts'
import type { RunRecords } from './journal-run-records.ts'
import { RunCell, runCells } from './journal-run-table.ts'
import type { ReadTree } from './journal-tree.ts'
import { LogWindow, RetainedLog } from './journal-window.ts'
import type { RunProgress } from './journal.ts'

export interface Recovered {
  readonly log: RetainedLog
  readonly checkpoint: CheckpointMeta
  readonly carried: Map<number, RunProgress>
  /** A window was being moved into the data tree: it is `log.previous`. */
  readonly hasFrozenWindow: boolean
  /** Where the log starts on disk: rows before the checkpoint's are still to be deleted. */
  readonly firstLogRow: number
  readonly unfinished: (readonly [run: number, progress: RunProgress])[]
  readonly nextRun: number
}

/**
 * Read the log since the last checkpoint back into memory. What this costs depends on the log alone,
 * not on how many runs there are.
 *
 * A frame whose body is damaged belongs to one run, which reads as corrupt from then on. Where the
 * header of a frame is damaged, or a row is missing, nobody knows what was acknowledged behind it:
 * then opening fails, rather than losing inputs in silence.
 *
 * @throws SignalboxError with SIGNALBOX_ERR_JOURNAL_CORRUPT, naming the row
 */
export function recover(rows: ReadTree, records: RunRecords): Recovered {
  const checkpointRow = rows.get(metaKey('checkpoint'))
  const checkpoint: CheckpointMeta =
    checkpointRow === undefined
      ? { row: 1, nextRun: 1, carriedParts: 0, generations: [] }
      : decodeCheckpoint(checkpointRow)
  const carried = readCarried(rows, checkpoint)
  const freezeRow = rows.get(metaKey('freeze'))
  const freezeEnd = freezeRow === undefined ? checkpoint.row : decodeFreeze(freezeRow).endRow
  const previous = new LogWindow(checkpoint.row)
  const active = new LogWindow(freezeEnd)
  const loader = new WindowLoader(previous, active, carried, (run) =>
    records.state(run, checkpoint.row),
  )
  loader.load(rows)
  if (previous.endRow !== freezeEnd) throw corruptRow(previous.endRow, 'it is missing')
  const log = new RetainedLog(previous, active, checkpoint.row)
  const highestRun = Math.max(previous.highestRun, active.highestRun)
  return {
    log,
    checkpoint,
    carried,
    hasFrozenWindow: freezeEnd > checkpoint.row,
    firstLogRow: firstLogRow(rows) ?? checkpoint.row,
    unfinished: unfinishedRuns(log, carried),
    nextRun: Math.max(checkpoint.nextRun, highestRun + 1),
  }
}

class WindowLoader {
  readonly #previous: LogWindow
  readonly #active: LogWindow
  readonly #carried: ReadonlyMap<number, RunProgress>
  readonly #stateInTree: (run: number) => RunProgress | undefined

  constructor(
    previous: LogWindow,
    active: LogWindow,
    carried: ReadonlyMap<number, RunProgress>,
    stateInTree: (run: number) => RunProgress | undefined,
  ) {
    this.#previous = previous
    this.#active = active
    this.#carried = carried
    this.#stateInTree = stateInTree
  }

  load(log: ReadTree): void {
    let row = this.#previous.firstRow
    for (const { key, value } of log.entries(logRowKey(row), logRowsEnd)) {
      if (logRowOfKey(key) !== row) throw corruptRow(row, 'it is missing')
      const window = row < this.#active.firstRow ? this.#previous : this.#active
      window.append(value)
      for (let offset = 0; offset < value.length; offset += frameBytes(value, offset)) {
        if (!isFrame(value, offset)) throw corruptRow(row, `the frame at ${offset} is damaged`)
        this.#loadFrame(window, value, row, offset)
      }
      row += 1
    }
  }

  #loadFrame(window: LogWindow, bytes: Uint8Array, row: number, offset: number): void {
    const kind = frameKind(bytes, offset)
    const run = frameRun(bytes, offset)
    switch (kind) {
      case FrameKind.inputs:
      case FrameKind.commands:
      case FrameKind.progress:
        this.#loadRecord(window, bytes, positionOf(row, offset), offset)
        return
      case FrameKind.rowPut:
      case FrameKind.rowDelete:
        loadRowChange(window, bytes, row, offset)
        return
      case FrameKind.runDeleted:
        window.deletedRuns.add(run)
        return
      default:
        throw corruptRow(row, `the frame at ${offset} is of the unknown kind ${kind}`)
    }
  }

  #loadRecord(window: LogWindow, bytes: Uint8Array, position: number, offset: number): void {
    const { runs } = window
    const run = frameRun(bytes, offset)
    let slot = runs.find(run)
    if (slot < 0) {
      const { head, processed } = this.#stateBefore(window, run, bytes, offset)
      slot = runs.add(run, head, processed, 0)
      runs.cells[slot + RunCell.durable] = 1
      if (run > window.highestRun) window.highestRun = run
    }
    const last = frameLastSeq(bytes, offset)
    runs.cells[slot + RunCell.last] = position
    if (frameKind(bytes, offset) === FrameKind.inputs) {
      runs.cells[slot + RunCell.head] = last
      loadRequests(window, bytes, run, offset)
    } else if (last > runs.cells[slot + RunCell.processed]!) {
      runs.cells[slot + RunCell.processed] = last
    }
  }

  /** A run that the checkpoint does not carry was finished then: no look-up is needed. */
  #stateBefore(window: LogWindow, run: number, bytes: Uint8Array, offset: number): RunProgress {
    if (window === this.#active) {
      const slot = this.#previous.runs.find(run)
      const { runs } = this.#previous
      if (slot >= 0) return runs.progressAt(slot)
    }
    const carried = this.#carried.get(run)
    if (carried !== undefined) return carried
    const head = frameSeq(bytes, offset) - 1
    if (frameKind(bytes, offset) === FrameKind.inputs) return { head, processed: head }
    try {
      const found = this.#stateInTree(run)
      if (found !== undefined) return found
    } catch (error) {
      // Reading the run will say so; it must not keep the others from opening.
      if (!(error instanceof SignalboxError)) throw error
    }
    const last = frameLastSeq(bytes, offset)
    return { head: last, processed: last }
  }
}

function loadRowChange(window: LogWindow, bytes: Uint8Array, row: number, offset: number): void {
  if (!isFrameBodyIntact(bytes, offset)) {
    throw corruptRow(row, `the index row in the frame at ${offset} fails its checksum`)
  }
  const isDelete = frameKind(bytes, offset) === FrameKind.rowDelete
  const start = offset + frameHeaderBytes
  const end = start + frameBodyBytes(bytes, offset)
  if (bytes[isDelete ? start : start + 2]! >= firstRareByte) {
    window.rare.add([window.placeOf(row, offset)])
    return
  }
  if (isDelete) {
    window.overlay.set(latin1(bytes, start, end), rowDeleted)
    return
  }
  const keyEnd = start + 2 + (bytes[start]! | (bytes[start + 1]! << 8))
  window.overlay.set(latin1(bytes, start + 2, keyEnd), window.placeOf(row, offset))
}

function loadRequests(window: LogWindow, bytes: Uint8Array, run: number, offset: number): void {
  const count = frameRequests(bytes, offset)
  // Of a damaged record nothing is believed; its run is quarantined as soon as it is read.
  if (count === 0 || !isFrameBodyIntact(bytes, offset)) return
  const seq = frameSeq(bytes, offset)
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  let at = offset + frameHeaderBytes + frameBodyBytes(bytes, offset)
  for (let i = 0; i < count; i += 1) {
    window.requests.add(view.getFloat64(at, true), run, seq + uint32At(bytes, at + 8))
    at += requestHashBytes
  }
}

function readCarried(
  log: ReadTree,
  { row, carriedParts }: CheckpointMeta,
): Map<number, RunProgress> {
  const carried = new Map<number, RunProgress>()
  for (let part = 0; part < carriedParts; part += 1) {
    const value = log.get(carriedKey(row, part))
    if (value === undefined) {
      throw new SignalboxError(
        'SIGNALBOX_ERR_JOURNAL_CORRUPT',
        `the list of unfinished runs lacks part ${part} of ${carriedParts}`,
      )
    }
    decodeCarried(value, carried)
  }
  return carried
}

function unfinishedRuns(
  log: RetainedLog,
  carried: ReadonlyMap<number, RunProgress>,
): (readonly [run: number, progress: RunProgress])[] {
  const states = new Map(carried)
  for (const { runs } of [log.previous, log.active]) {
    for (let slot = 0; slot < runs.end; slot += runCells) {
      const progress = runs.progressAt(slot)
      if (isUnfinished(progress)) states.set(runs.cells[slot + RunCell.run]!, progress)
      else states.delete(runs.cells[slot + RunCell.run]!)
    }
  }
  return [...states].filter(([run]) => !log.isDeleted(run))
}

function firstLogRow(log: ReadTree): number | undefined {
  for (const key of log.keys(logRowKey(0), logRowsEnd, { limit: 1 })) return logRowOfKey(key)
  return undefined
}

function latin1(bytes: Uint8Array, start: number, end: number): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset + start, end - start).toString('latin1')
}

function corruptRow(row: number, why: string): SignalboxError {
  return new SignalboxError('SIGNALBOX_ERR_JOURNAL_CORRUPT', `row ${row} of the log: ${why}`, {
    fields: { row },
  })
}
