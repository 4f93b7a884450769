import { invalidField } from './invalid-field.ts'

const durationPattern = /^(-?)(\d{1,12})(?:\.(\d{1,9}))?s$/
/** The largest google.protobuf.Duration: about 10,000 years. */
const maximumSeconds = 315_576_000_000

/**
 * A google.protobuf.Duration such as "10s" or "1.5s" in milliseconds, or undefined where it is not
 * given. Fractions of a millisecond count as a whole one, since 0 means "not set" in Temporal.
 */
export function parseDuration(value: string | undefined, field: string): number | undefined {
  if (value === undefined) return undefined
  const match = durationPattern.exec(value)
  if (match === null) throw invalidField(field, 'must be a duration such as "10s" or "1.5s"')
  const [, sign, seconds, fraction = ''] = match
  const nanos = Number(fraction.padEnd(9, '0'))
  if (sign === '-' && (Number(seconds) > 0 || nanos > 0)) {
    throw invalidField(field, 'must not be negative')
  }
  if (Number(seconds) > maximumSeconds) throw invalidField(field, 'is too long')
  return Number(seconds) * 1000 + Math.ceil(nanos / 1_000_000)
}

/** As {@link parseDuration}; zero, which is "not set" in Temporal, is undefined too. */
export function parseTimeout(value: string | undefined, field: string): number | undefined {
  const ms = parseDuration(value, field)
  return ms === 0 ? undefined : ms
}

/** Milliseconds as a google.protobuf.Duration, such as "10s" or "0.500s". */
export function formatDuration(ms: number): string {
  const whole = Math.max(0, Math.round(ms))
  const rest = whole % 1000
  const seconds = (whole - rest) / 1000
  return rest === 0 ? `${seconds}s` : `${seconds}.${String(rest).padStart(3, '0')}s`
}

/** Milliseconds since the epoch as an RFC 3339 timestamp, such as "2026-01-31T10:00:00.250Z". */
export function formatTimestamp(ms: number): string {
  return new Date(ms).toISOString().replace('.000Z', 'Z')
}
