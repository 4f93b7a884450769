import { ValueError } from '../failures.ts'

/**
 * The value that code names, also with the `prefix` that names in older code have; undefined if it names
 * none.
 *
 * @throws {ValueError} for a name that there is not
 */
export function enumValue<T extends string>(
  values: Readonly<Record<string, T | undefined>>,
  prefix: string,
  given: unknown,
): T | undefined {
  if (given === undefined || given === null) return undefined
  if (typeof given !== 'string') {
    // oxlint-disable-next-line typescript/no-base-to-string -- whatever it is
    throw new ValueError(`Invalid enum value: '${String(given)}' of type ${typeof given}`)
  }
  const name = given.startsWith(prefix) ? given.slice(prefix.length) : given
  if (!Object.hasOwn(values, name)) throw new ValueError(`Invalid enum value: '${given}'`)
  return values[name]
}
