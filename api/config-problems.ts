import type { TSchema } from 'typebox'
import { Errors } from 'typebox/value'
import { configSchema } from './config-schema.ts'
import { unknownOption } from '../runtime/nearest-name.ts'

/** What is wrong with an option. */
export interface ConfigProblem {
  /** Such as `tokens[0].scopes`; empty for the configuration as a whole. */
  readonly option: string
  /** In words that go after it. Never has the value, which may be a secret. */
  readonly problem: string
}

/**
 * All that is wrong with a configuration; empty if it can be used. TypeBox tells of eight errors at most,
 * so it is asked option by option.
 */
export function configProblems(config: unknown): readonly ConfigProblem[] {
  if (typeof config !== 'object' || config === null || Array.isArray(config)) {
    return [{ option: '', problem: 'must be an object' }]
  }
  const problems = new Map<string, string>()
  for (const [name, value] of Object.entries(config)) {
    const schema = Object.hasOwn(properties, name) ? properties[name] : undefined
    if (schema === undefined) problems.set(name, unknownName(name, { properties }))
    else addProblems(problems, name, schema, value)
  }
  return [...problems].map(([option, problem]) => ({ option, problem }))
}

const properties: Readonly<Record<string, TSchema>> = configSchema.properties

function addProblems(
  problems: Map<string, string>,
  option: string,
  schema: TSchema,
  value: unknown,
): void {
  for (const { keyword, schemaPath, instancePath, params } of Errors(schema, value)) {
    // A union says itself what it wants, after each of its branches has.
    if (keyword === 'boolean' || schemaPath.includes('/anyOf/')) continue
    const keys = keysOf(instancePath)
    const at = schemaAt(schema, keys)
    const found = params as Params
    for (const name of found.additionalProperties ?? []) {
      problems.set(optionName([option, ...keys, name]), unknownName(name, at))
    }
    for (const name of found.requiredProperties ?? []) {
      problems.set(optionName([option, ...keys, name]), 'is missing')
    }
    if (found.additionalProperties === undefined && found.requiredProperties === undefined) {
      problems.set(optionName([option, ...keys]), `must be ${expected(at)}`)
    }
  }
}

interface Params {
  readonly additionalProperties?: readonly string[]
  readonly requiredProperties?: readonly string[]
}

/** As much of JSON Schema as the configuration's has. */
interface Schema {
  readonly type?: string
  readonly enum?: readonly string[]
  readonly properties?: Readonly<Record<string, Schema>>
  readonly patternProperties?: Readonly<Record<string, Schema>>
  readonly items?: Schema
  readonly minimum?: number
  readonly maximum?: number
  /** Of our own: see config-schema.ts. */
  readonly expected?: string
}

/** The keys of a JSON pointer. */
function keysOf(pointer: string): readonly string[] {
  const keys = pointer.split('/').slice(1)
  return keys.map((key) => key.replaceAll('~1', '/').replaceAll('~0', '~'))
}

function schemaAt(of: TSchema, keys: readonly string[]): Schema {
  let schema: Schema = of
  for (const key of keys) {
    const [ofAnyName] = Object.values(schema.patternProperties ?? {})
    const { properties: known = {}, items } = schema
    const named = Object.hasOwn(known, key) ? known[key] : undefined
    schema = named ?? ofAnyName ?? items ?? {}
  }
  return schema
}

function optionName(keys: readonly string[]): string {
  return keys
    .map((key, at) => (/^\d+$/.test(key) && at > 0 ? `[${key}]` : `${at > 0 ? '.' : ''}${key}`))
    .join('')
}

function unknownName(given: string, { properties: known = {} }: Schema): string {
  const names = Object.keys(known)
  return unknownOption(given, names, names.length <= 20 ? undefined : 'docs/configuration.md')
}

/** What a value must be, in words. */
function expected(schema: Schema): string {
  if (schema.expected !== undefined) return schema.expected
  if (schema.enum !== undefined) return `one of ${schema.enum.join(', ')}`
  switch (schema.type) {
    case 'integer': {
      const { minimum, maximum = Infinity } = schema
      return `a whole number from ${minimum} ${maximum > 2 ** 31 ? 'on' : `to ${maximum}`}`
    }
    case 'string':
      return 'a text that is not empty'
    case 'boolean':
      return 'true or false'
    case 'array':
      return 'a list'
    default:
      return 'an object'
  }
}
