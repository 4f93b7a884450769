import { isUtf8 } from 'node:buffer'
import type { EncodedPayload, Payload, PayloadMap } from '../actors/payload.ts'
import { invalidField } from './invalid-field.ts'
import { isDeeperThan } from './json-body.ts'
import { JsonText } from './json-text.ts'
import type { JsonValue } from './json-text.ts'

/*
 * Temporal's mapping between payloads and JSON. The shorthand writes a payload as the value that it
 * holds; the long form writes encoding and bytes. What is read from an answer and sent back means
 * the same payload, with one exception that Temporal has too: JSON `null` comes back as undefined.
 */

type JsonObject = Readonly<Record<string, unknown>>

const encodings = { json: 'json/plain', null: 'binary/null', bytes: 'binary/plain' } as const
const protobufEncoding = 'json/protobuf'
const messageTypeField = '_protoMessageType'
const base64Pattern = /^[A-Za-z0-9+/_-]*={0,2}$/
const encodingPattern = /^[\w/.+:-]{1,255}$/
/** Payloads given as bytes are held to the depth of payloads given as JSON. */
const maxDepth = 64

/** A list of payloads: an array in shorthand, or `{"payloads": […]}`. Missing is empty. */
export function decodePayloads(value: unknown, field: string): readonly Payload[] {
  if (Array.isArray(value)) {
    const payloads: Payload[] = []
    for (let index = 0; index < value.length; index++) {
      payloads.push(decodePayload(value[index], field))
    }
    return payloads
  }
  if (value === undefined || value === null) return []
  if (!isObject(value) || !hasOnly(value, 'payloads')) {
    throw invalidField(field, 'must be an array of values, or an object with the field payloads')
  }
  const list = value['payloads'] ?? []
  if (!Array.isArray(list)) throw invalidField(`${field}.payloads`, 'must be an array')
  return list.map((item: unknown, index) => {
    const path = `${field}.payloads[${index}]`
    if (!isLongForm(item)) throw invalidField(path, 'must have base64 metadata and data')
    return decodeLongForm(item, path)
  })
}

/** One payload in shorthand or long form. */
export function decodePayload(value: unknown, field: string): Payload {
  if (value === null || value === undefined) return null
  if (isObject(value)) {
    if (Object.hasOwn(value, messageTypeField)) return decodeProtobuf(value, field)
    if (isLongForm(value)) return decodeLongForm(value, field)
  }
  return JSON.stringify(value)
}

/** Named payloads, as in `memo.fields`; undefined if there are none. */
export function decodePayloadMap(value: unknown, field: string): PayloadMap | undefined {
  if (value === undefined || value === null) return undefined
  if (!isObject(value)) throw invalidField(field, 'must be an object')
  const entries = Object.entries(value).map(([name, item]) => {
    // A map of this name would become the prototype of whatever copies it field by field.
    if (name === '__proto__') throw invalidField(field, 'must not have the field __proto__')
    return [name, decodePayload(item, `${field}.${name}`)] as const
  })
  return entries.length === 0 ? undefined : Object.fromEntries(entries)
}

/** A list for an answer: an array if every payload has a shorthand, else the long form. */
export function encodePayloads(payloads: readonly Payload[], shorthand: boolean): JsonValue {
  if (shorthand && payloads.every(hasShorthand)) {
    return payloads.map((payload) => encodePayload(payload, true))
  }
  return { payloads: payloads.map((payload) => encodePayload(payload, false)) }
}

/** One payload for an answer. */
export function encodePayload(payload: Payload, shorthand: boolean): JsonValue {
  if (payload === null) return longForm({ encoding: Buffer.from(encodings.null) })
  if (typeof payload === 'string') {
    if (shorthand && hasShorthand(payload)) return new JsonText(payload)
    return longForm({ encoding: Buffer.from(encodings.json) }, Buffer.from(payload))
  }
  if (payload instanceof Uint8Array) {
    return longForm({ encoding: Buffer.from(encodings.bytes) }, payload)
  }
  return (
    (shorthand ? protobufShorthand(payload) : undefined) ?? longForm(payload.metadata, payload.data)
  )
}

/** Named payloads for an answer; undefined, so left out, if there are none. */
export function encodePayloadMap(
  map: PayloadMap | undefined,
  shorthand: boolean,
): { readonly [name: string]: JsonValue } | undefined {
  if (map === undefined) return undefined
  const entries = Object.entries(map)
  if (entries.length === 0) return undefined
  return Object.fromEntries(entries.map(([name, item]) => [name, encodePayload(item, shorthand)]))
}

/**
 * A message in proto3 JSON whose payloads are in long form, as history events are, with each of
 * them in shorthand where it has one.
 */
export function shortenPayloads(message: unknown): unknown {
  if (Array.isArray(message)) return message.map(shortenPayloads)
  if (!isObject(message)) return message
  if (isLongForm(message)) return shorten([message])?.[0] ?? message
  if (hasOnly(message, 'payloads')) {
    const list: unknown = message['payloads']
    if (Array.isArray(list) && list.every(isLongForm)) {
      return shorten(list) ?? message
    }
  }
  return Object.fromEntries(
    Object.entries(message).map(([field, value]) => [field, shortenPayloads(value)]),
  )
}

