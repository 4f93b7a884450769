import type { Journal } from './journal.ts'
import { type KeyRange, RowTable, runKey, tableRange, workflowIdKey } from './row-keys.ts'
import { isRunId, runOfRunId } from './run-id.ts'
import { decodeRunRow } from './run-row.ts'
import { decodeRunNumber } from './run-table.ts'
import type { ScanTurns } from './scan-turns.ts'
import {
  allStatuses,
  comparePlaces,
  entryKey,
  type Place,
  placeOf,
  placeOfKey,
  statusTerm,
} from './visibility-keys.ts'
import type { PlanNode } from './visibility-plan.ts'

/** Places in the order of a list, of which some may be those of runs that no longer match. */
export type PlaceStream = TermStream | SortedStream

/** Read from the index as it goes on. */
export interface TermStream {
  readonly kind: 'term'
  readonly term: Buffer
  readonly from: number
  readonly to: number
}

/** Read and sorted before. */
export interface SortedStream {
  readonly kind: 'sorted'
  readonly places: readonly Place[]
}

/** Of runs that are not in the order of lists so many are gathered and sorted; then all are looked at. */
const MAX_GATHERED = 10_000
/** As many streams as are merged. */
const MAX_STREAMS = 100
/** So many entries of a term are counted to find the most selective: less than a page of rows takes. */
const MAX_PROBED = 300
/** A term with fewer is taken without a look at the others. */
const FEW = 50
/** Of so many alternatives the best is looked for. */
const MAX_ALTERNATIVES = 8

interface Bounds {
  readonly from: number
  readonly to: number
}

/** Turns plans into streams: gathers what has to be sorted, and chooses between alternatives. */
export class StreamPlanner {
  readonly #journal: Journal
  readonly #turns: ScanTurns
  readonly #namespace: string
  readonly #checkOpen: () => void

  constructor(journal: Journal, turns: ScanTurns, namespace: string, checkOpen: () => void) {
    this.#journal = journal
    this.#turns = turns
    this.#namespace = namespace
    this.#checkOpen = checkOpen
  }

  /** Undefined if there are too many to be found that way: all runs are to be looked at. */
  async streams(node: PlanNode, bounds: Bounds): Promise<readonly PlaceStream[] | undefined> {
    if (bounds.from >= bounds.to) return []
    switch (node.kind) {
      case 'term':
        return [{ kind: 'term', term: node.term, from: bounds.from, to: bounds.to }]
      case 'range':
        return this.#gathered(node.range, bounds, (key) => placeOfKey(key))
      case 'workflows':
        return this.#workflows(node.workflowId, node.isPrefix, bounds)
      case 'run': {
        // Numbers of runs have 40 bits in an id and in a place.
        const place = isRunId(node.runId) ? this.#placeOfRun(runOfRunId(node.runId)) : undefined
        return sorted(place === undefined ? [] : [place], bounds)
      }
      case 'anyOf': {
        const all: PlaceStream[] = []
        for (const plan of node.plans) {
          const from = Math.max(bounds.from, plan.from)
          const within = { from, to: Math.min(bounds.to, plan.to) }
          const streams =
            plan.node === undefined
              ? this.everything(within)
              : await this.streams(plan.node, within)
          if (streams === undefined || all.length + streams.length > MAX_STREAMS) return undefined
          all.push(...streams)
        }
        return all
      }
      case 'oneOf':
        return this.#best(node.nodes, bounds)
      default:
        return node satisfies never
    }
  }

