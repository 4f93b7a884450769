import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { bundleWorkflowCode, type HistoryEvent, silentLogger, type WorkflowBundle } from 'signalbox'
import {
  HistoryMismatchError,
  ReplayError,
  type ReplayResult,
  replayHistories,
  replayHistory,
  TestWorkflowEnvironment,
} from 'signalbox/testing'
import { DeterminismViolationError } from 'signalbox/workflow'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { again, type Change, changes, errands, go, journey, rename } from './replayed/journey.ts'

interface History {
  readonly events: readonly HistoryEvent[]
}

const journeyFile = fileURLToPath(new URL('replayed/journey.ts', import.meta.url))
let folder: string
let recorded: History
let continued: History
let changing: History
let errand: History
let asRecorded: WorkflowBundle

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'signalbox-replay-'))
  asRecorded = await bundleWorkflowCode({ workflowsPath: journeyFile })
  const env = await TestWorkflowEnvironment.createTimeSkipping({
    workflowBundle: asRecorded,
    logger: silentLogger,
    activities: {
      pack: (item: string) => `packed ${item}`,
      ship: (item: string) => `shipped ${item}`,
      fail: () => {
        throw new Error('as always')
      },
    },
  })
  const { workflow } = env.client
  const handle = await workflow.signalWithStart(journey, {
    workflowId: 'journey-1',
    args: [3],
    signal: go,
    signalArgs: ['a'],
  })
  await handle.signal(go, 'b')
  await env.sleep('1 minute')
  await handle.signal(go, 'c')
  expect(await handle.result()).toHaveLength(8)
  recorded = await handle.fetchHistory()
  const chain = await workflow.start(again, { workflowId: 'again-1', args: [1] })
  const firstRun = workflow.getHandle('again-1', chain.firstExecutionRunId)
  expect(await chain.result()).toBe(0)
  continued = await firstRun.fetchHistory()
  const changer = await workflow.start(changes, { workflowId: 'changes-1' })
  const renaming = changer.executeUpdate(rename, { args: ['ada'] })
  await env.sleep('2 days')
  expect(await renaming).toBe('renamed ada')
  expect(await changer.result()).toBe('ada')
  changing = await changer.fetchHistory()
  const runner = await workflow.start(errands, { workflowId: 'errands-1' })
  expect(await runner.result()).toHaveLength(5)
  errand = await runner.fetchHistory()
  await env.teardown()
})

afterAll(() => rm(folder, { recursive: true, force: true }))

/** The workflow file with a change. */
async function changed(change: Change): Promise<string> {
  const file = join(folder, `${change.replaceAll(' ', '-')}.ts`)
  await writeFile(
    file,
    `import * as was from ${JSON.stringify(journeyFile)}
    export const journey = (items: number) => was.journey(items, ${JSON.stringify(change)})
    export const again = (rounds: number) => was.again(rounds, ${JSON.stringify(change)})
    export const changes = () => was.changes(${JSON.stringify(change)})
    export const errands = () => was.errands(${JSON.stringify(change)})
    export const child = was.child`,
  )
  return file
}

async function mismatch(change: Change): Promise<HistoryMismatchError> {
  const outcome = await replayHistory(await changed(change), recorded).catch(
    (error: unknown) => error,
  )
  expect(outcome).toBeInstanceOf(HistoryMismatchError)
  return outcome as HistoryMismatchError
}

/** The type of the event at which a replay has found something. */
function typeOf(eventId: number | undefined): string | undefined {
  return recorded.events.find((event) => event.eventId === String(eventId))?.eventType
}

