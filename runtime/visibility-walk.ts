import type { Journal } from './journal.ts'
import type { ScanSlice, ScanTurns } from './scan-turns.ts'
import { comparePlaces, type Place, placeOfKey } from './visibility-keys.ts'
import { type PlaceStream, rangeOfTerm } from './visibility-streams.ts'

/**
 * Visit the places of all streams, each once and in the order of lists, until `visit` says no.
 *
 * Guarantee: since places never change, a run that does not change meanwhile is visited once or not at
 * all, whatever starts, closes or is moved into the journal's tree between two slices.
 *
 * @param before only places that come after this one
 */
export async function walkPlaces(
  journal: Journal,
  streams: readonly PlaceStream[],
  before: Place | undefined,
  turns: ScanTurns,
  checkOpen: () => void,
  visit: (place: Place) => boolean,
): Promise<void> {
  let last = before
  for (;;) {
    await turns.sorted(journal)
    checkOpen()
    const slice = turns.begin()
    const merge = new PlaceMerge(journal, streams, last, slice)
    try {
      for (let place = merge.next(); place !== undefined; place = merge.next()) {
        last = place
        if (!visit(place)) return
        if (slice.step()) break
      }
      if (!slice.isOver) return
      last = merge.pausedAt ?? last
    } finally {
      merge.close()
    }
    await turns.next()
  }
}

/** The places of several streams as one, without repetition. Not to be kept across an await. */
class PlaceMerge {
  /** Where a slice ended that passed over deleted rows; all before it have been given. */
  pausedAt: Place | undefined
  readonly #cursors: Cursor[] = []
  #given: Place | undefined

  constructor(
    journal: Journal,
    streams: readonly PlaceStream[],
    before: Place | undefined,
    slice: ScanSlice,
  ) {
    for (const stream of streams) this.#add(cursorOf(journal, stream, before, slice))
  }

  next(): Place | undefined {
    for (;;) {
      let first: Cursor | undefined
      for (const cursor of this.#cursors) {
        if (first === undefined || comparePlaces(cursor.at, first.at) < 0) first = cursor
        // At the same place, one that has it goes first.
        else if (first.isPaused && comparePlaces(cursor.at, first.at) === 0) first = cursor
      }
      if (first === undefined) return undefined
      const place = first.at
      if (first.isPaused) {
        this.pausedAt = place
        return undefined
      }
      if (!first.advance()) this.#cursors.splice(this.#cursors.indexOf(first), 1)
      if (this.#given !== undefined && comparePlaces(place, this.#given) === 0) continue
      this.#given = place
      return place
    }
  }

  close(): void {
    for (const cursor of this.#cursors) cursor.close()
  }

  #add(cursor: Cursor): void {
    if (cursor.advance()) this.#cursors.push(cursor)
  }
}

interface Cursor {
  readonly at: Place
  /** The slice was over before it came to a place: `at` is where it is to go on, behind it. */
  readonly isPaused: boolean
  /** @returns false at the end */
  advance(): boolean
  close(): void
}

function cursorOf(
  journal: Journal,
  stream: PlaceStream,
  before: Place | undefined,
  slice: ScanSlice,
): Cursor {
  if (stream.kind === 'sorted') return new SortedCursor(stream.places, before)
  return new TermCursor(journal, rangeOfTerm(stream, before), slice)
}

class TermCursor implements Cursor {
  at: Place = NOWHERE
  isPaused = false
  readonly #rows: Iterator<readonly [key: Uint8Array, value: Uint8Array]>

  constructor(
    journal: Journal,
    range: { readonly start: Uint8Array; readonly end: Uint8Array },
    slice: ScanSlice,
  ) {
    const onDeleted = (key: Uint8Array): boolean => {
      if (!slice.step()) return false
      this.at = placeOfKey(key)
      this.isPaused = true
      return true
    }
    this.#rows = journal.rows({ ...range, reverse: true, onDeleted })[Symbol.iterator]()
  }

  advance(): boolean {
    const next = this.#rows.next()
    if (next.done === true) return this.isPaused
    this.at = placeOfKey(next.value[0])
    return true
  }

  close(): void {
    this.#rows.return?.()
  }
}

class SortedCursor implements Cursor {
  readonly isPaused = false
  readonly #places: readonly Place[]
  #next = 0

  constructor(places: readonly Place[], before: Place | undefined) {
    this.#places = places
    if (before === undefined) return
    let past = places.length
    while (this.#next < past) {
      const middle = (this.#next + past) >>> 1
      if (comparePlaces(places[middle]!, before) > 0) past = middle
      else this.#next = middle + 1
    }
  }

  get at(): Place {
    return this.#places[this.#next - 1] ?? NOWHERE
  }

  advance(): boolean {
    this.#next++
    return this.#next <= this.#places.length
  }

  close(): void {
    // Nothing is held.
  }
}

const NOWHERE: Place = { start: 0, run: 0 }
