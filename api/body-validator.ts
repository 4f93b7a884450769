import type { TSchema } from 'typebox'
import { Compile } from 'typebox/compile'
import { invalidField } from './invalid-field.ts'
import { meantField } from './meant-field.ts'

type Checked = { readonly value: unknown } | { readonly error: Error }

/**
 * A validator in the form that Fastify wants, from a schema of schemas.ts. What fits at once costs
 * one check. Else the other spellings of proto3 JSON are tried: snake_case names, and null for a
 * field that is not set.
 *
 * @param what is checked, in messages
 */
export function compileBodyValidator(
  schema: TSchema,
  what = 'the body',
): (body: unknown) => Checked {
  const validator = Compile(schema)
  return (given) => {
    // A request without a body says nothing, as `{}` does.
    const body = given ?? {}
    if (validator.Check(body)) return { value: body }
    try {
      const usual = withUsualSpelling(schema, body, '', schema)
      if (validator.Check(usual)) return { value: usual }
      return { error: firstProblem(validator.Errors(usual), what) }
    } catch (error) {
      if (error instanceof Error) return { error }
      throw error
    }
  }
}

interface MessageSchema {
  readonly properties: Readonly<Record<string, TSchema>>
}

/**
 * The fields that the schema knows, in lowerCamelCase and without nulls. Payloads stay as they are.
 *
 * @param request the schema of the whole request, of which `schema` is what is at `path`
 */
function withUsualSpelling(
  schema: TSchema,
  value: unknown,
  path: string,
  request: TSchema,
): unknown {
  if (!isMessageSchema(schema)) return value
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return value
  // Without a prototype, so that a field named __proto__ is a field like any other: unknown.
  const usual: Record<string, unknown> = Object.create(null)
  for (const [field, item] of Object.entries(value)) {
    const name = knownName(schema, field)
    if (name === undefined) {
      const meant = meantField(request, shown(field), Object.keys(schema.properties), path)
      const hint = meant === undefined ? '' : `; did you mean ${meant}?`
      throw invalidField(path + shown(field), `is not a field of this request${hint}`)
    }
    if (item === null) continue
    if (name in usual) throw invalidField(path + name, 'is given twice')
    const property = schema.properties[name]
    usual[name] =
      property === undefined ? item : withUsualSpelling(property, item, `${path}${name}.`, request)
  }
  return usual
}

function isMessageSchema(schema: TSchema): schema is TSchema & MessageSchema {
  return 'properties' in schema
}

function knownName(schema: MessageSchema, field: string): string | undefined {
  if (Object.hasOwn(schema.properties, field)) return field
  const camel = field.replace(/_([a-z0-9])/g, (_match, letter: string) => letter.toUpperCase())
  return Object.hasOwn(schema.properties, camel) ? camel : undefined
}

interface Problem {
  readonly keyword: string
  readonly instancePath: string
  readonly params: object
}

/** The first problem, by the field's path and what it must be. */
function firstProblem(problems: readonly Problem[], what: string): Error {
  const [first] = problems
  if (first === undefined) return invalidField('', `${what} does not fit its schema`)
  const field = first.instancePath.slice(1).replaceAll('/', '.')
  // A union reports each of its branches.
  const types = problems
    .filter((problem) => problem.instancePath === first.instancePath)
    .map((problem) => expectedType(problem.params))
    .filter((type) => type !== undefined)
  const expected =
    types.length === 0 ? 'has the wrong type' : `must be of type ${types.join(' or ')}`
  return field === '' ? invalidField('', `${what} ${expected}`) : invalidField(field, expected)
}

function expectedType(params: object): string | undefined {
  return 'type' in params && typeof params.type === 'string' ? params.type : undefined
}

/** A field name from outside, short enough for a message. */
function shown(field: string): string {
  return field.length <= 100 ? field : `${field.slice(0, 100)}…`
}
