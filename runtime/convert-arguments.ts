import type { Converters } from '../actors/converters.ts'
import { toPayload, toPayloadMap, toPayloads } from '../actors/payload-converter.ts'
import type { Payload, PayloadMap } from '../actors/payload.ts'
import { SignalboxError } from './errors.ts'

/**
 * Arguments as payloads, by the runtime's own converters if it has any.
 *
 * @throws SIGNALBOX_ERR_PAYLOAD_CONVERSION naming the argument
 */
export function convert(values: readonly unknown[], converters?: Converters): Payload[] {
  return converters === undefined
    ? convertByDefault(values)
    : converters.use(() => convertByDefault(values))
}

/**
 * Named values as payloads, for a memo.
 *
 * @throws SIGNALBOX_ERR_PAYLOAD_CONVERSION naming the field and the value
 */
export function convertMap(
  field: string,
  values: Readonly<Record<string, unknown>>,
  converters?: Converters,
): PayloadMap {
  return converters === undefined
    ? convertMapByDefault(field, values)
    : converters.use(() => convertMapByDefault(field, values))
}

function convertMapByDefault(field: string, values: Readonly<Record<string, unknown>>): PayloadMap {
  try {
    return toPayloadMap(values)
  } catch (error) {
    const name = Object.keys(values).find((key) => !isConvertible(values[key]))
    throw unconvertible(`${field}.${name}`, { field, name }, error)
  }
}

function convertByDefault(values: readonly unknown[]): Payload[] {
  try {
    return toPayloads(values)
  } catch (error) {
    const at = values.findIndex((value) => !isConvertible(value))
    throw unconvertible(`argument ${at}`, { argument: at }, error)
  }
}

function unconvertible(
  what: string,
  fields: Readonly<Record<string, unknown>>,
  cause: unknown,
): SignalboxError {
  return new SignalboxError(
    'SIGNALBOX_ERR_PAYLOAD_CONVERSION',
    `${what} cannot be turned into a payload; send plain data or bytes`,
    { fields, cause },
  )
}

function isConvertible(value: unknown): boolean {
  try {
    toPayload(value)
    return true
  } catch {
    return false
  }
}
