import { subscribe, unsubscribe } from 'node:diagnostics_channel'
import type { DiagnosticsMessages, Runtime } from 'signalbox'
import { expect, onTestFinished, test } from 'vitest'
import { eventually } from '../fixtures/eventually.ts'
import { Lab, numbers, openRuntime } from '../fixtures/lab.ts'
import { add, collector, finish, items } from '../fixtures/workflows.ts'

/** The messages of a channel that are of this runtime, from now on. */
function hear<Name extends keyof DiagnosticsMessages>(
  runtime: Pick<Runtime, 'source'>,
  name: Name,
): DiagnosticsMessages[Name][] {
  const heard: DiagnosticsMessages[Name][] = []
  const listener = (message: unknown): void => {
    const told = message as DiagnosticsMessages[Name]
    if (told.source === runtime.source) heard.push(told)
  }
  subscribe(name, listener)
  onTestFinished(() => {
    unsubscribe(name, listener)
  })
  return heard
}

const sum = (all: readonly number[]): number => all.reduce((total, each) => total + each, 0)

test('the way of a signal is told of once a batch, and every signal is in one', async () => {
  const runtime = await openRuntime({ slots: 1 })
  const commits = hear(runtime, 'signalbox:commit')
  const delivered = hear(runtime, 'signalbox:deliver')
  const turns = hear(runtime, 'signalbox:turn')
  const processed = hear(runtime, 'signalbox:processed')
  const handle = await runtime.client.workflow.start(collector, { workflowId: 'w' })
  await Promise.all(numbers(1_000).map((n) => handle.signal(add, n)))
  expect(await handle.query(items)).toHaveLength(1_000)
  await eventually('the last turn is reported', () => turns.length > 0)

  expect(sum(commits.map(({ inputs }) => inputs))).toBe(1_001)
  // One tick of signals is one commit, or two if the start's was still in flight.
  expect(commits.length).toBeLessThan(10)
  expect(delivered.length).toBeLessThan(20)
  expect(turns.length).toBeLessThan(50)
  expect(processed.length).toBeLessThanOrEqual(commits.length)
  for (const { ackMs, durationMs, inputs } of commits) {
    expect(durationMs).toBeGreaterThan(0)
    if (inputs > 0) expect(ackMs).toBeGreaterThanOrEqual(durationMs)
  }
  const slowest = Math.max(...commits.map(({ ackMs }) => ackMs))
  const last = processed.at(-1)
  expect(last?.durationMs).toBeGreaterThan(0)
  expect(Math.max(...processed.map(({ durationMs }) => durationMs))).toBeGreaterThanOrEqual(
    Math.min(slowest, ...commits.map(({ ackMs }) => ackMs)),
  )
  for (const { bytes, slot } of delivered) {
    expect(bytes).toBeGreaterThan(0)
    expect(slot).toBe(0)
  }
  expect(sum(turns.map(({ turns }) => turns))).toBeGreaterThan(1_000)
})

test('who listens is told of closes, refusals, replays, timers, activities and states', async () => {
  const lab = await Lab.create()
  const activities = { record: async () => 'done' }
  let runtime = await lab.open({ slots: 1, activities })
  const states = hear(runtime, 'signalbox:state')
  const closes = hear(runtime, 'signalbox:close')
  const refused = hear(runtime, 'signalbox:reject')
  const handle = await runtime.client.workflow.start(collector, { workflowId: 'w' })
  const other = await runtime.client.workflow.start(collector, { workflowId: 'other' })
  await handle.signal(add, 1)
  await handle.signal({ signal: finish, waitFor: 'processed' })
  await handle.result()
  await expect(handle.signal(add, 2)).rejects.toMatchObject({
    code: 'SIGNALBOX_ERR_WORKFLOW_NOT_FOUND',
  })
  await other.signal({ signal: add, waitFor: 'processed' }, 1)
  expect(closes).toEqual([
    {
      source: runtime.source,
      namespace: 'default',
      workflowId: 'w',
      runId: handle.firstExecutionRunId,
      workflowType: 'collector',
      status: 'COMPLETED',
    },
  ])
  const code = 'SIGNALBOX_ERR_WORKFLOW_NOT_FOUND'
  expect(refused).toEqual([{ source: runtime.source, operation: 'signal', code }])
  expect(runtime.stats().rejected).toEqual([{ operation: 'signal', code, count: 1 }])
  await lab.close()
  expect(states.map(({ state }) => state)).toEqual(['draining', 'closed'])

  runtime = await lab.open({ slots: 1, activities })
  const replays = hear(runtime, 'signalbox:replay')
  const again = runtime.client.workflow.getHandle<typeof collector>('other')
  expect(await again.query(items)).toEqual([1])
  expect(replays).toMatchObject([{ workflowId: 'other', inputs: 2 }])
  expect(runtime.stats().runs).toMatchObject({ replays: 1, replayedInputs: 2, cached: 1 })
})

test('timers that fire and activities that end are told of', async () => {
  const runtime = await openRuntime({
    slots: 1,
    code: 'activity-workflows.ts',
    activities: {
      errand: async (what: string) => {
        if (what !== 'fails') return what
        throw new Error('not today')
      },
    },
  })
  const ended = hear(runtime, 'signalbox:activity')
  const start = (what: string): Promise<unknown> =>
    runtime.client.workflow.execute('sender', { workflowId: what, args: [what] })
  await start('works')
  await expect(start('fails')).rejects.toThrow('Workflow execution failed')
  expect(ended).toMatchObject([
    { workflowId: 'works', activityType: 'errand', outcome: 'completed', attempt: 1 },
    { workflowId: 'fails', activityType: 'errand', outcome: 'failed', attempt: 3 },
  ])
  for (const { durationMs } of ended) expect(durationMs).toBeGreaterThanOrEqual(0)
  const { activities } = runtime.stats()
  expect(activities).toMatchObject({ pending: 0, running: 0, queued: 0, retries: 2 })
  expect(activities.outcomes).toEqual([
    { activityType: 'errand', outcome: 'completed', count: 1 },
    { activityType: 'errand', outcome: 'failed', count: 1 },
  ])
})

test('a listener that throws harms nobody', async () => {
  const runtime = await openRuntime({ slots: 1 })
  const thrown: unknown[] = []
  const before = process.listeners('uncaughtException')
  process.removeAllListeners('uncaughtException')
  process.on('uncaughtException', (error) => thrown.push(error))
  onTestFinished(() => {
    process.removeAllListeners('uncaughtException')
    for (const listener of before) process.on('uncaughtException', listener)
  })
  const listener = (): void => {
    throw new Error('a listener with a defect')
  }
  subscribe('signalbox:commit', listener)
  const handle = await runtime.client.workflow.start(collector, { workflowId: 'w' })
  await handle.signal({ signal: add, waitFor: 'processed' }, 1)
  unsubscribe('signalbox:commit', listener)
  expect(await handle.query(items)).toEqual([1])
  expect(runtime.state).toBe('serving')
  expect(thrown.length).toBeGreaterThan(0)
})