  /** All runs of the namespace: each has a status. */
  everything({ from, to }: Bounds): readonly PlaceStream[] {
    if (from >= to) return []
    return allStatuses.map((status) => {
      return { kind: 'term', term: statusTerm(this.#namespace, status), from, to }
    })
  }

  /** What is in the order of lists is tried first, since it costs little to try. */
  async #best(
    nodes: readonly PlanNode[],
    bounds: Bounds,
  ): Promise<readonly PlaceStream[] | undefined> {
    const byRank = [...nodes].sort((a, b) => rankOf(a) - rankOf(b)).slice(0, MAX_ALTERNATIVES)
    let best: readonly PlaceStream[] | undefined
    let leastSize = MAX_PROBED
    await this.#turns.sorted(this.#journal)
    this.#checkOpen()
    for (const node of byRank) {
      // A range takes longer to gather than so few runs to look at.
      if (rankOf(node) >= rangeRank && best !== undefined && leastSize < MAX_PROBED) break
      const streams = await this.streams(node, bounds)
      if (streams === undefined) continue
      const size = this.#size(streams, leastSize)
      if (best === undefined || size < leastSize || streams.every(isSorted)) {
        best = streams
        leastSize = Math.min(size, MAX_PROBED)
      }
      if (leastSize <= FEW) break
    }
    return best
  }

  /** How many places the streams have, up to `limit`. */
  #size(streams: readonly PlaceStream[], limit: number): number {
    let size = 0
    for (const stream of streams) {
      if (stream.kind === 'sorted') size += stream.places.length
      else {
        const { start, end } = rangeOfTerm(stream)
        for (const _ of this.#journal.rows({ start, end, limit: limit - size })) size++
      }
      if (size >= limit) return size
    }
    return size
  }

  async #workflows(
    workflowId: string,
    isPrefix: boolean,
    bounds: Bounds,
  ): Promise<readonly PlaceStream[] | undefined> {
    const key = workflowIdKey(this.#namespace, workflowId)
    if (isPrefix) {
      return this.#gathered(tableRange(RowTable.workflowId, key.subarray(1)), bounds, (_, value) =>
        this.#placeOfRun(decodeRunNumber(value)),
      )
    }
    const value = this.#journal.getRow(key)
    const place = value && this.#placeOfRun(decodeRunNumber(value))
    return sorted(place === undefined ? [] : [place], bounds)
  }

  async #gathered(
    range: KeyRange,
    bounds: Bounds,
    read: (key: Uint8Array, value: Uint8Array) => Place | undefined,
  ): Promise<readonly PlaceStream[] | undefined> {
    const places: Place[] = []
    let { start } = range
    let seen = 0
    for (;;) {
      await this.#turns.sorted(this.#journal)
      this.#checkOpen()
      const slice = this.#turns.begin()
      let last: Uint8Array | undefined
      const onDeleted = (key: Uint8Array): boolean => {
        last = key
        return slice.step()
      }
      for (const [key, value] of this.#journal.rows({ start, end: range.end, onDeleted })) {
        last = key
        if (++seen > MAX_GATHERED) return undefined
        const place = read(key, value)
        if (place !== undefined) places.push(place)
        if (slice.step()) break
      }
      if (!slice.isOver || last === undefined) return sorted(places, bounds)
      start = Buffer.concat([last, ZERO])
      await this.#turns.next()
    }
  }

  #placeOfRun(run: number): Place | undefined {
    const value = this.#journal.getRow(runKey(run))
    if (value === undefined) return undefined
    const row = decodeRunRow(value)
    // A run id is only a guess of its number; the filter compares the rest.
    return row.namespace === this.#namespace ? placeOf(run, row.startTime) : undefined
  }
}

const rangeRank = 100

function rankOf(node: PlanNode): number {
  switch (node.kind) {
    case 'run':
      return 0
    case 'workflows':
      return node.isPrefix ? rangeRank : 0
    case 'term':
      return node.rank
    case 'range':
      return rangeRank
    case 'anyOf':
      return Math.max(1, ...node.plans.map((plan) => (plan.node ? rankOf(plan.node) : rangeRank)))
    default:
      return Math.min(...node.nodes.map(rankOf))
  }
}

function sorted(places: readonly Place[], { from, to }: Bounds): readonly SortedStream[] {
  const within = places.filter(({ start }) => start >= from && start < to)
  return [{ kind: 'sorted', places: within.sort(comparePlaces) }]
}

function isSorted(stream: PlaceStream): boolean {
  return stream.kind === 'sorted'
}

/** The keys of a stream; with `before` those of runs that come after it in a list. */
export function rangeOfTerm({ term, from, to }: TermStream, before?: Place): KeyRange {
  const end = { start: Math.min(to, LAST_TIME), run: 0 }
  // No run has the number 0, so this is before all that started then; `to` is left out.
  const isBefore = before !== undefined && comparePlaces(before, end) > 0
  return {
    start: entryKey(term, { start: from, run: 0 }),
    end: to > LAST_TIME && !isBefore ? afterTerm(term) : entryKey(term, isBefore ? before : end),
  }
}

const LAST_TIME = 2 ** 48 - 1
const ZERO = Buffer.of(0)
const LAST_PLACE = Buffer.alloc(13, 0xff)

/** Behind all entries of a term. */
function afterTerm(term: Buffer): Buffer {
  return Buffer.concat([term, LAST_PLACE])
}
