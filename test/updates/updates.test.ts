import { getEventListeners } from 'node:events'
import {
  ApplicationFailure,
  WorkflowNotFoundError,
  WorkflowUpdateFailedError,
  WorkflowUpdateRPCTimeoutOrCancelledError,
} from 'signalbox'
import { describe, expect, test } from 'vitest'
import { eventually } from '../fixtures/eventually.ts'
import { Lab, numbers, openRuntime } from '../fixtures/lab.ts'
import {
  account,
  breakDown,
  clocked,
  close,
  deposit,
  doubled,
  finish,
  gated,
  late,
  meddle,
  meddled,
  open,
  put,
  roll,
  total,
  trace,
} from '../fixtures/updates.ts'

const code = 'updates.ts'
const activities = { record: (what: string) => `recorded ${what}` }

/** The event types of a history, and that its length is the one told by describe. */
async function eventTypes(handle: {
  fetchHistory(): Promise<{ events: readonly { eventType: string; eventId: string }[] }>
  describe(): Promise<{ historyLength: number }>
}): Promise<string[]> {
  const { events } = await handle.fetchHistory()
  expect(events.map(({ eventId }) => eventId)).toEqual(numbers(events.length, 1).map(String))
  expect((await handle.describe()).historyLength).toBe(events.length)
  return events.map(({ eventType }) => eventType.replace('EVENT_TYPE_', ''))
}

describe('an update', () => {
  test('gives what its handler returns, and is refused by its validator', async () => {
    const { client } = await openRuntime({ code, activities })
    const handle = await client.workflow.start(account, { workflowId: 'w' })
    expect(await handle.executeUpdate(deposit, { args: [5] })).toBe(5)
    expect(await handle.executeUpdate(doubled, { args: [4] })).toBe('recorded doubled 4')
    const refused = handle.executeUpdate(deposit, { args: [-1] })
    await expect(refused).rejects.toThrow(WorkflowUpdateFailedError)
    await expect(refused).rejects.toMatchObject({
      code: 'SIGNALBOX_ERR_UPDATE_FAILED',
      message: 'Workflow Update failed',
      cause: { message: 'refused -1', type: 'Error' },
    })
    expect(await handle.query(total)).toBe(13)
  })

  test('fails alone by a failure, and holds the run up by any other error', async () => {
    const { client } = await openRuntime({ code, limits: { parkBackoffMs: 60_000 } })
    const handle = await client.workflow.start(account, { workflowId: 'w' })
    const failed = handle.executeUpdate(deposit, { args: [13] })
    await expect(failed).rejects.toMatchObject({
      cause: { message: 'unlucky', type: 'Unlucky' },
    })
    await expect(failed.catch((error: Error) => error.cause)).resolves.toBeInstanceOf(
      ApplicationFailure,
    )
    expect(await handle.query(total)).toBe(13)
    const stuck = await handle.startUpdate(breakDown, { waitForStage: 'ADMITTED', updateId: 'u' })
    const parked = await eventually('parked', async () => (await handle.describe()).parked)
    expect(parked.reason).toContain('a defect in the handler')
    await expect(stuck.result({ timeout: 1 })).rejects.toThrow(
      WorkflowUpdateRPCTimeoutOrCancelledError,
    )
  })

  test('without a handler by the end of its turn is rejected', async () => {
    const { client } = await openRuntime({ code })
    const handle = await client.workflow.start(account, { workflowId: 'w' })
    await expect(handle.executeUpdate('nothing')).rejects.toMatchObject({
      cause: {
        message: expect.stringMatching(/^No registered handler for update: nothing\. .*\[.+\]$/),
        nonRetryable: true,
      },
    })
    const other = await client.workflow.start(late, { workflowId: 'l' })
    await expect(other.executeUpdate('early')).rejects.toThrow(WorkflowUpdateFailedError)
    await eventually('the default handler is there', () =>
      other.query(trace).catch(() => undefined),
    )
    expect(await other.executeUpdate('any', { args: [1, 2], updateId: 'u-1' })).toBe(1)
    await expect(other.executeUpdate('__temporal_x')).rejects.toMatchObject({
      cause: { message: expect.stringContaining('reserved prefix') as string },
    })
    await other.signal(finish)
    expect(await other.result()).toEqual(['any [1,2] u-1', 'finish'])
  })

  test('comes in the order of the mailbox, between signals', async () => {
    const { client } = await openRuntime({ code })
    const handle = await client.workflow.start(account, { workflowId: 'w' })
    const sent = numbers(50).map((n) =>
      n % 2 === 0 ? handle.signal(put, n) : handle.executeUpdate(deposit, { args: [n * 100] }),
    )
    await Promise.all(sent)
    expect(await handle.query(trace)).toEqual(
      numbers(50).map((n) => (n % 2 === 0 ? `put ${n}` : `deposit ${n * 100}`)),
    )
  })

  test('tells its stages, and its outcome to whoever asks with its id', async () => {
    const { client } = await openRuntime({ code })
    const handle = await client.workflow.start(account, { workflowId: 'w' })
    const accepted = await handle.startUpdate(gated, {
      args: ['a'],
      updateId: 'u-1',
      waitForStage: 'ACCEPTED',
    })
    expect(accepted).toMatchObject({ updateId: 'u-1', workflowId: 'w' })
    expect(accepted.workflowRunId).toBe((await handle.describe()).runId)
    const again = handle.executeUpdate(gated, { args: ['other'], updateId: 'u-1' })
    const asked = handle.getUpdateHandle<string>('u-1').result()
    await expect(
      handle.executeUpdate(gated, {
        args: ['a'],
        updateId: 'u-1',
        abortSignal: AbortSignal.abort(),
      }),
    ).rejects.toMatchObject({ code: 'SIGNALBOX_ERR_UPDATE_TIMEOUT', fields: { stage: 'ACCEPTED' } })
    await handle.signal(open)
    expect(await Promise.all([accepted.result(), again, asked])).toEqual(
      Array.from({ length: 3 }, () => 'a through'),
    )
    await handle.signal(finish)
    expect((await handle.result()).trace).toEqual(['gated a', 'through a'])
    expect(await handle.getUpdateHandle('u-1').result()).toBe('a through')
    expect(await handle.executeUpdate(gated, { args: ['late'], updateId: 'u-1' })).toBe('a through')
    await expect(handle.executeUpdate(deposit, { args: [1] })).rejects.toThrow(/already completed/)
    await expect(handle.getUpdateHandle('u-2').result()).rejects.toThrow(WorkflowNotFoundError)
  })

  test('leaves nothing on the signal of who asks again for what it has reached', async () => {
    const { client } = await openRuntime({ code })
    const handle = await client.workflow.start(account, { workflowId: 'w' })
    const { signal: abortSignal } = new AbortController()
    const args: [string] = ['a']
    const asked = { args, updateId: 'u-1', waitForStage: 'ACCEPTED', abortSignal } as const
    for (const _ of numbers(3)) await handle.startUpdate(gated, asked)
    expect(getEventListeners(abortSignal, 'abort')).toEqual([])
  })

  test('keeps one outcome for its id, a rejection too, across a restart', async () => {
    const lab = await Lab.create()
    const first = await lab.open({ code })
    const before = await first.client.workflow.start(account, { workflowId: 'w' })
    await before.executeUpdate(deposit, { args: [5], updateId: 'done' })
    await before.executeUpdate(deposit, { args: [-5], updateId: 'refused' }).catch(() => undefined)
    await before.startUpdate(gated, { args: ['a'], updateId: 'open', waitForStage: 'ACCEPTED' })
    const { client } = await lab.reopen({ code })
    const handle = client.workflow.getHandle<typeof account>('w')
    const waiting = handle.executeUpdate(gated, { args: ['b'], updateId: 'open' })
    expect(await handle.executeUpdate(deposit, { args: [7], updateId: 'done' })).toBe(5)
    await expect(
      handle.executeUpdate(deposit, { args: [7], updateId: 'refused' }),
    ).rejects.toMatchObject({ cause: { message: 'refused -5' } })
    expect(await handle.query(trace)).toEqual(['deposit 5', 'gated a'])
    await handle.signal(open)
    expect(await waiting).toBe('a through')
  })
})

