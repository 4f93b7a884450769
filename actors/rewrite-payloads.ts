import type { Input } from './inputs.ts'
import type { EncodedPayload, Payload, PayloadMap } from './payload.ts'

/** Gives the payloads that take the place of some; they belong together, as a call's arguments do. */
export type TakePayloads = (payloads: readonly Payload[]) => readonly Payload[]

/** Fields that hold a list of payloads, one payload, or payloads by name. */
const lists: ReadonlySet<string> = new Set([
  'args',
  'signalArgs',
  'details',
  'heartbeatDetails',
  'lastHeartbeatDetails',
])
const singles: ReadonlySet<string> = new Set([
  'result',
  'success',
  'lastCompletionResult',
  'encodedAttributes',
])
/** What is shown beside commands; details of other things are lists. */
const texts: ReadonlySet<string> = new Set(['summary', 'details'])
const maps: ReadonlySet<string> = new Set(['memo', 'userMetadata'])
/** What Temporal's codecs leave alone: headers are their sender's, search attributes are searched. */
const untouched: ReadonlySet<string> = new Set(['headers', 'searchAttributes'])

/**
 * A copy of an input, a command, a failure or anything made of them, with all payloads that belong
 * to users replaced by what `take` gives for them. Payloads are found by the names of their fields, so
 * that what a new kind of command carries cannot be forgotten here as long as it keeps to these names.
 */
export function rewritePayloads<T>(value: T, take: TakePayloads): T {
  return rewrite(value, take) as T
}

/** {@link rewritePayloads} for inputs: arguments have a place and no name, and are its only list. */
export function rewriteInputs(inputs: readonly Input[], take: TakePayloads): readonly Input[] {
  return inputs.map((input) => {
    const fields: readonly unknown[] = input
    return fields.map((field) =>
      Array.isArray(field) ? takeList(field, take) : rewrite(field, take),
    ) as unknown as Input
  })
}

function rewrite(value: unknown, take: TakePayloads): unknown {
  if (typeof value !== 'object' || value === null || value instanceof Uint8Array) return value
  if (Array.isArray(value)) return value.map((item) => rewrite(item, take))
  const copy: Record<string, unknown> = {}
  for (const [name, field] of Object.entries(value)) copy[name] = rewriteField(name, field, take)
  return copy
}

function rewriteField(name: string, field: unknown, take: TakePayloads): unknown {
  if (field === undefined || untouched.has(name)) return field
  if (lists.has(name) && Array.isArray(field)) {
    return takeList(field, take)
  }
  if (singles.has(name) && isPayload(field)) return one(take([field]))
  if (maps.has(name) && typeof field === 'object' && field !== null) {
    return rewritePayloadMap(field as PayloadMap, take)
  }
  if (texts.has(name)) return rewriteText(field, take)
  return rewrite(field, take)
}

function takeList(list: readonly Payload[], take: TakePayloads): readonly Payload[] {
  return list.length === 0 ? list : take(list)
}

function rewritePayloadMap(map: PayloadMap, take: TakePayloads): PayloadMap {
  const entries = Object.entries(map)
  // Null says that there is nothing, or that something is to be removed: it is nobody's secret.
  return Object.fromEntries(
    entries.map(([key, value]) => [key, value === null ? null : one(take([value]))]),
  )
}

/** A text is a bare one as long as it is not encoded: it becomes a payload and a text again. */
function rewriteText(field: unknown, take: TakePayloads): unknown {
  if (typeof field === 'string') {
    const encoded = one(take([JSON.stringify(field)]))
    return typeof encoded === 'string' ? parseText(encoded) : encoded
  }
  if (!isPayload(field)) return field
  const decoded = one(take([field]))
  return typeof decoded === 'string' ? parseText(decoded) : decoded
}

function parseText(json: string): unknown {
  return JSON.parse(json) as unknown
}

function one(payloads: readonly Payload[]): Payload {
  const [payload] = payloads
  if (payload === undefined || payloads.length !== 1) {
    throw new TypeError(`One payload became ${payloads.length}`)
  }
  return payload
}

function isPayload(value: unknown): value is Payload {
  if (value === null || typeof value === 'string' || value instanceof Uint8Array) return true
  if (typeof value !== 'object') return false
  const { metadata, data } = value as Partial<EncodedPayload>
  return typeof metadata === 'object' && data instanceof Uint8Array
}
