import { byCodeUnits, lowerBound } from './sorted-keys.ts'

/** In place of a place: the row was deleted. */
export const rowDeleted = -1

/**
 * Rows put and deleted in a log window, by key in order. Keys are latin1 strings, which compare as
 * their bytes do; of a value only its place in the window is kept, so that half a million rows are
 * no work for the garbage collector.
 *
 * New keys wait unsorted until somebody asks for a range or there are enough of them; sorted runs
 * are merged while that is cheap, so neither a write nor a scan ever sorts everything.
 */
export class RowOverlay {
  readonly #places = new Map<string, number>()
  #runs: string[][] = []
  #unsorted: string[] = []

  get size(): number {
    return this.#places.size
  }

  /** The place of the row, {@link rowDeleted}, or undefined if this window says nothing of it. */
  get(key: string): number | undefined {
    return this.#places.get(key)
  }

  set(key: string, place: number): void {
    const sizeBefore = this.#places.size
    this.#places.set(key, place)
    if (this.#places.size === sizeBefore) return
    this.#unsorted.push(key)
    if (this.#unsorted.length >= maxUnsorted) this.#sortRecent()
  }

  /** Keys with `start <= key < end` in order, or from the end backwards. Not while it changes. */
  *keys(start: string, end: string | undefined, reverse = false): Generator<string> {
    if (this.#places.size === 0) return
    this.#sortRecent()
    const cursors: Cursor[] = []
    for (const keys of this.#runs) {
      const first = lowerBound(keys, start)
      const past = end === undefined ? keys.length : lowerBound(keys, end)
      if (first < past) cursors.push({ keys, next: reverse ? past - 1 : first, first, past })
    }
    while (cursors.length > 0) {
      let best = 0
      for (let i = 1; i < cursors.length; i += 1) {
        const isBefore = keyAt(cursors[i]!) < keyAt(cursors[best]!)
        if (isBefore !== reverse) best = i
      }
      const cursor = cursors[best]!
      yield keyAt(cursor)
      cursor.next += reverse ? -1 : 1
      if (cursor.next < cursor.first || cursor.next >= cursor.past) cursors.splice(best, 1)
    }
  }

  #sortRecent(): void {
    if (this.#unsorted.length === 0) return
    this.#runs.push(this.#unsorted.sort(byCodeUnits))
    this.#unsorted = []
    for (;;) {
      const last = this.#runs.at(-1)!
      const before = this.#runs.at(-2)
      if (before === undefined || before.length > 2 * last.length) return
      if (before.length + last.length > maxMerged) return
      this.#runs.splice(-2, 2, merged(before, last))
    }
  }
}

interface Cursor {
  readonly keys: readonly string[]
  next: number
  readonly first: number
  readonly past: number
}

const maxUnsorted = 512
/** Merging so many keys takes about two milliseconds. */
const maxMerged = 32_768

function keyAt(cursor: Cursor): string {
  return cursor.keys[cursor.next]!
}

function merged(a: readonly string[], b: readonly string[]): string[] {
  const result: string[] = []
  let i = 0
  let j = 0
  while (i < a.length && j < b.length) result.push(a[i]! < b[j]! ? a[i++]! : b[j++]!)
  while (i < a.length) result.push(a[i++]!)
  while (j < b.length) result.push(b[j++]!)
  return result
}
