import { ValueError } from './failures.ts'
import type { Payload, PayloadMap } from './payload.ts'
import { fromPayload } from './payload-converter.ts'
import {
  inferType,
  isValidValueForType,
  metadataTypes,
  type SearchAttributePair,
  type SearchAttributes,
  type SearchAttributeType,
  type SearchAttributeUpdatePair,
  TypedSearchAttributes,
  typeOfMetadata,
} from './search-attributes.ts'

/*
 * Search attributes as payloads: always JSON, never encoded, since they are there to be searched. A
 * typed one has its type in the metadata, an untyped one is the JSON of an array.
 */

/**
 * Both kinds together; of a key in both the typed one counts.
 *
 * @throws {ValueError} for a value that is not of its type, or that no search attribute can have
 */
export function encodeSearchAttributes(
  untyped: SearchAttributes | undefined,
  typed: readonly SearchAttributeUpdatePair[] | TypedSearchAttributes | undefined,
): PayloadMap {
  const payloads: Record<string, Payload> = {}
  for (const [name, values] of Object.entries(untyped ?? {})) {
    define(payloads, name, encodeUntyped(values))
  }
  const pairs = typed instanceof TypedSearchAttributes ? typed.getAll() : (typed ?? [])
  for (const { key, value } of pairs) define(payloads, key.name, encodeTyped(key.type, value))
  return payloads
}

/** Plain assignment would take `__proto__` for the prototype. */
function define(payloads: Record<string, Payload>, name: string, value: Payload): void {
  Object.defineProperty(payloads, name, {
    value,
    enumerable: true,
    writable: true,
    configurable: true,
  })
}

function encodeUntyped(values: unknown): Payload {
  if (!Array.isArray(values)) throw new ValueError('SearchAttribute value must be an array')
  const [first] = values as unknown[]
  for (const [index, value] of (values as unknown[]).entries()) {
    if (typeof first === 'object') {
      if (value instanceof Date) continue
      throw new ValueError(
        'SearchAttribute values must be arrays of strings, numbers, booleans, or Dates. ' +
          `The value ${shown(value)} at index ${index} is of type ${typeof value}`,
      )
    }
    if (!['string', 'number', 'boolean'].includes(typeof first)) {
      throw new ValueError('SearchAttribute array values must be: string | number | boolean | Date')
    }
    if (typeof value !== typeof first) {
      throw new ValueError(
        'All SearchAttribute array values must be of the same type. The first value ' +
          `${shown(first)} of type ${typeof first} doesn't match value ${shown(value)} ` +
          `of type ${typeof value} at index ${index}`,
      )
    }
  }
  return JSON.stringify(values)
}

function encodeTyped(type: SearchAttributeType, value: unknown): Payload {
  // Removal has no type, as on Temporal.
  if (value === null) return 'null'
  if (!isValidValueForType(type, value)) {
    throw new ValueError(`Invalid search attribute value ${shown(value)} for given type ${type}`)
  }
  const utf8 = new TextEncoder()
  return {
    metadata: {
      encoding: utf8.encode('json/plain'),
      type: utf8.encode(metadataTypes[type]),
    },
    data: utf8.encode(JSON.stringify(value)),
  }
}

/** A search attribute's JSON value and the type it was given, if it was given one. */
export interface DecodedSearchAttribute {
  readonly value: unknown
  readonly type: SearchAttributeType | undefined
}

/** @throws {PayloadConverterError | ValueError} for a payload that is no JSON */
export function decodeSearchAttribute(payload: Payload): DecodedSearchAttribute {
  const value = fromPayload(payload) ?? null
  if (payload === null || typeof payload !== 'object' || payload instanceof Uint8Array) {
    return { value, type: undefined }
  }
  const { type } = payload.metadata
  return {
    value,
    type: type === undefined ? undefined : typeOfMetadata(new TextDecoder().decode(type)),
  }
}

/** As `workflowInfo().searchAttributes` has them: each an array. */
export function toSearchAttributes(payloads: PayloadMap | undefined): SearchAttributes {
  const attributes: SearchAttributes = {}
  for (const [name, payload] of Object.entries(payloads ?? {})) {
    const { value, type } = decodeSearchAttribute(payload)
    const values: unknown[] = Array.isArray(value) ? value : [value]
    if (values.length === 0) continue
    attributes[name] = (
      type === 'DATETIME' ? values.map((time) => new Date(time as string)) : values
    ) as SearchAttributes[string]
  }
  return attributes
}

/** As `workflowInfo().typedSearchAttributes` has them. */
export function toTypedSearchAttributes(payloads: PayloadMap | undefined): TypedSearchAttributes {
  const pairs: SearchAttributePair[] = []
  for (const [name, payload] of Object.entries(payloads ?? {})) {
    const decoded = decodeSearchAttribute(payload)
    const pair = toPair(name, decoded.type ?? inferType(decoded.value), decoded.value)
    if (pair !== undefined) pairs.push(pair)
  }
  return new TypedSearchAttributes(pairs)
}

/** A pair of a JSON value, if it is one of the type; an array of one stands for its value. */
export function toPair(
  name: string,
  type: SearchAttributeType | undefined,
  json: unknown,
): SearchAttributePair | undefined {
  if (type === undefined) return undefined
  const isList = type === 'KEYWORD_LIST'
  if (!isList && Array.isArray(json) && json.length > 1) return undefined
  let value: unknown = !isList && Array.isArray(json) ? json[0] : json
  if (type === 'DATETIME' && typeof value === 'string') value = new Date(value)
  if (!isValidValueForType(type, value)) return undefined
  return { key: { name, type }, value } as SearchAttributePair
}

/** What a workflow has after an upsert: null and the empty list remove. The same on every replay. */
export function mergeSearchAttributes(
  current: PayloadMap | undefined,
  upserted: PayloadMap,
): PayloadMap {
  return mergePayloads(current, upserted, isRemoval)
}

/** The same for a memo: only null removes. */
export function mergeMemo(current: PayloadMap | undefined, upserted: PayloadMap): PayloadMap {
  return mergePayloads(current, upserted, (payload) => payload === null)
}

function mergePayloads(
  current: PayloadMap | undefined,
  upserted: PayloadMap,
  removes: (payload: Payload) => boolean,
): PayloadMap {
  const merged = new Map(Object.entries(current ?? {}))
  for (const [name, payload] of Object.entries(upserted)) {
    if (removes(payload)) merged.delete(name)
    else merged.set(name, payload)
  }
  return Object.fromEntries(merged)
}

function isRemoval(payload: Payload): boolean {
  if (payload === null || payload === 'null' || payload === '[]') return true
  if (typeof payload === 'string' || payload instanceof Uint8Array) return false
  const { value } = decodeSearchAttribute(payload)
  return value === null || (Array.isArray(value) && value.length === 0)
}

/** A value in a message. */
function shown(value: unknown): string {
  switch (typeof value) {
    case 'string':
    case 'number':
    case 'boolean':
      return `${value}`
    default:
      return value === null ? 'null' : typeof value
  }
}
