import path from 'node:path'
import fc from 'fast-check'
import { afterAll, describe, test } from 'vitest'
import { openLmdbJournal } from '../../dist/runtime/journal-lmdb.js'
import type { Journal } from '../../runtime/journal.ts'
import { MemoryJournalStore, openMemoryJournal } from '../../runtime/journal-memory.ts'
import { temporaryFolder } from '../fixtures/lab.ts'
import { Burst, Check, Crash, KillSlot, type Op, Restart } from './commands.ts'
import { type Model, newModel } from './model.ts'
import { System } from './system.ts'

const WORKFLOWS = 3

const op: fc.Arbitrary<Op> = fc.record({
  workflow: fc.integer({ min: 0, max: WORKFLOWS - 1 }),
  kind: fc.oneof(
    { arbitrary: fc.constant('signal' as const), weight: 6 },
    { arbitrary: fc.constant('identified' as const), weight: 5 },
    { arbitrary: fc.constant('signalWithStart' as const), weight: 5 },
    { arbitrary: fc.constant('identifiedWithStart' as const), weight: 3 },
    { arbitrary: fc.constant('start' as const), weight: 1 },
    { arbitrary: fc.constant('roll' as const), weight: 3 },
    { arbitrary: fc.constant('finish' as const), weight: 2 },
    { arbitrary: fc.constant('terminate' as const), weight: 1 },
    { arbitrary: fc.constant('turnTheLoop' as const), weight: 4 },
  ),
  requestId: fc.integer({ min: 0, max: 7 }),
  variant: fc.oneof(
    { arbitrary: fc.constant(0), weight: 9 },
    { arbitrary: fc.constant(1), weight: 1 },
  ),
  processed: fc.boolean(),
})
const ops = fc.array(op, { minLength: 1, maxLength: 40, size: 'max' })
const workflow = fc.integer({ min: 0, max: WORKFLOWS - 1 })
const slots = fc.integer({ min: 1, max: 3 })

const commands = fc.commands(
  [
    ops.map((of) => new Burst(of)),
    ops.map((of) => new Burst(of)),
    ops.map((of) => new Burst(of)),
    fc.constant(new Check()),
    slots.map((of) => new Restart(of)),
    fc.tuple(ops, slots).map(([of, next]) => new Crash(of, next)),
    fc.tuple(ops, workflow).map(([of, at]) => new KillSlot(of, at)),
  ],
  { maxCommands: 12, size: 'max' },
)

/** The seed of a failure is in its message: give it as SIGNALBOX_TEST_SEED to see it again. */
const seed = process.env['SIGNALBOX_TEST_SEED']
const runs = Number(process.env['SIGNALBOX_TEST_RUNS'] ?? 12)

describe.each(['memory', 'lmdb'] as const)('Workflows against an array each, on %s', (kind) => {
  const systems: System[] = []
  afterAll(async () => {
    for (const system of systems) await system.close()
  })

  test(
    'whatever is sent, retried, closed, continued, restarted and killed',
    async () => {
      const system = await System.open(await journalOf(kind))
      systems.push(system)
      let attempt = 0
      await fc.assert(
        fc.asyncProperty(commands, async (steps) => {
          // One system for all, since opening takes longer than a run; the ids are new each time.
          const prefix = `${kind}${attempt++}`
          await fc.asyncModelRun(() => ({ model: newModel(prefix, WORKFLOWS), real: system }), [
            ...steps,
            new Check(),
          ] as Iterable<fc.AsyncCommand<Model, System>>)
        }),
        {
          numRuns: runs,
          // A run that takes this long hangs.
          timeout: 20_000,
          ...(seed === undefined ? {} : { seed: Number(seed) }),
        },
      )
    },
    120_000 * Math.max(1, runs / 12),
  )
})

async function journalOf(kind: 'memory' | 'lmdb'): Promise<() => Promise<Journal>> {
  if (kind === 'memory') {
    const store = new MemoryJournalStore()
    return () => Promise.resolve(openMemoryJournal(store))
  }
  const dataDir = path.join(await temporaryFolder(), 'data')
  // Small windows, so that checkpoints come between all of it.
  return () => openLmdbJournal({ dataDir, logWindowBytes: 16 * 1024, logWindowRows: 40 })
}