describe('replayHistory', () => {
  it('passes code that does what the history says', async () => {
    await replayHistory(asRecorded, recorded)
    await replayHistory(journeyFile, recorded, { workflowId: 'another' })
    await replayHistory(await changed('none'), continued)
    await replayHistory(new URL('replayed/journey.ts', import.meta.url), continued)
  })

  it('passes a history that has been through JSON, and every part of it', async () => {
    const events = JSON.parse(JSON.stringify(recorded.events)) as HistoryEvent[]
    const ends = events
      .map(({ eventType }, index) => (eventType.endsWith('WORKFLOW_TASK_SCHEDULED') ? index : 0))
      .filter((index) => index > 4)
    expect(ends.length).toBeGreaterThan(10)
    for (const end of ends) await replayHistory(asRecorded, { events: events.slice(0, end) })
  })

  it.each<[Change, string, string, RegExp, RegExp]>([
    ['other activity', 'different', 'ACTIVITY_TASK_SCHEDULED', /ship/, /fail/],
    ['swapped', 'different', 'ACTIVITY_TASK_SCHEDULED', /pack/, /ship/],
    ['timer instead', 'different', 'ACTIVITY_TASK_SCHEDULED', /ship/, /startTimer/],
    ['no activity', 'different', 'ACTIVITY_TASK_SCHEDULED', /ship/, /scheduleActivity 2 pack/],
    ['activity more', 'different', 'ACTIVITY_TASK_SCHEDULED', /ship/, /scheduleActivity 2 pack/],
    ['no cancel', 'missing', 'TIMER_CANCELED', /TIMER_CANCELED/, /undefined/],
    ['other child', 'different', 'START_CHILD_WORKFLOW_EXECUTION_INITIATED', /child/, /journey/],
    ['earlier end', 'different', 'ACTIVITY_TASK_SCHEDULED', /pack/, /completeWorkflow/],
    ['no end', 'missing', 'WORKFLOW_EXECUTION_COMPLETED', /COMPLETED/, /undefined/],
    ['fails', 'different', 'WORKFLOW_EXECUTION_COMPLETED', /COMPLETED/, /failWorkflow/],
  ])('finds a change: %s', async (change, kind, type, expected, actual) => {
    const error = await mismatch(change)
    expect(error).toBeInstanceOf(DeterminismViolationError)
    expect(error.kind).toBe(kind)
    expect(typeOf(error.eventId)).toBe(`EVENT_TYPE_${type}`)
    expect(typeOf(error.taskCompletedEventId)).toBe('EVENT_TYPE_WORKFLOW_TASK_COMPLETED')
    expect(String(error.expected)).toMatch(expected)
    expect(String(error.actual)).toMatch(actual)
    expect(error.message).toContain(`workflow journey-1, event ${error.eventId}: `)
  })

  it.each<Change>(['none', 'patched'])(
    'passes patches, upserts and updates: %s',
    async (change) => {
      await replayHistory(await changed(change), changing)
    },
  )

  it.each<[Change, string, RegExp]>([
    ['no patch', 'different', /MARKER_RECORDED/],
    ['other patch', 'different', /MARKER_RECORDED/],
    ['no upsert', 'different', /WORKFLOW_PROPERTIES_MODIFIED/],
  ])('finds what differs in patches and upserts: %s', async (change, kind, expected) => {
    const error = await replayHistory(await changed(change), changing).catch((e: unknown) => e)
    expect(error).toMatchObject({ kind, expected: expect.stringMatching(expected) })
  })

  it('passes local activities, and finds those that are gone or have become others', async () => {
    expect(JSON.stringify(errand).match(/core_local_activity/g)).toHaveLength(5)
    await replayHistory(await changed('none'), errand)
    const gone = await replayHistory(await changed('no activity'), errand).catch((e: unknown) => e)
    expect(gone).toBeInstanceOf(HistoryMismatchError)
    const other = await replayHistory(await changed('other activity'), errand).catch(
      (e: unknown) => e,
    )
    expect(other).toBeInstanceOf(HistoryMismatchError)
  })

  it('finds a surplus, and names the task that lacks it', async () => {
    const end = recorded.events.findIndex(({ eventType }) => eventType.endsWith('TIMER_STARTED'))
    const upTo = recorded.events.slice(0, end)
    const error = await replayHistory(asRecorded, { events: upTo }).catch((e: unknown) => e)
    expect(error).toMatchObject({ kind: 'surplus', actual: 'startTimer 1', expected: undefined })
    expect(typeOf((error as HistoryMismatchError).eventId)).toBe(
      'EVENT_TYPE_WORKFLOW_TASK_COMPLETED',
    )
  })

  it('finds that a run no longer continues as new', async () => {
    const error = await replayHistory(await changed('no end'), continued).catch((e: unknown) => e)
    expect(error).toMatchObject({ kind: 'different', actual: 'completeWorkflow' })
  })

  it.each<[Change, string]>([
    ['throws', 'RangeError: no failure of a workflow'],
    ['floats', 'RangeError: left floating'],
  ])('tells an error of the code from a difference: %s', async (change, message) => {
    const error = await replayHistory(await changed(change), recorded).catch((e: unknown) => e)
    expect(error).toBeInstanceOf(ReplayError)
    expect((error as ReplayError).message).toContain(message)
    expect(((error as ReplayError).cause as Error).stack).toContain('journey.ts')
  })

  it('finds what is wrong with each event that is taken away', async () => {
    // Without an event of a command or an input the ids have a gap; with them closed, code and history differ.
    const { events } = recorded
    const results: string[] = []
    for (const [index, { eventType }] of events.entries()) {
      if (!/ACTIVITY_TASK_(SCHEDULED|COMPLETED)|TIMER_(STARTED|FIRED)|SIGNALED/.test(eventType)) {
        continue
      }
      const gap = events.filter((event) => event !== events[index])
      const outcome = await replayHistory(asRecorded, { events: gap }).catch((e: unknown) => e)
      expect(outcome).toBeInstanceOf(ReplayError)
      const closed = { events: renumbered(gap, index + 1) }
      const found = await replayHistory(asRecorded, closed).catch((e: unknown) => e)
      if (!(found instanceof Error)) results.push(`${index + 1} ${eventType}`)
    }
    expect(results).toEqual([])
  })

  it.each<[string, unknown, RegExp]>([
    ['no object', 'text', /list of events/],
    ['no events', { events: [] }, /list of events/],
    [
      'another beginning',
      { events: [{ eventId: '1', eventType: 'EVENT_TYPE_TIMER_FIRED' }] },
      /begin/,
    ],
    [
      'numbers for types',
      { events: [{ eventId: '1', eventType: 1 }] },
      /export the history as JSON/,
    ],
    [
      'no task',
      { events: [{ eventId: '1', eventType: 'EVENT_TYPE_WORKFLOW_EXECUTION_STARTED' }] },
      /no completed workflow task/,
    ],
  ])('says of a history with %s that it is none', async (_, history, message) => {
    const outcome = replayHistory(asRecorded, history)
    await expect(outcome).rejects.toThrow(ReplayError)
    await expect(outcome).rejects.toThrow(message)
  })

  it('says which events it cannot replay, and which workflow is unknown', async () => {
    const unknown = recorded.events.map((event) =>
      event.eventType.endsWith('TIMER_FIRED')
        ? { ...event, eventType: 'EVENT_TYPE_NEXUS_OPERATION_STARTED' }
        : event,
    )
    await expect(replayHistory(asRecorded, { events: unknown })).rejects.toThrow(
      /cannot replay: NEXUS_OPERATION_STARTED/,
    )
    const [first, ...rest] = recorded.events
    const renamed = {
      ...first,
      workflowExecutionStartedEventAttributes: { workflowType: { name: 'nobody' } },
    }
    await expect(replayHistory(asRecorded, { events: [renamed, ...rest] })).rejects.toThrow(
      /no such function is exported/,
    )
  })
})

