/**
 * The keys of the journal's rows. One byte names the table; numbers are big endian, so that keys sort
 * as their numbers do.
 */
export const RowTable = {
  /** Workflow id to the number of its current or last run. */
  workflowId: 1,
  /** Run number to its summary; see run-row.ts. */
  run: 2,
  /** Due time, run, timer number: what must fire when. Due first, so that near ones are one range. */
  timer: 3,
  /** Run, activity number: an activity without an outcome, and how far it got. */
  activity: 4,
  /** Run, update id: how far the update is; see update-registry.ts. */
  update: 5,
  /** What runs have to do with each other: effects held back while their target closes, and children. */
  link: 6,
  /** Run numbers that are quarantined. */
  quarantined: 16,
  /** Namespace, close time, run: closed runs of namespaces that do not keep them for ever. */
  closed: 20,
  /** One row: of which namespaces every closed run is in the table before; see retention.ts. */
  coverage: 21,
  /** Run: it was deleted, and not all of its rows yet. */
  removed: 22,
  /** Namespace, status, type: how many runs there are; see visibility-counts.ts. */
  runCount: 30,
  /** What runs are found by in lists; see visibility-keys.ts. From 128 on: rows that are read rarely. */
  visibility: 128,
} as const

const RUN_BYTES = 6

export function workflowIdKey(namespace: string, workflowId: string): Buffer {
  // Neither may hold a NUL (see identifiers.ts), so the pair is unambiguous.
  return Buffer.concat([
    Buffer.of(RowTable.workflowId),
    Buffer.from(`${namespace}\0${workflowId}`, 'utf8'),
  ])
}

export function namespaceOfWorkflowIdKey(bytes: Uint8Array): string {
  const key = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  return key.toString('utf8', 1, key.indexOf(0, 1))
}

export function runKey(run: number): Buffer {
  const key = Buffer.allocUnsafe(1 + RUN_BYTES)
  key[0] = RowTable.run
  key.writeUIntBE(run, 1, RUN_BYTES)
  return key
}

/** Of a key that begins with the table and a run. */
export function runOfKey(key: Uint8Array): number {
  return Buffer.from(key.buffer, key.byteOffset, key.byteLength).readUIntBE(1, RUN_BYTES)
}

export function quarantineKey(run: number): Buffer {
  const key = runKey(run)
  key[0] = RowTable.quarantined
  return key
}

/** Some nine thousand years from now: later times have no place in the index, and are this one. */
export const MAX_DUE_TIME = 2 ** 48 - 1

export function timerKey(dueTime: number, run: number, seq: number): Buffer {
  const key = Buffer.allocUnsafe(1 + 6 + RUN_BYTES + 4)
  key[0] = RowTable.timer
  key.writeUIntBE(Math.min(Math.max(0, Math.floor(dueTime)), MAX_DUE_TIME), 1, 6)
  key.writeUIntBE(run, 7, RUN_BYTES)
  key.writeUInt32BE(seq, 7 + RUN_BYTES)
  return key
}

export interface TimerRow {
  readonly dueTime: number
  readonly run: number
  readonly seq: number
}

export function timerOfKey(bytes: Uint8Array): TimerRow {
  const key = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  return {
    dueTime: key.readUIntBE(1, 6),
    run: key.readUIntBE(7, RUN_BYTES),
    seq: key.readUInt32BE(7 + RUN_BYTES),
  }
}

export function activityKey(run: number, seq: number): Buffer {
  const key = Buffer.allocUnsafe(1 + RUN_BYTES + 4)
  key[0] = RowTable.activity
  key.writeUIntBE(run, 1, RUN_BYTES)
  key.writeUInt32BE(seq, 1 + RUN_BYTES)
  return key
}

/** Beside an activity's row, once its cancellation was asked for: sorts right after it. */
export function activityCancelKey(run: number, seq: number): Buffer {
  return Buffer.concat([activityKey(run, seq), Buffer.of(1)])
}

export function updateKey(run: number, updateId: string): Buffer {
  const key = Buffer.concat([runKey(run), Buffer.from(updateId, 'utf8')])
  key[0] = RowTable.update
  return key
}

/** The updates of a run. */
export function updateRange(run: number): KeyRange {
  return tableRange(RowTable.update, runKey(run).subarray(1))
}

export function updateIdOfKey(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString(
    'utf8',
    1 + RUN_BYTES,
  )
}

/** The activities of a run. */
export function activityRange(run: number): KeyRange {
  return tableRange(RowTable.activity, runKey(run).subarray(1))
}

