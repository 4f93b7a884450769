import { rowKey } from './journal-keys.ts'
import { firstRareByte } from './journal-rare-rows.ts'
import { type RowOverlay, rowDeleted } from './journal-row-overlay.ts'
import type { ReadTree } from './journal-tree.ts'
import type { LogWindow } from './journal-window.ts'
import type { RowRange } from './journal.ts'

type Row = readonly [key: Uint8Array, value: Uint8Array]

/** Rows of a range: those of the windows, newest first, over the tree. */
export function* mergedRows(
  windows: readonly LogWindow[],
  tree: ReadTree,
  range: RowRange,
): Generator<Row> {
  const reverse = range.reverse === true
  let left = range.limit ?? Infinity
  if (left <= 0 || Buffer.compare(range.start, range.end) >= 0) return
  const start = latin1(range.start)
  const end = latin1(range.end)
  const sources: Source[] = windows.flatMap((window) =>
    overlaysOf(window, start, end).map(
      (overlay) => new Source(windowRows(window, overlay, start, end, reverse)),
    ),
  )
  sources.push(new Source(treeRows(tree, range)))
  try {
    for (;;) {
      const name = nextName(sources, reverse)
      if (name === undefined) return
      let newest: Uint8Array | null | undefined
      for (const source of sources) {
        if (source.name !== name) continue
        if (newest === undefined) newest = source.value
        source.advance()
      }
      if (newest === undefined || newest === null) {
        if (range.onDeleted?.(Buffer.from(name, 'latin1')) === true) return
        continue
      }
      yield [Buffer.from(name, 'latin1'), newest]
      left -= 1
      if (left <= 0) return
    }
  } finally {
    for (const source of sources) source.close()
  }
}

/** A sorted sequence with its next entry at hand. */
class Source {
  name: string | undefined
  value: Uint8Array | null = null
  readonly #rows: Generator<readonly [name: string, value: Uint8Array | null]>

  constructor(rows: Generator<readonly [name: string, value: Uint8Array | null]>) {
    this.#rows = rows
    this.advance()
  }

  advance(): void {
    const next = this.#rows.next()
    if (next.done === true) {
      this.name = undefined
      this.value = null
    } else {
      ;[this.name, this.value] = next.value
    }
  }

  close(): void {
    this.#rows.return(undefined)
  }
}

function nextName(sources: readonly Source[], reverse: boolean): string | undefined {
  let best: string | undefined
  for (const { name } of sources) {
    if (name === undefined) continue
    if (best === undefined || (reverse ? name > best : name < best)) best = name
  }
  return best
}

/** The overlays that can have rows of a range; no key is in both. */
function overlaysOf(window: LogWindow, start: string, end: string): readonly RowOverlay[] {
  const overlays: RowOverlay[] = []
  if (start < firstRareKey && window.overlay.size > 0) overlays.push(window.overlay)
  if (end > firstRareKey && window.rare.size > 0) overlays.push(window.rare.sorted())
  return overlays
}

const firstRareKey = String.fromCharCode(firstRareByte)

function* windowRows(
  window: LogWindow,
  overlay: RowOverlay,
  start: string,
  end: string,
  reverse: boolean,
): Generator<readonly [string, Uint8Array | null]> {
  for (const name of overlay.keys(start, end, reverse)) {
    const place = overlay.get(name)!
    yield [name, place === rowDeleted ? null : Uint8Array.from(window.rowValue(place))]
  }
}

function* treeRows(tree: ReadTree, range: RowRange): Generator<readonly [string, Uint8Array]> {
  const options = { reverse: range.reverse === true }
  for (const { key, value } of tree.entries(rowKey(range.start), rowKey(range.end), options)) {
    yield [latin1(key.subarray(1)), value]
  }
}

function latin1(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('latin1')
}
