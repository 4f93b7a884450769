/**
 * Refuse a feature of Temporal's that does not exist here yet, by name.
 *
 * @throws {Error} always
 */
export function notBuilt(name: string): never {
  throw new Error(`${name} is not part of this version of signalbox`)
}