describe('a history of a Temporal cluster', () => {
  it('may have failed tasks, buffered events and older names of event types', async () => {
    await replayHistory(asRecorded, { events: clusterHistory() })
  })

  it('is compared all the same', async () => {
    const error = await replayHistory(await changed('swapped'), {
      events: clusterHistory(),
    }).catch((e: unknown) => e)
    expect(error).toMatchObject({ kind: 'different', eventId: 9 })
  })
})

describe('replayHistories', () => {
  it('gives a result for each history, in order', async () => {
    const histories = [
      { workflowId: 'one', history: recorded },
      { workflowId: 'two', history: { events: recorded.events.slice(0, 3) } },
      { workflowId: 'three', history: continued },
      { workflowId: 'four', history: recorded },
    ]
    const results: ReplayResult[] = []
    for await (const result of replayHistories(await changed('no end'), histories)) {
      results.push(result)
    }
    expect(results.map(({ workflowId }) => workflowId)).toEqual(['one', 'two', 'three', 'four'])
    const names = results.map(({ error }) => error?.constructor.name)
    expect(names).toEqual([
      'HistoryMismatchError',
      'ReplayError',
      'HistoryMismatchError',
      'HistoryMismatchError',
    ])
    expect(new Set(results.map(({ runId }) => runId)).size).toBe(2)
  })
})

