/**
 * What to say of an option that there is not, in words that go after its name.
 *
 * @param page where the names can be read, if there are too many to say
 */
export function unknownOption(given: string, names: readonly string[], page?: string): string {
  const nearest = nearestName(given, names)
  if (nearest !== undefined) return `is not an option; did you mean ${nearest}?`
  return `is not an option; ${page === undefined ? `there are ${names.join(', ')}` : `see ${page}`}`
}

/** The name that was probably meant: the nearest, if it is near enough to be a typing error. */
export function nearestName(given: string, names: readonly string[]): string | undefined {
  let nearest: string | undefined
  let least = Math.max(2, Math.floor(given.length / 3)) + 1
  for (const name of names) {
    const distance = editDistance(given.toLowerCase(), name.toLowerCase(), least)
    if (distance >= least) continue
    least = distance
    nearest = name
  }
  return nearest
}

/** Letters to insert, remove or replace to make one of the other; `most` if it is more than that. */
function editDistance(one: string, other: string, most: number): number {
  if (Math.abs(one.length - other.length) >= most) return most
  let previous = Array.from({ length: other.length + 1 }, (_, at) => at)
  for (let row = 1; row <= one.length; row++) {
    const current = [row]
    for (let at = 1; at <= other.length; at++) {
      const replaced = (previous[at - 1] ?? 0) + (one[row - 1] === other[at - 1] ? 0 : 1)
      current[at] = Math.min(replaced, (previous[at] ?? 0) + 1, (current[at - 1] ?? 0) + 1)
    }
    previous = current
  }
  return previous[other.length] ?? most
}
