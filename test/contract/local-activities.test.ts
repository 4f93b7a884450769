import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'
import { ApplicationFailure, type HistoryEvent } from 'signalbox'
import { activityInfo, Context, heartbeat } from 'signalbox/activity'
import { describe, expect, test } from 'vitest'
import { eventually } from '../fixtures/eventually.ts'
import { Lab, openRuntime } from '../fixtures/lab.ts'
import {
  chain,
  changesItsMind,
  fan,
  give,
  hurried,
  lost,
  loop,
  patient,
  poke,
  seen,
  stoppable,
} from '../fixtures/local-activity-workflows.ts'

const code = 'local-activity-workflows.ts'

const kinds = ({ events }: { readonly events: readonly HistoryEvent[] }) =>
  events.map(({ eventType }) => eventType.replace('EVENT_TYPE_', ''))

/** Each `historyLength` that the code saw is the id of a WORKFLOW_TASK_STARTED, and its size that event's. */
function expectTrueFacts(trace: readonly string[], events: readonly HistoryEvent[]): void {
  const facts = trace.filter((line) => /^\d+\/\d+\/\d+$/.test(line)).map((line) => line.split('/'))
  expect(facts.length).toBeGreaterThan(0)
  for (const [id, size] of facts) {
    const event = events[Number(id) - 1]
    expect(event?.eventType).toBe('EVENT_TYPE_WORKFLOW_TASK_STARTED')
    expect(event?.['workflowTaskStartedEventAttributes']).toMatchObject({ historySizeBytes: size })
  }
}

