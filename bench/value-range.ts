import { median } from './median.ts'

/** The smallest and the largest of some values. */
export type ValueRange = readonly [smallest: number, largest: number]

/** Of those that were measured: in a report that was read, what is no number has become null. */
export function measured(values: Iterable<number | null | undefined>): readonly number[] {
  return [...values].filter((value): value is number => Number.isFinite(value))
}

/** Undefined where nothing was measured. */
export function middleOf(values: Iterable<number | null | undefined>): number | undefined {
  const found = measured(values)
  return found.length === 0 ? undefined : median(found)
}

/** Undefined where nothing was measured. */
export function rangeOf(values: Iterable<number | null | undefined>): ValueRange | undefined {
  const found = measured(values)
  return found.length === 0 ? undefined : [Math.min(...found), Math.max(...found)]
}

export function overlap([smallest, largest]: ValueRange, [least, most]: ValueRange): boolean {
  return smallest <= most && least <= largest
}
