import { fileURLToPath } from 'node:url'
import fc from 'fast-check'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { type Driver, type Scenario, SignalboxLab } from './fixtures/signalbox-lab.ts'
import { expectSameTurns } from './oracle/expect-same-turns.ts'
import { type Recorded, type Replayed, Replayer } from './oracle/replayer.ts'

/**
 * Random schedules: signals, updates, pauses and a cancellation, one at a time and in bursts, for workflows
 * that wait in every way; then each history is held against the SDK's replay, turn by turn. The schedules are
 * the same in every run and their moments are not; `SEED=…` gives others, and `SEED=random` new ones. The seed
 * stands in the names of the tests.
 */
const given = process.env['SEED'] ?? '1'
const seed = given === 'random' ? Date.now() % 1_000_000 : Number(given)
const SCHEDULES = 60
const workflowsPath = fileURLToPath(new URL('./workflows/index.ts', import.meta.url))

const types: readonly (readonly [type: string, ...args: unknown[]])[] = [
  ['listener'],
  ['lateHandler', 12],
  ['drainingOrder'],
  ['interleaving'],
  ['conditionsInOrder'],
  ['conditionWithTimeout', 12],
  ['handlerWithTimers'],
  ['handlersWithActivities'],
  ['prolonged', 15],
  ['sleeper', 15],
  ['races', 12],
  ['scopesInHandlers'],
  ['nested'],
  ['ledger'],
  ['slowUpdates'],
  ['lateUpdateHandler'],
  ['talksToItsChild'],
  ['locals'],
  ['localsInHandlers'],
  ['patches'],
  ['upserts'],
  ['locks'],
  ['selects'],
  ['subscription', 8, 4],
]

type Step =
  | { readonly kind: 'signals'; readonly signals: readonly (readonly [string, unknown])[] }
  | { readonly kind: 'update'; readonly name: string; readonly args: readonly unknown[] }
  | { readonly kind: 'pause'; readonly ms: number }
  | { readonly kind: 'cancel' }

const signal = fc.oneof(
  fc.tuple(fc.constant('say'), fc.constantFrom('a', 'b', 'c')),
  fc.tuple(fc.constant('add'), fc.nat(9)),
  fc.tuple(fc.constantFrom('go', 'poke', 'other', 'update-charge'), fc.nat(5)),
)
const step: fc.Arbitrary<Step> = fc.oneof(
  {
    weight: 8,
    arbitrary: fc.record({
      kind: fc.constant('signals' as const),
      signals: fc.array(signal, { minLength: 1, maxLength: 5 }),
    }),
  },
  {
    weight: 3,
    arbitrary: fc
      .constantFrom(['put', 'x', 1], ['slow', 2], ['refuse', 'no'], ['set-plan', 'gold'])
      .map(([name, ...args]) => ({ kind: 'update' as const, name, args })),
  },
  { weight: 3, arbitrary: fc.record({ kind: fc.constant('pause' as const), ms: fc.nat(20) }) },
  { weight: 1, arbitrary: fc.constant({ kind: 'cancel' as const }) },
)
const schedule = fc.record({
  workflow: fc.constantFrom(...types),
  first: fc.option(signal, { nil: undefined }),
  steps: fc.array(step, { minLength: 2, maxLength: 10 }),
})

const scenarios: readonly Scenario[] = fc
  .sample(schedule, { seed, numRuns: SCHEDULES })
  .map(({ workflow: [type, ...args], first, steps }, n) => ({
    name: `schedule ${n} of seed ${seed}: ${type}`,
    type,
    args,
    ...(first === undefined ? {} : { first }),
    // It may be over or not by then: what counts is that its turns are the same.
    staysOpen: true,
    drive: async (run) => {
      for (const next of steps) await perform(run, next)
      await run.handle.signal('stop').catch(isOver)
      await run.handle.signal('cancel-subscription').catch(isOver)
    },
  }))

async function perform(run: Driver, next: Step): Promise<void> {
  switch (next.kind) {
    case 'signals':
      await Promise.all(
        next.signals.map(([name, arg]) => run.handle.signal(name, arg).catch(isOver)),
      )
      return
    case 'update':
      // Not awaited: signals and timers come in while it is under way.
      void run.update(next.name, ...next.args)
      return
    case 'pause':
      await run.pause(next.ms)
      return
    case 'cancel':
      await run.cancel()
  }
}

/** The workflow has ended, and takes no more. */
function isOver(error: unknown): void {
  if (!(error instanceof Error) || error.name !== 'WorkflowNotFoundError') throw error
}

const recorded = new Map<string, readonly Recorded[]>()
const replayed = new Map<string, readonly Replayed[]>()
let lab: SignalboxLab

beforeAll(async () => {
  lab = await SignalboxLab.open(workflowsPath)
  await Promise.all(
    scenarios.map(async (scenario) => recorded.set(scenario.name, await lab.perform(scenario))),
  )
  const replayer = await Replayer.load(workflowsPath)
  const results = [...(await replayer.replay([...recorded.values()].flat()))]
  for (const [name, { length }] of recorded) replayed.set(name, results.splice(0, length))
}, 180_000)

afterAll(() => lab.close())

describe('the SDK replays', () => {
  test.each(scenarios.map(({ name }) => name))('%s', (name) => {
    const runs = recorded.get(name) ?? []
    expect(runs.length).toBeGreaterThan(0)
    expectSameTurns(runs, replayed.get(name) ?? [])
  })
})
