export interface Axis {
  readonly ticks: readonly number[]
  /** Where a value lies. */
  at(value: number): number
}

/** From the place that is `from` to the one that is `to`, in pixels. */
interface Span {
  readonly from: number
  readonly to: number
}

/** Its ticks are the values themselves: those that were measured, and no others. */
export function axisOfValues(values: readonly number[], span: Span): Axis {
  const ticks = [...new Set(values)].sort((a, b) => a - b)
  return logarithmic(ticks, ticks[0] ?? 1, ticks.at(-1) ?? 1, span)
}

/** From the number of the form 1, 2 or 5 times a power of ten below the smallest value to the one above the largest. */
export function logarithmicAxis(values: readonly number[], span: Span): Axis {
  const steps = roundNumbers(Math.min(...values), Math.max(...values))
  const [lowest = 1] = steps
  const highest = steps.at(-1) ?? 10
  const powers = steps.filter((step) => Number.isInteger(Math.round(Math.log10(step) * 1e9) / 1e9))
  return logarithmic(powers.length > 2 ? powers : steps, lowest, highest, span)
}

function logarithmic(
  ticks: readonly number[],
  lowest: number,
  highest: number,
  { from, to }: Span,
): Axis {
  const length = Math.log10(highest / lowest)
  const at = (value: number): number =>
    length === 0 ? (from + to) / 2 : from + (Math.log10(value / lowest) / length) * (to - from)
  return { ticks, at }
}

/** 1, 2 and 5 times powers of ten, from the last that is not above `smallest` to the first that is not below `largest`. */
function roundNumbers(smallest: number, largest: number): readonly number[] {
  const first = Math.floor(Math.log10(smallest))
  const last = Math.ceil(Math.log10(largest)) + 1
  const all = Array.from({ length: last - first + 1 }, (_, n) =>
    [1, 2, 5].map((times) => times * 10 ** (first + n)),
  ).flat()
  const begin = all.findLastIndex((number) => number <= smallest)
  const end = all.findIndex((number) => number >= largest)
  return all.slice(Math.max(0, begin), Math.max(end, begin + 1) + 1)
}

/** From 0 to a round number above the largest value. */
export function linearAxis(values: readonly number[], { from, to }: Span): Axis {
  const largest = Math.max(...values, Number.MIN_VALUE)
  const power = 10 ** Math.floor(Math.log10(largest))
  const step = [0.2, 0.5, 1, 2].map((times) => times * power).find((step) => largest / step <= 6)
  const distance = step ?? power * 2
  const highest = Math.ceil(largest / distance) * distance
  const ticks = Array.from({ length: Math.round(highest / distance) + 1 }, (_, n) => n * distance)
  return { ticks, at: (value) => from + (value / highest) * (to - from) }
}
