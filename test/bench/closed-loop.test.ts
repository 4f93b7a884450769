import { expect, test } from 'vitest'
import { runClosedLoop } from '../../bench/closed-loop.ts'
import { LatencyRecorder } from '../../bench/latency-recorder.ts'
import { shuffled } from '../../bench/shuffled.ts'

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
  expect(new LatencyRecorder().percentiles(0.5)).toEqual([0])
})

test('a shuffle has every number once, and the same order every time', () => {
  const order = shuffled(1000)
  expect([...order].toSorted((a, b) => a - b)).toEqual(Array.from(order.keys()))
  expect([...order]).not.toEqual(Array.from(order.keys()))
  expect(shuffled(1000)).toEqual(order)
})
