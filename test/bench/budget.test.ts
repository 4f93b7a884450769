import { expect, test } from 'vitest'
import { budgetRows } from '../../bench/budget-rows.ts'
import { type CpuProfile, sharesOf } from '../../bench/budget-stages.ts'

const frames = [
  ['(idle)', ''],
  ['enqueue', 'file:///app/dist/runtime/committer.js'],
  ['put', 'file:///app/node_modules/lmdb/index.js'],
  ['next', 'file:///app/dist/bench/closed-loop.js'],
  ['(garbage collector)', ''],
] as const
const [idle, committer, lmdb, generator, collector] = [0, 1, 2, 3, 4] as const

/** Of the host thread, from microsecond 1,000 on: what ran until each sample, and for how long. */
function profileOf(...ran: readonly (readonly [node: number, micros: number])[]): CpuProfile {
  return {
    nodes: frames.map(([functionName, url], id) => ({ id, callFrame: { functionName, url } })),
    startTime: 1_000,
    samples: ran.map(([node]) => node),
    timeDeltas: ran.map(([, micros]) => micros),
  }
}

test('of a profile only what was measured counts, and nothing idle', () => {
  const profile = profileOf(
    [lmdb, 500], // Until 1,500: warming up.
    [generator, 100],
    [committer, 40],
    [lmdb, 60],
    [idle, 200],
    [collector, 100], // Until 2,000, the last one that is measured.
    [lmdb, 900],
  )
  expect(sharesOf(profile, [1_500, 2_000])).toEqual([
    { thread: 'host', stage: 'the load generator', micros: 100 },
    { thread: 'host', stage: 'write: number, encode, log, LMDB', micros: 100 },
    { thread: 'host', stage: 'garbage collection', micros: 100 },
  ])
  expect(sharesOf(profile, [5_000, 6_000])).toEqual([])
})

const shares = [
  { thread: 'host', stage: 'write', micros: 100 },
  { thread: 'slot', stage: 'turn', micros: 300 },
  // Of another process, or another slot.
  { thread: 'slot', stage: 'turn', micros: 100 },
] as const

test('a stage costs what was sampled of it, and threads without a profile the rest', () => {
  expect(budgetRows(shares, { operations: 100, cpuMicros: 7 })).toEqual([
    { thread: 'slot', stage: 'turn', micros: 4 },
    { thread: 'host', stage: 'write', micros: 1 },
    {
      thread: '',
      stage: 'threads without a profile (disk, compiler, collector, profiler)',
      micros: 2,
    },
  ])
})

test('sampled time without a processor is told apart, not shared out', () => {
  const rows = budgetRows(shares, { operations: 100, cpuMicros: 4 })
  expect(rows.slice(0, 2).map(({ micros }) => micros)).toEqual([4, 1])
  expect(rows.at(-1)).toEqual({
    thread: '',
    stage: 'in the above, but waiting for a processor that others had',
    micros: -1,
  })
})
