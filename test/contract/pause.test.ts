import { describe, expect, test } from 'vitest'
import { type ErrorCode, QueryRejectedError, Runtime, type SignalboxError } from 'signalbox'
import { eventually } from '../fixtures/eventually.ts'
import { Lab, numbers, openRuntime } from '../fixtures/lab.ts'
import {
  add,
  cancellable,
  charge,
  charger,
  collector,
  finish,
  items,
  roll,
  roller,
  ticker,
} from '../fixtures/workflows.ts'

const code = (name: string) => ({ code: `SIGNALBOX_ERR_${name}` as ErrorCode })

async function start(runtime: Runtime, workflowId: string) {
  return runtime.client.workflow.start(collector, { workflowId })
}

async function statuses(runtime: Runtime): Promise<Record<string, number>> {
  const { groups = [] } = await runtime.client.workflow.count('GROUP BY ExecutionStatus')
  return Object.fromEntries(groups.map(({ status, count }) => [status, count]))
}

describe('A paused workflow', () => {
  test('takes signals and handles none until it is unpaused, over a restart', async () => {
    const lab = await Lab.create()
    let runtime = await lab.open()
    let handle = await start(runtime, 'w')
    await handle.signal({ signal: add, waitFor: 'processed' }, 0)
    await handle.pause({ reason: 'the bank is closed', identity: 'Ada' })
    for (const n of numbers(3, 1)) await handle.signal(add, n)
    const paused = {
      status: 'PAUSED',
      mailboxDepth: 4,
      pause: {
        identity: 'Ada',
        reason: 'the bank is closed',
        pausedTime: expect.any(Number) as number,
      },
    }
    expect(await handle.describe()).toMatchObject(paused)
    runtime = await lab.reopen()
    handle = runtime.client.workflow.getHandle('w')
    await handle.signal(add, 4)
    expect(await handle.describe()).toMatchObject({ ...paused, mailboxDepth: 5 })
    const found = []
    for await (const info of runtime.client.workflow.list({
      query: "ExecutionStatus = 'Paused'",
    })) {
      found.push(info.workflowId)
    }
    expect(found).toEqual(['w'])
    expect(await statuses(runtime)).toEqual({ PAUSED: 1 })

    await handle.unpause()
    expect(await handle.query(items)).toEqual(numbers(5))
    const description = await handle.describe()
    expect(description).toMatchObject({ status: 'RUNNING', mailboxDepth: 0 })
    expect(description.pause).toBeUndefined()
    await handle.signal(finish)
    expect(await handle.result()).toEqual(numbers(5))
  })

  test('keeps order and loses nothing when it is paused and unpaused amid a stream of signals', async () => {
    const lab = await Lab.create()
    const runtime = await lab.open()
    const handle = await start(runtime, 'w')
    const sent: Promise<void>[] = []
    for (const n of numbers(3_000)) {
      sent.push(handle.signal(add, n))
      if (n % 300 === 100) sent.push(handle.pause({ requestId: `pause ${n}` }))
      if (n % 300 === 200) sent.push(handle.unpause({ requestId: `unpause ${n}` }))
      if (n % 150 === 0) await new Promise((resolve) => setImmediate(resolve))
    }
    await Promise.all(sent)
    expect(await handle.query(items)).toEqual(numbers(3_000))
    // The same after a replay, and the history counts as the workflow does.
    const again = (await lab.reopen()).client.workflow.getHandle('w')
    expect(await again.query(items)).toEqual(numbers(3_000))
    const { events } = await again.fetchHistory()
    expect((await again.describe()).historyLength).toBe(events.length)
    const pauses = events.filter(({ eventType }) => eventType.endsWith('PAUSED'))
    expect(pauses).toHaveLength(20)
    expect(pauses[1]).toMatchObject({
      eventType: 'EVENT_TYPE_WORKFLOW_EXECUTION_UNPAUSED',
      workflowExecutionUnpausedEventAttributes: { requestId: 'unpause 200' },
      workerMayIgnore: true,
    })
  })

  test('answers no query and takes no update', async () => {
    const runtime = await openRuntime({ code: 'updates.ts' })
    const handle = await runtime.client.workflow.start('account', { workflowId: 'w' })
    await handle.executeUpdate('deposit', { args: [1], updateId: 'before' })
    await handle.pause({ reason: 'for now' })
    await expect(handle.query('total')).rejects.toMatchObject({ rejectedStatus: 'PAUSED' })
    await expect(handle.query('total')).rejects.toBeInstanceOf(QueryRejectedError)
    const refused = { ...code('WORKFLOW_PAUSED'), message: expect.stringContaining('for now') }
    await expect(handle.executeUpdate('deposit', { args: [2] })).rejects.toMatchObject(refused)
    // What it has done already can be asked for.
    expect(await handle.executeUpdate('deposit', { args: [1], updateId: 'before' })).toBe(1)
    await handle.unpause()
    expect(await handle.executeUpdate('deposit', { args: [2] })).toBe(3)
  })

  test('is paused and unpaused once by a request id', async () => {
    const lab = await Lab.create()
    let runtime = await lab.open()
    let handle = await start(runtime, 'w')
    await Promise.all([handle.pause({ requestId: 'p' }), handle.pause({ requestId: 'p' })])
    await expect(handle.pause({ requestId: 'q' })).rejects.toMatchObject(code('WORKFLOW_PAUSED'))
    await expect(handle.pause()).rejects.toMatchObject(code('WORKFLOW_PAUSED'))
    await handle.unpause({ requestId: 'p' })
    await expect(handle.unpause()).rejects.toMatchObject(code('WORKFLOW_NOT_PAUSED'))
    runtime = await lab.reopen()
    handle = runtime.client.workflow.getHandle('w')
    // Late retries change nothing.
    await handle.pause({ requestId: 'p' })
    expect((await handle.describe()).status).toBe('RUNNING')
    await handle.pause({ requestId: 'r' })
    await handle.unpause({ requestId: 'p' })
    expect((await handle.describe()).status).toBe('PAUSED')
    await handle.terminate()
    await expect(handle.unpause()).rejects.toMatchObject(code('WORKFLOW_NOT_FOUND'))
    await expect(runtime.client.workflow.getHandle('nobody').pause()).rejects.toMatchObject(
      code('WORKFLOW_NOT_FOUND'),
    )
    await expect(handle.pause({ reason: 7 as unknown as string })).rejects.toMatchObject(
      code('INVALID_ARGUMENT'),
    )
  })

  test("waits with waitFor: 'processed', and is told of a termination meanwhile", async () => {
    const runtime = await openRuntime()
    const [a, b] = [await start(runtime, 'a'), await start(runtime, 'b')]
    await Promise.all([a.pause(), b.pause()])
    const order: string[] = []
    const handled = a.signal({ signal: add, waitFor: 'processed' }, 1).then(() => order.push('a'))
    const lost = b.signal({ signal: add, waitFor: 'processed' }, 1)
    const refused = expect(lost).rejects.toMatchObject(code('WORKFLOW_NOT_FOUND'))
    await b.terminate('enough')
    await refused
    expect(order).toEqual([])
    await a.unpause()
    await handled
    expect(await a.query(items)).toEqual([1])
    expect((await b.describe()).status).toBe('TERMINATED')
  })

  test('handles a cancellation, timers, results and continue-as-new once it is unpaused', async () => {
    const recorded: string[] = []
    let release = (): void => undefined
    const gate = new Promise<void>((resolve) => {
      release = resolve
    })
    const lab = await Lab.create()
    const runtime = await lab.open({
      activities: {
        record: async (what: string) => {
          await gate
          recorded.push(what)
          return `receipt ${what}`
        },
      },
    })
    const { workflow } = runtime.client
    const cancelled = await workflow.start(cancellable, { workflowId: 'tidy' })
    const ticking = await workflow.start(ticker, { workflowId: 't', args: [1, 1_500] })
    const charging = await workflow.start(charger, { workflowId: 'c' })
    await charging.signal({ signal: charge, waitFor: 'processed' }, 'x')
    const rolling = await workflow.start(roller, { workflowId: 'r' })
    const all = [cancelled, ticking, charging, rolling]
    await eventually('the activity is under way', async () => {
      const { pendingActivities } = await charging.describe()
      return pendingActivities.some(({ state }) => state === 'STARTED')
    })
    // Each has had its first turn.
    for (const handle of all) await handle.query('__temporal_workflow_metadata')
    await Promise.all(all.map((handle) => handle.pause()))
    await cancelled.cancel()
    await rolling.signal(add, 1)
    await rolling.signal(roll)
    await rolling.signal(add, 2)
    release()
    // An attempt that is under way may end, and its result waits as the timer's does.
    await eventually('all of them have what waits', async () => {
      const depths = await Promise.all(
        all.map(async (handle) => (await handle.describe()).mailboxDepth),
      )
      return depths.join() === '2,2,2,4'
    })
    for (const handle of all) expect((await handle.describe()).status).toBe('PAUSED')
    expect(recorded).toEqual(['x'])
    await Promise.all(all.map((handle) => handle.unpause()))
    expect(await cancelled.result()).toBe('receipt tidied')
    expect(await ticking.result()).toBe(1)
    await charging.signal(finish)
    expect(await charging.result()).toEqual(['receipt x'])
    expect(await rolling.query(items)).toEqual([1, 2])
    expect((await rolling.describe()).runId).not.toBe(rolling.firstExecutionRunId)
  })

  test('begins no attempt of an activity, over a restart, and all of them afterwards', async () => {
    const attempts: string[] = []
    let open = false
    const activities = {
      record: async (what: string) => {
        attempts.push(what)
        if (!open) throw new Error('not yet')
        return `receipt ${what}`
      },
    }
    const lab = await Lab.create()
    let runtime = await lab.open({ activities })
    const handle = await runtime.client.workflow.start(charger, { workflowId: 'w' })
    await runtime.client.workflow.start(charger, { workflowId: 'other' })
    await handle.signal({ signal: charge, waitFor: 'processed' }, 'w')
    await eventually('it was tried', async () => attempts.length > 0)
    await handle.pause()
    // One that is under way may fail yet; no other one begins, whatever its back-off.
    await eventually('it waits', async () => {
      const [pending] = (await handle.describe()).pendingActivities
      return pending?.state === 'SCHEDULED'
    })
    const before = attempts.length
    runtime = await lab.reopen({ activities })
    open = true
    // Others are not held: by the time that theirs is done, an attempt of the paused one would have begun.
    const free = runtime.client.workflow.getHandle<typeof charger>('other')
    await free.signal(charge, 'free')
    await free.signal(finish)
    expect(await free.result()).toEqual(['receipt free'])
    expect(attempts.slice(before)).toEqual(['free'])
    const paused = runtime.client.workflow.getHandle<typeof charger>('w')
    await paused.unpause()
    await paused.signal(finish)
    expect(await paused.result()).toEqual(['receipt w'])
    expect(attempts.slice(before)).toEqual(['free', 'w'])
  })

  test('does not stand in the way of others, and its own mailbox has its bound', async () => {
    const runtime = await openRuntime({ limits: { maxWaitingInputs: 40, maxMailboxDepth: 60 } })
    const [paused, other] = [await start(runtime, 'paused'), await start(runtime, 'other')]
    // Its first turn is over, so that nothing but the pause waits beside the signals.
    await paused.query(items)
    await paused.pause()
    for (const n of numbers(59)) await paused.signal(add, n)
    await expect(paused.signal(add, 60)).rejects.toMatchObject(code('MAILBOX_FULL'))
    for (const n of numbers(10)) await other.signal({ signal: add, waitFor: 'processed' }, n)
    expect(await other.query(items)).toEqual(numbers(10))
    await paused.unpause()
    expect(await paused.query(items)).toEqual(numbers(59))
    await other.signal({ signal: add, waitFor: 'processed' }, 10)
  })

  test('stays where it is in its closing turn, and closes later with what came meanwhile', async () => {
    const runtime = await openRuntime()
    const handles = await Promise.all(numbers(20).map((n) => start(runtime, `w-${n}`)))
    await Promise.all(
      handles.map(async (handle) => {
        const closed = handle.signal(finish)
        const paused = handle.pause().then(
          () => true,
          (error: SignalboxError) => {
            expect(error).toMatchObject(code('WORKFLOW_NOT_FOUND'))
            return false
          },
        )
        await closed
        if (!(await paused)) return
        await handle.signal(add, 1)
        await handle.unpause()
      }),
    )
    for (const handle of handles) expect([[], [1]]).toContainEqual(await handle.result())
  })
})
