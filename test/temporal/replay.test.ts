import { fileURLToPath } from 'node:url'
import * as sdk from '@temporalio/workflow'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import * as unavailable from '../../actors/workflow/unavailable.ts'
import { scenarios } from './fixtures/scenarios.ts'
import { SignalboxLab } from './fixtures/signalbox-lab.ts'
import { expectSameTurns } from './oracle/expect-same-turns.ts'
import { type HistoryJson, historyTurns } from './oracle/history-turns.ts'
import { type Recorded, type Replayed, Replayer } from './oracle/replayer.ts'

/** Workflows run on signalbox; the SDK's worker replays their histories, and its every turn is ours. */
const workflowsPath = fileURLToPath(new URL('./workflows/index.ts', import.meta.url))
const recorded = new Map<string, readonly Recorded[]>()
const replayed = new Map<string, readonly Replayed[]>()
/** Scenarios that did not come to their end on signalbox. */
const failed = new Map<string, unknown>()
let lab: SignalboxLab

beforeAll(async () => {
  lab = await SignalboxLab.open(workflowsPath)
  await Promise.all(
    scenarios.map(async (scenario) => {
      try {
        recorded.set(scenario.name, await lab.perform(scenario))
      } catch (error) {
        failed.set(scenario.name, error)
      }
    }),
  )
  const replayer = await Replayer.load(workflowsPath)
  const results = [...(await replayer.replay([...recorded.values()].flat()))]
  for (const [name, { length }] of recorded) replayed.set(name, results.splice(0, length))
}, 120_000)

afterAll(() => lab.close())

describe('the SDK replays', () => {
  test.each(scenarios.map((scenario) => [scenario.name, scenario] as const))(
    '%s',
    (name, scenario) => {
      expect(failed.get(name)).toBeUndefined()
      const runs = recorded.get(name) ?? []
      expectSameTurns(runs, replayed.get(name) ?? [])
      const last = historyTurns(runs.at(-1)?.history as HistoryJson)
      expect(
        ['complete', 'fail', 'cancelled'].includes(last.at(-1)?.commands.at(-1)?.kind ?? ''),
      ).toBe(scenario.staysOpen !== true)
    },
  )
})

describe('what the SDK replays', () => {
  const all = (): Replayed[] => [...replayed.values()].flat()

  test('are more than sixty workflows, to their end', () => {
    const types = new Set(all().map(({ workflowType }) => workflowType))
    expect(types.size).toBeGreaterThan(60)
  })

  test('uses every export of the SDK that signalbox has', () => {
    const used = new Set(all().flatMap(({ uses }) => [...uses]))
    const exported = Object.keys(sdk).filter((name) => !Object.hasOwn(unavailable, name))
    expect(exported.length).toBeGreaterThan(60)
    expect(exported.filter((name) => !used.has(name))).toEqual([])
  })

  test('uses only what its code uses', () => {
    const uses = replayed.get('a sleeper: before, during and after')?.[0]?.uses ?? []
    expect([...uses]).toContain('sleep')
    // It is in files that others of the same bundle use.
    expect([...uses]).not.toContain('upsertSearchAttributes')
  })
})
