/**
 * Frames: the thread protocol's unit. A message between the host and a slot is one buffer of
 * frames, so that a tick costs one structured clone however many signals it carries, and a record
 * of the journal passes to the worker without being decoded on the host.
 *
 * Layout, little endian: kind u8 · flags u8 · actor u16 · body length u32 · run f64 · seq f64 ·
 * count u32 · body. Run and sequence numbers are integers below 2^53.
 */
export const FRAME_HEADER_BYTES = 28
const FIRST_BYTES = 64 * 1024
/** A writer that once took more than this gives the memory back. */
const KEPT_BYTES = 4 * 1024 * 1024

export const FrameKind = {
  /** Host to slot: build the actor `actor` of `run`; `seq` is the last turn known to have ended. Body: OpenBody. */
  open: 1,
  /** Host to slot: `count` inputs from number `seq` on. Body: a journal record of inputs. */
  inputs: 2,
  /** Both ways: commands of turns from `seq` to `seq + count − 1`. Body: a journal record of commands. */
  commands: 3,
  /** Host to slot: everything the journal held when the actor was opened has been sent. */
  loaded: 4,
  /** Host to slot: a query with the number `seq`. Body: QueryBody, which says what it must reflect. */
  query: 5,
  /** Host to slot: forget the actor. */
  evict: 6,
  /** Slot to host: all turns up to `seq` have ended; `count` is the history length. */
  progress: 7,
  /** Slot to host: the run cannot go on with this actor, which is gone. Body: TurnError, none with `rebuild`. */
  parked: 8,
  /** Slot to host: the answer to query `seq`. Body: QueryOutcome. */
  answer: 9,
  /** Slot to host: a log line. Body: WorkflowLogEntry. */
  log: 10,
  /** Slot to host: calls of a run's sinks. Body: SinkCalls. */
  sinks: 13,
} as const
export type FrameKind = (typeof FrameKind)[keyof typeof FrameKind]

export const FrameFlag = {
  /** On commands from a slot: the last of them ends the run. */
  terminal: 1,
  /** On parked: nothing is wrong with the run's turns, it only has to be built anew. */
  rebuild: 2,
} as const

export interface Frame {
  readonly kind: FrameKind
  readonly flags: number
  /** Which of the run's actors, by the number that its `open` frame gave it. */
  readonly actor: number
  readonly run: number
  readonly seq: number
  readonly count: number
  readonly body: Uint8Array
}

/** Collects frames into one growing buffer. */
export class FrameWriter {
  #buffer: Buffer = Buffer.allocUnsafeSlow(FIRST_BYTES)
  #length = 0

  /** Bytes written since the last {@link take}. */
  get length(): number {
    return this.#length
  }

  /** Append a frame and return its size in bytes. */
  write(
    kind: FrameKind,
    run: number,
    seq: number,
    count: number,
    body?: Uint8Array,
    flags = 0,
    actor = 0,
  ): number {
    const bodyLength = body === undefined ? 0 : body.length
    const size = FRAME_HEADER_BYTES + bodyLength
    if (this.#length + size > this.#buffer.length) this.#grow(size)
    const buffer = this.#buffer
    const at = this.#length
    buffer[at] = kind
    buffer[at + 1] = flags
    buffer.writeUInt16LE(actor, at + 2)
    buffer.writeUInt32LE(bodyLength, at + 4)
    buffer.writeDoubleLE(run, at + 8)
    buffer.writeDoubleLE(seq, at + 16)
    buffer.writeUInt32LE(count, at + 24)
    if (body !== undefined) buffer.set(body, at + FRAME_HEADER_BYTES)
    this.#length = at + size
    return size
  }

  /** The frames so far as a buffer of their own, fit to be transferred; the writer is empty then. */
  take(): Uint8Array<ArrayBuffer> {
    // A copy of exact size: a view of the pooled buffer would be cloned whole by postMessage.
    const frames = new Uint8Array(this.#length)
    frames.set(this.#buffer.subarray(0, this.#length))
    this.#length = 0
    if (this.#buffer.length > KEPT_BYTES) this.#buffer = Buffer.allocUnsafeSlow(FIRST_BYTES)
    return frames
  }

  #grow(size: number): void {
    const larger = Buffer.allocUnsafeSlow(
      Math.max(this.#buffer.length * 2, this.#length + size + 4096),
    )
    this.#buffer.copy(larger, 0, 0, this.#length)
    this.#buffer = larger
  }
}

const NO_BODY = new Uint8Array(0)

/** A message's frames, in order. Bodies are views into the message. */
export class FrameReader {
  readonly #buffer: Buffer
  #at = 0

  constructor(message: Uint8Array) {
    this.#buffer = Buffer.from(message.buffer, message.byteOffset, message.byteLength)
  }

  /** The next frame; undefined after the last one. */
  next(): Frame | undefined {
    const buffer = this.#buffer
    const at = this.#at
    if (at >= buffer.length) return undefined
    const bodyLength = buffer.readUInt32LE(at + 4)
    const start = at + FRAME_HEADER_BYTES
    this.#at = start + bodyLength
    return {
      kind: buffer[at] as FrameKind,
      flags: buffer[at + 1] as number,
      actor: buffer.readUInt16LE(at + 2),
      run: buffer.readDoubleLE(at + 8),
      seq: buffer.readDoubleLE(at + 16),
      count: buffer.readUInt32LE(at + 24),
      body: bodyLength === 0 ? NO_BODY : buffer.subarray(start, start + bodyLength),
    }
  }
}

/** Read all of a message's frames. */
export function readFrames(message: Uint8Array, visit: (frame: Frame) => void): void {
  const reader = new FrameReader(message)
  for (let frame = reader.next(); frame !== undefined; frame = reader.next()) visit(frame)
}
