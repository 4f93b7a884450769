import { fileURLToPath } from 'node:url'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { type Scenario, SignalboxLab } from './fixtures/signalbox-lab.ts'
import { expectSameTurns } from './oracle/expect-same-turns.ts'
import { type Recorded, type Replayed, Replayer } from './oracle/replayer.ts'

/**
 * `signalbox/channels` runs on the SDK: the file of its own tests, bundled by Temporal's bundler with
 * Temporal's workflow package, does turn by turn what it does on signalbox.
 */
const workflowsPath = fileURLToPath(
  new URL('../actors/sandbox/workflows/user-channels.ts', import.meta.url),
)

const scenarios: readonly Scenario[] = [
  ...['capacities', 'closing', 'sendBranches', 'cancelledSelect', 'closedBranch'].map((type) => ({
    name: type,
    type,
  })),
  ...['locks', 'semaphore', 'failingCalls'].map((type) => ({ name: type, type })),
  ...[true, false].flatMap((first) => [
    { name: `cancelledSend: ${first}`, type: 'cancelledSend', args: [first] },
    { name: `selectorsMeet: ${first}`, type: 'selectorsMeet', args: [first] },
  ]),
  ...[0, 1, 5].map((capacity) => ({
    name: `pipeline: ${capacity}`,
    type: 'pipeline',
    args: [12, capacity],
  })),
  {
    name: 'mixed',
    type: 'mixed',
    first: ['order', 'a'],
    drive: async (run) => {
      await run.signal('order', 'b')
      await run.signal('order', 'c')
    },
  },
  {
    name: 'serialHandlers',
    type: 'serialHandlers',
    args: [4],
    first: ['work', 'a', 10],
    drive: async (run) => {
      await run.burst(['work', 'b', 0], ['work', 'c', 10])
      await run.pause(20)
      await run.signal('work', 'd', 0)
    },
  },
]

const recorded = new Map<string, readonly Recorded[]>()
const replayed = new Map<string, readonly Replayed[]>()
let lab: SignalboxLab

beforeAll(async () => {
  lab = await SignalboxLab.open(workflowsPath)
  for (const scenario of scenarios) recorded.set(scenario.name, await lab.perform(scenario))
  const replayer = await Replayer.load(workflowsPath)
  const results = [...(await replayer.replay([...recorded.values()].flat()))]
  for (const [name, { length }] of recorded) replayed.set(name, results.splice(0, length))
}, 120_000)

afterAll(() => lab.close())

describe('channels run on the SDK as here', () => {
  test.each(scenarios.map(({ name }) => name))('%s', (name) => {
    const runs = recorded.get(name) ?? []
    expect(runs.length).toBeGreaterThan(0)
    expectSameTurns(runs, replayed.get(name) ?? [])
  })
})