describe('9 Local activities', () => {
  test('run, and leave a marker of their outcome in the workflow task that asked for them', async () => {
    const infos: unknown[] = []
    const { client } = await openRuntime({
      code,
      activities: {
        errand: async (what: string) => {
          const { isLocal, attempt, activityId, heartbeatTimeoutMs } = activityInfo()
          heartbeat('is no use')
          infos.push([what, isLocal, attempt, activityId, heartbeatTimeoutMs])
          return `did ${what}`
        },
      },
    })
    const handle = await client.workflow.start(chain, { workflowId: 'w', args: [3] })
    const trace = await handle.result()
    expect(trace.filter((line) => line.startsWith('did'))).toEqual([
      'did local 1',
      'did local 2',
      'did regular 2',
      'did local 3',
    ])
    expect(infos).toEqual([
      ['local 1', true, 1, '1', undefined],
      ['local 2', true, 1, '2', undefined],
      ['regular 2', false, 1, '3', undefined],
      ['local 3', true, 1, '4', undefined],
    ])
    const history = await handle.fetchHistory()
    expect(kinds(history)).toEqual([
      'WORKFLOW_EXECUTION_STARTED',
      'WORKFLOW_TASK_SCHEDULED',
      'WORKFLOW_TASK_STARTED',
      'WORKFLOW_TASK_COMPLETED',
      'MARKER_RECORDED',
      'MARKER_RECORDED',
      'ACTIVITY_TASK_SCHEDULED',
      'ACTIVITY_TASK_STARTED',
      'ACTIVITY_TASK_COMPLETED',
      'WORKFLOW_TASK_SCHEDULED',
      'WORKFLOW_TASK_STARTED',
      'WORKFLOW_TASK_COMPLETED',
      'MARKER_RECORDED',
      'WORKFLOW_EXECUTION_COMPLETED',
    ])
    expectTrueFacts(trace, history.events)
    expect((await handle.describe()).historyLength).toBe(history.events.length)
    const marker = history.events[4]?.['markerRecordedEventAttributes'] as {
      details: { data: { payloads: { data: string }[] } }
    }
    const [payload] = marker.details.data.payloads
    expect(JSON.parse(Buffer.from(payload?.data ?? '', 'base64').toString())).toMatchObject({
      seq: 1,
      attempt: 1,
      activity_id: '1',
      activity_type: 'errand',
      backoff: null,
    })
  })

  test('at once and beside signals: each outcome is a turn, and the history counts as the code did', async () => {
    const { client } = await openRuntime({
      code,
      activities: {
        errand: async (what: string) => {
          await new Promise((resolve) => setTimeout(resolve, what.length % 7))
          return `did ${what}`
        },
      },
    })
    const handle = await client.workflow.start(fan, { workflowId: 'w', args: [5] })
    for (const what of ['a', 'b', 'c']) {
      await handle.signal(poke, what)
      await new Promise((resolve) => setTimeout(resolve, 2))
    }
    const trace = await handle.result()
    expect(trace.filter((line) => line.endsWith('is done'))).toHaveLength(5)
    const { events } = await handle.fetchHistory()
    expectTrueFacts(trace, events)
    expect(events.map(({ eventId }) => eventId)).toEqual(events.map((_, n) => String(n + 1)))
    expect((await handle.describe()).historyLength).toBe(events.length)
    // A closed run answers by its history: it was not done differently.
    expect(await handle.query(seen)).toEqual(trace)
  })

  test('are not run again in replay: the recorded outcome counts', async () => {
    const lab = await Lab.create()
    const calls: string[] = []
    const activities = {
      errand: async (what: string) => {
        calls.push(what)
        return `did ${what} for the ${calls.length}th time`
      },
    }
    const { client } = await lab.open({ code, activities })
    const handle = await client.workflow.start(loop, { workflowId: 'w', args: [3] })
    await handle.signal(poke, 'a')
    const before = await eventually('it is done', async () => {
      const trace = await handle.query(seen)
      return trace.length === 2 ? trace : undefined
    })
    // Not even known any more: nothing of what the journal has needs it.
    const reopened = await lab.reopen({ code, activities: {} })
    const again = reopened.client.workflow.getHandle<typeof loop>('w')
    expect(await again.query(seen)).toEqual(before)
    expect(calls).toEqual(['a'])
  })

  test('that were under way at a restart run again, and have one outcome', async () => {
    const lab = await Lab.create()
    const keys: string[] = []
    const { client } = await lab.open({
      code,
      limits: { closeTimeoutMs: 20 },
      activities: {
        errand: () => {
          keys.push(activityInfo().idempotencyKey)
          return new Promise(() => undefined)
        },
      },
    })
    await client.workflow.start(patient, { workflowId: 'w', args: [1] })
    await eventually('it is under way', () => keys.length > 0)
    const reopened = await lab.reopen({
      code,
      activities: {
        errand: async () => {
          keys.push(activityInfo().idempotencyKey)
          return `attempt ${activityInfo().attempt}`
        },
      },
    })
    const handle = reopened.client.workflow.getHandle<typeof patient>('w')
    expect(await handle.result()).toBe('attempt 1')
    expect(keys).toHaveLength(2)
    expect(new Set(keys).size).toBe(1)
    expect(kinds(await handle.fetchHistory()).filter((kind) => /MARKER/.test(kind))).toHaveLength(1)
  })

  test('survive kill -9: one with an outcome is not run again, one under way is', async () => {
    const lab = await Lab.create()
    const script = fileURLToPath(new URL('../fixtures/local-errand-process.ts', import.meta.url))
    const child = spawn(process.execPath, ['--import', 'tsx', script, lab.dataDir], {
      stdio: ['ignore', 'pipe', 'inherit'],
    })
    await once(child.stdout, 'data')
    const exited = once(child, 'exit')
    child.kill('SIGKILL')
    await exited

    const calls: string[] = []
    const { client } = await lab.open({
      code,
      activities: {
        errand: async (what: string) => {
          calls.push(what)
          return `did ${what}`
        },
      },
    })
    const handle = client.workflow.getHandle<typeof chain>('w')
    const trace = await handle.result()
    expect(trace.filter((line) => line.startsWith('d'))).toEqual([
      'done before the crash',
      'did local 2',
      'did regular 2',
      'did local 3',
    ])
    expect(calls).toEqual(['local 2', 'regular 2', 'local 3'])
    const { events } = await handle.fetchHistory()
    expectTrueFacts(trace, events)
    expect(kinds({ events }).filter((kind) => /MARKER/.test(kind))).toHaveLength(3)
  })

  test('wait by a durable timer where a retry is far off, and give up as the policy says', async () => {
    const attempts: number[] = []
    const { client } = await openRuntime({
      code,
      activities: {
        errand: () => {
          attempts.push(activityInfo().attempt)
          throw ApplicationFailure.create({ message: 'not yet', type: 'NotYet' })
        },
      },
    })
    const handle = await client.workflow.start(patient, { workflowId: 'w', args: [4] })
    // The error is the function's own, as on Temporal.
    expect(await handle.result()).toBe('ApplicationFailure: not yet')
    expect(attempts).toEqual([1, 2, 3, 4])
    const seenKinds = kinds(await handle.fetchHistory()).filter((kind) => /MARKER|TIMER/.test(kind))
    expect(seenKinds).toEqual([
      'MARKER_RECORDED',
      'TIMER_STARTED',
      'TIMER_FIRED',
      'MARKER_RECORDED',
      'TIMER_STARTED',
      'TIMER_FIRED',
      'MARKER_RECORDED',
    ])
  })

  test('time out as an ActivityFailure', async () => {
    const { client } = await openRuntime({
      code,
      activities: { errand: () => Context.current().cancelled },
    })
    expect(await client.workflow.execute(hurried, { workflowId: 'w' })).toEqual([
      'ActivityFailure',
      'Local Activity timed out',
      'TimeoutFailure',
      'Activity timed out',
      'SCHEDULE_TO_CLOSE',
    ])
  })

  test.each(['TRY_CANCEL', 'ABANDON', 'WAIT_CANCELLATION_COMPLETED'] as const)(
    'are cancelled by %s',
    async (type) => {
      let told: unknown
      let calls = 0
      const { client } = await openRuntime({
        code,
        activities: {
          errand: async () => {
            calls++
            const { cancellationSignal, cancelled } = Context.current()
            cancellationSignal.addEventListener('abort', () => {
              told = cancellationSignal.reason
            })
            return cancelled
          },
        },
      })
      const handle = await client.workflow.start(stoppable, { workflowId: 'w', args: [type] })
      await eventually('it is under way', () => calls > 0)
      await handle.signal(give)
      expect(await handle.result()).toBe('given up: Local Activity cancelled')
      if (type === 'ABANDON') expect(told).toBeUndefined()
      else expect(told).toMatchObject({ message: 'CANCELLED' })
      expect(calls).toBe(1)
      const history = await handle.fetchHistory()
      expect(kinds(history).filter((kind) => /MARKER/.test(kind))).toHaveLength(1)
      expect((await handle.describe()).historyLength).toBe(history.events.length)
    },
  )

  test('are never begun if they are cancelled in the turn that asks for them', async () => {
    let calls = 0
    const { client } = await openRuntime({ code, activities: { errand: () => calls++ } })
    const handle = await client.workflow.start(changesItsMind, { workflowId: 'w' })
    expect(await handle.result()).toBe('never mind')
    expect(calls).toBe(0)
  })

  test('that nobody gave park the run by name, until somebody does', async () => {
    const lab = await Lab.create()
    const { client } = await lab.open({ code })
    const handle = await client.workflow.start(lost, { workflowId: 'w' })
    const { reason } = await eventually(
      'it is parked',
      async () => (await handle.describe()).parked,
    )
    expect(reason).toBe("ReferenceError: Local activity of type 'nobody' not registered on worker")
    const reopened = await lab.reopen({ code, activities: { nobody: () => 'here I am' } })
    expect(await reopened.client.workflow.getHandle<typeof lost>('w').result()).toBe('here I am')
  })
})
