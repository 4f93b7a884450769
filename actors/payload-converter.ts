import { PayloadConverterError, ValueError } from './failures.ts'
import type { EncodedPayload, Payload, PayloadMap } from './payload.ts'
import { defaultPayloadConverter, type PayloadConverter } from './payload-converters.ts'
import { fromProtoPayload, toProtoPayload } from './proto-payload.ts'
import { RawValue } from './raw-value.ts'

/** In place of the default; the default has its own, faster form below. */
let converter: PayloadConverter | undefined

/** From now on convert with this, or by default. */
export function usePayloadConverter(inUse: PayloadConverter | undefined): void {
  converter = inUse === defaultPayloadConverter ? undefined : inUse
}

/** Convert with this during a call. */
export function usingPayloadConverter<T>(inUse: PayloadConverter | undefined, convert: () => T): T {
  const outer = converter
  usePayloadConverter(inUse)
  try {
    return convert()
  } finally {
    converter = outer
  }
}

/**
 * The default data converter: `undefined` is the null payload, a `Uint8Array` is bytes, anything else
 * is JSON. It works in a workflow's context and on the host alike.
 *
 * @throws {ValueError} for what JSON cannot hold: functions, symbols, bigints, circular structures
 */
export function toPayload(value: unknown): Payload {
  return converter === undefined
    ? toDefaultPayload(value)
    : fromProtoPayload(converter.toPayload(value))
}

function toDefaultPayload(value: unknown): Payload {
  if (value === undefined) return null
  if (typeof value === 'object' && value !== null) {
    if (value instanceof Uint8Array) return value
    if (value instanceof RawValue) return fromProtoPayload(value.payload)
  }
  let json: string | undefined
  try {
    json = JSON.stringify(value)
  } catch (error) {
    throw new ValueError(`Unable to convert ${describe(value)} to payload: ${reason(error)}`, error)
  }
  if (json === undefined) throw new ValueError(`Unable to convert ${describe(value)} to payload`)
  return json
}

/**
 * The value of a payload.
 *
 * @throws {PayloadConverterError} if its JSON is broken
 * @throws {ValueError} if its encoding is unknown
 */
export function fromPayload(payload: Payload): unknown {
  return converter === undefined
    ? fromDefaultPayload(payload)
    : converter.fromPayload(toProtoPayload(payload))
}

function fromDefaultPayload(payload: Payload): unknown {
  if (typeof payload === 'string') return parseJson(payload)
  if (payload === null || payload instanceof Uint8Array) return payload ?? undefined
  return fromEncodedPayload(payload)
}

export function toPayloads(values: readonly unknown[]): Payload[] {
  const payloads: Payload[] = []
  for (let i = 0; i < values.length; i++) payloads.push(toPayload(values[i]))
  return payloads
}

export function fromPayloads(payloads: readonly Payload[]): unknown[] {
  const values: unknown[] = []
  for (let i = 0; i < payloads.length; i++) values.push(fromPayload(payloads[i] as Payload))
  return values
}

/** For memo, headers and search attributes. */
export function toPayloadMap(values: Readonly<Record<string, unknown>>): PayloadMap {
  return Object.fromEntries(Object.entries(values).map(([key, value]) => [key, toPayload(value)]))
}

export function fromPayloadMap(payloads: PayloadMap): Record<string, unknown> {
  return Object.fromEntries(
    Object.entries(payloads).map(([key, payload]) => [key, fromPayload(payload)]),
  )
}

function fromEncodedPayload({ metadata, data }: EncodedPayload): unknown {
  const encoding = metadata['encoding']
  const name = encoding === undefined ? '' : utf8(encoding)
  switch (name) {
    case 'binary/null':
      return undefined
    case 'binary/plain':
      return data
    case 'json/plain':
    case 'json/protobuf':
      return parseJson(utf8(data))
    default:
      throw new ValueError(`Unknown encoding: ${name}`)
  }
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch (error) {
    throw new PayloadConverterError(`Payload is not valid JSON: ${reason(error)}`, error)
  }
}

function utf8(bytes: Uint8Array): string {
  return new TextDecoder().decode(bytes)
}

function describe(value: unknown): string {
  try {
    return String(value)
  } catch {
    return typeof value
  }
}

function reason(error: unknown): string {
  return error instanceof Error ? error.message : String(error)
}
