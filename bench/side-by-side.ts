import type { LoadResult } from './closed-loop.ts'
import type { LoadBounds, RatioToCeiling } from './measurement.ts'
import { median } from './median.ts'

type Load = (bounds: LoadBounds) => Promise<LoadResult>

/** Compares a load that had such a rate by itself with its ceiling. */
export type Compare = (own: Load, rate: number) => Promise<RatioToCeiling>

export interface SideBySide {
  readonly own: Load
  readonly ceiling: Load
  /** Of each of the two loads, all slices together. */
  readonly bounds: LoadBounds
  /** Each slice of the own load ends with an operation for each of these, after which all is done. */
  readonly workflows: number
  /** Of the own load, as measured before. */
  readonly rate: number
}

const leastSeconds = 0.5
/** Where there are so many workflows that they want longer, the whole must end in some twenty seconds. */
const mostSeconds = 4
/** Fewer in a slice would be the beginning and the end of a load, and nothing between. */
const leastOperations = 1_000
/** With fewer to each workflow a slice would be made of the last operation to each. */
const operationsPerWorkflow = 10
/** More tell no more, and each ends with waiting for what it began. */
const mostPairs = 20

/**
 * Runs a load and its ceiling in turns, and compares every slice with the one beside it. The processors
 * of a shared machine can be half as fast from one second to the next: of two loads that run one after
 * the other, for seconds each, a ratio tells of that.
 */
export async function compareSideBySide(compared: SideBySide): Promise<RatioToCeiling> {
  const { own, ceiling } = compared
  const { pairs, slice } = slicesOf(compared)
  const owned: Slice[] = []
  const best: Slice[] = []
  for (let pair = 0; pair < pairs; pair += 1) {
    if (pair % 2 === 0) owned.push(sliceOf(await own(slice)))
    best.push(sliceOf(await ceiling(slice)))
    if (pair % 2 === 1) owned.push(sliceOf(await own(slice)))
  }
  return ratioOf(owned, best)
}

/** In how many pairs the two loads are cut, and what each piece of either is. */
export function slicesOf({ bounds, workflows, rate }: Omit<SideBySide, 'own' | 'ceiling'>): {
  readonly pairs: number
  readonly slice: LoadBounds
} {
  const enough = operationsPerWorkflow * workflows
  const seconds = Math.min(Math.max(leastSeconds, enough / rate), mostSeconds, bounds.seconds)
  const wanted = Math.min(
    bounds.seconds / seconds,
    bounds.operations / Math.max(leastOperations, enough),
    mostPairs,
  )
  // Even, so that each goes first as often as the other.
  const pairs = 2 * Math.max(1, Math.round(wanted / 2))
  return {
    pairs,
    slice: {
      seconds: Math.max(seconds, bounds.seconds / pairs),
      operations: Math.ceil(bounds.operations / pairs),
    },
  }
}

/** Of one slice. */
interface Slice {
  readonly rate: number
  readonly p50Ms: number
  readonly p99Ms: number
}

/** At once, so that no slice's latencies are kept. */
function sliceOf({ operations, seconds, latencies }: LoadResult): Slice {
  const [p50Ms = Number.NaN, p99Ms = Number.NaN] = latencies.percentiles(0.5, 0.99)
  return { rate: operations / seconds, p50Ms, p99Ms }
}

/** Medians over the pairs; what was not timed has no ratio. */
function ratioOf(own: readonly Slice[], ceiling: readonly Slice[]): RatioToCeiling {
  const ratio = (of: keyof Slice): number =>
    median(own.map((slice, pair) => slice[of] / (ceiling[pair]?.[of] ?? Number.NaN)))
  return {
    rate: ratio('rate'),
    p50Ms: ratio('p50Ms'),
    p99Ms: ratio('p99Ms'),
    ownRate: median(own.map(({ rate }) => rate)),
    ceilingRate: median(ceiling.map(({ rate }) => rate)),
    pairs: own.length,
  }
}
