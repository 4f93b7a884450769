import { describe, expect, test } from 'vitest'
import { type ErrorCode, Runtime, TerminatedFailure, type WorkflowHandle } from 'signalbox'
import { eventually } from '../fixtures/eventually.ts'
import { Lab, numbers, openRuntime } from '../fixtures/lab.ts'
import {
  add,
  charge,
  charger,
  collector,
  dice,
  finish,
  items,
  roll,
  roller,
  rolls,
  ticker,
  ticks,
} from '../fixtures/workflows.ts'

const code = (name: string) => ({ code: `SIGNALBOX_ERR_${name}` as ErrorCode })

type Attributes = Readonly<Record<string, unknown>>

async function eventsOf(handle: WorkflowHandle, type: string) {
  const { events } = await handle.fetchHistory()
  const found = events.filter(({ eventType }) => eventType === `EVENT_TYPE_${type}`)
  return found.map(({ eventId, ...event }) => ({
    id: Number(eventId),
    attributes: Object.entries(event).find(([name]) =>
      name.endsWith('Attributes'),
    )?.[1] as Attributes,
  }))
}

async function tasksOf(handle: WorkflowHandle): Promise<number[]> {
  return (await eventsOf(handle, 'WORKFLOW_TASK_COMPLETED')).map(({ id }) => id)
}

/** A workflow that has handled `values`, a signal and a turn each. */
async function collecting(runtime: Runtime, workflowId: string, values: readonly number[]) {
  const handle = await runtime.client.workflow.start(collector, { workflowId })
  for (const n of values) await handle.signal({ signal: add, waitFor: 'processed' }, n)
  return handle
}

const current = (runtime: Runtime, workflowId: string) =>
  runtime.client.workflow.getHandle<typeof collector>(workflowId)

/** A run that a reset has just made has not completed a task: then it cannot be reset. */
async function resetWhenItCan(
  runtime: Runtime,
  type: 'FirstWorkflowTask' | 'LastWorkflowTask',
  requestId: string,
): Promise<void> {
  await eventually('it has been reset', () =>
    current(runtime, 'w')
      .reset({ type, requestId })
      .then(
        () => true,
        (error: unknown) => {
          expect(error).toMatchObject(code('INVALID_ARGUMENT'))
          return false
        },
      ),
  )
}

