/* Lists of row keys, a character a byte, in the order of the journal's tree. */

/** The order of keys, for `sort`: no two are the same. */
export function byCodeUnits(a: string, b: string): number {
  return a < b ? -1 : 1
}

/** Where the first key stands that is not before `key`; their number if there is none. */
export function lowerBound(keys: readonly string[], key: string): number {
  let low = 0
  let high = keys.length
  while (low < high) {
    const middle = (low + high) >>> 1
    if (keys[middle]! < key) low = middle + 1
    else high = middle
  }
  return low
}
