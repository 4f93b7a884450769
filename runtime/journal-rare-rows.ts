import { RowOverlay, rowDeleted } from './journal-row-overlay.ts'

/** Rows whose keys begin with this byte or a later one are written often and read rarely. */
export const firstRareByte = 0x80

/** The key of a row that was put or deleted, and which of the two. */
export interface RowChange {
  readonly key: Uint8Array
  readonly isDeleted: boolean
}

/**
 * Changes of a log window to rows that are read rarely: they are noted by their places alone, in commit
 * order, and sorted by key only when somebody asks for a range of them. A checkpoint needs no order. So
 * an entry of an index that nobody reads costs neither a string nor a place in a map.
 */
export class RareRows {
  readonly changeAt: (place: number) => RowChange
  readonly #places: number[] = []
  /** Those before are in the overlay. */
  #sorted = 0
  readonly #overlay = new RowOverlay()

  constructor(changeAt: (place: number) => RowChange) {
    this.changeAt = changeAt
  }

  get size(): number {
    return this.#places.length
  }

  /** How many of them have been sorted. */
  get sortedSize(): number {
    return this.#overlay.size
  }

  add(places: readonly number[]): void {
    for (const place of places) this.#places.push(place)
  }

  /** In commit order: of the same key the last one counts. */
  get places(): readonly number[] {
    return this.#places
  }

  /** Sort until `isOver` says so. @returns whether all are sorted */
  sort(isOver: () => boolean): boolean {
    while (this.#sorted < this.#places.length) {
      const place = this.#places[this.#sorted]!
      this.#sorted += 1
      const { key, isDeleted } = this.changeAt(place)
      const name = Buffer.from(key.buffer, key.byteOffset, key.byteLength).toString('latin1')
      this.#overlay.set(name, isDeleted ? rowDeleted : place)
      if (isOver()) return this.#sorted === this.#places.length
    }
    return true
  }

  /** All of them by key. */
  sorted(): RowOverlay {
    this.sort(() => false)
    return this.#overlay
  }
}
