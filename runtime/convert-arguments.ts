import { toPayload, toPayloads } from '../actors/payload-converter.ts'
import type { Payload } from '../actors/payload.ts'
import { SignalboxError } from './errors.ts'

/** Arguments as payloads. @throws SIGNALBOX_ERR_PAYLOAD_CONVERSION naming the argument */
export function convert(values: readonly unknown[]): Payload[] {
  try {
    return toPayloads(values)
  } catch {
    const at = values.findIndex((value) => !isConvertible(value))
    throw new SignalboxError(
      'SIGNALBOX_ERR_PAYLOAD_CONVERSION',
      `argument ${at} cannot be turned into JSON; send plain data or bytes`,
      { fields: { argument: at } },
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
