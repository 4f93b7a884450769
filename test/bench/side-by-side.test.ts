import { expect, test } from 'vitest'
import { LatencyRecorder } from '../../bench/latency-recorder.ts'
import { compareSideBySide, slicesOf } from '../../bench/side-by-side.ts'

const usual = { seconds: 3, operations: Infinity }

test('slices are of half a second, unless there are many workflows to reach', () => {
  expect(slicesOf({ bounds: usual, workflows: 1, rate: 300_000 })).toEqual({
    pairs: 6,
    slice: { seconds: 0.5, operations: Infinity },
  })
  // Ten operations to each take a second.
  expect(slicesOf({ bounds: usual, workflows: 10_000, rate: 100_000 }).slice.seconds).toBe(1)
  // They would take twenty: no slice is longer than the load by itself.
  expect(slicesOf({ bounds: usual, workflows: 100_000, rate: 50_000 })).toEqual({
    pairs: 2,
    slice: { seconds: 3, operations: Infinity },
  })
  const long = { seconds: 600, operations: Infinity }
  expect(slicesOf({ bounds: long, workflows: 1, rate: 300_000 })).toMatchObject({ pairs: 20 })
  const few = { seconds: 30, operations: 40_000 }
  expect(slicesOf({ bounds: few, workflows: 1_000, rate: 1_000 })).toEqual({
    pairs: 4,
    slice: { seconds: 7.5, operations: 10_000 },
  })
})

test('a ratio is the middle one of the pairs, each of which begins with the other one', async () => {
  const order: string[] = []
  const load = (name: string, operations: readonly number[], ms: number) => {
    let slice = 0
    return () => {
      order.push(name)
      const latencies = new LatencyRecorder()
      latencies.record(ms)
      return Promise.resolve({ operations: operations[slice++] ?? 0, seconds: 1, latencies })
    }
  }
  const ratio = await compareSideBySide({
    own: load('own', [100, 200, 300, 600], 2),
    ceiling: load('ceiling', [100, 100, 200, 400], 1),
    bounds: { seconds: 2, operations: Infinity },
    workflows: 1,
    rate: 1_000,
  })
  expect(order.join(' ')).toBe('own ceiling ceiling own own ceiling ceiling own')
  expect(ratio).toEqual({
    rate: 1.5,
    p50Ms: 2,
    p99Ms: 2,
    ownRate: 250,
    ceilingRate: 150,
    pairs: 4,
  })
})