export interface ActivityRowKey {
  readonly run: number
  readonly seq: number
  readonly isCancel: boolean
}

export function activityOfKey(bytes: Uint8Array): ActivityRowKey {
  const key = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  return {
    run: key.readUIntBE(1, RUN_BYTES),
    seq: key.readUInt32BE(1 + RUN_BYTES),
    isCancel: key.length > 1 + RUN_BYTES + 4,
  }
}

const HELD_EFFECT = 0
const CHILD_LINK = 1

/** By order, in which they are to be done. */
export function heldEffectKey(order: number): Buffer {
  const key = Buffer.allocUnsafe(2 + 6)
  key[0] = RowTable.link
  key[1] = HELD_EFFECT
  key.writeUIntBE(order, 2, 6)
  return key
}

export function heldEffectOfKey(key: Uint8Array): number {
  return Buffer.from(key.buffer, key.byteOffset, key.byteLength).readUIntBE(2, 6)
}

export function heldEffectRange(): KeyRange {
  return tableRange(RowTable.link, Buffer.of(HELD_EFFECT))
}

/** Parent's run, number of the start command: a child that has not ended. */
export function childLinkKey(run: number, seq: number): Buffer {
  const key = Buffer.allocUnsafe(2 + RUN_BYTES + 4)
  key[0] = RowTable.link
  key[1] = CHILD_LINK
  key.writeUIntBE(run, 2, RUN_BYTES)
  key.writeUInt32BE(seq, 2 + RUN_BYTES)
  return key
}

/** The children of a run. */
export function childLinkRange(run: number): KeyRange {
  return tableRange(RowTable.link, childLinkKey(run, 0).subarray(1, 2 + RUN_BYTES))
}

export interface ClosedRow {
  readonly key: Buffer
  readonly namespace: string
  readonly closeTime: number
  readonly run: number
}

export function closedKey(namespace: string, closeTime: number, run: number): Buffer {
  const prefix = namespacePrefix(RowTable.closed, namespace)
  const key = Buffer.allocUnsafe(prefix.length + 6 + RUN_BYTES)
  prefix.copy(key)
  key.writeUIntBE(Math.max(0, closeTime), prefix.length, 6)
  key.writeUIntBE(run, prefix.length + 6, RUN_BYTES)
  return key
}

export function closedOfKey(bytes: Uint8Array): ClosedRow {
  const key = Buffer.from(bytes)
  const at = key.indexOf(0, 1)
  return {
    key,
    namespace: key.toString('utf8', 1, at),
    closeTime: key.readUIntBE(at + 1, 6),
    run: key.readUIntBE(at + 7, RUN_BYTES),
  }
}

export function closedRange(): KeyRange {
  return tableRange(RowTable.closed)
}

/** The closed runs of a namespace, oldest first. */
export function closedNamespaceRange(namespace: string): KeyRange {
  return tableRange(RowTable.closed, namespacePrefix(RowTable.closed, namespace).subarray(1))
}

export function coverageKey(): Buffer {
  return Buffer.of(RowTable.coverage)
}

export function removedKey(run: number): Buffer {
  const key = runKey(run)
  key[0] = RowTable.removed
  return key
}

export function removedRange(): KeyRange {
  return tableRange(RowTable.removed)
}

/** A namespace may not hold a NUL (see identifiers.ts), so none is the beginning of another. */
function namespacePrefix(table: number, namespace: string): Buffer {
  return Buffer.concat([Buffer.of(table), Buffer.from(`${namespace}\0`, 'utf8')])
}

export interface KeyRange {
  readonly start: Buffer
  readonly end: Buffer
}
export type RowTable = (typeof RowTable)[keyof typeof RowTable]

/** All keys of a table, or of those of a table that begin with `prefix`. */
export function tableRange(table: RowTable, prefix: Uint8Array = Buffer.alloc(0)): KeyRange {
  return rangeOf(Buffer.concat([Buffer.of(table), prefix]))
}

/** All keys that begin with `prefix`, which begins with a table. */
export function rangeOf(prefix: Buffer): KeyRange {
  return { start: prefix, end: successor(prefix) }
}

/** The first key behind all that begin with this one. */
export function successor(prefix: Buffer): Buffer {
  const end = Buffer.from(prefix)
  // No table is 255, so the carry always ends.
  let last = end.length - 1
  while (end[last] === 0xff) last--
  end[last] = (end[last] as number) + 1
  return end.subarray(0, last + 1)
}
