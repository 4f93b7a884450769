import { expect, test } from 'vitest'
import { runClosedLoop } from '../../bench/closed-loop.ts'
import { LatencyRecorder } from '../../bench/latency-recorder.ts'
import { Arrivals } from '../../bench/arrivals.ts'
import { type OpenLoop, prepareOpenLoop } from '../../dist/bench/open-loop.js'
import { shuffled } from '../../bench/shuffled.ts'

/** Built, since it has a thread of its own. */
const runOpenLoop = async (loop: OpenLoop) => (await prepareOpenLoop(loop))()
const tick = (): Promise<void> => new Promise((resolve) => setImmediate(resolve))

test('a closed loop keeps its number in flight and does every operation once', async () => {
  const done: number[] = []
  let running = 0
  let runningMax = 0
  const result = await runClosedLoop({
    inFlight: 7,
    operations: 100,
    seconds: Infinity,
    operation: async (index) => {
      running += 1
      runningMax = Math.max(runningMax, running)
      await tick()
      running -= 1
      done.push(index)
    },
  })
  expect(runningMax).toBe(7)
  expect(result.operations).toBe(100)
  expect(result.latencies.count).toBe(100)
  expect(done.toSorted((a, b) => a - b)).toEqual(Array.from({ length: 100 }, (_, index) => index))
})

test('an operation that fails ends the run', async () => {
  let begun = 0
  const loop = {
    inFlight: 3,
    operations: 1000,
    seconds: Infinity,
    operation: async (index: number) => {
      begun += 1
      await tick()
      if (index === 10) throw new Error('broken')
    },
  }
  await expect(runClosedLoop(loop)).rejects.toThrow('broken')
  await tick()
  await tick()
  expect(begun).toBeLessThan(20)
})

test('a closed loop ends when its time is over, with what is under way', async () => {
  const result = await runClosedLoop({
    inFlight: 4,
    operations: Infinity,
    seconds: 0,
    operation: tick,
  })
  expect(result.operations).toBe(4)
})

test('percentiles are those of all samples', () => {
  const recorder = new LatencyRecorder()
  const samples = Array.from({ length: 200_000 }, (_, index) => (index * 7919) % 200_000)
  for (const sample of samples) recorder.record(sample)
  expect(recorder.percentiles(0, 0.5, 0.99, 1)).toEqual([0, 99_999, 197_999, 199_999])
  expect(recorder.count).toBe(200_000)
  expect(recorder.max).toBe(199_999)
  expect(new LatencyRecorder().percentiles(0.5)).toEqual([])
})

test('operations of another kind have their latencies by themselves', async () => {
  const { latencies, others } = await runClosedLoop({
    inFlight: 3,
    operations: 64,
    seconds: Infinity,
    isOther: (index) => index % 16 === 0,
    operation: tick,
  })
  expect([latencies.count, others.count]).toEqual([60, 4])
})

test('a shuffle has every number once, and the same order every time', () => {
  const order = shuffled(1000)
  expect([...order].toSorted((a, b) => a - b)).toEqual(Array.from(order.keys()))
  expect([...order]).not.toEqual(Array.from(order.keys()))
  expect(shuffled(1000)).toEqual(order)
})

test('operations are due at the same times in every run, the last one at its number over the rate', () => {
  const times = () => {
    const arrivals = new Arrivals(2_000, 10_000)
    const due: number[] = []
    for (; arrivals.dueMs < Infinity; arrivals.pass()) due.push(arrivals.dueMs)
    return due
  }
  const due = times()
  expect(due).toHaveLength(10_000)
  expect(due).toEqual(due.toSorted((a, b) => a - b))
  expect(due.at(-1)).toBeCloseTo(5_000)
  expect(times()).toEqual(due)
  // Of an exponential distribution a share of 1 / e is above the mean, which is half a millisecond here.
  const distances = due.map((ms, index) => ms - (due[index - 1] ?? 0))
  const above = distances.filter((ms) => ms > 0.5).length / distances.length
  expect(above).toBeGreaterThan(1 / Math.E - 0.02)
  expect(above).toBeLessThan(1 / Math.E + 0.02)
})

test('an open loop begins late what finds no place, and goes on when one is free', async () => {
  const result = await runOpenLoop({
    rate: 100_000,
    operations: 1_000,
    seconds: Infinity,
    inFlightMax: 2,
    operation: tick,
  })
  expect(result.operations).toBe(1_000)
  expect(result.latencies.count).toBe(1_000)
})

test('an open loop begins each operation in its time, whether or not others have ended', async () => {
  const begun: number[] = []
  let begunAll = (): void => undefined
  const allBegun = new Promise<void>((resolve) => (begunAll = resolve))
  const result = await runOpenLoop({
    rate: 5_000,
    operations: 200,
    seconds: Infinity,
    inFlightMax: 1_000,
    operation: async (index) => {
      begun.push(index)
      // The first one ends after all others have begun.
      if (index === 0) await allBegun
      if (index === 199) begunAll()
    },
  })
  expect(begun).toEqual(Array.from({ length: 200 }, (_, index) => index))
  expect(result.operations).toBe(200)
  expect(result.latencies.count).toBe(200)
  // 200 operations of 5,000 a second take 40 ms, and from when it was due the first one waited for the last.
  expect(result.seconds).toBeGreaterThan(0.039)
  const firstDueMs = new Arrivals(5_000, 200).dueMs
  expect(result.latencies.percentiles(1)[0]).toBeGreaterThan(39 - firstDueMs)
  expect(result.delays.count).toBe(200)
})

test('an open loop counts the time for which everything stood still to all that were due', async () => {
  const stillMs = 100
  const result = await runOpenLoop({
    rate: 1_000,
    operations: 200,
    seconds: Infinity,
    inFlightMax: 10,
    operation: (index) => {
      const until = performance.now() + (index === 0 ? stillMs : 0)
      while (performance.now() < until);
      return Promise.resolve()
    },
  })
  const [quarter = 0] = result.latencies.percentiles(0.75)
  // Half of them were due while it stood still: they waited for 50 ms on average, not one for 100.
  expect(quarter).toBeGreaterThan(stillMs / 4)
})

test('an operation of an open loop that fails ends the run', async () => {
  const operation = (index: number): Promise<void> =>
    index === 10 ? Promise.reject(new Error('broken')) : Promise.resolve()
  const loop = { rate: 10_000, operations: 1_000, seconds: Infinity, inFlightMax: 5, operation }
  await expect(runOpenLoop(loop)).rejects.toThrow('broken')
})
