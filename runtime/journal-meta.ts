import { SignalboxError } from './errors.ts'
import { checksum } from './journal-checksum.ts'
import { uint32At, uint48At } from './journal-frame.ts'
import type { RequestGeneration } from './journal-request-store.ts'
import type { RunProgress } from './journal.ts'

/** What the journal is complete up to without the log. */
export interface CheckpointMeta {
  /** The first log row that is not in the data tree. */
  readonly row: number
  readonly nextRun: number
  /** How many rows the list of unfinished runs has. */
  readonly carriedParts: number
  readonly generations: readonly RequestGeneration[]
  /** What is to be deleted now that this checkpoint stands; absent once it is. */
  readonly garbage?: Garbage
}

export interface Garbage {
  readonly carriedRow: number
  readonly carriedParts: number
  readonly generations: readonly RequestGeneration[]
}

/** Where the window ends that is being moved into the data tree. */
export interface FreezeMeta {
  readonly endRow: number
}

/** A meta row: u32 checksum, JSON text. */
export function encodeMeta(meta: CheckpointMeta | FreezeMeta): Uint8Array {
  return checked(Buffer.from(JSON.stringify(meta)))
}

export function decodeCheckpoint(value: Uint8Array): CheckpointMeta {
  // The checksum stands for the shape: only encodeMeta writes such rows.
  return JSON.parse(textOf(value, 'checkpoint'))
}

export function decodeFreeze(value: Uint8Array): FreezeMeta {
  return JSON.parse(textOf(value, 'freeze'))
}

const carriedBytes = 18
const carriedPerPart = 900

/** The list of unfinished runs: per run u48 run, u48 head, u48 processed, behind a checksum. */
export function* encodeCarried(carried: ReadonlyMap<number, RunProgress>): Generator<Uint8Array> {
  let part = Buffer.alloc(carriedPerPart * carriedBytes)
  let at = 0
  for (const [run, { head, processed }] of carried) {
    part.writeUIntLE(run, at, 6)
    part.writeUIntLE(head, at + 6, 6)
    part.writeUIntLE(processed, at + 12, 6)
    at += carriedBytes
    if (at < part.length) continue
    yield checked(part)
    part = Buffer.alloc(part.length)
    at = 0
  }
  if (at > 0) yield checked(part.subarray(0, at))
}

export function decodeCarried(value: Uint8Array, into: Map<number, RunProgress>): void {
  const part = unchecked(value, 'unfinished runs')
  for (let at = 0; at < part.length; at += carriedBytes) {
    const progress = { head: uint48At(part, at + 6), processed: uint48At(part, at + 12) }
    into.set(uint48At(part, at), progress)
  }
}

function textOf(value: Uint8Array, what: string): string {
  return Buffer.from(unchecked(value, what)).toString()
}

function checked(bytes: Uint8Array): Uint8Array {
  const value = Buffer.allocUnsafe(4 + bytes.length)
  value.writeUInt32LE(checksum(bytes, 0, bytes.length), 0)
  value.set(bytes, 4)
  return value
}

function unchecked(value: Uint8Array, what: string): Uint8Array {
  if (value.length >= 4 && uint32At(value, 0) === checksum(value, 4, value.length)) {
    return value.subarray(4)
  }
  throw new SignalboxError('SIGNALBOX_ERR_JOURNAL_CORRUPT', `${what}: a row fails its checksum`)
}
