import { fileURLToPath } from 'node:url'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { SignalboxLab } from './fixtures/signalbox-lab.ts'
import { expectSameTurns } from './oracle/expect-same-turns.ts'
import type { HistoryJson } from './oracle/history-turns.ts'
import { Replayer } from './oracle/replayer.ts'

/** Runs that were reset or paused on signalbox: the SDK replays them, random numbers and all. */
const workflowsPath = fileURLToPath(new URL('./workflows/index.ts', import.meta.url))
let lab: SignalboxLab
let replayer: Replayer

beforeAll(async () => {
  lab = await SignalboxLab.open(workflowsPath)
  replayer = await Replayer.load(workflowsPath)
})
afterAll(() => lab.close())

const handleOf = (workflowId: string) => lab.runtime.client.workflow.getHandle(workflowId)

async function say(workflowId: string, ...words: string[]): Promise<void> {
  for (const word of words) {
    await handleOf(workflowId).signal({ signal: 'say', waitFor: 'processed' }, word)
  }
}

/** Its workflow tasks, once there are so many. */
async function tasksOf(workflowId: string, count: number): Promise<number[]> {
  for (;;) {
    const { events } = await handleOf(workflowId).fetchHistory()
    const tasks = events.filter(
      ({ eventType }) => eventType === 'EVENT_TYPE_WORKFLOW_TASK_COMPLETED',
    )
    if (tasks.length >= count) return tasks.map(({ eventId }) => Number(eventId))
    await new Promise((resolve) => setTimeout(resolve, 5))
  }
}

async function expectReplay(workflowId: string): Promise<readonly unknown[]> {
  await handleOf(workflowId).signal('stop')
  const result = (await handleOf(workflowId).result()) as unknown[]
  const history = (await handleOf(workflowId).fetchHistory()) as unknown as HistoryJson
  const recorded = [{ workflowId, history }]
  expectSameTurns(recorded, await replayer.replay(recorded))
  return result
}

const failures = async (workflowId: string) => {
  const { events } = await handleOf(workflowId).fetchHistory()
  return events.filter(({ eventType }) => eventType === 'EVENT_TYPE_WORKFLOW_TASK_FAILED').length
}

describe('the SDK replays', () => {
  test.each([1, 4, 7])('a run that was reset at its workflow task %i', async (at) => {
    const workflowId = `gambler ${at}`
    await lab.runtime.client.workflow.start('gambler', { workflowId })
    await say(workflowId, 'a', 'b', 'c')
    // The first, and one each for a word, its timer and its activity.
    const tasks = await tasksOf(workflowId, 10)
    await handleOf(workflowId).reset({ eventId: tasks[at - 1] as number, reason: 'to see' })
    await say(workflowId, 'd')
    await tasksOf(workflowId, 13)
    const result = await expectReplay(workflowId)
    expect(await failures(workflowId)).toBe(1)
    const words = result.flatMap((drawn) => (Array.isArray(drawn) ? [String(drawn[0])] : []))
    expect([...new Set(words)]).toEqual(['a', 'b', 'c', 'd'])
  })

  test('a run that was reset twice, and paused in between', async () => {
    const workflowId = 'gambler again'
    await lab.runtime.client.workflow.start('gambler', { workflowId })
    await say(workflowId, 'a', 'b')
    await tasksOf(workflowId, 7)
    await handleOf(workflowId).reset({ type: 'LastWorkflowTask' })
    await say(workflowId, 'c')
    await handleOf(workflowId).pause({ reason: 'for a while' })
    await handleOf(workflowId).signal('say', 'd')
    await handleOf(workflowId).unpause()
    await say(workflowId, 'e')
    const tasks = await tasksOf(workflowId, 16)
    await handleOf(workflowId).reset({ eventId: tasks.at(-3) as number })
    await say(workflowId, 'f')
    await expectReplay(workflowId)
    expect(await failures(workflowId)).toBe(2)
  })
})
