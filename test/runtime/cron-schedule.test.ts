import * as fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { cronBackoff, parseCronSchedule } from '../../runtime/cron-schedule.ts'

const at = (text: string): number => Date.parse(text)
const next = (schedule: string, after: string): string | undefined => {
  const time = parseCronSchedule(schedule).next(at(after))
  return time === undefined ? undefined : new Date(time).toISOString().replace('.000', '')
}

describe('a cron schedule', () => {
  it.each([
    ['* * * * *', '2026-01-01T00:00:00Z', '2026-01-01T00:01:00Z'],
    ['*/15 * * * *', '2026-01-01T00:15:01Z', '2026-01-01T00:30:00Z'],
    ['5/20 * * * *', '2026-01-01T00:46:00Z', '2026-01-01T01:05:00Z'],
    ['0 9-17/4 * * mon-fri', '2026-01-02T17:00:00Z', '2026-01-05T09:00:00Z'],
    ['0 0 29 2 *', '2026-01-01T00:00:00Z', '2028-02-29T00:00:00Z'],
    ['0 0 13 * FRI', '2026-01-01T00:00:00Z', '2026-01-02T00:00:00Z'],
    ['0 0 ? DEC 0', '2026-01-01T00:00:00Z', '2026-12-06T00:00:00Z'],
    ['@hourly', '2026-01-01T00:59:59Z', '2026-01-01T01:00:00Z'],
    ['@daily', '2026-01-01T00:00:00Z', '2026-01-02T00:00:00Z'],
    ['@weekly', '2026-01-01T00:00:00Z', '2026-01-04T00:00:00Z'],
    ['@monthly', '2026-01-31T00:00:00Z', '2026-02-01T00:00:00Z'],
    ['@yearly', '2026-01-01T00:00:00Z', '2027-01-01T00:00:00Z'],
    ['@every 1h30m', '2026-01-01T00:00:00.700Z', '2026-01-01T01:30:00Z'],
    ['@every 10ms', '2026-01-01T00:00:00Z', '2026-01-01T00:00:01Z'],
    ['CRON_TZ=America/New_York 0 9 * * *', '2026-07-01T00:00:00Z', '2026-07-01T13:00:00Z'],
    // The hour from 2 to 3 is left out on that day, and then comes twice.
    ['TZ=Europe/Berlin 30 2 * * *', '2026-03-28T12:00:00Z', '2026-03-30T00:30:00Z'],
    ['TZ=Europe/Berlin 30 2 * * *', '2026-10-24T12:00:00Z', '2026-10-25T00:30:00Z'],
  ])('%s after %s is %s', (schedule, after, expected) => {
    expect(next(schedule, after)).toBe(expected)
  })

  it.each([
    '',
    '* * * *',
    '* * * * * *',
    '60 * * * *',
    '* 24 * * *',
    '* * 0 * *',
    '* * * 13 *',
    '* * * * 7',
    '5-1 * * * *',
    '*/0 * * * *',
    '1/2/3 * * * *',
    'x * * * *',
    '0 0 30 2 *',
    '@often',
    '@every',
    '@every soon',
    'TZ=Nowhere/Land 0 0 * * *',
  ])('%s is none', (schedule) => {
    expect(() => parseCronSchedule(schedule)).toThrow(RangeError)
  })

  it('has the minutes that a look at each minute finds', () => {
    const field = (min: number, max: number): fc.Arbitrary<{ text: string; values: number[] }> =>
      fc.oneof(
        fc.constant({ text: '*', values: [] as number[] }),
        fc.uniqueArray(fc.integer({ min, max }), { minLength: 1, maxLength: 4 }).map((values) => ({
          text: values.join(','),
          values,
        })),
      )
    const schedules = fc.tuple(field(0, 59), field(0, 23), field(1, 28), field(1, 12), field(0, 6))
    const times = fc.integer({ min: at('2024-01-01T00:00:00Z'), max: at('2030-01-01T00:00:00Z') })
    fc.assert(
      fc.property(schedules, times, (fields, time) => {
        const found = parseCronSchedule(fields.map(({ text }) => text).join(' ')).next(time)
        expect(found).toBeDefined()
        const [minutes, hours, days, months, weekdays] = fields
        const allows = ({ values }: { values: number[] }, value: number): boolean =>
          values.length === 0 || values.includes(value)
        const matches = (moment: number): boolean => {
          const date = new Date(moment)
          const day = allows(days, date.getUTCDate())
          const weekday = allows(weekdays, date.getUTCDay())
          const either = days.values.length > 0 && weekdays.values.length > 0
          return (
            allows(minutes, date.getUTCMinutes()) &&
            allows(hours, date.getUTCHours()) &&
            allows(months, date.getUTCMonth() + 1) &&
            (either ? day || weekday : day && weekday)
          )
        }
        expect(matches(found as number)).toBe(true)
        // None of the minutes before it, as far as there is patience.
        const first = Math.floor(time / 60_000) * 60_000 + 60_000
        const last = Math.min(found as number, first + 5_000 * 60_000)
        for (let moment = first; moment < last; moment += 60_000) {
          expect(matches(moment)).toBe(false)
        }
      }),
      { numRuns: 60 },
    )
  })

  it('waits for the first time that has not gone by', () => {
    const hourly = parseCronSchedule('@hourly')
    const every = parseCronSchedule('@every 10s')
    const start = at('2026-01-01T00:00:00Z')
    expect(cronBackoff(hourly, start, start + 1_000)).toBe(3_599_000)
    expect(cronBackoff(hourly, start, start + 3 * 3_600_000 + 1)).toBe(3_599_999)
    expect(cronBackoff(hourly, start, start + 3 * 3_600_000)).toBe(0)
    expect(cronBackoff(every, start, start + 3_000)).toBe(7_000)
    expect(cronBackoff(every, start, start + 1_000_000_001_000)).toBe(9_000)
  })
})
