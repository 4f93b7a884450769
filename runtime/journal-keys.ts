import { offsetOf, rowOf } from './journal-frame.ts'

/**
 * The keys of both LMDB databases. Numbers are big-endian, so that byte order is number order.
 *
 * `log`, small and written by every commit:
 *   0x01 name                    meta rows: epoch, freeze, checkpoint
 *   0x10 row:6                   a row of the log
 *   0x20 checkpoint:6 part:4     unfinished runs carried by a checkpoint
 *
 * `data`, written by checkpoints alone:
 *   0x20 run:6 head:6 pos:8      frames of a run; head and pos as they were before the first of them
 *   0x30 key                     a row of the caller
 *   0x40 generation:6 bucket:4   request hashes
 *   0x41 generation:6 part:4     the filter of a generation
 *
 * A run's records sort by (head, position): the head never falls, so this is commit order, and the
 * place of an input is found by one search.
 */
const prefix = { meta: 0x01, logRow: 0x10, carried: 0x20 } as const
const dataPrefix = { run: 0x20, row: 0x30, requests: 0x40, requestFilter: 0x41 } as const
const dataKinds = new Map<number, keyof typeof dataPrefix>([
  [dataPrefix.run, 'run'],
  [dataPrefix.row, 'row'],
  [dataPrefix.requests, 'requests'],
  [dataPrefix.requestFilter, 'requestFilter'],
])

export function metaKey(name: 'epoch' | 'freeze' | 'checkpoint'): Uint8Array {
  return Buffer.concat([Uint8Array.of(prefix.meta), Buffer.from(name)])
}

export function logRowKey(row: number): Uint8Array {
  return numberKey(prefix.logRow, row)
}

export function logRowOfKey(key: Uint8Array): number {
  return readUint48(key, 1)
}

/** After the last possible log row. */
export const logRowsEnd: Uint8Array = Uint8Array.of(prefix.logRow + 1)

export function carriedKey(checkpointRow: number, part: number): Uint8Array {
  return partKey(prefix.carried, checkpointRow, part)
}

/** Bytes before the position in a run key. */
const runKeyPositionOffset = 13
const runKeyBytes = 21

export function runKey(run: number, headBefore: number, position: number): Uint8Array {
  const key = new Uint8Array(runKeyBytes)
  key[0] = dataPrefix.run
  writeUint48(key, 1, run)
  writeUint48(key, 7, headBefore)
  writeUint48(key, runKeyPositionOffset, rowOf(position))
  const offset = offsetOf(position)
  key[19] = offset >>> 8
  key[20] = offset
  return key
}

/** The log row of the first frame behind a run key. */
export function logRowOfRunKey(key: Uint8Array): number {
  return readUint48(key, runKeyPositionOffset)
}

export function runOfRunKey(key: Uint8Array): number {
  return readUint48(key, 1)
}

/** What an entry of the data tree is; undefined for a key that this version does not write. */
export function dataKeyKind(key: Uint8Array): keyof typeof dataPrefix | undefined {
  return dataKinds.get(key[0] ?? 0)
}

/** The first key that is not of `run`. */
export function runKeyEnd(run: number): Uint8Array {
  return runKey(run + 1, 0, 0)
}

export function rowKey(key: Uint8Array): Uint8Array {
  const result = new Uint8Array(key.length + 1)
  result[0] = dataPrefix.row
  result.set(key, 1)
  return result
}

export function requestBucketKey(generation: number, bucket: number): Uint8Array {
  return partKey(dataPrefix.requests, generation, bucket)
}

export function requestFilterKey(generation: number, part: number): Uint8Array {
  return partKey(dataPrefix.requestFilter, generation, part)
}

function numberKey(first: number, value: number): Uint8Array {
  const key = new Uint8Array(7)
  key[0] = first
  writeUint48(key, 1, value)
  return key
}

function partKey(first: number, id: number, part: number): Uint8Array {
  const key = new Uint8Array(11)
  key[0] = first
  writeUint48(key, 1, id)
  key[7] = part >>> 24
  key[8] = part >>> 16
  key[9] = part >>> 8
  key[10] = part
  return key
}

function writeUint48(bytes: Uint8Array, offset: number, value: number): void {
  const high = Math.floor(value / 0x1_0000_0000)
  bytes[offset] = high >>> 8
  bytes[offset + 1] = high
  bytes[offset + 2] = value >>> 24
  bytes[offset + 3] = value >>> 16
  bytes[offset + 4] = value >>> 8
  bytes[offset + 5] = value
}

function readUint48(bytes: Uint8Array, offset: number): number {
  let value = 0
  for (let i = 0; i < 6; i += 1) value = value * 256 + bytes[offset + i]!
  return value
}