/** The payloads in shorthand, or undefined if one of them has none. */
function shorten(payloads: readonly LongForm[]): JsonValue[] | undefined {
  const short: JsonValue[] = []
  for (const item of payloads) {
    const payload = readLongForm(item)
    if (payload === undefined || !hasShorthand(payload)) return undefined
    short.push(encodePayload(payload, true))
  }
  return short
}

/**
 * False for what a reader would take for something else: bytes, other encodings, and JSON objects
 * that look like a payload themselves.
 */
function hasShorthand(payload: Payload): boolean {
  if (payload === null) return true
  if (typeof payload === 'string') return !looksSpecial(payload)
  return !(payload instanceof Uint8Array) && protobufShorthand(payload) !== undefined
}

function looksSpecial(text: string): boolean {
  if (!text.trimStart().startsWith('{')) return false
  // A field name may be written with escapes.
  if (!text.includes('metadata') && !text.includes(messageTypeField) && !text.includes('\\u')) {
    return false
  }
  const value: unknown = JSON.parse(text)
  return isObject(value) && (Object.hasOwn(value, messageTypeField) || isLongForm(value))
}

interface LongForm {
  readonly metadata: Readonly<Record<string, string>>
  readonly data?: string
}

/** Exactly the fields of a payload message, all of them base64, and a readable encoding. */
function isLongForm(value: unknown): value is LongForm {
  if (!isObject(value)) return false
  const { metadata, data } = value
  if (!isObject(metadata)) return false
  for (const field of Object.keys(value)) {
    if (field !== 'metadata' && field !== 'data') return false
  }
  if (data !== undefined && !isBase64(data)) return false
  const encoding = Object.hasOwn(metadata, 'encoding') ? metadata['encoding'] : undefined
  return (
    Object.values(metadata).every(isBase64) &&
    isBase64(encoding) &&
    encodingPattern.test(Buffer.from(encoding, 'base64').toString('latin1'))
  )
}

function decodeLongForm(item: LongForm, field: string): Payload {
  const payload = readLongForm(item)
  if (payload === undefined)
    throw invalidField(`${field}.data`, `is not valid JSON of at most ${maxDepth} levels`)
  return payload
}

/** Undefined if the payload says that it is JSON and is not. */
function readLongForm(item: LongForm): Payload | undefined {
  const data = new Uint8Array(Buffer.from(item.data ?? '', 'base64'))
  const names = Object.keys(item.metadata)
  const encoding = Buffer.from(item.metadata['encoding'] ?? '', 'base64').toString('latin1')
  if (names.length === 1) {
    if (encoding === encodings.null && data.length === 0) return null
    if (encoding === encodings.bytes) return data
    if (encoding === encodings.json) return readJson(data)
  }
  const entries = names.map(
    (name) => [name, new Uint8Array(Buffer.from(item.metadata[name] ?? '', 'base64'))] as const,
  )
  return { metadata: Object.fromEntries(entries), data }
}

function readJson(data: Uint8Array): string | undefined {
  if (!isUtf8(data)) return undefined
  const text = Buffer.from(data).toString('utf8')
  if (isDeeperThan(text, maxDepth)) return undefined
  try {
    JSON.parse(text)
    return text
  } catch {
    return undefined
  }
}

function decodeProtobuf(value: JsonObject, field: string): Payload {
  const { [messageTypeField]: messageType, ...message } = value
  if (typeof messageType !== 'string' || messageType === '') {
    throw invalidField(`${field}.${messageTypeField}`, 'must be a message name')
  }
  return {
    metadata: { encoding: bytes(protobufEncoding), messageType: bytes(messageType) },
    data: bytes(JSON.stringify(message)),
  }
}

/** The shorthand of a json/protobuf payload with nothing but its message type, else undefined. */
function protobufShorthand(payload: EncodedPayload): JsonValue | undefined {
  const { encoding, messageType } = payload.metadata
  if (encoding === undefined || messageType === undefined) return undefined
  if (Object.keys(payload.metadata).length !== 2 || text(encoding) !== protobufEncoding) {
    return undefined
  }
  const json = readJson(payload.data)
  if (json === undefined) return undefined
  const message: unknown = JSON.parse(json)
  if (!isObject(message) || Object.hasOwn(message, messageTypeField)) return undefined
  const type = `${JSON.stringify(messageTypeField)}:${JSON.stringify(text(messageType))}`
  const fields = json.trim().slice(1, -1).trim()
  return new JsonText(fields === '' ? `{${type}}` : `{${type},${fields}}`)
}

function longForm(metadata: Readonly<Record<string, Uint8Array>>, data?: Uint8Array): JsonValue {
  const entries = Object.entries(metadata).map(([name, value]) => [name, base64(value)] as const)
  return {
    metadata: Object.fromEntries(entries),
    data: data === undefined || data.length === 0 ? undefined : base64(data),
  }
}

function base64(value: Uint8Array): string {
  return Buffer.from(value.buffer, value.byteOffset, value.byteLength).toString('base64')
}

function bytes(value: string): Uint8Array {
  return new Uint8Array(Buffer.from(value))
}

function text(value: Uint8Array): string {
  return Buffer.from(value).toString('utf8')
}

function isBase64(value: unknown): value is string {
  return typeof value === 'string' && value.length % 4 !== 1 && base64Pattern.test(value)
}

function isObject(value: unknown): value is JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

function hasOnly(value: JsonObject, field: string): boolean {
  const fields = Object.keys(value)
  return fields.length === 1 && fields[0] === field
}
