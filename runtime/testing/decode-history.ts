import type { CodecChain } from '../payload-codec.ts'
import { payloadOf } from './history-values.ts'
import { payloadToJson } from '../history-json.ts'

/**
 * A copy of a history with all payloads decoded: in a history they are as the journal has them.
 *
 * @throws SIGNALBOX_ERR_PAYLOAD_CODEC
 */
export async function decodeHistory(value: unknown, codec: CodecChain): Promise<unknown> {
  if (Array.isArray(value)) {
    return Promise.all(value.map((item: unknown) => decodeHistory(item, codec)))
  }
  if (typeof value !== 'object' || value === null) return value
  if (isPayload(value)) {
    const [decoded] = await codec.decodeList([payloadOf(value)])
    return decoded === undefined ? value : payloadToJson(decoded)
  }
  const entries = Object.entries(value).map(
    async ([key, field]) => [key, await decodeHistory(field, codec)] as const,
  )
  return Object.fromEntries(await Promise.all(entries))
}

function isPayload(value: object): boolean {
  const { metadata } = value as { readonly metadata?: unknown }
  return typeof metadata === 'object' && metadata !== null && 'encoding' in metadata
}
