import { TerminatedFailure, type WorkflowFailedError, type WorkflowHandle } from 'signalbox'
import { describe, expect, test } from 'vitest'
import { eventually } from '../fixtures/eventually.ts'
import { Lab, openRuntime } from '../fixtures/lab.ts'
import {
  finish,
  guardian,
  hits,
  poke,
  postponed,
  pulse,
  sleeper,
  slow,
  stubborn,
  unpunctual,
} from '../fixtures/lifecycle.ts'

const code = 'lifecycle.ts'
type Events = readonly Record<string, Record<string, unknown>>[]

const startOf = async (handle: WorkflowHandle): Promise<Record<string, unknown> | undefined> =>
  ((await handle.fetchHistory()).events as unknown as Events)[0]?.[
    'workflowExecutionStartedEventAttributes'
  ]

const failure = (promise: Promise<unknown>): Promise<WorkflowFailedError> =>
  promise.then(
    () => Promise.reject(new Error('it completed')),
    (error: unknown) => error as WorkflowFailedError,
  )

describe('Workflow retry policy', () => {
  test('a failed run is followed by the next attempt of its chain, and result() follows', async () => {
    const { client } = await openRuntime({ code })
    const handle = await client.workflow.start(stubborn, {
      workflowId: 'w',
      args: [3],
      retry: { initialInterval: 20, backoffCoefficient: 1 },
    })
    expect(await handle.result()).toBe('attempt 3 after attempt 2')
    expect((await handle.describe()).attempt).toBe(3)
    const { count } = await client.workflow.count()
    expect(count).toBe(3)
    expect(await startOf(handle)).toMatchObject({
      attempt: 3,
      initiator: 'CONTINUE_AS_NEW_INITIATOR_RETRY',
      firstWorkflowTaskBackoff: '0.020s',
      continuedFailure: { message: 'attempt 2' },
      firstExecutionRunId: handle.firstExecutionRunId,
    })
    const first = client.workflow.getHandle('w', handle.firstExecutionRunId)
    const { events } = await first.fetchHistory()
    expect(events.at(-1)).toMatchObject({
      workflowExecutionFailedEventAttributes: {
        retryState: 'RETRY_STATE_IN_PROGRESS',
        newExecutionRunId: expect.any(String) as string,
      },
    })
  })

  test('attempts end with the policy, with a type that is not retried, and with the time', async () => {
    const { client } = await openRuntime({ code })
    const run = (workflowId: string, options: object) =>
      failure(client.workflow.execute(stubborn, { workflowId, args: [9, 'Bad'], ...options }))
    const retry = { initialInterval: 10, backoffCoefficient: 1 }
    expect(await run('few', { retry: { ...retry, maximumAttempts: 2 } })).toMatchObject({
      retryState: 'MAXIMUM_ATTEMPTS_REACHED',
      cause: { message: 'attempt 2' },
    })
    expect(
      await run('type', { retry: { ...retry, nonRetryableErrorTypes: ['Bad'] } }),
    ).toMatchObject({
      retryState: 'NON_RETRYABLE_FAILURE',
      cause: { message: 'attempt 1' },
    })
    expect(
      await run('time', {
        retry: { initialInterval: '1 hour' },
        workflowExecutionTimeout: '1 minute',
      }),
    ).toMatchObject({ retryState: 'TIMEOUT', cause: { message: 'attempt 1' } })
    expect(await run('none', {})).toMatchObject({ retryState: 'RETRY_POLICY_NOT_SET' })
  })

  test('a run that times out is retried, as long as the execution has time', async () => {
    const { client } = await openRuntime({ code })
    const result = await client.workflow.execute(slow, {
      workflowId: 'w',
      workflowRunTimeout: 100,
      retry: { initialInterval: 10 },
    })
    expect(result).toBe(2)
  })

  test('the next attempt waits out its backoff through a restart, once', async () => {
    const lab = await Lab.create()
    let { client } = await lab.open({ code })
    const handle = await client.workflow.start(stubborn, {
      workflowId: 'w',
      args: [2],
      retry: { initialInterval: 700 },
    })
    await eventually('it waits', async () => (await handle.describe()).delayed === true)
    await expect(handle.query('anything')).rejects.toMatchObject({
      code: 'SIGNALBOX_ERR_WORKFLOW_NOT_READY',
    })
    ;({ client } = await lab.reopen({ code }))
    const again = client.workflow.getHandle<typeof stubborn>('w')
    expect(await again.result()).toBe('attempt 2 after attempt 1')
    expect(await client.workflow.count()).toEqual({ count: 2 })
  })
})

