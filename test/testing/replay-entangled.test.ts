import { fileURLToPath } from 'node:url'
import { bundleWorkflowCode, silentLogger } from 'signalbox'
import {
  type HistoryAndWorkflowId,
  replayHistories,
  TestWorkflowEnvironment,
} from 'signalbox/testing'
import { expect, test } from 'vitest'
import { numbers } from '../fixtures/lab.ts'

const SEEDS = 25
/** Temporal's SDK replays it as well, in test/temporal. */
const workflowsPath = fileURLToPath(new URL('../temporal/workflows/entangled.ts', import.meta.url))

test('what random programs do with other workflows, a replay of their histories does again', async () => {
  const workflowBundle = await bundleWorkflowCode({ workflowsPath })
  const env = await TestWorkflowEnvironment.createLocal({ workflowBundle, logger: silentLogger })
  try {
    const { workflow } = env.client
    await workflow.start('basket', { workflowId: 'sink' })
    await workflow.start('basket', { workflowId: 'other sink' })
    const from = Date.now() % 100_000
    const histories: HistoryAndWorkflowId[] = await Promise.all(
      numbers(SEEDS, from).map(async (seed) => {
        const workflowId = `entangled ${seed}`
        const handle = await workflow.start<(seed: number) => Promise<string[]>>('entangled', {
          workflowId,
          args: [seed],
        })
        for (const n of numbers(5)) {
          await new Promise((resolve) => setTimeout(resolve, (n * 7 + seed) % 9))
          await handle.signal('poke', n).catch(() => undefined)
        }
        expect((await handle.result()).length, workflowId).toBeGreaterThan(11)
        const history = await handle.fetchHistory()
        expect((await handle.describe()).historyLength, workflowId).toBe(history.events.length)
        return { workflowId, history }
      }),
    )
    const results: string[] = []
    for await (const { workflowId, error } of replayHistories(workflowBundle, histories)) {
      results.push(`${workflowId} ${error?.message ?? 'fits'}`)
    }
    expect(results).toEqual(histories.map(({ workflowId }) => `${workflowId} fits`))
  } finally {
    await env.teardown()
  }
})
