import { fileURLToPath } from 'node:url'
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest'
import { type Scenario, SignalboxLab } from './fixtures/signalbox-lab.ts'
import { expectSameTurns } from './oracle/expect-same-turns.ts'
import { type Recorded, type Replayed, Replayer } from './oracle/replayer.ts'

/**
 * One module of interceptors, on signalbox and in the SDK's worker: they are called at the same places in
 * the same order with the same, and what they change, headers included, comes out the same.
 */
const file = (name: string): string =>
  fileURLToPath(new URL(`./workflows/${name}`, import.meta.url))
const workflowsPath = file('intercepted.ts')
const modules = [file('interceptors.ts')]

const scenario: Scenario = {
  name: 'intercepted',
  type: 'intercepted',
  args: [2],
  first: ['say', 'before'],
  drive: async (run) => {
    await run.update('keep', 'a word')
    await run.update('keep', 'bad word')
    await run.signal('say', 'during')
    await vi.waitFor(async () => {
      expect((await run.handle.describe()).runId).not.toBe(run.handle.firstExecutionRunId)
    }, 20_000)
    await run.burst(['say', 'one more'], ['say', 'the last'])
  },
}

let lab: SignalboxLab
let runs: readonly Recorded[]
let replayed: readonly Replayed[]

beforeAll(async () => {
  lab = await SignalboxLab.open(workflowsPath, modules)
  runs = await lab.perform(scenario)
  const { client } = lab.runtime
  const families: (readonly Recorded[])[] = []
  for await (const { workflowId, runId } of client.workflow.list({
    query: "WorkflowType = 'interceptedChild'",
  })) {
    families.push(await lab.histories(workflowId, runId))
  }
  runs = [...runs, ...families.flat()]
  replayed = await (await Replayer.load(workflowsPath, modules)).replay(runs)
})

afterAll(() => lab.close())

describe('with interceptors of every kind', () => {
  test('the runs of a workflow and of its children are those of the SDK', () => {
    expect(runs).toHaveLength(6)
    expectSameTurns(runs, replayed)
  })

  test('a worker that lacks one of them would be found', async () => {
    const bare = await (await Replayer.load(workflowsPath)).replay(runs)
    expect(() => expectSameTurns(runs, bare)).toThrow()
  })

  test('each of them was called', () => {
    const last = JSON.stringify(replayed[1]?.turns.at(-1)?.commands)
    for (const what of [
      'execute signal signalled update timer timed activity local child send sent continue',
      'activate conclude',
    ].flatMap((line) => line.split(' '))) {
      expect(last).toContain(`${what} [`)
    }
    expect(JSON.stringify(replayed[0]?.turns.at(-1)?.commands)).toContain('another run')
  })
})
