import type { Frame } from '../actors/frames.ts'
import type { ActivityExecutor } from './activity-executor.ts'
import type { LogWriter } from './activity/logger.ts'
import { CodecActivities } from './codec-activities.ts'
import { DecodingSlot } from './decoding-slot.ts'
import type { SlotFeed } from './dispatcher.ts'
import { EncodingStage } from './encoding-stage.ts'
import { CodecChain, type PayloadCodec } from './payload-codec.ts'

export interface CodecStagesPorts {
  /** A frame of a slot, in the order of its run and with its payloads encoded. */
  readonly onFrame: (frame: Frame) => void
  /** Error stacks name lines of the bundle; this names the user's. */
  readonly mapStack: (stack: string) => string
  /** The actor of the run with this number cannot go on without what a codec was to give. */
  readonly onFailed: (run: number, actor: number, error: unknown) => void
  /** A slot's window has room again. */
  readonly onRoom: () => void
}

/** Where the payload codecs of an engine stand: on the ways to slots and activities, and back. */
export class CodecStages {
  readonly chain: CodecChain
  readonly #ports: CodecStagesPorts
  readonly #encoding: EncodingStage

  constructor(codecs: readonly PayloadCodec[], timeoutMs: number, ports: CodecStagesPorts) {
    this.chain = new CodecChain(codecs, timeoutMs)
    this.#ports = ports
    this.#encoding = new EncodingStage(this.chain, {
      onFrame: ports.onFrame,
      mapStack: ports.mapStack,
      onUnencodable: ports.onFailed,
    })
  }

  /** True if nothing of the slots is being encoded. */
  get idle(): boolean {
    return this.#encoding.idle
  }

  /** What a slot says. */
  hear(frame: Frame): void {
    this.#encoding.hear(frame)
  }

  /** The ways to the slots. */
  feeds(slots: readonly SlotFeed[]): readonly SlotFeed[] {
    const { onFailed, onRoom } = this.#ports
    return slots.map(
      (slot) => new DecodingSlot(slot, this.chain, { onUndecodable: onFailed, onRoom }),
    )
  }

  activities(executor: ActivityExecutor, log: LogWriter): ActivityExecutor {
    return new CodecActivities(executor, this.chain, log)
  }
}
