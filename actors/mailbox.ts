import type { Input } from './inputs.ts'

interface Batch {
  readonly firstSeq: number
  readonly inputs: readonly Input[]
  bytes: number
}

/**
 * A run's ordered inputs that its actor has been sent and has not handled.
 *
 * Guarantee: inputs leave in the order of their numbers, without a gap and each once. A batch that
 * does not follow the last one is a defect of the sender and throws, since handling it would break
 * the order that the journal promised.
 */
export class Mailbox {
  readonly #batches: Batch[] = []
  #batchIndex = 0
  #offset = 0
  #handledBytes = 0
  #nextSeq: number
  #lastSeq: number

  constructor(firstSeq: number) {
    this.#nextSeq = firstSeq
    this.#lastSeq = firstSeq - 1
  }

  /** The number of the input that {@link shift} gives next. */
  get nextSeq(): number {
    return this.#nextSeq
  }

  /** The number of the last input received; `nextSeq − 1` when empty. */
  get lastSeq(): number {
    return this.#lastSeq
  }

  push(firstSeq: number, inputs: readonly Input[], bytes: number): void {
    if (firstSeq !== this.#lastSeq + 1) {
      throw new RangeError(`mailbox expected input ${this.#lastSeq + 1} and was given ${firstSeq}`)
    }
    this.#batches.push({ firstSeq, inputs, bytes })
    this.#lastSeq = firstSeq + inputs.length - 1
  }

  /** Whether there is an input of a kind among those up to number `lastSeq`, which have been received. */
  has(kind: Input[0], lastSeq: number): boolean {
    let offset = this.#offset
    let left = lastSeq - this.#nextSeq + 1
    for (let at = this.#batchIndex; left > 0; at++) {
      const { inputs } = this.#batches[at] as Batch
      for (; offset < inputs.length && left > 0; offset++, left--) {
        if ((inputs[offset] as Input)[0] === kind) return true
      }
      offset = 0
    }
    return false
  }

  /** The next input. The mailbox must not be empty. */
  shift(): Input {
    let batch = this.#batches[this.#batchIndex]
    if (batch !== undefined && this.#offset === batch.inputs.length) {
      this.#handledBytes += batch.bytes
      this.#offset = 0
      batch = this.#batches[++this.#batchIndex]
    }
    const input = batch?.inputs[this.#offset]
    if (input === undefined) throw new RangeError('mailbox is empty')
    this.#offset++
    this.#nextSeq++
    return input
  }

  /** The bytes of the batches that have been handled whole since the last call. */
  takeHandledBytes(): number {
    const batch = this.#batches[this.#batchIndex]
    if (batch !== undefined && this.#offset === batch.inputs.length) {
      this.#handledBytes += batch.bytes
      this.#offset = 0
      this.#batchIndex++
    }
    if (this.#batchIndex > 64 || this.#batchIndex === this.#batches.length) {
      this.#batches.splice(0, this.#batchIndex)
      this.#batchIndex = 0
    }
    const bytes = this.#handledBytes
    this.#handledBytes = 0
    return bytes
  }

  /** Drop what will not be handled any more. Gives back its bytes, and those of {@link takeHandledBytes}. */
  clear(): number {
    const bytes = this.pendingBytes()
    this.#batches.length = 0
    this.#batchIndex = 0
    this.#offset = 0
    this.#handledBytes = 0
    this.#nextSeq = this.#lastSeq + 1
    return bytes
  }

  /**
   * The bytes of everything not handled yet, which count no more from now on: for an actor that waits
   * for more frames. Were they to count, a history or a group larger than the slot's window would
   * never come whole, and the slot would wait for ever.
   */
  waive(): number {
    let bytes = this.takeHandledBytes()
    for (let i = this.#batchIndex; i < this.#batches.length; i++) {
      const batch = this.#batches[i] as Batch
      bytes += batch.bytes
      batch.bytes = 0
    }
    return bytes
  }

  /** The bytes of everything not handled whole yet. */
  pendingBytes(): number {
    let bytes = this.#handledBytes
    for (let i = this.#batchIndex; i < this.#batches.length; i++) {
      bytes += this.#batches[i]?.bytes ?? 0
    }
    return bytes
  }
}
