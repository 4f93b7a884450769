import type { ClosedLoopResult } from './closed-loop.ts'
import type { LoadBounds, RatioToCeiling } from './measurement.ts'
import { median } from './median.ts'

type Load = (bounds: LoadBounds) => Promise<ClosedLoopResult>

const sliceSeconds = 0.5
/** Fewer in a slice would be the beginning and the end of a load, and nothing between. */
const operationsPerSlice = 1_000
/** More tell no more, and each ends with waiting for what it began. */
const mostPairs = 20

/**
 * Runs a load and its ceiling in turns, of half a second or a twentieth of the time, and compares every
 * slice with the one beside it. The processors of a shared machine can be half as fast from one second
 * to the next: of two loads that run one after the other, for seconds each, a ratio tells of that.
 *
 * @param bounds of each of the two loads, all slices together
 */
export async function compareSideBySide(
  own: Load,
  ceiling: Load,
  { seconds, operations }: LoadBounds,
): Promise<RatioToCeiling> {
  // Even, so that each goes first as often as the other.
  const wanted = Math.min(seconds / sliceSeconds, operations / operationsPerSlice, mostPairs)
  const pairs = 2 * Math.max(1, Math.round(wanted / 2))
  const slice = { seconds: seconds / pairs, operations: Math.ceil(operations / pairs) }
  const ratios: RatioToCeiling[] = []
  for (let pair = 0; pair < pairs; pair += 1) {
    const before = pair % 2 === 0 ? undefined : await ceiling(slice)
    const owned = await own(slice)
    ratios.push(ratioOf(owned, before ?? (await ceiling(slice))))
  }
  const middle = (of: keyof RatioToCeiling): number => median(ratios.map((ratio) => ratio[of]))
  return { rate: middle('rate'), p50Ms: middle('p50Ms'), p99Ms: middle('p99Ms') }
}

function ratioOf(own: ClosedLoopResult, ceiling: ClosedLoopResult): RatioToCeiling {
  const [p50 = 0, p99 = 0] = own.latencies.percentiles(0.5, 0.99)
  const [ceilingP50 = 0, ceilingP99 = 0] = ceiling.latencies.percentiles(0.5, 0.99)
  // What is not measured has no ratio.
  const isTimed = own.latencies.count > 0
  return {
    rate: own.operations / own.seconds / (ceiling.operations / ceiling.seconds),
    p50Ms: isTimed ? p50 / ceilingP50 : Number.NaN,
    p99Ms: isTimed ? p99 / ceilingP99 : Number.NaN,
  }
}
