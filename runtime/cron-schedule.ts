/** When something is to happen again and again. */
export interface CronSchedule {
  /** The first time after `time`, both in milliseconds since the epoch; undefined if there is none. */
  next(time: number): number | undefined
}

const MINUTE_MS = 60_000
const DAY_MS = 24 * 60 * MINUTE_MS
/** A schedule that has nothing within this time, such as one of February 30, has nothing at all. */
const SEARCH_MS = 9 * 366 * DAY_MS

const DESCRIPTORS: ReadonlyMap<string, string> = new Map([
  ['@yearly', '0 0 1 1 *'],
  ['@annually', '0 0 1 1 *'],
  ['@monthly', '0 0 1 * *'],
  ['@weekly', '0 0 * * 0'],
  ['@daily', '0 0 * * *'],
  ['@midnight', '0 0 * * *'],
  ['@hourly', '0 * * * *'],
])

const MONTHS = ['jan', 'feb', 'mar', 'apr', 'may', 'jun', 'jul', 'aug', 'sep', 'oct', 'nov', 'dec']
const WEEKDAYS = ['sun', 'mon', 'tue', 'wed', 'thu', 'fri', 'sat']

/**
 * A cron schedule in the form that Temporal reads (that of Go's robfig/cron): five fields, `@hourly` and
 * its kin, `@every 90m`, in UTC or with `CRON_TZ=Europe/Berlin ` before it.
 *
 * @throws {RangeError} that says what is wrong with it
 */
export function parseCronSchedule(text: string): CronSchedule {
  const [, zone, rest = ''] = /^(?:(?:CRON_)?TZ=(\S+)\s+)?(.*)$/s.exec(text.trim()) ?? []
  const clock = zone === undefined ? utc : clockOf(zone)
  const every = /^@every\s+(.*)$/s.exec(rest)?.[1]
  if (every !== undefined) return new Interval(parseInterval(every))
  const fields = (DESCRIPTORS.get(rest) ?? rest).split(/\s+/).filter((field) => field !== '')
  const [minute, hour, day, month, weekday] = fields
  if (weekday === undefined || fields.length !== 5) {
    throw new RangeError(`expected 5 fields or a descriptor such as @daily, found "${rest}"`)
  }
  const schedule = new FieldSchedule(
    {
      minutes: parseField(minute as string, 0, 59),
      hours: parseField(hour as string, 0, 23),
      days: parseField(day as string, 1, 31),
      months: parseField(month as string, 1, 12, MONTHS),
      weekdays: parseField(weekday, 0, 6, WEEKDAYS),
    },
    clock,
  )
  if (schedule.next(0) === undefined) throw new RangeError(`"${rest}" never comes`)
  return schedule
}

/**
 * How long a run that ends now waits for the next one: until the first time at or after `now` of the
 * times that follow the run's own.
 *
 * @param executionTime when the run's first turn was due
 */
export function cronBackoff(schedule: CronSchedule, executionTime: number, now: number): number {
  let next = schedule.next(executionTime)
  if (next !== undefined && next < now) {
    // The same times, without those that went by while the run was at work.
    next = schedule instanceof Interval ? schedule.firstFrom(next, now) : schedule.next(now - 1)
  }
  return Math.max(0, (next ?? now) - now)
}

/** Every so many whole seconds, counted from the run before. */
class Interval implements CronSchedule {
  readonly #ms: number

  constructor(ms: number) {
    this.#ms = ms
  }

  next(time: number): number {
    return Math.floor(time / 1_000) * 1_000 + this.#ms
  }