describe('Reset', () => {
  test('begins anew at a workflow task with what came after it, and both runs tell', async () => {
    const lab = await Lab.create()
    let runtime = await lab.open()
    const old = await collecting(runtime, 'w', numbers(5))
    const tasks = await tasksOf(old)
    expect(tasks).toHaveLength(6)
    const { runId } = await old.reset({
      eventId: tasks[2] as number,
      reason: 'mended',
      identity: 'Ada',
    })
    let handle = current(runtime, 'w')
    expect(await handle.query(items)).toEqual(numbers(5))
    await handle.signal(add, 5)

    const first = runtime.client.workflow.getHandle('w', old.firstExecutionRunId)
    expect(await first.describe()).toMatchObject({ status: 'TERMINATED', resetRunId: runId })
    await expect(first.result()).rejects.toMatchObject({
      ...code('WORKFLOW_FAILED'),
      cause: expect.any(TerminatedFailure) as Error,
      message: 'mended',
    })
    const description = await handle.describe()
    expect(description).toMatchObject({
      status: 'RUNNING',
      runId,
      firstExecutionRunId: old.firstExecutionRunId,
      reset: { baseRunId: old.firstExecutionRunId, eventId: tasks[2], reason: 'mended' },
    })
    const [failed] = await eventsOf(handle, 'WORKFLOW_TASK_FAILED')
    expect(failed).toMatchObject({
      id: tasks[2],
      attributes: {
        cause: 'WORKFLOW_TASK_FAILED_CAUSE_RESET_WORKFLOW',
        baseRunId: old.firstExecutionRunId,
        newRunId: runId,
        failure: { message: 'mended', resetWorkflowFailureInfo: {} },
      },
    })
    expect((await tasksOf(handle)).slice(0, 2)).toEqual(tasks.slice(0, 2))
    // A replay of its own records gives the same, and counts the same events.
    runtime = await lab.reopen()
    handle = current(runtime, 'w')
    expect(await handle.query(items)).toEqual(numbers(6))
    const { events } = await handle.fetchHistory()
    expect((await handle.describe()).historyLength).toBe(events.length)
    await handle.signal(finish)
    expect(await handle.result()).toEqual(numbers(6))
  })

  test('refuses an event that is no workflow task, and says which there are', async () => {
    const runtime = await openRuntime()
    const handle = await collecting(runtime, 'w', [1])
    const [first = 0, second = 0] = await tasksOf(handle)
    for (const eventId of [1, first - 2, first + 1, 1_000]) {
      await expect(handle.reset({ eventId })).rejects.toMatchObject({
        ...code('INVALID_ARGUMENT'),
        message: expect.stringContaining(`the first is ${first}, the last ${second}`) as string,
      })
    }
    for (const options of [
      {},
      { eventId: 0 },
      { eventId: 1.5 },
      { eventId: 4, type: 'LastWorkflowTask' },
    ]) {
      await expect(handle.reset(options as object)).rejects.toMatchObject(code('INVALID_ARGUMENT'))
    }
    const nobody = runtime.client.workflow.getHandle('nobody')
    await expect(nobody.reset({ eventId: 4 })).rejects.toMatchObject(code('WORKFLOW_NOT_FOUND'))
    const delayed = await runtime.client.workflow.start(collector, {
      workflowId: 'delayed',
      startDelay: '1 hour',
    })
    await expect(delayed.reset({ type: 'FirstWorkflowTask' })).rejects.toMatchObject({
      ...code('INVALID_ARGUMENT'),
      message: expect.stringContaining('has not completed a workflow task') as string,
    })
    // It goes on as if nothing had been.
    await handle.signal(add, 2)
    expect(await handle.query(items)).toEqual([1, 2])
    expect((await handle.describe()).runId).toBe(handle.firstExecutionRunId)
  })

  test('loses and repeats no signal that comes before, during or after it', async () => {
    const lab = await Lab.create()
    const runtime = await lab.open()
    const handle = await runtime.client.workflow.start(collector, { workflowId: 'w' })
    const sent: Promise<unknown>[] = []
    for (const n of numbers(2_000)) {
      const requestId = `s-${n}`
      const waitFor = n % 5 === 0 ? 'processed' : 'durable'
      sent.push(handle.signal({ signal: add, requestId, waitFor }, n))
      if (n % 200 === 100) {
        const type = n % 400 === 100 ? 'FirstWorkflowTask' : 'LastWorkflowTask'
        sent.push(resetWhenItCan(runtime, type, `r-${n}`))
      }
      if (n % 50 === 0) await new Promise((resolve) => setImmediate(resolve))
    }
    await Promise.all(sent)
    const after = current(runtime, 'w')
    // Retries of all of them, to whatever run they went.
    await Promise.all(
      numbers(2_000).map((n) => after.signal({ signal: add, requestId: `s-${n}` }, n)),
    )
    expect(await after.query(items)).toEqual(numbers(2_000))
    const again = current(await lab.reopen(), 'w')
    await again.signal({ signal: add, requestId: 's-1' }, 1)
    expect(await again.query(items)).toEqual(numbers(2_000))
  })

  test('is done once by a request id', async () => {
    const lab = await Lab.create()
    let runtime = await lab.open()
    const handle = await collecting(runtime, 'w', [1, 2])
    const reset = { type: 'FirstWorkflowTask', requestId: 'r' } as const
    const [a, b] = await Promise.all([handle.reset(reset), handle.reset(reset)])
    expect(b).toEqual(a)
    runtime = await lab.reopen()
    expect(await current(runtime, 'w').reset(reset)).toEqual(a)
    expect(await current(runtime, 'w').query(items)).toEqual([1, 2])
    await current(runtime, 'w').reset({ type: 'LastWorkflowTask' })
    expect(await current(runtime, 'w').reset(reset)).toEqual(a)
    expect(await runtime.client.workflow.count()).toEqual({ count: 3 })
    expect(await current(runtime, 'w').query(items)).toEqual([1, 2])
  })

  test('of a base that was reset before keeps who waits for a signal waiting', async () => {
    const runtime = await openRuntime()
    const { runId } = await (await collecting(runtime, 'w', [1])).describe()
    const base = runtime.client.workflow.getHandle('w', runId)
    const latest = current(runtime, 'w')
    await latest.pause()
    const waiting = latest.signal({ signal: add, waitFor: 'processed' }, 2)
    // Once this one is durable a reset has nothing to wait for.
    await latest.signal(add, 3)
    // The run that this makes is paused before it has taken a turn.
    await Promise.all([base.reset({ type: 'FirstWorkflowTask' }), latest.pause()])
    await base.reset({ type: 'FirstWorkflowTask' })
    expect(await waiting).toEqual({ processed: true })
    expect(await latest.query(items)).toEqual([1, 2, 3])
  })

  test('leaves out what it is told to leave out', async () => {
    const runtime = await openRuntime()
    const handle = await collecting(runtime, 'w', numbers(4))
    const tasks = await tasksOf(handle)
    await handle.reset({ eventId: (tasks[2] as number) - 1, reapplyExclude: ['SIGNAL'] })
    // The signal of the task itself came before the point.
    expect(await current(runtime, 'w').query(items)).toEqual([0, 1])
  })

  test('takes up a workflow that has closed, and one that cannot go on', async () => {
    const lab = await Lab.create()
    const runtime = await lab.open()
    const closed = await collecting(runtime, 'closed', [1])
    await closed.signal(finish)
    await closed.result()
    await closed.reset({ type: 'FirstWorkflowTask', reapplyExclude: ['SIGNAL'] })
    const again = current(runtime, 'closed')
    expect(await again.query(items)).toEqual([])
    await again.signal(add, 7)
    await again.signal(finish)
    expect(await again.result()).toEqual([7])

    const terminated = await collecting(runtime, 'terminated', [1, 2])
    await terminated.terminate()
    await terminated.reset({ type: 'LastWorkflowTask' })
    expect(await current(runtime, 'terminated').query(items)).toEqual([1, 2])

    const paused = await collecting(runtime, 'paused', [1])
    await paused.pause()
    await paused.signal(add, 2)
    await paused.reset({ type: 'LastWorkflowTask' })
    expect(await current(runtime, 'paused').query(items)).toEqual([1, 2])
  })

  test('draws the same random numbers before the point and others after it', async () => {
    const lab = await Lab.create()
    const runtime = await lab.open()
    const handle = await runtime.client.workflow.start(dice, { workflowId: 'w' })
    for (const _ of numbers(4)) await handle.signal({ signal: roll, waitFor: 'processed' })
    const before = await handle.query(rolls)
    const tasks = await tasksOf(handle)
    await handle.reset({ eventId: tasks[3] as number })
    const after = runtime.client.workflow.getHandle<typeof dice>('w')
    const thrown = await after.query(rolls)
    expect(thrown).toHaveLength(4)
    expect(thrown.slice(0, 2)).toEqual(before.slice(0, 2))
    for (const at of [2, 3]) expect(thrown[at]?.id).not.toBe(before[at]?.id)
    // A second reset, over the first one, and a replay of it.
    await after.reset({ type: 'LastWorkflowTask' })
    const last = runtime.client.workflow.getHandle<typeof dice>('w')
    const twice = await last.query(rolls)
    expect(twice.slice(0, 3)).toEqual(thrown.slice(0, 3))
    const replayed = (await lab.reopen()).client.workflow.getHandle<typeof dice>('w')
    expect(await replayed.query(rolls)).toEqual(twice)
    await replayed.signal(finish)
    expect(await replayed.result()).toEqual(twice)
  })

  test('keeps timers with their times, and does activities anew', async () => {
    const attempts: string[] = []
    let answer = false
    const lab = await Lab.create()
    const runtime = await lab.open({
      activities: {
        record: async (what: string) => {
          attempts.push(what)
          await eventually('it may answer', async () => answer)
          return `receipt ${what}`
        },
      },
    })
    const { workflow } = runtime.client
    const ticking = await workflow.start(ticker, { workflowId: 't', args: [3, 300] })
    await eventually('it ticks', async () => (await ticking.query(ticks)) === 1)
    await eventually('the next timer is on disk', async () => {
      return (await eventsOf(ticking, 'TIMER_STARTED')).length === 2
    })
    await ticking.reset({ type: 'LastWorkflowTask' })
    expect(await workflow.getHandle('t').result()).toBe(3)

    const charging = await workflow.start(charger, { workflowId: 'c' })
    await charging.signal({ signal: charge, waitFor: 'processed' }, 'a')
    await charging.signal({ signal: charge, waitFor: 'processed' }, 'b')
    await eventually('the first attempt is under way', async () => attempts.length === 1)
    // The activity was asked for before the last task: it is the same command, and another attempt.
    await charging.reset({ type: 'LastWorkflowTask' })
    await eventually('it is tried anew', async () => attempts.length === 2)
    answer = true
    const anew = workflow.getHandle<typeof charger>('c')
    await anew.signal(finish)
    expect(await anew.result()).toEqual(['receipt a', 'receipt b'])
    expect(attempts).toEqual(['a', 'a', 'b'])
    expect(await eventsOf(anew, 'ACTIVITY_TASK_SCHEDULED')).toHaveLength(2)
  })

  test('sends what later runs of the chain were sent, each signal once', async () => {
    const runtime = await openRuntime()
    const handle = await runtime.client.workflow.start(roller, { workflowId: 'w' })
    const send = (n: number) => handle.signal({ signal: add, waitFor: 'processed' }, n)
    await send(1)
    await send(2)
    await handle.signal({ signal: roll, waitFor: 'processed' })
    await send(3)
    await handle.signal({ signal: roll, waitFor: 'processed' })
    await send(4)
    const base = runtime.client.workflow.getHandle<typeof roller>('w', handle.firstExecutionRunId)
    const tasks = await tasksOf(base)
    await base.reset({ eventId: tasks[1] as number })
    // Its two rolls are sent again, too: the runs that continue it have the rest.
    const last = runtime.client.workflow.getHandle<typeof roller>('w')
    await eventually('it has rolled', async () => (await last.describe()).historyLength > 3)
    expect(await last.query(items)).toEqual([1, 2, 3, 4])
    // And once more from the first run, over the reset.
    await last.signal({ signal: add, waitFor: 'processed' }, 5)
    await base.reset({ eventId: tasks[0] as number })
    const again = runtime.client.workflow.getHandle<typeof roller>('w')
    expect(await again.query(items)).toEqual([1, 2, 3, 4, 5])
  })

  test('gives updates to the new run, and who waits for them their outcome', async () => {
    const runtime = await openRuntime({ code: 'updates.ts' })
    const handle = await runtime.client.workflow.start('account', { workflowId: 'w' })
    await handle.executeUpdate('deposit', { args: [1], updateId: 'first' })
    await expect(
      handle.executeUpdate('deposit', { args: [-1], updateId: 'bad' }),
    ).rejects.toMatchObject(code('UPDATE_FAILED'))
    const waiting = handle.executeUpdate<string>('gated', { args: ['x'], updateId: 'gated' })
    await eventually('it is accepted', async () =>
      (await handle.query<string[]>('trace')).includes('gated x'),
    )
    await handle.executeUpdate('deposit', { args: [2], updateId: 'second' })
    const tasks = await tasksOf(handle)
    await handle.reset({ eventId: tasks[1] as number })
    const after = runtime.client.workflow.getHandle('w')
    // Not 'bad', which was rejected: whoever asks again is told so or it is a new update.
    expect(await after.query('trace')).toEqual(['deposit 1', 'gated x', 'deposit 2'])
    await after.signal('open')
    expect(await waiting).toBe('x through')
    expect(await after.executeUpdate('deposit', { args: [2], updateId: 'second' })).toBe(3)
    expect(await after.query('total')).toBe(3)
    const resetAgain = await tasksOf(after)
    await after.reset({ eventId: resetAgain.at(-1) as number, reapplyExclude: ['UPDATE'] })
    const last = runtime.client.workflow.getHandle('w')
    expect(await last.executeUpdate('deposit', { args: [9], updateId: 'first' })).toBe(1)
    expect(await last.query('total')).toBe(3)
  })

  test('copies at most maxResetBytes', async () => {
    const runtime = await openRuntime({ limits: { maxResetBytes: 1_000 } })
    const handle = await collecting(runtime, 'w', numbers(3))
    for (const n of numbers(100)) await handle.signal(add, `some text that takes room ${n}`)
    await handle.query(items)
    await expect(handle.reset({ type: 'LastWorkflowTask' })).rejects.toMatchObject(
      code('RESET_TOO_LARGE'),
    )
    // Nothing is copied then, but all signals are given again.
    await expect(handle.reset({ type: 'FirstWorkflowTask' })).rejects.toMatchObject(
      code('RESET_TOO_LARGE'),
    )
    expect(await current(runtime, 'w').query(items)).toHaveLength(103)
    await handle.reset({ type: 'FirstWorkflowTask', reapplyExclude: ['SIGNAL'] })
    expect((await current(runtime, 'w').query(items)).length).toBeLessThan(103)
  })

  test('copies a long history in several records', async () => {
    const lab = await Lab.create()
    const runtime = await lab.open()
    const handle = await runtime.client.workflow.start(collector, { workflowId: 'w' })
    await Promise.all(numbers(5_000).map((n) => handle.signal(add, n)))
    await handle.query(items)
    await handle.reset({ type: 'LastWorkflowTask' })
    expect(await current(runtime, 'w').query(items)).toEqual(numbers(5_000))
    expect(await current(await lab.reopen(), 'w').query(items)).toEqual(numbers(5_000))
  })
})

