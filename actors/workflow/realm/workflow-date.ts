import { maybeActivator } from '../current-run.ts'

const defaultLocale = 'en-US'

/** The time of the turn in hand; the epoch where there is none, which is while the bundle is looked at. */
function now(): number {
  return maybeActivator()?.now ?? 0
}

/**
 * Make `Date` and `Intl.DateTimeFormat` a function of the journal: the clock is the turn's time, the
 * zone is UTC and the default locale is `en-US`, wherever the process runs.
 */
export function installWorkflowDate(): void {
  const NativeDate = Date
  const { prototype } = NativeDate
  const nativeParse = NativeDate.parse

  const parse = (text: unknown): number => {
    const string = String(text)
    const isoLocal = /^[+-]?\d{4,6}-\d\d-\d\dT[\d:.,]+$/
    if (isoLocal.test(string)) return nativeParse(`${string}Z`)
    const isoDate = /^[+-]?\d{4,6}(?:-\d\d){0,2}$/
    const zoned = /(?:\b(?:Z|UTC?|GMT|[ECMP][SD]T)|[+-]\d{1,2}:?\d{2}|Z)\s*(?:\([^)]*\))?\s*$/i
    if (isoDate.test(string) || zoned.test(string)) return nativeParse(string)
    return nativeParse(`${string} UTC`)
  }
  const millis = (parts: readonly unknown[]): number | string | Date => {
    if (parts.length === 0) return now()
    if (parts.length > 1) return NativeDate.UTC(...(parts as [number, number]))
    const [value] = parts
    if (value instanceof NativeDate) return value
    const primitive = typeof value === 'object' && value !== null ? toPrimitive(value) : value
    return typeof primitive === 'string' ? parse(primitive) : (primitive as number)
  }
  function WorkflowDate(this: unknown, ...parts: unknown[]): unknown {
    if (new.target === undefined) return new NativeDate(now()).toString()
    return Reflect.construct(NativeDate, [millis(parts)], new.target)
  }
  WorkflowDate.prototype = prototype
  Object.defineProperties(WorkflowDate, {
    name: { value: 'Date' },
    length: { value: 7 },
    now: method(() => now()),
    parse: method(parse),
    UTC: method(NativeDate.UTC),
  })
  Object.defineProperty(prototype, 'constructor', method(WorkflowDate))
  Object.defineProperty(globalThis, 'Date', method(WorkflowDate))
  makeZoneUtc(prototype)
  installDateTimeFormat(prototype)
}

function toPrimitive(value: object): unknown {
  const convert = (value as { [Symbol.toPrimitive]?: (hint: string) => unknown })[
    Symbol.toPrimitive
  ]
  if (typeof convert === 'function') return convert.call(value, 'default')
  const plain = value.valueOf()
  // oxlint-disable-next-line typescript/no-base-to-string -- it is what Date does
  return typeof plain === 'object' ? String(value) : plain
}

/** Local time is UTC: each local getter and setter is its UTC twin. */
function makeZoneUtc(prototype: Date): void {
  const methods = prototype as unknown as Record<string, (...args: unknown[]) => unknown>
  const fields = ['Date', 'Day', 'FullYear', 'Hours', 'Milliseconds', 'Minutes', 'Month', 'Seconds']
  for (const field of fields) {
    for (const verb of ['get', 'set']) {
      const twin = methods[`${verb}UTC${field}`]
      if (twin) replace(prototype, `${verb}${field}`, twin)
    }
  }
  replace(prototype, 'getTimezoneOffset', function (this: Date) {
    return Number.isNaN(this.getTime()) ? Number.NaN : 0
  })
  replace(prototype, 'getYear', function (this: Date) {
    return this.getUTCFullYear() - 1900
  })
  replace(prototype, 'setYear', function (this: Date, year: number) {
    return this.setUTCFullYear(year >= 0 && year <= 99 ? 1900 + Math.trunc(year) : year)
  })
  const { toUTCString } = prototype
  const day = (date: Date): string => {
    // 'Thu, 01 Jan 1970 00:00:00 GMT' has all the words that the local form has.
    const [weekday = '', dayOfMonth = '', month = '', year = ''] = toUTCString.call(date).split(' ')
    return `${weekday.replace(',', '')} ${month} ${dayOfMonth} ${year}`
  }
  const time = (date: Date): string =>
    `${toUTCString.call(date).slice(-12, -4)} GMT+0000 (Coordinated Universal Time)`
  const invalid = (date: Date): boolean => Number.isNaN(date.getTime())
  replace(prototype, 'toDateString', function (this: Date) {
    return invalid(this) ? 'Invalid Date' : day(this)
  })
  replace(prototype, 'toTimeString', function (this: Date) {
    return invalid(this) ? 'Invalid Date' : time(this)
  })
  replace(prototype, 'toString', function (this: Date) {
    return invalid(this) ? 'Invalid Date' : `${day(this)} ${time(this)}`
  })
}

