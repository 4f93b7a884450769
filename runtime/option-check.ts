import { SignalboxError } from './errors.ts'
import { unknownOption } from './nearest-name.ts'

/** What one option must be. @throws SIGNALBOX_ERR_INVALID_ARGUMENT */
export type OptionRule = (value: unknown, field: string) => void

/** Checks an object of options. @throws SIGNALBOX_ERR_INVALID_ARGUMENT, `fields.field` naming the option */
type OptionCheck = (options: unknown, field?: string) => void

/**
 * The check of an object of options: that it is one, and has no other than these. An option that is undefined
 * counts as not given.
 *
 * @param example for whoever gives something else, such as the value of one option alone
 */
export function optionCheck(
  example: string,
  rules: Readonly<Record<string, OptionRule>>,
): OptionCheck {
  // A map, which has no names of its own such as `constructor`.
  const ruleByName = new Map(Object.entries(rules))
  return (options, field) => {
    if (typeof options !== 'object' || options === null || Array.isArray(options)) {
      throw invalid(field ?? 'options', ` must be an object such as ${example}`)
    }
    // What is inherited counts as well: whoever reads an option does not ask whose it is.
    for (const name in options) {
      const value = (options as Readonly<Record<string, unknown>>)[name]
      const rule = ruleByName.get(name)
      const path = field === undefined ? name : `${field}.${name}`
      if (rule === undefined) throw invalid(path, ` ${unknownOption(name, [...ruleByName.keys()])}`)
      if (value !== undefined) rule(value, path)
    }
  }
}

/** Whatever it is: it has no effect here, or is checked where it is used. */
export const anything: OptionRule = () => undefined

export const text = ruleOf('a text', (value) => typeof value === 'string')
export const flag = ruleOf('true or false', (value) => typeof value === 'boolean')
export const list = ruleOf('an array', (value) => Array.isArray(value))
export const texts = ruleOf(
  'an array of texts',
  (value) => Array.isArray(value) && value.every((one) => typeof one === 'string'),
)
export const named = ruleOf(
  'an object, its values by their names',
  (value) => typeof value === 'object' && value !== null && !Array.isArray(value),
)
export const milliseconds = ruleOf(
  'a number of milliseconds',
  (value) => typeof value === 'number' && value >= 0,
)
export const abortSignal = ruleOf(
  'an AbortSignal',
  // Not by its class: there are others than that of Node.
  (value) => typeof value === 'object' && value !== null && 'aborted' in value,
)

export function oneOf(...values: readonly string[]): OptionRule {
  return ruleOf(`one of ${values.join(', ')}`, (value) => values.includes(value as string))
}

/** What `convert` takes without an error, which would be the cause. */
export function convertibleBy(convert: (value: never) => unknown): OptionRule {
  return (value, field) => {
    try {
      convert(value as never)
    } catch (error) {
      const why = error instanceof Error ? error.message : String(error)
      throw invalid(field, `: ${why}`, error)
    }
  }
}

export function ruleOf(expected: string, fits: (value: unknown) => boolean): OptionRule {
  return (value, field) => {
    if (!fits(value)) throw invalid(field, ` must be ${expected}`)
  }
}

function invalid(field: string, problem: string, cause?: unknown): SignalboxError {
  return new SignalboxError('SIGNALBOX_ERR_INVALID_ARGUMENT', `${field}${problem}`, {
    fields: { field },
    cause,
  })
}
