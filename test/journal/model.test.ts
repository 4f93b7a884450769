import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { type Journal, RecordKind } from '../../runtime/journal.ts'
import { compareWithModel } from './compare-with-model.ts'
import type { JournalUnderTest } from './conformance.ts'
import { JournalModel, type RecordSeed, recordsFrom } from './model.ts'
import { batch } from './records.ts'
import { lmdbStore, memoryStore } from './stores.ts'

/** A step; numbers are taken modulo what is possible in the state it meets. */
type Step =
  | { readonly do: 'commit'; readonly records: RecordSeed[]; readonly rows: RowSeed[] }
  | { readonly do: 'delete'; readonly pick: number }
  | { readonly do: 'reopen' | 'crash' | 'pause' }
type RowSeed = readonly [key: string, value: string | null]

const recordSeed: fc.Arbitrary<RecordSeed> = fc.tuple(fc.nat(9), fc.nat(), fc.nat(40))
const rowSeed: fc.Arbitrary<RowSeed> = fc.tuple<[string, string | null]>(
  fc
    .tuple(fc.constantFrom('a', 'b', 'c', 'é', 'ü'), fc.integer({ min: 1, max: 9 }))
    .map(([letter, digit]) => `${letter}${digit}`),
  fc.option(fc.string({ maxLength: 12, unit: 'grapheme-ascii' }), { nil: null }),
)
const step: fc.Arbitrary<Step> = fc.oneof(
  {
    weight: 12,
    arbitrary: fc.record({
      do: fc.constant('commit' as const),
      records: fc.array(recordSeed, { maxLength: 12 }),
      rows: fc.array(rowSeed, { maxLength: 5 }),
    }),
  },
  { weight: 2, arbitrary: fc.record({ do: fc.constant('delete' as const), pick: fc.nat() }) },
  { weight: 2, arbitrary: fc.record({ do: fc.constantFrom('reopen', 'crash', 'crash') }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('pause' as const) }) },
)

async function runSteps(store: JournalUnderTest, steps: readonly Step[]): Promise<void> {
  const model = new JournalModel()
  let journal: Journal = await store.open()
  for (const step of steps) {
    switch (step.do) {
      case 'commit': {
        const records = recordsFrom(model, step.records)
        await journal.commit(batch(records, step.rows))
        model.apply(records, step.rows)
        break
      }
      case 'delete': {
        const live = [...model.runs.keys()]
        if (live.length === 0) break
        const run = live[step.pick % live.length]!
        await journal.commit(batch([], [['a1', 'deleted']], [run]))
        model.deleteRun(run)
        model.apply([], [['a1', 'deleted']])
        break
      }
      case 'pause':
        await new Promise((done) => setTimeout(done, 12))
        break
      case 'reopen':
      case 'crash':
        await compareSnapshot(store, model)
        if (step.do === 'reopen') {
          await journal.close()
          await compareSnapshot(store, model)
          journal = await store.open()
        } else {
          journal = await store.crash()
        }
        expect([...journal.unfinishedRuns()].sort(([a], [b]) => a - b)).toEqual(model.unfinished())
        break
    }
    compareWithModel(journal, model)
  }
}

/** Who only reads the folder, open or closed, sees the same. */
async function compareSnapshot(store: JournalUnderTest, model: JournalModel): Promise<void> {
  const snapshot = await store.snapshot?.()
  if (snapshot === undefined) return
  compareWithModel(snapshot.reads, model)
  await snapshot.close()
}

function property(make: () => Promise<JournalUnderTest>) {
  return fc.asyncProperty(fc.array(step, { minLength: 1, maxLength: 40 }), async (steps) => {
    const store = await make()
    try {
      await runSteps(store, steps)
    } finally {
      await store.dispose()
    }
  })
}

/** More of them by SIGNALBOX_TEST_RUNS, for a longer search. */
const runs = Number(process.env['SIGNALBOX_TEST_RUNS'] ?? 25)

describe('a journal equals an array per run and a map of rows, whatever happens', () => {
  it('in memory', async () => {
    await fc.assert(property(memoryStore), { numRuns: runs })
  })

  it.each([
    ['with a window of a few records', { logWindowBytes: 400 }],
    ['with a window of a few commits', { logWindowBytes: 2_500 }],
    ['with a window of one row', { logWindowRows: 1 }],
    ['with a window of some large records', { logWindowBytes: 60_000 }],
    // Crashes and reads then meet checkpoints that are half done.
    ['with checkpoints that take many commits', { logWindowBytes: 400, checkpointSliceMs: 0 }],
    ['with slow checkpoints of rows', { logWindowRows: 4, checkpointSliceMs: 0 }],
    ['with a checkpoint in each pause', { restMs: 1, restBytes: 0 }],
    ['with a checkpoint every few milliseconds', { logWindowMs: 2, restBytes: 0 }],
  ])('on LMDB, %s', async (_name, options) => {
    await fc.assert(
      property(() => lmdbStore(options)),
      { numRuns: runs },
    )
  })
})

it('the steps make every kind of record', () => {
  const kinds = new Set<number>()
  fc.assert(
    fc.property(fc.array(recordSeed, { minLength: 60, maxLength: 60 }), (seeds) => {
      for (const { kind } of recordsFrom(new JournalModel(), seeds)) kinds.add(kind)
    }),
    { numRuns: 20 },
  )
  expect(kinds).toEqual(new Set(Object.values(RecordKind)))
})
