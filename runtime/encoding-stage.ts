import { type Frame, FrameKind } from '../actors/frames.ts'
import { decodeCommands, encodeCommands } from '../actors/records.ts'
import { withMappedStacks } from './map-failure.ts'
import { OrderedStage } from './ordered-stage.ts'
import type { CodecChain } from './payload-codec.ts'

/** A frame has 16 bits for the number of its actor. */
const ACTORS = 65_536

export interface EncodingStagePorts {
  readonly onFrame: (frame: Frame) => void
  /** Error stacks name lines of the bundle; this names the user's. */
  readonly mapStack: (stack: string) => string
  /** Commands of a run cannot be encoded: its actor, the one with this number, must not go on. */
  readonly onUnencodable: (run: number, actor: number, error: unknown) => void
}

/**
 * The way back from the slots with payload codecs: commands are encoded before the journal has them.
 *
 * Guarantee: frames of a run are heard in the order in which its actor wrote them; when its commands
 * cannot be encoded nothing of that turn or of later ones is heard, so nothing is half done.
 */
export class EncodingStage {
  readonly #codec: CodecChain
  readonly #ports: EncodingStagePorts
  /** A lane an actor: what an earlier actor of the run still says is void, and holds nobody up. */
  readonly #stage: OrderedStage<Frame>

  constructor(codec: CodecChain, ports: EncodingStagePorts) {
    this.#codec = codec
    this.#ports = ports
    this.#stage = new OrderedStage({
      deliver: (_lane, frame) => this.#ports.onFrame(frame),
      failed: (lane, error) => {
        this.#ports.onUnencodable(Math.floor(lane / ACTORS), lane % ACTORS, error)
      },
    })
  }

  /** True if nothing is being encoded. */
  get idle(): boolean {
    return this.#stage.idle
  }

  hear(frame: Frame): void {
    const { run, actor, kind } = frame
    if (kind === FrameKind.log || kind === FrameKind.sinks) return this.#ports.onFrame(frame)
    const lane = run * ACTORS + actor
    if (kind === FrameKind.commands) this.#stage.hold(lane, this.#encode(frame))
    else if (!this.#stage.pass(lane, frame)) this.#ports.onFrame(frame)
  }

  async #encode(frame: Frame): Promise<Frame> {
    const { historyLength, turns } = decodeCommands(frame.body)
    // While they can be read: no stack is mapped once it is encoded.
    const mapped = turns.map((turn) => withMappedStacks(turn, this.#ports.mapStack))
    const encoded = await this.#codec.encode(mapped)
    return { ...frame, body: encodeCommands(historyLength, encoded) }
  }
}
