import type { EncodedPayload, Payload, PayloadMap } from '../actors/payload.ts'
import { rewritePayloads } from '../actors/rewrite-payloads.ts'
import { SignalboxError } from './errors.ts'

/** The size of a payload in bytes, taking a character for one: exact for ASCII, a bound's purpose otherwise. */
export function payloadBytes(payload: Payload): number {
  if (payload === null) return 0
  if (typeof payload === 'string' || payload instanceof Uint8Array) return payload.length
  if (!isEncoded(payload)) {
    throw new SignalboxError(
      'SIGNALBOX_ERR_INVALID_ARGUMENT',
      'a payload is JSON text, null, bytes, or an object of metadata and data',
    )
  }
  let bytes = payload.data.length
  for (const [key, value] of Object.entries(payload.metadata)) bytes += key.length + value.length
  return bytes
}

function isEncoded(payload: unknown): boolean {
  if (typeof payload !== 'object' || payload === null) return false
  const { metadata, data } = payload as Partial<EncodedPayload>
  return (
    data instanceof Uint8Array &&
    typeof metadata === 'object' &&
    Object.values(metadata).every((value) => value instanceof Uint8Array)
  )
}

/**
 * The size of all payloads together.
 *
 * @throws SIGNALBOX_ERR_PAYLOAD_TOO_LARGE when one is larger than `maxBytes`
 */
export function checkPayloads(
  payloads: readonly Payload[],
  maxBytes: number,
  field: string,
): number {
  let total = 0
  for (let i = 0; i < payloads.length; i++) {
    const bytes = payloadBytes(payloads[i] as Payload)
    if (bytes > maxBytes) {
      throw new SignalboxError(
        'SIGNALBOX_ERR_PAYLOAD_TOO_LARGE',
        `${field}[${i}] has ${bytes} bytes, more than maxPayloadBytes = ${maxBytes}. ` +
          'Send a reference to it instead, or raise the limit.',
        { fields: { field, bytes, maxBytes } },
      )
    }
    total += bytes
  }
  return total
}

/** {@link checkPayloads} for headers, memo and search attributes. */
export function checkPayloadMap(
  map: PayloadMap | undefined,
  maxBytes: number,
  field: string,
): number {
  if (map === undefined) return 0
  return checkPayloads(Object.values(map), maxBytes, field)
}

/** The size of all payloads in a request, without a look at any limit. */
export function payloadsBytes(request: object): number {
  let total = 0
  rewritePayloads(request, (payloads) => {
    for (const payload of payloads) total += payloadBytes(payload)
    return payloads
  })
  return total
}
