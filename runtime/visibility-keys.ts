import { type KeyRange, rangeOf, RowTable, successor, tableRange } from './row-keys.ts'
import type { WorkflowStatus } from './workflow-service.ts'

/**
 * The keys of the visibility index: rows without values, one for each thing that a run is found by. A key
 * is a term (namespace, kind, value) and the run's place, so the runs of a term are one range in the
 * order of lists, and the runs of neighbouring values are one range too.
 *
 *   table:1 namespace 0 kind:1 value… start:6 run:6
 *
 * Texts are cut to {@link MAX_TEXT_BYTES} and end with a 0, so that none is the beginning of another. An
 * index may thus find too much, never too little: whoever searches compares with the run's row.
 */
const Kind = {
  status: 1,
  type: 2,
  /** Closed runs only: that of an open one is found by the row of the workflow id. */
  workflowId: 3,
  parent: 4,
  /** Children only: every other run is its own root. */
  root: 5,
  closeTime: 6,
  attribute: 7,
} as const

/** How values of search attributes are sorted, and what they can be compared with. */
const ValueKind = {
  number: 1,
  boolean: 2,
  time: 3,
  text: 4,
  /** A word of a Text. */
  word: 5,
  /** A text that is compared as a time with times, and as a text with others. */
  timeText: 6,
} as const

/** Numbers of statuses in keys: none may ever get another. */
const statusCodes: Readonly<Record<WorkflowStatus, number>> = {
  RUNNING: 0,
  COMPLETED: 1,
  FAILED: 2,
  CANCELED: 3,
  TERMINATED: 4,
  CONTINUED_AS_NEW: 5,
  TIMED_OUT: 6,
  PAUSED: 7,
}
export const allStatuses = Object.keys(statusCodes) as readonly WorkflowStatus[]
const statusByCode = new Map(allStatuses.map((status) => [statusCodes[status], status]))

export const MAX_TEXT_BYTES = 128
const TIME_BYTES = 6
const PLACE_BYTES = 12
const MAX_TIME = 2 ** 48 - 1

/** Where a run stands in a list: by start, runs of the same millisecond by number. It never changes. */
export interface Place {
  readonly start: number
  readonly run: number
}

/** The row that says that the index is complete, before all counts; its value is the index's version. */
export const builtKey = Buffer.of(RowTable.runCount, 0)

export function statusTerm(namespace: string, status: WorkflowStatus): Buffer {
  return term(namespace, Kind.status, Buffer.of(statusCodes[status]))
}

export function typeTerm(namespace: string, workflowType: string): Buffer {
  return term(namespace, Kind.type, ended(workflowType))
}

/** @param field what the id is to the run */
export function idTerm(
  namespace: string,
  field: 'workflowId' | 'parent' | 'root',
  workflowId: string,
): Buffer {
  return term(namespace, Kind[field], ended(workflowId))
}

export function closeTimeTerm(namespace: string, closeTime: number): Buffer {
  return term(namespace, Kind.closeTime, timeBytes(closeTime))
}

/** Runs whose id, or type, begins with a text. */
export function prefixRange(
  namespace: string,
  field: 'workflowId' | 'parent' | 'root' | 'type',
  prefix: string,
): KeyRange {
  return rangeOf(term(namespace, Kind[field], begun(prefix)))
}

/** Runs that closed between two times, both included. */
export function closeTimeRange(namespace: string, from: number, to: number): KeyRange {
  return {
    start: closeTimeTerm(namespace, from),
    end: successor(closeTimeTerm(namespace, to)),
  }
}

/** A value of a search attribute, as it is sorted. */
export type IndexedValue =
  | { readonly kind: 'number' | 'time'; readonly value: number }
  | { readonly kind: 'boolean'; readonly value: boolean }
  | { readonly kind: 'text' | 'word' | 'timeText'; readonly value: string }

export function attributeTerm(namespace: string, name: string, indexed: IndexedValue): Buffer {
  return Buffer.concat([attributePrefix(namespace, name, indexed.kind), valueBytes(indexed)])
}

/** All values of a kind, or those of an attribute whatever their kind. */
export function attributeRange(
  namespace: string,
  name: string,
  kind?: IndexedValue['kind'],
): KeyRange {
  return rangeOf(attributePrefix(namespace, name, kind))
}

/** Values from `low` to `high`, both included. */
export function numberRange(
  namespace: string,
  name: string,
  kind: 'number' | 'time',
  low: number,
  high: number,
): KeyRange {
  return {
    start: attributeTerm(namespace, name, { kind, value: low }),
    end: successor(attributeTerm(namespace, name, { kind, value: high })),
  }
}

export function attributePrefixRange(
  namespace: string,
  name: string,
  kind: 'text' | 'timeText',
  prefix: string,
): KeyRange {
  return rangeOf(Buffer.concat([attributePrefix(namespace, name, kind), begun(prefix)]))
}