describe('A reset beside other ends of the run', () => {
  test('leaves one open run, whoever terminates and starts the workflow meanwhile', async () => {
    const runtime = await openRuntime()
    const { workflow } = runtime.client
    for (const n of numbers(10)) {
      const workflowId = `w-${n}`
      const handle = await collecting(runtime, workflowId, [1])
      await Promise.all([
        handle.signal(add, 2),
        handle.reset({ type: 'FirstWorkflowTask' }),
        handle.terminate('enough'),
        workflow.start(collector, { workflowId, workflowIdReusePolicy: 'ALLOW_DUPLICATE' }),
      ])
      const runs = []
      for await (const run of workflow.list({ query: `WorkflowId = '${workflowId}'` }))
        runs.push(run)
      expect(runs.filter(({ status }) => status === 'RUNNING')).toHaveLength(1)
      expect((await current(runtime, workflowId).describe()).status).toBe('RUNNING')
    }
  })

  test('is told of by its base, though that was forgotten while the reset waited', async () => {
    const runtime = await openRuntime({ limits: { maxCachedWorkflows: 1 } })
    const handles = []
    for (const n of numbers(20)) {
      const handle = await collecting(runtime, `w-${n}`, [1])
      await handle.terminate('enough')
      handles.push(handle)
    }
    const resets = await Promise.all(
      handles.map((handle) => handle.reset({ type: 'LastWorkflowTask' })),
    )
    for (const [at, handle] of handles.entries()) {
      const base = runtime.client.workflow.getHandle(handle.workflowId, handle.firstExecutionRunId)
      expect(JSON.stringify(await base.describe())).toContain(resets[at]?.runId ?? 'no run')
    }
  })
})
