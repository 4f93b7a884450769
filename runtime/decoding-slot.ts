import { FrameKind, type FrameWriter } from '../actors/frames.ts'
import { decodeInputs, encodeInputs } from '../actors/records.ts'
import type { SlotFeed } from './dispatcher.ts'
import { OrderedStage } from './ordered-stage.ts'
import type { CodecChain } from './payload-codec.ts'

type FrameToSlot = Parameters<FrameWriter['write']>

export interface DecodingSlotPorts {
  /** Inputs of a run cannot be decoded: its actor, the one with this number, must not go on. */
  readonly onUndecodable: (run: number, actor: number, error: unknown) => void
  /** There is room in the slot's window again. */
  readonly onRoom: () => void
}

/**
 * The way to a slot with payload codecs: inputs are decoded before the slot has them.
 *
 * Guarantee: frames of a run reach the slot in the order in which they were written, and none behind
 * an input that cannot be decoded.
 */
export class DecodingSlot implements SlotFeed {
  readonly #slot: SlotFeed
  readonly #codec: CodecChain
  readonly #ports: DecodingSlotPorts
  readonly #stage: OrderedStage<FrameToSlot>
  /** The actor that each run's frames are for. */
  readonly #actors = new Map<number, number>()
  #waitingBytes = 0
  #flushing = false

  constructor(slot: SlotFeed, codec: CodecChain, ports: DecodingSlotPorts) {
    this.#slot = slot
    this.#codec = codec
    this.#ports = ports
    this.#stage = new OrderedStage({
      deliver: (_run, frame) => {
        this.#slot.write(...frame)
        this.#flushSoon()
      },
      failed: (run, error) => {
        this.#ports.onUndecodable(run, this.#actors.get(run) ?? 0, error)
        this.#flushSoon()
      },
    })
  }

  get index(): number {
    return this.#slot.index
  }

  get ready(): boolean {
    return this.#slot.ready
  }

  /** What is being decoded counts as sent: a slow codec must not grow the host. */
  get outstandingBytes(): number {
    return this.#slot.outstandingBytes + this.#waitingBytes
  }

  write: FrameWriter['write'] = (...frame) => {
    const [kind, run, , , body, , actor] = frame
    if (kind === FrameKind.inputs && body !== undefined) {
      this.#stage.hold(run, this.#decode(frame, body))
      return 0
    }
    if (kind === FrameKind.open) this.#actors.set(run, actor ?? 0)
    if (kind === FrameKind.evict) this.#actors.delete(run)
    // What is on its way to an earlier actor is void.
    if (kind === FrameKind.open || kind === FrameKind.evict) this.#stage.drop(run)
    return this.#stage.pass(run, frame) ? 0 : this.#slot.write(...frame)
  }

  flush(): void {
    this.#slot.flush()
  }

  kill(reason: string): void {
    this.#slot.kill(reason)
  }

  async #decode(frame: FrameToSlot, body: Uint8Array): Promise<FrameToSlot> {
    const bytes = body.length
    this.#waitingBytes += bytes
    try {
      const inputs = await this.#codec.decodeInputs(decodeInputs(body))
      const [kind, run, seq, count] = frame
      return [kind, run, seq, count, encodeInputs(inputs)]
    } finally {
      this.#waitingBytes -= bytes
    }
  }

  #flushSoon(): void {
    if (this.#flushing) return
    this.#flushing = true
    setImmediate(() => {
      this.#flushing = false
      this.#slot.flush()
      this.#ports.onRoom()
    })
  }
}
