import type { Input } from './inputs.ts'

/**
 * An input as its record has it, for one that moves to another run as it is: to decode and encode
 * thousands of them at each continue-as-new would cost more than their turns.
 */
export class EncodedInput {
  readonly kind: Input[0]
  readonly record: Uint8Array
  readonly start: number
  readonly end: number
  /** What it is, for one with a request id, which has to be remembered. */
  decoded: Input | undefined = undefined

  constructor(record: Uint8Array, start: number, end: number) {
    if (!isFixArray(record[start] as number)) throw unreadable('is not one of inputs')
    this.kind = record[start + 1] as Input[0]
    this.record = record
    this.start = start
    this.end = end
  }

  /** Its msgpack value; a view of the record. */
  get bytes(): Uint8Array {
    return this.record.subarray(this.start, this.end)
  }

  /** It says more than its kind, time, name and arguments: there may be a request id. */
  get hasAttributes(): boolean {
    return ((this.record[this.start] as number) & 0x0f) > 4
  }
}

/**
 * A record's inputs, undecoded.
 *
 * @throws Error if it is none of exactly `count`
 */
export function splitInputs(record: Uint8Array, count: number): EncodedInput[] {
  const { count: found, start } = arrayHeader(record)
  if (found !== count) throw unreadable(`has ${found} instead of ${count}`)
  const inputs: EncodedInput[] = []
  let at = start
  for (let i = 0; i < count; i++) {
    const end = endOfValue(record, at)
    inputs.push(new EncodedInput(record, at, end))
    at = end
  }
  if (at !== record.length) throw unreadable('has more behind the last input')
  return inputs
}

/** A record of inputs, of which some are encoded already; `encode` does it for the others. */
export function joinInputs(
  inputs: readonly (Input | EncodedInput)[],
  encode: (input: Input) => Uint8Array,
): Uint8Array {
  const pieces: Uint8Array[] = []
  let length = ARRAY_32_BYTES
  for (let i = 0; i < inputs.length; i++) {
    const first = inputs[i] as Input | EncodedInput
    let piece: Uint8Array
    if (first instanceof EncodedInput) {
      // Neighbours in their record are copied together.
      let { end } = first
      for (; i + 1 < inputs.length; i++) {
        const next = inputs[i + 1]
        if (!(next instanceof EncodedInput)) break
        if (next.record !== first.record || next.start !== end) break
        end = next.end
      }
      piece = first.record.subarray(first.start, end)
    } else piece = encode(first)
    pieces.push(piece)
    length += piece.length
  }
  const record = Buffer.allocUnsafe(length)
  record[0] = ARRAY_32
  record.writeUInt32BE(inputs.length, 1)
  let at = ARRAY_32_BYTES
  for (const piece of pieces) {
    record.set(piece, at)
    at += piece.length
  }
  return record
}

const ARRAY_16 = 0xdc
const ARRAY_32 = 0xdd
const ARRAY_32_BYTES = 5

function isFixArray(head: number): boolean {
  return head >= 0x90 && head <= 0x9f
}

function arrayHeader(bytes: Uint8Array): { readonly count: number; readonly start: number } {
  const head = bytes[0] as number
  if (isFixArray(head)) return { count: head & 0x0f, start: 1 }
  if (head === ARRAY_16) return { count: uintAt(bytes, 1, 2), start: 3 }
  if (head === ARRAY_32) return { count: uintAt(bytes, 1, 4), start: ARRAY_32_BYTES }
  throw unreadable('is not one of inputs')
}

/** Where the msgpack value that begins at `at` ends. */
function endOfValue(bytes: Uint8Array, at: number): number {
  // Values to go: those of arrays and maps are counted when their heads have been read.
  let rest = 1
  while (rest > 0) {
    rest--
    if (at >= bytes.length) throw unreadable('ends in the middle of an input')
    const head = bytes[at++] as number
    if (head <= 0x7f || head >= 0xe0) continue
    if (head <= 0x8f) rest += 2 * (head & 0x0f)
    else if (head <= 0x9f) rest += head & 0x0f
    else if (head <= 0xbf) at += head & 0x1f
    else {
      const { bytes: own, sizeBytes, valuesEach } = LAYOUTS[head - 0xc0] as Layout
      const size = sizeBytes === 0 ? 0 : uintAt(bytes, at, sizeBytes)
      at += own + sizeBytes
      if (valuesEach > 0) rest += size * valuesEach
      else at += size
    }
  }
  if (at > bytes.length) throw unreadable('ends in the middle of an input')
  return at
}

/** What follows a head: bytes of its own, a size of so many bytes, and that many bytes or values. */
interface Layout {
  readonly bytes: number
  readonly sizeBytes: number
  /** Values for each that the size counts; 0 where it counts bytes. */
  readonly valuesEach: 0 | 1 | 2
}

/** Of the heads 0xc0 … 0xdf, as the specification of MessagePack has them. */
const LAYOUTS: readonly Layout[] = [
  ...[0, 0, 0, 0].map((bytes) => layout(bytes)), // nil, unused, false, true
  ...[1, 2, 4].map((sizeBytes) => layout(0, sizeBytes)), // bin
  ...[1, 2, 4].map((sizeBytes) => layout(1, sizeBytes)), // ext: a type beside its bytes
  ...[4, 8].map((bytes) => layout(bytes)), // float
  ...[1, 2, 4, 8].map((bytes) => layout(bytes)), // uint
  ...[1, 2, 4, 8].map((bytes) => layout(bytes)), // int
  ...[2, 3, 5, 9, 17].map((bytes) => layout(bytes)), // fixext
  ...[1, 2, 4].map((sizeBytes) => layout(0, sizeBytes)), // str
  ...[2, 4].map((sizeBytes) => layout(0, sizeBytes, 1)), // array
  ...[2, 4].map((sizeBytes) => layout(0, sizeBytes, 2)), // map
]

function layout(bytes: number, sizeBytes = 0, valuesEach: 0 | 1 | 2 = 0): Layout {
  return { bytes, sizeBytes, valuesEach }
}

function uintAt(bytes: Uint8Array, at: number, length: number): number {
  let value = 0
  for (let i = at; i < at + length; i++) value = value * 256 + (bytes[i] as number)
  return value
}

function unreadable(why: string): Error {
  return new Error(`a record of inputs ${why}`)
}