/** Close a gap: ids from `from` on, and references to them, are one less. */
function renumbered(events: readonly HistoryEvent[], from: number): HistoryEvent[] {
  const text = JSON.stringify(events)
  const moved = text.replace(/"(\w*[eE]ventId)":"(\d+)"/g, (whole, name: string, id: string) =>
    Number(id) > from ? `"${name}":"${Number(id) - 1}"` : whole,
  )
  return JSON.parse(moved) as HistoryEvent[]
}

/** As a cluster writes it: a task that failed, a signal that came while a task was under way. */
function clusterHistory(): object[] {
  const payload = (value: unknown): object => ({
    payloads: [
      {
        metadata: { encoding: 'anNvbi9wbGFpbg==' },
        data: Buffer.from(JSON.stringify(value)).toString('base64'),
      },
    ],
  })
  const events: (readonly [type: string, attributes: object])[] = [
    [
      'WorkflowExecutionStarted',
      {
        workflowType: { name: 'journey' },
        taskQueue: { name: 'queue' },
        input: payload(5),
        originalExecutionRunId: '11111111-1111-4111-8111-111111111111',
      },
    ],
    ['WorkflowTaskScheduled', {}],
    ['WorkflowTaskStarted', {}],
    ['WorkflowTaskFailed', {}],
    ['WorkflowExecutionSignaled', { signalName: 'go', input: payload('a') }],
    ['WorkflowTaskScheduled', {}],
    ['WorkflowTaskStarted', {}],
    ['WorkflowTaskCompleted', {}],
    [
      'ActivityTaskScheduled',
      { activityId: '1', activityType: { name: 'pack' }, workflowTaskCompletedEventId: '8' },
    ],
    ['WorkflowExecutionSignaled', { signalName: 'go', input: payload('b') }],
    ['WorkflowTaskScheduled', {}],
    ['ActivityTaskStarted', { scheduledEventId: '9' }],
    ['ActivityTaskCompleted', { scheduledEventId: '9', result: payload('packed a') }],
    ['WorkflowTaskStarted', {}],
    ['WorkflowTaskCompleted', {}],
    [
      'ActivityTaskScheduled',
      { activityId: '2', activityType: { name: 'ship' }, workflowTaskCompletedEventId: '15' },
    ],
  ]
  return events.map(([type, attributes], index) => ({
    eventId: String(index + 1),
    eventTime: new Date(Date.UTC(2026, 0, 1, 0, 0, index)).toISOString(),
    eventType: type,
    [`${type.charAt(0).toLowerCase()}${type.slice(1)}EventAttributes`]: attributes,
  }))
}
