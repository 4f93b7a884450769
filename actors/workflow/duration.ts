import ms, { type StringValue } from 'ms'

/** A length of time: milliseconds as a number, or text that the `ms` package reads, such as `'5 minutes'`. */
export type Duration = number | StringValue

/**
 * A duration in milliseconds.
 *
 * @throws {TypeError} if it is not a number and not such a text
 */
export function durationToMs(duration: Duration): number {
  const millis: number | undefined = typeof duration === 'number' ? duration : ms(duration)
  if (millis === undefined || Number.isNaN(millis)) {
    throw new TypeError(`Invalid duration string: '${duration}'`)
  }
  return millis
}

export function optionalDurationToMs(duration: Duration | null | undefined): number | undefined {
  return duration === undefined || duration === null ? undefined : durationToMs(duration)
}