describe('history', () => {
  test('has an update when it is accepted and when it is over, and no trace of a rejected one', async () => {
    const { client } = await openRuntime({ code })
    const handle = await client.workflow.start(account, { workflowId: 'w' })
    await handle.executeUpdate(deposit, { args: [5], updateId: 'u-1' })
    await handle.executeUpdate(deposit, { args: [-5] }).catch(() => undefined)
    await handle.executeUpdate(deposit, { args: [13] }).catch(() => undefined)
    await handle.startUpdate(gated, { args: ['a'], waitForStage: 'ACCEPTED' })
    await handle.signal(open)
    await handle.signal(finish)
    await handle.result()
    const task = ['WORKFLOW_TASK_SCHEDULED', 'WORKFLOW_TASK_STARTED', 'WORKFLOW_TASK_COMPLETED']
    const accepted = 'WORKFLOW_EXECUTION_UPDATE_ACCEPTED'
    const completed = 'WORKFLOW_EXECUTION_UPDATE_COMPLETED'
    const signaled = 'WORKFLOW_EXECUTION_SIGNALED'
    expect(await eventTypes(handle)).toEqual(
      [
        ['WORKFLOW_EXECUTION_STARTED', ...task],
        [...task, accepted, completed],
        [...task, accepted, completed],
        [...task, accepted],
        [signaled, ...task, completed],
        [signaled, ...task, 'WORKFLOW_EXECUTION_COMPLETED'],
      ].flat(),
    )
    const { events } = await handle.fetchHistory()
    expect(events[7]).toMatchObject({
      workflowExecutionUpdateAcceptedEventAttributes: {
        protocolInstanceId: 'u-1',
        acceptedRequestMessageId: 'u-1/request',
        acceptedRequestSequencingEventId: '5',
        acceptedRequest: { meta: { updateId: 'u-1' }, input: { name: 'deposit' } },
      },
    })
    expect(events[8]).toMatchObject({
      workflowExecutionUpdateCompletedEventAttributes: {
        meta: { updateId: 'u-1' },
        acceptedEventId: '8',
        outcome: { success: { payloads: [{ data: 'NQ==' }] } },
      },
    })
    expect(events[13]).toMatchObject({
      workflowExecutionUpdateCompletedEventAttributes: {
        outcome: { failure: { message: 'unlucky' } },
      },
    })
  })

  test('shows the time and length that the code saw, also after a replay', async () => {
    const lab = await Lab.create()
    const { client } = await lab.open({ code })
    const handle = await client.workflow.start(clocked, { workflowId: 'w' })
    for (const n of [1, -1, -2, 2, -3]) {
      await handle.executeUpdate(deposit, { args: [n] }).catch(() => undefined)
      await handle.signal(put, n)
    }
    const seen = await handle.query(trace)
    await eventTypes(handle)
    const { events } = await handle.fetchHistory()
    const tasks = events.filter(({ eventType }) => eventType === 'EVENT_TYPE_WORKFLOW_TASK_STARTED')
    expect(
      tasks.slice(1).map(({ eventTime, eventId }) => `${Date.parse(eventTime)} ${eventId}`),
    ).toEqual(seen.map((line) => line.replace(/^\w+ /, '')))
    expect(seen.map((line) => line.split(' ')[0])).toEqual([
      'deposit',
      'put',
      'put',
      'put',
      'deposit',
      'put',
      'put',
    ])
    const reopened = await lab.reopen({ code })
    expect(await reopened.client.workflow.getHandle('w').query(trace)).toEqual(seen)
  })
})