function installDateTimeFormat(datePrototype: Date): void {
  const Native = Intl.DateTimeFormat
  const prototype = Native.prototype
  const inUtc = (options: object | undefined): object => ({ timeZone: 'UTC', ...options })
  function DateTimeFormat(locales?: string, options?: object): unknown {
    const target = new.target ?? DateTimeFormat
    return Reflect.construct(Native, [locales ?? defaultLocale, inUtc(options)], target)
  }
  DateTimeFormat.prototype = prototype
  Object.defineProperties(DateTimeFormat, {
    length: { value: 0 },
    supportedLocalesOf: method(Native.supportedLocalesOf),
  })
  Object.defineProperty(prototype, 'constructor', method(DateTimeFormat))
  Object.defineProperty(Intl, 'DateTimeFormat', method(DateTimeFormat))

  const format = Object.getOwnPropertyDescriptor(prototype, 'format')?.get
  Object.defineProperty(prototype, 'format', {
    configurable: true,
    get(this: Intl.DateTimeFormat) {
      const native = format?.call(this) as (date: unknown) => string
      return (date?: unknown): string => native(date ?? now())
    },
  })
  const { formatToParts } = prototype
  replace(prototype, 'formatToParts', function (this: Intl.DateTimeFormat, date?: Date | number) {
    return formatToParts.call(this, date ?? now())
  })
  for (const name of ['toLocaleString', 'toLocaleDateString', 'toLocaleTimeString'] as const) {
    const native = datePrototype[name]
    replace(datePrototype, name, function (this: Date, locales?: string, options?: object) {
      return native.call(this, locales ?? defaultLocale, inUtc(options))
    })
  }
}

/** Number and text formatting by the machine's language would differ between machines. */
export function installDefaultLocale(): void {
  const fixed = [
    [Number.prototype, 'toLocaleString', 0],
    [BigInt.prototype, 'toLocaleString', 0],
    [String.prototype, 'localeCompare', 1],
    [String.prototype, 'toLocaleUpperCase', 0],
    [String.prototype, 'toLocaleLowerCase', 0],
  ] as const
  for (const [prototype, name, position] of fixed) {
    const native = (prototype as unknown as Record<string, (...args: unknown[]) => unknown>)[name]
    if (native === undefined) continue
    replace(prototype, name, function (this: unknown, ...args: unknown[]) {
      args[position] ??= defaultLocale
      return native.apply(this, args)
    })
  }
  for (const name of ['NumberFormat', 'Collator', 'PluralRules', 'ListFormat'] as const) {
    const Native = Intl[name] as unknown as new (...args: unknown[]) => object
    const Localised = function (this: unknown, locales?: unknown, options?: unknown): unknown {
      return Reflect.construct(Native, [locales ?? defaultLocale, options], new.target ?? Localised)
    }
    Localised.prototype = Native.prototype as object
    const { supportedLocalesOf } = Native as unknown as { supportedLocalesOf: unknown }
    Object.defineProperties(Localised, {
      name: { value: name },
      supportedLocalesOf: method(supportedLocalesOf),
    })
    Object.defineProperty(Native.prototype, 'constructor', method(Localised))
    Object.defineProperty(Intl, name, method(Localised))
  }
}

function method(value: unknown): PropertyDescriptor {
  return { value, writable: true, configurable: true, enumerable: false }
}

function replace(
  target: object,
  name: string,
  // oxlint-disable-next-line typescript/no-explicit-any -- each has the `this` of its prototype
  value: (this: any, ...args: any[]) => unknown,
): void {
  Object.defineProperty(value, 'name', { value: name })
  Object.defineProperty(target, name, method(value))
}