  firstFrom(next: number, now: number): number {
    return next + Math.ceil((now - next) / this.#ms) * this.#ms
  }
}

const UNIT_MS: Readonly<Record<string, number>> = {
  ns: 1e-6,
  us: 1e-3,
  µs: 1e-3,
  ms: 1,
  s: 1_000,
  m: 60_000,
  h: 3_600_000,
}

function parseInterval(text: string): number {
  const parts = [...text.matchAll(/(\d+(?:\.\d*)?|\.\d+)(ns|us|µs|ms|s|m|h)/gy)]
  if (parts.length === 0 || parts.map(([part]) => part).join('') !== text) {
    throw new RangeError(`"${text}" is no duration such as 1h30m`)
  }
  const ms = parts.reduce(
    (sum, [, count, unit = '']) => sum + Number(count) * (UNIT_MS[unit] ?? 0),
    0,
  )
  // No finer than seconds, and not less than one.
  return Math.max(1_000, Math.floor(ms / 1_000) * 1_000)
}

interface Field {
  readonly values: ReadonlySet<number>
  /** It says nothing: for days of the month and of the week that decides how the two combine. */
  readonly isAny: boolean
}

function parseField(text: string, min: number, max: number, names: readonly string[] = []): Field {
  const values = new Set<number>()
  let isAny = false
  for (const part of text.split(',')) {
    const [range = '', step, ...surplus] = part.split('/')
    const [from = '', to, ...others] = range.split('-')
    if (surplus.length > 0 || others.length > 0)
      throw new RangeError(`"${part}" has too many parts`)
    const number = (value: string): number => {
      const named = names.indexOf(value.toLowerCase())
      if (named >= 0) return named + min
      if (!/^\d+$/.test(value)) throw new RangeError(`"${value}" in "${part}" is no number`)
      return Number(value)
    }
    const wild = (from === '*' || from === '?') && to === undefined
    const first = wild ? min : number(from)
    // `5/10` is every tenth from the fifth on.
    const last = to !== undefined ? number(to) : wild || step !== undefined ? max : first
    const by = step === undefined ? 1 : number(step)
    if (first < min || last > max || first > last || by === 0) {
      throw new RangeError(`"${part}" is not within ${min} and ${max}, or is empty`)
    }
    for (let value = first; value <= last; value += by) values.add(value)
    if (wild && by === 1) isAny = true
  }
  return { values, isAny }
}

interface Fields {
  readonly minutes: Field
  readonly hours: Field
  readonly days: Field
  readonly months: Field
  readonly weekdays: Field
}

/** What the clocks of a zone show, as if it were UTC. */
interface Clock {
  toWall(time: number): number
  /** Undefined for a wall time that the zone leaves out when its clocks go forward. */
  fromWall(wall: number): number | undefined
}

class FieldSchedule implements CronSchedule {
  readonly #fields: Fields
  readonly #clock: Clock

  constructor(fields: Fields, clock: Clock) {
    this.#fields = fields
    this.#clock = clock
  }

  next(time: number): number | undefined {
    let wall = Math.floor(this.#clock.toWall(time) / MINUTE_MS) * MINUTE_MS + MINUTE_MS
    const end = wall + SEARCH_MS
    while (wall < end) {
      const at = this.#clock.fromWall(this.#matches(wall) ? wall : Number.NaN)
      // Not after `time`: an hour that comes twice when the clocks go back.
      if (at !== undefined && at > time) return at
      wall = this.#skip(wall)
    }
    return undefined
  }

  #matches(wall: number): boolean {
    const date = new Date(wall)
    return (
      this.#isDay(date) &&
      this.#fields.hours.values.has(date.getUTCHours()) &&
      this.#fields.minutes.values.has(date.getUTCMinutes())
    )
  }

  /** To the next minute that may match: past a month, a day or an hour that cannot. */
  #skip(wall: number): number {
    const date = new Date(wall)
    if (!this.#fields.months.values.has(date.getUTCMonth() + 1)) {
      return Date.UTC(date.getUTCFullYear(), date.getUTCMonth() + 1, 1)
    }
    if (!this.#isDay(date)) return (Math.floor(wall / DAY_MS) + 1) * DAY_MS
    if (!this.#fields.hours.values.has(date.getUTCHours())) {
      return (Math.floor(wall / (60 * MINUTE_MS)) + 1) * 60 * MINUTE_MS
    }
    return wall + MINUTE_MS
  }

  /** With both days restricted either will do, as in every cron. */
  #isDay(date: Date): boolean {
    const { days, months, weekdays } = this.#fields
    if (!months.values.has(date.getUTCMonth() + 1)) return false
    const isDay = days.values.has(date.getUTCDate())
    const isWeekday = weekdays.values.has(date.getUTCDay())
    return days.isAny || weekdays.isAny ? isDay && isWeekday : isDay || isWeekday
  }
}

const utc: Clock = {
  toWall: (time) => time,
  fromWall: (wall) => (Number.isNaN(wall) ? undefined : wall),
}

/** @throws {RangeError} for a zone that there is not */
function clockOf(zone: string): Clock {
  const format = new Intl.DateTimeFormat('en-US', {
    timeZone: zone,
    hourCycle: 'h23',
    year: 'numeric',
    month: 'numeric',
    day: 'numeric',
    hour: 'numeric',
    minute: 'numeric',
    second: 'numeric',
  })
  const toWall = (time: number): number => {
    const parts: Record<string, number> = {}
    for (const { type, value } of format.formatToParts(time)) parts[type] = Number(value)
    const { year = 0, month = 1, day = 1, hour = 0, minute = 0, second = 0 } = parts
    return Date.UTC(year, month - 1, day, hour, minute, second)
  }
  return {
    toWall,
    fromWall: (wall) => {
      if (Number.isNaN(wall)) return undefined
      // The zone's offset is one of those of the day before and the day after. Of an hour that comes
      // twice the first is meant.
      const times = [wall - DAY_MS, wall + DAY_MS].map((day) => wall - (toWall(day) - day))
      for (const time of times.sort((first, second) => first - second)) {
        if (toWall(time) === wall) return time
      }
      return undefined
    },
  }
}
