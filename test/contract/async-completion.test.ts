import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'
import {
  ActivityCancelledError,
  ActivityCompletionError,
  ActivityNotFoundError,
  ApplicationFailure,
  type HistoryEvent,
} from 'signalbox'
import { activityInfo, CompleteAsyncError, type Info } from 'signalbox/activity'
import { describe, expect, test } from 'vitest'
import { giveUp, many, sender } from '../fixtures/activity-workflows.ts'
import { eventually } from '../fixtures/eventually.ts'
import { Lab, openRuntime } from '../fixtures/lab.ts'

const code = 'activity-workflows.ts'

/** An activity that leaves its outcome to others, and what its attempts were told of themselves. */
function leaving() {
  const attempts: Info[] = []
  const errand = () => {
    attempts.push(activityInfo())
    throw new CompleteAsyncError()
  }
  const attempt = (n: number) => eventually(`attempt ${n} has begun`, () => attempts[n - 1])
  return { activities: { errand }, attempt, attempts }
}

const kinds = ({ events }: { readonly events: readonly HistoryEvent[] }) =>
  events.map(({ eventType }) => eventType.replace('EVENT_TYPE_', ''))

describe('9 An activity that completes asynchronously', () => {
  test('by its token, and by its ids', async () => {
    const { activities, attempt } = leaving()
    const { client } = await openRuntime({ code, activities })
    const first = await client.workflow.start(sender, { workflowId: 'a', args: ['x'] })
    const { taskToken, base64TaskToken } = await attempt(1)
    expect(Buffer.from(base64TaskToken, 'base64').equals(taskToken)).toBe(true)
    expect(await first.describe()).toMatchObject({ pendingActivities: [{ state: 'STARTED' }] })
    await client.activity.complete(taskToken, 'by token')
    expect(await first.result()).toBe('by token')

    const second = await client.workflow.start(sender, { workflowId: 'b', args: ['x'] })
    await attempt(2)
    await client.activity.complete({ workflowId: 'b', activityId: '1' }, 'by ids')
    expect(await second.result()).toBe('by ids')
    expect(kinds(await second.fetchHistory()).filter((kind) => /ACTIVITY/.test(kind))).toEqual([
      'ACTIVITY_TASK_SCHEDULED',
      'ACTIVITY_TASK_STARTED',
      'ACTIVITY_TASK_COMPLETED',
    ])
  })

  test('has one outcome: later ones, other tokens and unknown ids are not found', async () => {
    const { activities, attempt } = leaving()
    const { client } = await openRuntime({ code, activities })
    const handle = await client.workflow.start(sender, { workflowId: 'w', args: ['x'] })
    const { taskToken } = await attempt(1)
    const outcomes = await Promise.allSettled([
      client.activity.complete(taskToken, 'first'),
      client.activity.complete(taskToken, 'second'),
      client.activity.fail({ workflowId: 'w', activityId: '1' }, new Error('third')),
    ])
    expect(outcomes.map(({ status }) => status)).toEqual(['fulfilled', 'rejected', 'rejected'])
    expect(await handle.result()).toBe('first')
    for (const of of [
      taskToken,
      { workflowId: 'w', activityId: '9' },
      { workflowId: 'x', activityId: '1' },
    ]) {
      const refused = client.activity.complete(of, 'late')
      await expect(refused).rejects.toThrow(ActivityNotFoundError)
    }
    await expect(client.activity.complete(Buffer.from('nonsense'), 1)).rejects.toMatchObject({
      name: 'ActivityCompletionError',
      code: 'SIGNALBOX_ERR_INVALID_ARGUMENT',
    })
  })

  test('a failure that is told is retried, and the token of the failed attempt is void', async () => {
    const { activities, attempt, attempts } = leaving()
    const { client } = await openRuntime({ code, activities })
    const handle = await client.workflow.start(sender, { workflowId: 'w', args: ['x'] })
    const first = await attempt(1)
    await client.activity.heartbeat(first.taskToken, { done: 40 })
    await client.activity.fail(first.taskToken, new TypeError('no stamps'))
    const second = await attempt(2)
    expect(second.heartbeatDetails).toEqual({ done: 40 })
    expect(await handle.describe()).toMatchObject({
      pendingActivities: [
        {
          attempt: 2,
          lastFailure: { message: 'no stamps', applicationFailureInfo: { type: 'TypeError' } },
        },
      ],
    })
    await expect(client.activity.complete(first.taskToken, 'old')).rejects.toThrow(
      ActivityNotFoundError,
    )
    await client.activity.fail(
      second.taskToken,
      ApplicationFailure.nonRetryable('returned to sender', 'Returned', 'dents'),
    )
    await expect(handle.result()).rejects.toMatchObject({
      cause: { cause: { message: 'returned to sender', type: 'Returned', details: ['dents'] } },
    })
    expect(attempts).toHaveLength(2)
  })

  test('hears of a cancellation by its heartbeat, and reports it', async () => {
    const { activities, attempt } = leaving()
    const { client } = await openRuntime({ code, activities })
    const handle = await client.workflow.start(sender, { workflowId: 'w', args: ['x'] })
    const { taskToken } = await attempt(1)
    await client.activity.heartbeat(taskToken)
    await expect(client.activity.reportCancellation(taskToken)).rejects.toThrow(
      ActivityCompletionError,
    )
    await handle.signal(giveUp)
    await eventually('the cancel request is there', () =>
      client.activity.heartbeat(taskToken).then(
        () => false,
        (error: unknown) => error instanceof ActivityCancelledError,
      ),
    )
    expect(await handle.describe()).toMatchObject({
      pendingActivities: [{ state: 'CANCEL_REQUESTED' }],
    })
    await client.activity.reportCancellation(taskToken, 'on its way back')
    expect(await handle.result()).toBe('given up')
    const { events } = await handle.fetchHistory()
    expect(
      events.find(({ eventType }) => eventType.endsWith('ACTIVITY_TASK_CANCELED')),
    ).toBeDefined()
  })

  test('survives kill -9: its token stays good, and its outcome counts once', async () => {
    const lab = await Lab.create()
    const script = fileURLToPath(new URL('../fixtures/errand-process.ts', import.meta.url))
    const child = spawn(process.execPath, ['--import', 'tsx', script, lab.dataDir], {
      stdio: ['ignore', 'pipe', 'inherit'],
    })
    const [line] = (await once(child.stdout, 'data')) as [Buffer]
    const exited = once(child, 'exit')
    child.kill('SIGKILL')
    await exited
    const taskToken = Buffer.from(line.toString().trim(), 'base64')

    const { activities, attempts } = leaving()
    let { client } = await lab.open({ code, activities })
    const handle = client.workflow.getHandle<typeof sender>('w')
    expect(await handle.describe()).toMatchObject({
      pendingActivities: [{ state: 'STARTED', attempt: 1 }],
    })
    ;({ client } = await lab.reopen({ code, activities }))
    await client.activity.heartbeat(taskToken, 'half way')
    await client.activity.complete(taskToken, 'delivered')
    await expect(client.activity.complete(taskToken, 'again')).rejects.toThrow(
      ActivityNotFoundError,
    )
    expect(await client.workflow.getHandle<typeof sender>('w').result()).toBe('delivered')
    expect(attempts).toEqual([])
  })

  test('of a workflow that has closed is not found', async () => {
    const { activities, attempt } = leaving()
    const { client } = await openRuntime({ code, activities })
    const handle = await client.workflow.start(sender, { workflowId: 'w', args: ['x'] })
    const { taskToken } = await attempt(1)
    await handle.terminate()
    await expect(client.activity.complete(taskToken, 'late')).rejects.toThrow(ActivityNotFoundError)
  })
})

describe('11 Activities without an outcome', () => {
  test('are bounded for each workflow: a turn beyond it is parked until there is room', async () => {
    const { activities, attempt } = leaving()
    const { client } = await openRuntime({
      code,
      activities,
      limits: { maxPendingActivities: 5, parkBackoffMs: 20, parkBackoffMaxMs: 20 },
    })
    const fits = await client.workflow.start(many, { workflowId: 'fits', args: [5] })
    await attempt(5)
    const parked = await client.workflow.start(many, { workflowId: 'parked', args: [6] })
    const why = await eventually('it is parked', async () => (await parked.describe()).parked)
    expect(why.reason).toMatch(/maxPendingActivities = 5/)
    expect((await parked.describe()).pendingActivities).toEqual([])
    for (let id = 1; id <= 5; id++) {
      await client.activity.complete({ workflowId: 'fits', activityId: `${id}` }, 'done')
    }
    expect(await fits.result()).toBe(5)
  })
})