/** The row of a run with this term. */
export function entryKey(term: Buffer, place: Place): Buffer {
  const key = Buffer.allocUnsafe(term.length + PLACE_BYTES)
  key.set(term, 0)
  writePlace(key, term.length, place)
  return key
}

export function placeOfKey(bytes: Uint8Array): Place {
  const key = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  return readPlace(key, key.length - PLACE_BYTES)
}

/** A place as it is in a page token. */
export function encodePlace(place: Place): Buffer {
  const bytes = Buffer.allocUnsafe(PLACE_BYTES)
  writePlace(bytes, 0, place)
  return bytes
}

/** Undefined for what no place looks like. */
export function decodePlace(bytes: Buffer): Place | undefined {
  return bytes.length === PLACE_BYTES ? readPlace(bytes, 0) : undefined
}

/** Below 0 if `a` comes before `b` in a list: it started later. */
export function comparePlaces(a: Place, b: Place): number {
  return b.start - a.start || b.run - a.run
}

export function placeOf(run: number, startTime: number): Place {
  return { start: clampTime(startTime), run }
}

/** A start time as places have it. */
export function clampTime(time: number): number {
  return Math.min(Math.max(0, Math.floor(time)), MAX_TIME)
}

export function countKey(namespace: string, workflowType: string, status: WorkflowStatus): Buffer {
  const key = Buffer.from(`\0${namespace}\0\0${workflowType}`, 'utf8')
  key[0] = RowTable.runCount
  key[key.indexOf(0, 1) + 1] = statusCodes[status]
  return key
}

export function countRange(namespace: string): KeyRange {
  return tableRange(RowTable.runCount, Buffer.from(`${namespace}\0`, 'utf8'))
}

export function countOfKey(bytes: Uint8Array): {
  readonly workflowType: string
  readonly status: WorkflowStatus
} {
  const key = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  const at = key.indexOf(0, 1) + 1
  const status = statusByCode.get(key[at] as number)
  if (status === undefined) throw new RangeError(`no status has the number ${key[at]}`)
  return { workflowType: key.toString('utf8', at + 1), status }
}

function term(namespace: string, kind: number, value: Uint8Array = NOTHING): Buffer {
  // A namespace has no NUL; see identifiers.ts.
  const head = Buffer.from(`\0${namespace}\0\0`, 'utf8')
  head[0] = RowTable.visibility
  head[head.length - 1] = kind
  return Buffer.concat([head, value])
}

function attributePrefix(namespace: string, name: string, kind?: IndexedValue['kind']): Buffer {
  const value = kind === undefined ? NOTHING : Buffer.of(ValueKind[kind])
  return term(namespace, Kind.attribute, Buffer.concat([ended(name), value]))
}

function valueBytes(indexed: IndexedValue): Uint8Array {
  switch (indexed.kind) {
    case 'number':
    case 'time':
      return sortableNumber(indexed.value)
    case 'boolean':
      return Buffer.of(indexed.value ? 1 : 0)
    default:
      return ended(indexed.value)
  }
}

/** The bits of a double, turned so that they sort as the numbers do. */
function sortableNumber(value: number): Buffer {
  const bytes = Buffer.allocUnsafe(8)
  // −0 equals 0.
  bytes.writeDoubleBE(value + 0)
  const isNegative = bytes[0]! >= 0x80
  if (isNegative) for (let i = 0; i < 8; i++) bytes[i]! ^= 0xff
  else bytes[0]! ^= 0x80
  return bytes
}

/** The beginning of a text, without its end: what every text that begins with it begins with. */
function begun(text: string): Buffer {
  const whole = text.length > MAX_TEXT_BYTES ? text.slice(0, MAX_TEXT_BYTES) : text
  const bytes = Buffer.from(withoutHalfPair(whole), 'utf8').subarray(0, MAX_TEXT_BYTES)
  for (let at = bytes.indexOf(0); at >= 0; at = bytes.indexOf(0, at)) bytes[at] = 1
  return bytes
}

/** A text without half a surrogate pair at its end, which would be written as another character. */
export function withoutHalfPair(text: string): string {
  const last = text.charCodeAt(text.length - 1)
  return last >= 0xd800 && last <= 0xdbff ? text.slice(0, -1) : text
}

function ended(text: string): Buffer {
  return Buffer.concat([begun(text), END])
}

function timeBytes(time: number): Buffer {
  const bytes = Buffer.allocUnsafe(TIME_BYTES)
  bytes.writeUIntBE(clampTime(time), 0, TIME_BYTES)
  return bytes
}

function writePlace(bytes: Buffer, at: number, place: Place): void {
  bytes.writeUIntBE(place.start, at, 6)
  bytes.writeUIntBE(place.run, at + 6, 6)
}

function readPlace(bytes: Buffer, at: number): Place {
  return { start: bytes.readUIntBE(at, 6), run: bytes.readUIntBE(at + 6, 6) }
}

const NOTHING = Buffer.alloc(0)
const END = Buffer.of(0)
