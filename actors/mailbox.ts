import type { Input } from './inputs.ts'

interface Batch {
  readonly inputs: readonly Input[]
  bytes: number
}

const NO_INPUTS: readonly Input[] = []
const NO_BATCHES: readonly Batch[] = []

/**
 * A run's ordered inputs that its actor has been sent and has not handled.
 *
 * Guarantee: inputs leave in the order of their numbers, without a gap and each once. A batch that
 * does not follow the last one is a defect of the sender and throws, since handling it would break
 * the order that the journal promised.
 *
 * Most mailboxes hold one batch or none, and there may be a hundred thousand: that one is held without
 * an object of its own, and nothing of it is kept once it has been handled. What an actor keeps until
 * its next turn outlives the young generation and is garbage of the old one.
 */
export class Mailbox {
  #inputs = NO_INPUTS
  /** Of {@link #inputs}: how many have been handled, and their bytes. */
  #offset = 0
  #bytes = 0
  /** The batches behind it; undefined for none. */
  #behind: Batch[] | undefined
  #behindIndex = 0
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
    this.#lastSeq = firstSeq + inputs.length - 1
    if (this.#inputs.length > 0) {
      this.#behind ??= []
      this.#behind.push({ inputs, bytes })
      return
    }
    this.#inputs = inputs
    this.#bytes = bytes
  }

  /** Whether there is an input of a kind among those up to number `lastSeq`, which have been received. */
  has(kind: Input[0], lastSeq: number): boolean {
    const left = Math.max(0, lastSeq - this.#nextSeq + 1)
    const current = this.#inputs.slice(this.#offset, this.#offset + left)
    if (current.some((input) => input[0] === kind)) return true
    let seen = this.#inputs.length - this.#offset
    const behind = this.#behind ?? NO_BATCHES
    for (let at = this.#behindIndex; at < behind.length && seen < left; at++) {
      const { inputs } = behind[at] as Batch
      if (inputs.slice(0, left - seen).some((input) => input[0] === kind)) return true
      seen += inputs.length
    }
    return false
  }

  /** The next input. The mailbox must not be empty. */
  shift(): Input {
    const input = this.#inputs[this.#offset]
    if (input === undefined) throw new RangeError('mailbox is empty')
    this.#nextSeq++
    if (++this.#offset === this.#inputs.length) this.#nextBatch()
    return input
  }

  #nextBatch(): void {
    this.#handledBytes += this.#bytes
    const next = this.#behind?.[this.#behindIndex]
    this.#inputs = next?.inputs ?? NO_INPUTS
    this.#bytes = next?.bytes ?? 0
    this.#offset = 0
    if (this.#behind === undefined) return
    this.#behindIndex++
    if (this.#behindIndex >= this.#behind.length) this.#forgetBehind()
    else if (this.#behindIndex > 64) {
      this.#behind.splice(0, this.#behindIndex)
      this.#behindIndex = 0
    }
  }

  #forgetBehind(): void {
    this.#behind = undefined
    this.#behindIndex = 0
  }

  /** The bytes of the batches that have been handled whole since the last call. */
  takeHandledBytes(): number {
    const bytes = this.#handledBytes
    this.#handledBytes = 0
    return bytes
  }

  /** Drop what will not be handled any more. Gives back its bytes, and those of {@link takeHandledBytes}. */
  clear(): number {
    const bytes = this.waive()
    this.#inputs = NO_INPUTS
    this.#offset = 0
    this.#forgetBehind()
    this.#nextSeq = this.#lastSeq + 1
    return bytes
  }

  /**
   * The bytes of everything not handled yet, which count no more from now on: for an actor that waits
   * for more frames. Were they to count, a history or a group larger than the slot's window would
   * never come whole, and the slot would wait for ever.
   */
  waive(): number {
    const bytes = this.pendingBytes()
    this.#handledBytes = 0
    this.#bytes = 0
    for (const batch of this.#behind ?? NO_BATCHES) batch.bytes = 0
    return bytes
  }

  /** The bytes of everything not handled whole yet, and those of {@link takeHandledBytes}. */
  pendingBytes(): number {
    let bytes = this.#handledBytes + this.#bytes
    if (this.#behind === undefined) return bytes
    for (let at = this.#behindIndex; at < this.#behind.length; at++) {
      bytes += (this.#behind[at] as Batch).bytes
    }
    return bytes
  }
}
