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

/** Named values as payloads, for a memo. */
export function convertMap(
  values: Readonly<Record<string, unknown>>,
  converters?: Converters,
): PayloadMap {
  return converters === undefined
    ? toPayloadMap(values)
    : converters.use(() => toPayloadMap(values))
}

function convertByDefault(values: readonly unknown[]): Payload[] {
  try {
    return toPayloads(values)
  } catch (error) {
    const at = values.findIndex((value) => !isConvertible(value))
    throw new SignalboxError(
      'SIGNALBOX_ERR_PAYLOAD_CONVERSION',
      `argument ${at} cannot be turned into a payload; send plain data or bytes`,
      { fields: { argument: at }, cause: error },
    )
  }
}

function isConvertible(value: unknown): boolean {
  try {
    toPayload(value)
    return true
  } catch {
    return false
  }
}
