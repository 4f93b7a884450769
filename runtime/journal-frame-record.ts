import {
  frameBodyBytes,
  frameCount,
  frameHeaderBytes,
  frameKind,
  frameSeq,
  isFrameBodyIntact,
} from './journal-frame.ts'
import { corruptRun } from './journal-run-records.ts'
import { type JournalRecord, RecordKind } from './journal.ts'

/**
 * The record in the frame of a run; its bytes are a view.
 *
 * @throws SignalboxError with SIGNALBOX_ERR_JOURNAL_CORRUPT if the body fails its checksum
 */
export function recordAt(run: number, bytes: Uint8Array, offset: number): JournalRecord {
  const kind = frameKind(bytes, offset)
  const seq = frameSeq(bytes, offset)
  if (!isFrameBodyIntact(bytes, offset)) {
    throw corruptRun(run, `the record at input ${seq} fails its checksum`)
  }
  const start = offset + frameHeaderBytes
  return {
    run,
    kind: kindOf(kind),
    seq,
    count: frameCount(bytes, offset),
    bytes: bytes.subarray(start, start + frameBodyBytes(bytes, offset)),
  }
}

function kindOf(kind: number): RecordKind {
  switch (kind) {
    case RecordKind.inputs:
      return RecordKind.inputs
    case RecordKind.commands:
      return RecordKind.commands
    default:
      return RecordKind.progress
  }
}
