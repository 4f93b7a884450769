import type { Payload } from './payload.ts'

/**
 * A payload in the form of Temporal's `Payload` message, which converters and codecs are written
 * for: `metadata.encoding` names what `data` holds.
 */
export interface ProtoPayload {
  metadata?: Record<string, Uint8Array> | null
  data?: Uint8Array | null
}

/** As Temporal's message. A text's bytes are UTF-8. */
export function toProtoPayload(payload: Payload): ProtoPayload {
  if (typeof payload === 'string') return message('json/plain', encodeUtf8(payload))
  if (payload === null) return { metadata: { encoding: encodeUtf8('binary/null') } }
  if (payload instanceof Uint8Array) return message('binary/plain', payload)
  return { metadata: { ...payload.metadata }, data: payload.data }
}

/**
 * Out of Temporal's message. What the default converter would have made takes its short form;
 * everything else is kept as it came.
 *
 * @throws {TypeError} if it is no such message
 */
export function fromProtoPayload(proto: ProtoPayload): Payload {
  const { metadata, data } = checked(proto)
  const keys = Object.keys(metadata)
  if (keys.length === 1 && keys[0] === 'encoding') {
    switch (decodeUtf8(metadata['encoding'] as Uint8Array)) {
      case 'binary/null':
        return null
      case 'binary/plain':
        return data
      case 'json/plain': {
        const text = decodeExactUtf8(data)
        if (text !== undefined) return text
        break
      }
      default:
    }
  }
  return { metadata, data }
}

function checked(proto: unknown): {
  readonly metadata: Record<string, Uint8Array>
  readonly data: Uint8Array
} {
  if (typeof proto !== 'object' || proto === null) {
    throw new TypeError('A payload is an object of metadata and data')
  }
  const { metadata, data } = proto as ProtoPayload
  const entries = Object.entries(metadata ?? {})
  if (
    entries.some(([, value]) => !isBytes(value)) ||
    !(data === undefined || data === null || isBytes(data))
  ) {
    throw new TypeError('The metadata and the data of a payload are Uint8Arrays')
  }
  return { metadata: Object.fromEntries(entries), data: data ?? new Uint8Array(0) }
}

function isBytes(value: unknown): value is Uint8Array {
  return value instanceof Uint8Array
}

function message(encoding: string, data: Uint8Array): ProtoPayload {
  return { metadata: { encoding: encodeUtf8(encoding) }, data }
}

export function encodeUtf8(text: string): Uint8Array {
  return new TextEncoder().encode(text)
}

export function decodeUtf8(bytes: Uint8Array): string {
  return new TextDecoder().decode(bytes)
}

/** Bytes that are no UTF-8 are no text: they must come back as they were. */
function decodeExactUtf8(bytes: Uint8Array): string | undefined {
  try {
    return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes)
  } catch {
    return undefined
  }
}
