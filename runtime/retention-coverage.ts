import type { RetentionPolicy } from './retention-options.ts'

/** Of which namespaces every closed run is noted down: of all but some, or of some. */
export type Coverage = readonly [all: boolean, except: readonly string[]]

export const NOTHING: Coverage = [false, []]

export function coverageOf(policy: RetentionPolicy): Coverage {
  return [policy.defaultMs !== Infinity, policy.exceptions]
}

function covers([all, except]: Coverage, namespace: string): boolean {
  return all !== except.includes(namespace)
}

export function intersection(a: Coverage, b: Coverage): Coverage {
  const all = a[0] && b[0]
  const named = new Set([...a[1], ...b[1]])
  return [all, [...named].filter((name) => (covers(a, name) && covers(b, name)) !== all)]
}

export function isSame(a: Coverage, b: Coverage): boolean {
  return a[0] === b[0] && [...a[1], ...b[1]].every((name) => covers(a, name) === covers(b, name))
}