describe('Cron schedule', () => {
  test('runs follow each other with the last result and failure, until it is terminated', async () => {
    const { client } = await openRuntime({ code })
    const handle = await client.workflow.start(pulse, {
      workflowId: 'w',
      cronSchedule: '@every 1s',
    })
    const result = failure(handle.result())
    await eventually('three runs completed, one failed', async () => {
      const { count } = await client.workflow.count("ExecutionStatus = 'Completed'")
      return count >= 3
    })
    expect(await client.workflow.count("ExecutionStatus = 'Failed'")).toEqual({ count: 1 })
    expect(await startOf(client.workflow.getHandle('w'))).toMatchObject({
      cronSchedule: '@every 1s',
      initiator: 'CONTINUE_AS_NEW_INITIATOR_CRON_SCHEDULE',
      lastCompletionResult: { payloads: [{ data: Buffer.from('3').toString('base64') }] },
    })
    await handle.terminate('enough')
    expect((await result).cause).toBeInstanceOf(TerminatedFailure)
    expect(await client.workflow.count("ExecutionStatus = 'Running'")).toEqual({ count: 0 })
  })

  test('what is no schedule is refused, and so is one together with a delay', async () => {
    const { client } = await openRuntime({ code })
    const start = (options: object) => client.workflow.start(pulse, { workflowId: 'w', ...options })
    const invalid = { code: 'SIGNALBOX_ERR_INVALID_ARGUMENT' }
    await expect(start({ cronSchedule: '61 * * * *' })).rejects.toMatchObject(invalid)
    await expect(start({ cronSchedule: '@daily', startDelay: 5 })).rejects.toMatchObject(invalid)
    await expect(start({ startDelay: -1 })).rejects.toMatchObject(invalid)
    // Longer than any date is late, and no reason for lists and answers to fail.
    const late = await start({ cronSchedule: '@every 9999999999h' })
    const { executionTime = Number.NaN } = await late.describe()
    expect(new Date(executionTime).toISOString()).toMatch(/^\+0\d{5}-/)
  })
})

describe('Start delay', () => {
  test('signals wait for the first turn and are all in it, also after a restart', async () => {
    const lab = await Lab.create()
    let { client } = await lab.open({ code })
    let handle = await client.workflow.start(sleeper, { workflowId: 'w', startDelay: 3_000 })
    await handle.signal(poke, 'a')
    expect(await handle.describe()).toMatchObject({ delayed: true, mailboxDepth: 2 })
    ;({ client } = await lab.reopen({ code }))
    handle = client.workflow.getHandle<typeof sleeper>('w')
    await handle.signal(poke, 'b')
    await eventually('it has begun', async () => (await handle.describe()).delayed !== true)
    expect(await handle.query(hits)).toEqual(['a', 'b'])
    await handle.signal(finish)
    expect(await handle.result()).toEqual({ first: ['a', 'b'], late: true, cancelled: false })
    const { events } = await handle.fetchHistory()
    expect(events.slice(0, 4).map(({ eventType }) => eventType.slice(11))).toEqual([
      'WORKFLOW_EXECUTION_STARTED',
      'WORKFLOW_EXECUTION_SIGNALED',
      'WORKFLOW_EXECUTION_SIGNALED',
      'WORKFLOW_TASK_SCHEDULED',
    ])
  })

  test('signalWithStart and cancel do not wait for it, terminate ends it', async () => {
    const { client } = await openRuntime({ code })
    const options = { startDelay: '1 hour' } as const
    const signalled = await client.workflow.start(sleeper, { workflowId: 's', ...options })
    await signalled.signal(poke, 'a')
    await client.workflow.signalWithStart(sleeper, {
      workflowId: 's',
      signal: poke,
      signalArgs: ['b'],
    })
    await signalled.signal(finish)
    expect((await signalled.result()).first).toEqual(['a', 'b'])
    const cancelled = await client.workflow.start(sleeper, { workflowId: 'c', ...options })
    await cancelled.cancel()
    expect(await cancelled.result()).toMatchObject({ cancelled: true })
    const terminated = await client.workflow.start(sleeper, { workflowId: 't', ...options })
    await terminated.terminate()
    expect((await failure(terminated.result())).cause).toBeInstanceOf(TerminatedFailure)
    const late = client.workflow.start(sleeper, {
      workflowId: 'x',
      ...options,
      workflowExecutionTimeout: 100,
    })
    expect(await failure((await late).result())).toMatchObject({ retryState: 'TIMEOUT' })
  })

  test('continue-as-new may wait too', async () => {
    const { client } = await openRuntime({ code })
    const handle = await client.workflow.start(postponed, { workflowId: 'w' })
    await eventually('it waits', async () => (await handle.describe()).delayed === true)
    await handle.signal(poke, 'meanwhile')
    expect(await handle.result()).toBe('meanwhile true')
  })
})

describe('Children', () => {
  test('are tried again and begin by schedules, and their parents hear of the end of the chain', async () => {
    const { client } = await openRuntime({ code })
    const parent = await client.workflow.start(guardian, { workflowId: 'guardian' })
    expect(await parent.result()).toEqual({
      tried: 'attempt 3 after attempt 2',
      failed: ['MAXIMUM_ATTEMPTS_REACHED', 'attempt 3'],
    })
    const of = async (id: string): Promise<number> =>
      (await client.workflow.count(`WorkflowId = '${id}'`)).count
    expect(await of('tried')).toBe(3)
    expect(await of('failed')).toBe(3)
    expect(await of('pulse')).toBeGreaterThanOrEqual(2)
    expect((await client.workflow.count(`Customer = 'Ada'`)).count).toBe(await of('pulse'))
    // Its parent has closed, and it with it.
    await eventually('it has ended', async () => {
      const { status } = await client.workflow.getHandle('pulse').describe()
      return status === 'TERMINATED'
    })
  })

  test('by a schedule that cannot be are not started: the turn is parked', async () => {
    const { client } = await openRuntime({ code })
    const parent = await client.workflow.start(unpunctual, { workflowId: 'unpunctual' })
    await eventually('it is parked', async () => (await parent.describe()).parked !== undefined)
    expect((await parent.describe()).parked?.reason).toContain('Invalid CronSchedule')
  })
})
