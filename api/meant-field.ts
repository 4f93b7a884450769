import type { TSchema } from 'typebox'
import { nearestName } from '../runtime/nearest-name.ts'

/** What clients call the arguments, which Temporal's messages call otherwise in each request. */
const argumentNames = new Set([
  'args',
  'arguments',
  'input',
  'queryArgs',
  'updateArgs',
  'signalArgs',
])
/** Where they are in one that has them. */
const argumentFields = ['input', 'query.queryArgs', 'request.input.args']

/**
 * The field that was probably meant by one that the request does not have, as a path: where the request
 * has its arguments, where it has a field of the same name, or else a name that is nearly the same.
 *
 * @param of the schema of the whole request
 * @param level the names beside which it was given, under `path`
 */
export function meantField(
  of: TSchema,
  given: string,
  level: readonly string[],
  path: string,
): string | undefined {
  const paths = pathsOf(of, '')
  if (given === 'signalArgs' && paths.includes('signalInput')) return 'signalInput'
  if (argumentNames.has(given)) return argumentFields.find((field) => paths.includes(field))
  const elsewhere = paths.filter((field) => field === given || field.endsWith(`.${given}`))
  if (elsewhere.length === 1) return elsewhere[0]
  const nearest = nearestName(given, level)
  return nearest === undefined ? undefined : path + nearest
}

function pathsOf(schema: TSchema, path: string): readonly string[] {
  if (!('properties' in schema)) return []
  const properties = schema['properties'] as Readonly<Record<string, TSchema>>
  return Object.entries(properties).flatMap(([name, property]) => [
    path + name,
    ...pathsOf(property, `${path}${name}.`),
  ])
}
