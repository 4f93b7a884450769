import { SignalboxError } from './errors.ts'
import { checksum } from './journal-checksum.ts'
import {
  frameBytes,
  FrameKind,
  frameKind,
  frameRun,
  frameSeq,
  isFrame,
  isFrameBodyIntact,
  uint32At,
} from './journal-frame.ts'
import {
  dataKeyKind,
  logRowKey,
  logRowOfKey,
  logRowsEnd,
  metaKey,
  runOfRunKey,
} from './journal-keys.ts'
import { type CheckpointMeta, decodeCheckpoint, decodeFreeze } from './journal-meta.ts'
import { runValueHeaderBytes } from './journal-run-records.ts'
import type { SnapshotTrees } from './journal-snapshot.ts'

export interface ScanPorts {
  readonly onDamage: (place: string, problem: string, run?: number) => void
  readonly onProgress: (done: number, total: number) => void
}

/**
 * Look at every checksum of a journal, in the log and in the data tree, and tell of each that does not
 * hold.
 *
 * @returns whether the journal can be opened all the same, without what is damaged of single runs
 */
export function scanTrees(trees: SnapshotTrees, ports: ScanPorts): boolean {
  const total = trees.sizes().data.entries + trees.sizes().log.entries
  let done = 0
  const step = (): void => {
    done++
    if (done % 256 === 0) ports.onProgress(done, total)
  }
  const isLogWhole = scanLog(trees, ports, step)
  for (const { key, value } of trees.data.entries(Buffer.of(0), Buffer.of(255))) {
    step()
    switch (dataKeyKind(key)) {
      case 'run':
        scanRunValue(key, value, ports)
        break
      case 'row':
        break
      case 'requests':
      case 'requestFilter':
        if (!isChecked(value)) {
          ports.onDamage(`request ids ${hex(key)}`, 'the block fails its checksum')
        }
        break
      default:
        ports.onDamage(`entry ${hex(key)} of the data tree`, 'is of no known kind')
    }
  }
  return isLogWhole
}

function scanLog(trees: SnapshotTrees, { onDamage }: ScanPorts, step: () => void): boolean {
  let checkpoint: CheckpointMeta | undefined
  try {
    const value = trees.log.get(metaKey('checkpoint'))
    if (value !== undefined) checkpoint = decodeCheckpoint(value)
    const freeze = trees.log.get(metaKey('freeze'))
    if (freeze !== undefined) decodeFreeze(freeze)
  } catch (error) {
    onDamage('the meta rows of the log', messageOf(error))
    return false
  }
  let isWhole = true
  let expected = checkpoint?.row ?? 1
  for (const { key, value } of trees.log.entries(logRowKey(expected), logRowsEnd)) {
    step()
    const row = logRowOfKey(key)
    if (row !== expected) {
      onDamage(`row ${expected} of the log`, `is missing; the next one is ${row}`)
      isWhole = false
    }
    expected = row + 1
    if (!scanLogRow(row, value, onDamage)) isWhole = false
  }
  return isWhole
}

/** @returns false if what is behind the damage cannot be known */
function scanLogRow(row: number, value: Uint8Array, onDamage: ScanPorts['onDamage']): boolean {
  for (let offset = 0; offset < value.length; offset += frameBytes(value, offset)) {
    const place = `row ${row} of the log, byte ${offset}`
    if (!isFrame(value, offset)) {
      onDamage(place, 'the header of a record fails its checksum: what is behind it is lost')
      return false
    }
    if (isFrameBodyIntact(value, offset)) continue
    const kind = frameKind(value, offset)
    if (kind === FrameKind.rowPut || kind === FrameKind.rowDelete) {
      onDamage(place, 'a row of a table fails its checksum')
      return false
    }
    const run = frameRun(value, offset)
    onDamage(
      place,
      `the record of run ${run} at input ${frameSeq(value, offset)} fails its checksum`,
      run,
    )
  }
  return true
}

function scanRunValue(key: Uint8Array, value: Uint8Array, { onDamage }: ScanPorts): void {
  const run = runOfRunKey(key)
  const place = `run ${run} in the data tree, value ${hex(key.subarray(7))}`
  if (
    value.length < runValueHeaderBytes ||
    uint32At(value, 0) !== checksum(value, 4, runValueHeaderBytes)
  ) {
    onDamage(place, 'the state of the run fails its checksum', run)
    return
  }
  for (
    let offset = runValueHeaderBytes;
    offset < value.length;
    offset += frameBytes(value, offset)
  ) {
    if (!isFrame(value, offset)) {
      onDamage(place, `the header of the record at byte ${offset} fails its checksum`, run)
      return
    }
    const seq = frameSeq(value, offset)
    if (!isFrameBodyIntact(value, offset)) {
      onDamage(place, `the record at input ${seq} fails its checksum`, run)
    }
    const of = frameRun(value, offset)
    if (of !== run) onDamage(place, `has a record of run ${of}`, run)
  }
}

/** A value that begins with the checksum of what follows. */
function isChecked(value: Uint8Array): boolean {
  return value.length >= 4 && uint32At(value, 0) === checksum(value, 4, value.length)
}

function hex(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString('hex')
}

function messageOf(error: unknown): string {
  if (error instanceof SignalboxError) return error.message
  throw error
}
