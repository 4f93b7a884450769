import { SignalboxError } from './errors.ts'
import { checksum } from './journal-checksum.ts'
import {
  FrameKind,
  frameBytes,
  frameCount,
  frameKind,
  frameLastSeq,
  isFrame,
  uint32At,
  uint48At,
} from './journal-frame.ts'
import { logRowOfRunKey, runKey, runKeyEnd } from './journal-keys.ts'
import type { SlicedWork } from './journal-request-store.ts'
import { fourPagesBytes, type Tree } from './journal-tree.ts'
import type { RunProgress } from './journal.ts'

/**
 * The frames of runs in the data tree. A value is a concatenation of frames behind a header that has
 * the run's state after the last of them, so that the state of a cold run is one look-up:
 * u32 checksum of what follows in the header, u48 head, u48 processed.
 */
export const runValueHeaderBytes = 16

/** A frame to be moved into the data tree. */
export interface PlacedFrame {
  readonly position: number
  readonly row: Uint8Array
  readonly offset: number
}

export class RunRecords {
  readonly #tree: Tree

  constructor(tree: Tree) {
    this.#tree = tree
  }

  /**
   * The state after the last record below log row `beforeRow`, which is where the last complete
   * checkpoint ends. Records beyond it are those of an unfinished one.
   */
  state(run: number, beforeRow: number): RunProgress | undefined {
    const range = { reverse: true }
    for (const { key, value } of this.#tree.entries(runKey(run, 0, 0), runKeyEnd(run), range)) {
      if (logRowOfRunKey(key) >= beforeRow) continue
      this.#checkHeader(run, value)
      return { head: uint48At(value, 4), processed: uint48At(value, 10) }
    }
    return undefined
  }

  exists(run: number, beforeRow: number): boolean {
    for (const key of this.#tree.keys(runKey(run, 0, 0), runKeyEnd(run), { limit: 1 })) {
      return logRowOfRunKey(key) < beforeRow
    }
    return false
  }

  /** The frames from the value that has the inputs of `fromSeq`, as (bytes, offset) in order. */
  *framesFrom(
    run: number,
    fromSeq: number,
    beforeRow: number,
  ): Generator<readonly [bytes: Uint8Array, offset: number]> {
    for (const { key, value } of this.#tree.entries(this.#startKey(run, fromSeq), runKeyEnd(run))) {
      if (logRowOfRunKey(key) >= beforeRow) return
      this.#checkHeader(run, value)
      for (let offset = runValueHeaderBytes; offset < value.length;) {
        if (!isFrame(value, offset)) throw corruptRun(run, 'a record has a broken header')
        yield [value, offset]
        offset += frameBytes(value, offset)
      }
    }
  }

  /**
   * Write the frames that a run has in a frozen window, in commit order. Of progress only the last
   * counts. The keys follow from the frames alone: doing it again writes the same again.
   */
  *put(run: number, before: RunProgress, frames: readonly PlacedFrame[]): SlicedWork<void> {
    const lastProgress = frames.findLastIndex(({ row, offset }) => isProgress(row, offset))
    let { head, processed } = before
    let chunk: PlacedFrame[] = []
    let chunkBytes = 0
    let chunkHead = head
    for (const [i, frame] of frames.entries()) {
      if (isProgress(frame.row, frame.offset) && i !== lastProgress) continue
      const length = frameBytes(frame.row, frame.offset)
      if (chunk.length > 0 && runValueHeaderBytes + chunkBytes + length > fourPagesBytes) {
        this.#putChunk(run, chunkHead, chunk, chunkBytes, { head, processed })
        yield
        chunk = []
        chunkBytes = 0
      }
      if (chunk.length === 0) chunkHead = head
      chunk.push(frame)
      chunkBytes += length
      const last = frameLastSeq(frame.row, frame.offset)
      if (frameKind(frame.row, frame.offset) === FrameKind.inputs) head = last
      else processed = Math.max(processed, last)
    }
    if (chunk.length > 0) this.#putChunk(run, chunkHead, chunk, chunkBytes, { head, processed })
    yield
  }

  /** Remove all records of a run. */
  *remove(run: number): SlicedWork<void> {
    const end = runKeyEnd(run)
    let start = runKey(run, 0, 0)
    for (;;) {
      const keys = [...this.#tree.keys(start, end, { limit: 16 })]
      for (const key of keys) this.#tree.remove(key)
      yield
      const last = keys.at(-1)
      if (last === undefined || keys.length < 16) return
      // They are still to be read until the transaction is durable.
      start = Buffer.concat([last, Uint8Array.of(0)])
    }
  }

  #putChunk(
    run: number,
    headBefore: number,
    frames: readonly PlacedFrame[],
    bytes: number,
    after: RunProgress,
  ): void {
    const value = Buffer.allocUnsafe(runValueHeaderBytes + bytes)
    value.writeUIntLE(after.head, 4, 6)
    value.writeUIntLE(after.processed, 10, 6)
    value.writeUInt32LE(checksum(value, 4, runValueHeaderBytes), 0)
    let at = runValueHeaderBytes
    for (const { row, offset } of frames) {
      const end = offset + frameBytes(row, offset)
      value.set(offset === 0 && end === row.length ? row : row.subarray(offset, end), at)
      at += end - offset
    }
    this.#tree.put(runKey(run, headBefore, frames[0]!.position), value)
  }

  /** The last value that starts before `fromSeq` is the first that may hold it. */
  #startKey(run: number, fromSeq: number): Uint8Array {
    const start = runKey(run, 0, 0)
    if (fromSeq <= 1) return start
    const range = { reverse: true, limit: 1 }
    for (const key of this.#tree.keys(start, runKey(run, fromSeq, 0), range)) return key
    return start
  }

  #checkHeader(run: number, value: Uint8Array): void {
    if (
      value.length < runValueHeaderBytes ||
      uint32At(value, 0) !== checksum(value, 4, runValueHeaderBytes)
    ) {
      throw corruptRun(run, 'the state of the run fails its checksum')
    }
  }
}

/** A damaged record: the run cannot be read, and all others can. */
export function corruptRun(run: number, why: string): SignalboxError {
  return new SignalboxError('SIGNALBOX_ERR_JOURNAL_CORRUPT', `run ${run} of the journal: ${why}`, {
    fields: { run },
  })
}

function isProgress(row: Uint8Array, offset: number): boolean {
  return frameKind(row, offset) === FrameKind.progress && frameCount(row, offset) === 0
}
