import { fromProtoPayload, type ProtoPayload, toProtoPayload } from '../actors/proto-payload.ts'
import { rewriteInputs, rewritePayloads, type TakePayloads } from '../actors/rewrite-payloads.ts'
import type { Input } from '../actors/inputs.ts'
import type { Payload } from '../actors/payload.ts'
import { SignalboxError } from './errors.ts'

/**
 * Turns payloads into others and back, for example to encrypt or compress them: Temporal's
 * `PayloadCodec`. It runs on the host. `decode` must give back what it does not know, as it comes.
 */
export interface PayloadCodec {
  /** May be given no payload at all; gives as many as it was given. */
  encode(payloads: ProtoPayload[]): Promise<ProtoPayload[]>
  decode(payloads: ProtoPayload[]): Promise<ProtoPayload[]>
}

/**
 * The runtime's codecs as one: encoded in the order of the array, decoded in the opposite order.
 *
 * Guarantee: with codecs nothing of a user's payloads reaches the journal that they have not encoded,
 * and nothing reaches user code that they have not decoded. Headers and search attributes are left
 * as they are, as in Temporal.
 */
export class CodecChain {
  readonly #codecs: readonly PayloadCodec[]
  readonly #timeoutMs: number

  /** @param timeoutMs a codec that takes longer for one call has failed */
  constructor(codecs: readonly PayloadCodec[], timeoutMs: number) {
    this.#codecs = codecs
    this.#timeoutMs = timeoutMs
  }

  /** A copy with its payloads encoded. @throws SIGNALBOX_ERR_PAYLOAD_CODEC */
  encode<T>(value: T): Promise<T> {
    return this.#transform('encode', (take) => rewritePayloads(value, take))
  }

  /** A copy with its payloads decoded. @throws SIGNALBOX_ERR_PAYLOAD_CODEC */
  decode<T>(value: T): Promise<T> {
    return this.#transform('decode', (take) => rewritePayloads(value, take))
  }

  /** Inputs of a run, decoded. @throws SIGNALBOX_ERR_PAYLOAD_CODEC */
  decodeInputs(inputs: readonly Input[]): Promise<readonly Input[]> {
    return this.#transform('decode', (take) => rewriteInputs(inputs, take))
  }

  /** Arguments, decoded. @throws SIGNALBOX_ERR_PAYLOAD_CODEC */
  async decodeList(payloads: readonly Payload[]): Promise<readonly Payload[]> {
    return payloads.length === 0 ? payloads : this.#run('decode', payloads)
  }

  async #transform<T>(
    direction: 'encode' | 'decode',
    rewrite: (take: TakePayloads) => T,
  ): Promise<T> {
    const found: (readonly Payload[])[] = []
    const copy = rewrite((payloads) => {
      found.push(payloads)
      return payloads
    })
    if (found.length === 0) return copy
    const made = await Promise.all(found.map((payloads) => this.#run(direction, payloads)))
    let next = 0
    try {
      return rewrite(() => made[next++] ?? [])
    } catch (error) {
      throw codecError(direction, error)
    }
  }

  async #run(
    direction: 'encode' | 'decode',
    payloads: readonly Payload[],
  ): Promise<readonly Payload[]> {
    const codecs = direction === 'encode' ? this.#codecs : this.#codecs.toReversed()
    try {
      let current = payloads.map(toProtoPayload)
      for (const codec of codecs) current = await this.#inTime(codec[direction](current))
      return current.map(fromProtoPayload)
    } catch (error) {
      throw codecError(direction, error)
    }
  }

  /** A codec that never answers must not keep what waits behind it for ever. */
  async #inTime<T>(result: Promise<T>): Promise<T> {
    let timer: NodeJS.Timeout | undefined
    const late = new Promise<never>((_, reject) => {
      timer = setTimeout(() => {
        reject(new Error(`no answer within codecTimeoutMs = ${this.#timeoutMs}`))
      }, this.#timeoutMs)
    })
    try {
      return await Promise.race([result, late])
    } finally {
      clearTimeout(timer)
    }
  }
}

function codecError(direction: 'encode' | 'decode', cause: unknown): SignalboxError {
  const reason = cause instanceof Error ? cause.message : String(cause)
  return new SignalboxError(
    'SIGNALBOX_ERR_PAYLOAD_CODEC',
    `a payload codec failed to ${direction}: ${reason}`,
    { cause, fields: { direction } },
  )
}
