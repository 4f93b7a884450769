import ms, { type StringValue } from 'ms'
import { ValueError } from '../failures.ts'

/** A length of time: milliseconds as a number, or text that the `ms` package reads, such as `'5 minutes'`. */
export type Duration = number | StringValue

/**
 * A duration in milliseconds; a number as it is, whatever it is.
 *
 * @throws {TypeError} if it is not a number and not such a text
 */
export function durationToMs(duration: Duration): number {
  if (typeof duration === 'number') return duration
  const millis: number | undefined = ms(duration)
  if (millis === undefined || Number.isNaN(millis)) {
    throw new TypeError(`Invalid duration string: '${duration}'`)
  }
  return millis
}

/**
 * {@link durationToMs} for what is written down.
 *
 * @throws {ValueError} for a number that is no length of time
 */
export function finiteMs(duration: Duration): number {
  const millis = durationToMs(duration)
  if (!Number.isFinite(millis)) throw new ValueError(`Invalid millis ${millis}`)
  return millis
}

export function optionalFiniteMs(duration: Duration | null | undefined): number | undefined {
  return duration === undefined || duration === null ? undefined : finiteMs(duration)
}
