import { checksum } from './journal-checksum.ts'
import { RecordKind } from './journal.ts'

/**
 * A frame is how anything rests in the journal: a header of fixed size, a body, and for inputs the
 * request hashes among them. The header has a checksum of its own, so that a damaged body harms its
 * run alone: what follows it in the row is still found.
 *
 * ```
 *  0 u32 checksum of bytes 4 … 43          20 u48 run
 *  4 u32 checksum of body and hashes       26 u48 seq
 *  8 u8  kind                              32 u48 log row of the run's frame before this one
 *  9 u8  format version                    38 u16 zero
 * 10 u16 its offset in that row            40 u32 number of request hashes
 * 12 u32 length of the body                44 body, then per request hash f64 hash,
 * 16 u32 count                                u32 input number less seq
 * ```
 *
 * All numbers are little-endian. A frame's position is a single number, see {@link positionOf}.
 */
export const frameHeaderBytes = 44
export const requestHashBytes = 12
export const frameVersion = 1

/** The kinds of frames: those of records, and what the journal writes for itself. */
export const FrameKind = {
  ...RecordKind,
  /** Body: u16 length of the key, key, value. */
  rowPut: 4,
  /** Body: the key. */
  rowDelete: 5,
  /** All frames of `run` before this one are void; none follow. */
  runDeleted: 6,
} as const
export type FrameKind = (typeof FrameKind)[keyof typeof FrameKind]

/**
 * Where a frame lies in the log: row number and offset in one number that grows from frame to frame.
 * 0 is no frame; rows count from 1. Frames start in the first 64 KiB of a row, since a row is closed
 * at a quarter of that, and row numbers stay exact up to 2^37, beyond any life of a disk.
 */
export function positionOf(row: number, offset: number): number {
  return row * 0x1_0000 + offset
}

export function rowOf(position: number): number {
  return Math.floor(position / 0x1_0000)
}

export function offsetOf(position: number): number {
  return position % 0x1_0000
}

export interface FrameHeader {
  readonly kind: FrameKind
  readonly run: number
  readonly seq: number
  readonly count: number
  readonly bodyBytes: number
  readonly requests: number
  /** Position of the run's frame before this one, or 0. */
  readonly previous: number
}

/**
 * Write the header of the frame at `offset` whose body and hashes lie behind it already: the
 * checksums cover them. `view` and `bytes` are the same memory.
 */
export function writeFrameHeader(
  view: DataView,
  bytes: Uint8Array,
  offset: number,
  header: FrameHeader,
): void {
  const { previous } = header
  const bodyStart = offset + frameHeaderBytes
  const bodyEnd = bodyStart + header.bodyBytes + header.requests * requestHashBytes
  view.setUint32(offset + 4, bodyEnd === bodyStart ? 0 : checksum(bytes, bodyStart, bodyEnd), true)
  view.setUint16(offset + 8, header.kind | (frameVersion << 8), true)
  view.setUint16(offset + 10, previous % 0x1_0000, true)
  view.setUint32(offset + 12, header.bodyBytes, true)
  view.setUint32(offset + 16, header.count, true)
  setUint48(view, offset + 20, header.run)
  setUint48(view, offset + 26, header.seq)
  setUint48(view, offset + 32, rowOf(previous))
  view.setUint16(offset + 38, 0, true)
  view.setUint32(offset + 40, header.requests, true)
  view.setUint32(offset, checksum(bytes, offset + 4, offset + frameHeaderBytes), true)
}

function setUint48(view: DataView, offset: number, value: number): void {
  view.setUint32(offset, value >>> 0, true)
  view.setUint16(offset + 4, value / 0x1_0000_0000, true)
}

// Readers of single fields, since a walk over many frames needs few of each.

export function frameKind(bytes: Uint8Array, offset: number): number {
  return bytes[offset + 8]!
}

export function frameCount(bytes: Uint8Array, offset: number): number {
  return uint32At(bytes, offset + 16)
}

export function frameRun(bytes: Uint8Array, offset: number): number {
  return uint48At(bytes, offset + 20)
}

export function frameSeq(bytes: Uint8Array, offset: number): number {
  return uint48At(bytes, offset + 26)
}

export function frameBodyBytes(bytes: Uint8Array, offset: number): number {
  return uint32At(bytes, offset + 12)
}

export function frameRequests(bytes: Uint8Array, offset: number): number {
  return uint32At(bytes, offset + 40)
}

export function framePrevious(bytes: Uint8Array, offset: number): number {
  return positionOf(uint48At(bytes, offset + 32), bytes[offset + 10]! | (bytes[offset + 11]! << 8))
}

/** Length of the whole frame. */
export function frameBytes(bytes: Uint8Array, offset: number): number {
  return (
    frameHeaderBytes +
    frameBodyBytes(bytes, offset) +
    frameRequests(bytes, offset) * requestHashBytes
  )
}

/** The last input or turn that a frame of a record speaks of. */
export function frameLastSeq(bytes: Uint8Array, offset: number): number {
  const seq = frameSeq(bytes, offset)
  return frameKind(bytes, offset) === FrameKind.progress ? seq : seq + frameCount(bytes, offset) - 1
}

/** Whether a whole frame of a known format starts at `offset`, by the header's own checksum. */
export function isFrame(bytes: Uint8Array, offset: number): boolean {
  const bodyStart = offset + frameHeaderBytes
  if (bodyStart > bytes.length) return false
  if (uint32At(bytes, offset) !== checksum(bytes, offset + 4, bodyStart)) return false
  return bytes[offset + 9] === frameVersion && offset + frameBytes(bytes, offset) <= bytes.length
}

/** Whether the body and the hashes are what was written. The frame must be whole. */
export function isFrameBodyIntact(bytes: Uint8Array, offset: number): boolean {
  const start = offset + frameHeaderBytes
  const end = offset + frameBytes(bytes, offset)
  return uint32At(bytes, offset + 4) === (end === start ? 0 : checksum(bytes, start, end))
}

export function uint32At(bytes: Uint8Array, offset: number): number {
  return (
    (bytes[offset]! |
      (bytes[offset + 1]! << 8) |
      (bytes[offset + 2]! << 16) |
      (bytes[offset + 3]! << 24)) >>>
    0
  )
}

export function uint48At(bytes: Uint8Array, offset: number): number {
  return uint32At(bytes, offset) + (bytes[offset + 4]! | (bytes[offset + 5]! << 8)) * 0x1_0000_0000
}
