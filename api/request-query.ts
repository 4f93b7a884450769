import { invalidField } from './invalid-field.ts'
import { commonParameters } from './query-parameters.ts'

const nothing: ReadonlyMap<string, string> = new Map()

/**
 * The query parameters of a request. Names may be in snake_case too.
 *
 * @throws SignalboxError SIGNALBOX_ERR_INVALID_ARGUMENT for unknown, repeated and malformed ones: a
 *   parameter that is misspelt must not be silently without effect
 */
export class RequestQuery {
  readonly #values: ReadonlyMap<string, string>

  /** `known` are the names that the route looks at, in lowerCamelCase. */
  constructor(query: unknown, known: readonly string[]) {
    this.#values = readValues(query, known)
  }

  /** Undefined if it is missing or empty. */
  text(name: string): string | undefined {
    const value = this.#values.get(name)
    return value === '' ? undefined : value
  }

  /** `?pretty` alone is true. */
  flag(name: string): boolean {
    const value = this.#values.get(name)
    if (value === undefined || value === 'false' || value === '0') return false
    if (value === '' || value === 'true' || value === '1') return true
    throw invalidField(name, 'must be true or false')
  }

  /** A whole number, or undefined if it is missing or 0, which is "not set" in protobuf. */
  count(name: string): number | undefined {
    const value = this.text(name)
    if (value === undefined) return undefined
    if (!/^\d{1,9}$/.test(value)) throw invalidField(name, 'must be a whole number')
    return value === '0' ? undefined : Number(value)
  }
}

/** For routes that look at no parameter but those of every route. */
export function rejectQuery(query: unknown): void {
  readValues(query, [])
}

function readValues(query: unknown, known: readonly string[]): ReadonlyMap<string, string> {
  if (typeof query !== 'object' || query === null) return nothing
  let values: Map<string, string> | undefined
  for (const [given, value] of Object.entries(query)) {
    const name = given.replace(/_([a-z0-9])/g, (_match, letter: string) => letter.toUpperCase())
    if (!known.includes(name) && !commonParameters.includes(name)) {
      throw invalidField(given.slice(0, 100), 'is not a query parameter of this request')
    }
    values ??= new Map()
    if (typeof value !== 'string' || values.has(name)) throw invalidField(name, 'is given twice')
    values.set(name, value)
  }
  return values ?? nothing
}
