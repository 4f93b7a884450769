import type { SlicedWork } from './journal-request-store.ts'

/** Sort numbers, a little between two yields: merge sort, bottom up. Uses up its argument. */
export function* sortSliced(numbers: Float64Array<ArrayBuffer>): SlicedWork<Float64Array> {
  for (let start = 0; start < numbers.length; start += segment) {
    numbers.subarray(start, start + segment).sort()
    yield
  }
  let from = numbers
  let to = new Float64Array(segment < numbers.length ? numbers.length : 0)
  for (let width = segment; width < numbers.length; width *= 2) {
    for (let start = 0; start < from.length; start += 2 * width) {
      yield* merge(from, to, start, Math.min(start + width, from.length), width)
    }
    const unsorted = from
    from = to
    to = unsorted
  }
  return from
}

const segment = 4_096

function* merge(
  from: Float64Array,
  to: Float64Array,
  start: number,
  middle: number,
  width: number,
): SlicedWork<void> {
  const end = Math.min(middle + width, from.length)
  let left = start
  let right = middle
  for (let at = start; at < end; at += 1) {
    const takeLeft = right >= end || (left < middle && from[left]! <= from[right]!)
    to[at] = takeLeft ? from[left++]! : from[right++]!
    if (at % segment === 0) yield
  }
}
