import { setImmediate } from 'node:timers/promises'
import fc from 'fast-check'
import { beforeEach, describe, expect, test, vi } from 'vitest'
import { SimulatedClock } from '../../runtime/clock.ts'
import { MemoryJournalStore } from '../../runtime/journal-memory.ts'
import type { Run } from '../../runtime/run.ts'
import { RetentionBench, retentionMs } from './retention-harness.ts'

/** Pauses between waves of deletions. */
const pauses = vi.hoisted(() => ({ count: 0 }))
vi.mock('node:timers/promises', async (importOriginal) => {
  const original = await importOriginal<typeof import('node:timers/promises')>()
  const pause = (ms: number): Promise<void> => {
    pauses.count++
    return original.setTimeout(ms)
  }
  return { ...original, setTimeout: pause }
})

beforeEach(() => {
  pauses.count = 0
})

/** What is due is gone, or nothing goes any more. */
async function settle(bench: RetentionBench): Promise<void> {
  for (let still = 0, before = -1; still < 8; still++) {
    await bench.committed()
    // Longer than the pauses between waves, all together.
    await new Promise((resolve) => globalThis.setTimeout(resolve, 5))
    const left = bench.left()
    if (left !== before) still = 0
    before = left
  }
}

async function closed(bench: RetentionBench, runs: number, namespace?: string): Promise<Run[]> {
  const begun = Array.from({ length: runs }, () => bench.begin(namespace))
  for (const run of begun) bench.close(run)
  await bench.committed()
  return begun
}

describe('retention', () => {
  test('deletes what closed in this process without a pause, an earlier backlog with pauses', async () => {
    const store = new MemoryJournalStore()
    const clock = new SimulatedClock()
    const bench = new RetentionBench(store, clock, retentionMs)
    await settle(bench)
    pauses.count = 0
    await closed(bench, 640)
    clock.advance(retentionMs)
    await settle(bench)
    expect(bench.left()).toBe(0)
    expect(pauses.count).toBe(0)

    await closed(bench, 640)
    await bench.stop()
    clock.advance(retentionMs)
    const again = new RetentionBench(store, clock, retentionMs)
    await settle(again)
    expect(again.left()).toBe(0)
    expect(pauses.count).toBeGreaterThanOrEqual(640 / 64 - 1)
    await again.stop()
  })

  test('of a busy namespace keeps no other one waiting', async () => {
    const store = new MemoryJournalStore()
    const clock = new SimulatedClock()
    const before = new RetentionBench(store, clock, retentionMs)
    await closed(before, 2_000, 'a')
    await closed(before, 10, 'b')
    await before.stop()
    clock.advance(retentionMs)
    const bench = new RetentionBench(store, clock, retentionMs)
    while (bench.left('b') > 0) await setImmediate()
    expect(bench.left('a')).toBeGreaterThan(1_000)
    await bench.stop()
  })

  test('passes over runs in use, and deletes them once they are not', async () => {
    const bench = new RetentionBench(new MemoryJournalStore(), new SimulatedClock(), retentionMs)
    const [first] = await closed(bench, 300)
    bench.needed.add(first?.key ?? 0)
    bench.clock.advance(retentionMs)
    await settle(bench)
    expect(bench.left()).toBe(1)
    bench.needed.clear()
    bench.clock.advance(1_000)
    await settle(bench)
    expect(bench.left()).toBe(0)
    await bench.stop()
  })
})

interface World {
  bench: RetentionBench
  readonly open: Run[]
  readonly store: MemoryJournalStore
  readonly clock: SimulatedClock
}

const step = fc.oneof(
  {
    weight: 4,
    arbitrary: fc.record({ kind: fc.constant('begin'), n: fc.integer({ min: 1, max: 100 }) }),
  },
  {
    weight: 4,
    arbitrary: fc.record({ kind: fc.constant('close'), n: fc.integer({ min: 1, max: 100 }) }),
  },
  {
    weight: 4,
    arbitrary: fc.record({
      kind: fc.constant('advance'),
      n: fc.integer({ min: 1, max: retentionMs }),
    }),
  },
  {
    weight: 2,
    arbitrary: fc.record({ kind: fc.constant('need'), n: fc.integer({ min: 1, max: 200 }) }),
  },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('keepAll'), n: fc.constant(0) }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('keepSome'), n: fc.constant(0) }) },
)

async function take(world: World, { kind, n }: { kind: string; n: number }): Promise<void> {
  const { bench, open, clock } = world
  if (kind === 'begin') for (let i = 0; i < n; i++) open.push(bench.begin(`n${i % 3}`))
  // The latest first, then the earliest: the order of closes is not that of the runs.
  if (kind === 'close') {
    for (let i = 0; i < n; i++) {
      const run = i % 2 === 0 ? open.pop() : open.shift()
      if (run !== undefined) bench.close(run)
      if (i % 10 === 0) clock.advance(1)
    }
  }
  if (kind === 'advance') clock.advance(n)
  if (kind === 'need') bench.needed.add(n)
  if (kind === 'keepAll' || kind === 'keepSome') {
    await bench.stop()
    const retention = kind === 'keepAll' ? undefined : retentionMs
    world.bench = new RetentionBench(world.store, clock, retention)
    open.length = 0
  }
  await setImmediate()
}

test('whatever closes in whatever order is deleted in the end, without another restart', async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(step, { minLength: 5, maxLength: 25 }), async (steps) => {
      const store = new MemoryJournalStore()
      const clock = new SimulatedClock()
      const bench = new RetentionBench(store, clock, undefined)
      const world: World = { bench, open: [], store, clock }
      for (const one of steps) await take(world, one)
      await take(world, { kind: 'keepSome', n: 0 })
      for (const one of steps.filter(({ kind }) => !kind.startsWith('keep'))) await take(world, one)
      for (let hours = 0; hours < 2; hours++) {
        world.bench.needed.clear()
        clock.advance(60 * retentionMs)
        await settle(world.bench)
      }
      expect(world.bench.problems).toEqual([])
      expect(world.bench.left()).toBe(0)
      await world.bench.stop()
    }),
    { numRuns: Number(process.env['SIGNALBOX_TEST_RUNS'] ?? 15) },
  )
})