describe('a validator', () => {
  test('that tries to change the run has its update rejected, and nothing of it shows', async () => {
    const lab = await Lab.create()
    const { client } = await lab.open({ code, activities })
    const handle = await client.workflow.start(meddled, { workflowId: 'w' })
    const plain = await client.workflow.start(meddled, { workflowId: 'plain' })
    for (const how of ['sleep', 'condition', 'activity', 'caught', 'promise']) {
      await expect(handle.executeUpdate(meddle, { args: [how] }), how).rejects.toMatchObject({
        cause: { type: 'DeterminismViolationError' },
      })
      expect(await handle.executeUpdate(meddle, { args: ['fine'] })).toBe('fine')
    }
    await handle.executeUpdate(meddle, { args: ['random'] })
    await plain.executeUpdate(meddle, { args: ['fine'] })
    const drawn = await handle.query<number[]>('numbers')
    expect(drawn.length).toBe(6)
    const again = await lab.reopen({ code })
    const after = again.client.workflow.getHandle<typeof meddled>('w')
    expect(await after.query<number[]>('numbers')).toEqual(drawn)
    expect((await after.describe()).parked).toBeUndefined()
    await after.signal(finish)
    expect(await after.result()).toEqual(drawn)
  })
})

describe('a run that closes', () => {
  test('fails updates that it accepted and did not finish', async () => {
    const { client } = await openRuntime({ code })
    for (const how of ['finish', 'terminate', 'roll']) {
      const handle = await client.workflow.start(account, { workflowId: how })
      const update = await handle.startUpdate(gated, { args: ['a'], waitForStage: 'ACCEPTED' })
      const result = update.result()
      // It may be over before anybody looks.
      result.catch(() => undefined)
      await (how === 'terminate'
        ? handle.terminate()
        : handle.signal(how === 'roll' ? roll : finish))
      const failure = {
        cause: {
          type: 'AcceptedUpdateCompletedWorkflow',
          message:
            'Workflow Update failed because the Workflow completed before the Update completed.',
        },
      }
      await expect(result, how).rejects.toMatchObject(failure)
      await expect(update.result(), how).rejects.toMatchObject(failure)
    }
  })

  test('has what came before its end, also the update that ends it', async () => {
    const { client } = await openRuntime({ code })
    for (const round of numbers(20)) {
      const handle = await client.workflow.start(account, { workflowId: `w${round}` })
      const acknowledged: number[] = []
      const sending = numbers(30).map(async (n) => {
        const accepted = await handle
          .executeUpdate(deposit, { args: [n + 100], updateId: `u${n}` })
          .then(
            () => true,
            (error: unknown) => {
              expect(error).toMatchObject({ code: 'SIGNALBOX_ERR_WORKFLOW_NOT_FOUND' })
              return false
            },
          )
        if (accepted) acknowledged.push(n + 100)
        if (n === 7) await handle.executeUpdate(close)
      })
      await Promise.all(sending)
      const { sum } = await handle.result()
      expect(sum).toBe(acknowledged.reduce((a, b) => a + b, 0))
      await eventTypes(handle)
    }
  })

  test('continues as new: updates it has not accepted go to the next run', async () => {
    const { client } = await openRuntime({ code })
    for (const round of numbers(10)) {
      const handle = await client.workflow.start(account, { workflowId: `w${round}` })
      const sent = numbers(40).map(async (n) => {
        if (n === 20) await handle.signal(roll)
        return handle.executeUpdate(deposit, { args: [100], updateId: `u${n}` })
      })
      await Promise.all(sent)
      expect(await handle.query(total)).toBe(4_000)
    }
  })
})
