import { fileURLToPath } from 'node:url'
import { expect, test } from 'vitest'
import { entangledScenarios, sinks } from './fixtures/entangled-scenarios.ts'
import { SignalboxLab } from './fixtures/signalbox-lab.ts'
import { historyTurns } from './oracle/history-turns.ts'
import { Replayer } from './oracle/replayer.ts'

const workflowsPath = fileURLToPath(new URL('./workflows/index.ts', import.meta.url))

/**
 * Each program's result is the log of all that it did and heard, in order: if the SDK gives the same one
 * from our history, children, signals and cancellations came to its code as they came to ours.
 */
test('the SDK replays random programs of children and signals to the same result', async () => {
  const lab = await SignalboxLab.open(workflowsPath)
  try {
    const { workflow } = lab.runtime.client
    await Promise.all(sinks.map((workflowId) => workflow.start('basket', { workflowId })))
    const performed = await Promise.all(entangledScenarios.map((scenario) => lab.perform(scenario)))
    const recorded = performed.flat()
    const replayer = await Replayer.load(workflowsPath)
    const replayed = await replayer.replay(recorded)
    const seen = replayed.map(({ error, turns, workflowId }) => [
      workflowId,
      error?.message,
      turns.at(-1)?.commands.at(-1),
    ])
    const ours = recorded.map(({ history, workflowId }) => [
      workflowId,
      undefined,
      historyTurns(history).at(-1)?.commands.at(-1),
    ])
    expect(seen).toEqual(ours)
    expect(ours.every(([, , last]) => JSON.stringify(last).includes('complete'))).toBe(true)
  } finally {
    await lab.close()
  }
}, 120_000)
