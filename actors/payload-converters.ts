// The caller knows what was converted, as in Temporal: the type parameters are its claims.
// oxlint-disable typescript/no-unnecessary-type-parameters
import { PayloadConverterError, ValueError } from './failures.ts'
import { type ProtoPayload, decodeUtf8, encodeUtf8 } from './proto-payload.ts'
import { RawValue, setDefaultOfRawValues } from './raw-value.ts'

/** Turns values into payloads and back: Temporal's `PayloadConverter`. It is synchronous and deterministic. */
export interface PayloadConverter {
  /** @throws {ValueError} for a value that it cannot convert */
  toPayload<T>(value: T): ProtoPayload
  fromPayload<T>(payload: ProtoPayload): T
}

/** One of a composite's converters: it handles the values and the encoding that it knows. */
export interface PayloadConverterWithEncoding {
  readonly encodingType: string
  /** Undefined for a value that it does not handle. */
  toPayload<T>(value: T): ProtoPayload | undefined
  fromPayload<T>(payload: ProtoPayload): T
}

export const METADATA_ENCODING_KEY = 'encoding'
export const METADATA_MESSAGE_TYPE_KEY = 'messageType'
export const encodingTypes = {
  METADATA_ENCODING_NULL: 'binary/null',
  METADATA_ENCODING_RAW: 'binary/plain',
  METADATA_ENCODING_JSON: 'json/plain',
  METADATA_ENCODING_PROTOBUF_JSON: 'json/protobuf',
  METADATA_ENCODING_PROTOBUF: 'binary/protobuf',
} as const
export type EncodingType = (typeof encodingTypes)[keyof typeof encodingTypes]

/** The bytes of {@link encodingTypes}, made when they are asked for: a context has no encoder at first. */
export const encodingKeys = Object.defineProperties(
  {} as Record<keyof typeof encodingTypes, Uint8Array>,
  Object.fromEntries(
    Object.entries(encodingTypes).map(([key, name]) => [
      key,
      { enumerable: true, get: () => encodeUtf8(name) },
    ]),
  ),
)

/** Asks converters in turn: the first that handles a value makes its payload, and its encoding names it later. */
export class CompositePayloadConverter implements PayloadConverter {
  readonly converters: PayloadConverterWithEncoding[]
  readonly converterByEncoding = new Map<string, PayloadConverterWithEncoding>()

  constructor(...converters: PayloadConverterWithEncoding[]) {
    if (converters.length === 0) {
      throw new PayloadConverterError('Must provide at least one PayloadConverterWithEncoding')
    }
    this.converters = converters
    for (const converter of converters) {
      this.converterByEncoding.set(converter.encodingType, converter)
    }
  }

  toPayload<T>(value: T): ProtoPayload {
    if (value instanceof RawValue) return value.payload
    for (const converter of this.converters) {
      const payload = converter.toPayload(value)
      if (payload !== undefined) return payload
    }
    throw new ValueError(`Unable to convert ${nameOf(value)} to payload`)
  }

  fromPayload<T>(payload: ProtoPayload): T {
    if (!payload.metadata) throw new ValueError('Missing payload metadata')
    const encoding = payload.metadata[METADATA_ENCODING_KEY]
    const name = encoding === undefined ? '' : decodeUtf8(encoding)
    const converter = this.converterByEncoding.get(name)
    if (converter === undefined) throw new ValueError(`Unknown encoding: ${name}`)
    return converter.fromPayload(payload)
  }
}

/** `undefined` as `binary/null`. */
export class UndefinedPayloadConverter implements PayloadConverterWithEncoding {
  readonly encodingType = encodingTypes.METADATA_ENCODING_NULL

  toPayload(value: unknown): ProtoPayload | undefined {
    return value === undefined ? makePayload(this.encodingType) : undefined
  }

  fromPayload<T>(_payload: ProtoPayload): T {
    return undefined as T
  }
}

/** A `Uint8Array` as `binary/plain`. */
export class BinaryPayloadConverter implements PayloadConverterWithEncoding {
  readonly encodingType = encodingTypes.METADATA_ENCODING_RAW

  toPayload(value: unknown): ProtoPayload | undefined {
    return value instanceof Uint8Array ? makePayload(this.encodingType, value) : undefined
  }

  fromPayload<T>(payload: ProtoPayload): T {
    return (payload.data ?? new Uint8Array(0)) as T
  }
}

/** Whatever JSON holds, as `json/plain`. */
export class JsonPayloadConverter implements PayloadConverterWithEncoding {
  readonly encodingType = encodingTypes.METADATA_ENCODING_JSON

  toPayload(value: unknown): ProtoPayload | undefined {
    if (value === undefined) return undefined
    let json: string | undefined
    try {
      json = JSON.stringify(value)
    } catch {
      return undefined
    }
    return json === undefined ? undefined : makePayload(this.encodingType, encodeUtf8(json))
  }

  fromPayload<T>({ data }: ProtoPayload): T {
    if (data === undefined || data === null) throw new ValueError('Got payload with no data')
    return JSON.parse(decodeUtf8(data)) as T
  }
}

export class DefaultPayloadConverter extends CompositePayloadConverter {
  constructor() {
    super(new UndefinedPayloadConverter(), new BinaryPayloadConverter(), new JsonPayloadConverter())
  }
}

/** What is used without a converter of one's own: `undefined`, then bytes, then JSON. */
export const defaultPayloadConverter = new DefaultPayloadConverter()
setDefaultOfRawValues(defaultPayloadConverter)

/** Undefined for no values at all. */
export function toPayloads(
  converter: PayloadConverter,
  ...values: unknown[]
): ProtoPayload[] | undefined {
  return values.length === 0 ? undefined : values.map((value) => converter.toPayload(value))
}

export function arrayFromPayloads(
  converter: PayloadConverter,
  payloads?: ProtoPayload[] | null,
): unknown[] {
  return (payloads ?? []).map((payload) => converter.fromPayload(payload))
}

export function fromPayloadsAtIndex<T>(
  converter: PayloadConverter,
  index: number,
  payloads?: ProtoPayload[] | null,
): T {
  const payload = payloads?.[index]
  // As Temporal: what was not sent is undefined, so that arguments may be added later.
  return payload === undefined ? (undefined as T) : converter.fromPayload(payload)
}

export function mapToPayloads<K extends string>(
  converter: PayloadConverter,
  map: Record<K, unknown>,
): Record<K, ProtoPayload> {
  const entries = Object.entries(map).map(([key, value]) => [key, converter.toPayload(value)])
  return Object.fromEntries(entries) as Record<K, ProtoPayload>
}

export function mapFromPayloads<K extends string>(
  converter: PayloadConverter,
  map?: Record<K, ProtoPayload> | null,
): Record<K, unknown> | undefined {
  if (map === undefined || map === null) return undefined
  const entries = Object.entries<ProtoPayload>(map)
  return Object.fromEntries(
    entries.map(([key, payload]) => [key, converter.fromPayload(payload)]),
  ) as Record<K, unknown>
}

function makePayload(encoding: EncodingType, data?: Uint8Array): ProtoPayload {
  return {
    metadata: { [METADATA_ENCODING_KEY]: encodeUtf8(encoding) },
    ...(data === undefined ? {} : { data }),
  }
}

function nameOf(value: unknown): string {
  try {
    return String(value)
  } catch {
    return typeof value
  }
}
