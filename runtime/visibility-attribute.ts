import { decodeSearchAttribute } from '../actors/search-attribute-payloads.ts'
import type { Payload } from '../actors/payload.ts'
import type { SearchAttributeType } from '../actors/search-attributes.ts'
import type { ComparisonOperator, VisibilityValue } from './visibility-query.ts'

/** A search attribute as a filter sees it: its values, of which a list has several. */
export interface VisibilityAttribute {
  readonly type: SearchAttributeType | undefined
  readonly values: readonly VisibilityValue[]
}

/** Undefined for one that cannot be read, or that says that there is none. */
export function readAttribute(payload: Payload | undefined): VisibilityAttribute | undefined {
  if (payload === undefined) return undefined
  try {
    const { value, type } = decodeSearchAttribute(payload)
    const values = (Array.isArray(value) ? (value as unknown[]) : [value]).filter(isValue)
    return values.length === 0 ? undefined : { type, values }
  } catch {
    // What is no JSON cannot be searched; the run is listed all the same.
    return undefined
  }
}

function isValue(value: unknown): value is VisibilityValue {
  return typeof value === 'string' || typeof value === 'number' || typeof value === 'boolean'
}

/**
 * A comparison with a value of a filter. A list, and an untyped attribute with several values, is
 * equal to what it contains. Undefined, SQL's unknown, where the two cannot be compared.
 */
export function compareAttribute(
  { type, values }: VisibilityAttribute,
  operator: ComparisonOperator,
  wanted: VisibilityValue,
): boolean | undefined {
  if (type === 'TEXT') return compareText(values, operator, wanted)
  if (operator === '!=') {
    const equal = compareAttribute({ type, values }, '=', wanted)
    return equal === undefined ? undefined : !equal
  }
  let known: boolean | undefined
  for (const value of values) {
    const order = orderOf(value, wanted, type)
    if (order === undefined) continue
    if (holds(operator, order)) return true
    known = false
  }
  return known
}

/** A text is equal to each of its words, and has no order. */
function compareText(
  values: readonly VisibilityValue[],
  operator: ComparisonOperator,
  wanted: VisibilityValue,
): boolean | undefined {
  if (operator !== '=' && operator !== '!=') return undefined
  const words = new Set(values.flatMap((value) => wordsOf(String(value))))
  const found = wordsOf(String(wanted)).some((word) => words.has(word))
  return found === (operator === '=')
}

/** What a text is searched by: its words, in lower case. */
export function wordsOf(text: string): string[] {
  return text.toLowerCase().match(/[\p{L}\p{N}_]+/gu) ?? []
}

/** Below, at or above 0 as the value is before, at or after what is wanted. */
function orderOf(
  value: VisibilityValue,
  wanted: VisibilityValue,
  type: SearchAttributeType | undefined,
): number | undefined {
  if (typeof value === 'number') {
    const number = typeof wanted === 'string' ? numberOf(wanted) : wanted
    return typeof number === 'number' ? order(value, number) : undefined
  }
  if (typeof value === 'boolean') {
    const flag = String(wanted).toLowerCase()
    return flag === 'true' || flag === 'false' ? order(value, flag === 'true') : undefined
  }
  if (typeof wanted !== 'string') return undefined
  if (type === undefined || type === 'DATETIME') {
    // Untyped dates are texts in this form; two that are, are compared as times.
    const [time, wantedTime] = [timeOf(value), timeOf(wanted)]
    if (time !== undefined && wantedTime !== undefined) return order(time, wantedTime)
    if (type === 'DATETIME') return undefined
  }
  return order(value, wanted)
}

function order<T extends VisibilityValue>(value: T, wanted: T): number {
  return value < wanted ? -1 : value > wanted ? 1 : 0
}

function holds(operator: ComparisonOperator, position: number): boolean {
  switch (operator) {
    case '=':
      return position === 0
    case '!=':
      return position !== 0
    case '<':
      return position < 0
    case '>':
      return position > 0
    case '<=':
      return position <= 0
    case '>=':
      return position >= 0
    default:
      return operator satisfies never
  }
}

/** The number that a text of a filter stands for beside numbers. */
export function numberOf(text: string): number | undefined {
  const number = text.trim() === '' ? Number.NaN : Number(text)
  return Number.isNaN(number) ? undefined : number
}

const TIME = /^\d{4}-\d\d-\d\d(?:[Tt ]\d\d:\d\d:\d\d(?:\.\d+)?(?:[Zz]|[+-]\d\d:\d\d))?$/

/** A time in milliseconds since the epoch, if the text is one in RFC 3339. */
export function timeOf(text: string): number | undefined {
  const time = TIME.test(text) ? Date.parse(text) : Number.NaN
  return Number.isNaN(time) ? undefined : time
}
