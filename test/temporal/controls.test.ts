import { fileURLToPath } from 'node:url'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { type Driver, SignalboxLab } from './fixtures/signalbox-lab.ts'
import { expectSameTurns } from './oracle/expect-same-turns.ts'
import type { HistoryJson } from './oracle/history-turns.ts'
import { Replayer } from './oracle/replayer.ts'
import { payloadsJson, TamperedHistory } from './oracle/tampered-history.ts'

/** A comparison that passes everything proves nothing: each of these histories is wrong in one thing. */
const workflowsPath = fileURLToPath(new URL('./workflows/index.ts', import.meta.url))
let lab: SignalboxLab
let replayer: Replayer
let history: HistoryJson
let failing: HistoryJson

beforeAll(async () => {
  lab = await SignalboxLab.open(workflowsPath)
  replayer = await Replayer.load(workflowsPath)
  const [run] = await lab.perform({
    name: 'controlled',
    type: 'controlled',
    args: ['it'],
    drive: async (run) => {
      await phase(run, 1)
      await run.signal('say', 'one')
      await run.signal('add', 41)
      await phase(run, 3)
      await run.signal('say', 'two')
    },
  })
  const [failed] = await lab.perform({ name: 'failing', type: 'failsWith', args: ['application'] })
  history = run?.history as HistoryJson
  failing = failed?.history as HistoryJson
})

afterAll(() => lab.close())

/** Wait until the workflow is as far: every turn before that is behind it, in the same order each time. */
async function phase(run: Driver, least: number): Promise<void> {
  while ((await run.handle.query<number>('phase')) < least) await run.pause(2)
}

async function compare(name: string, tampered: HistoryJson): Promise<void> {
  const runs = [{ workflowId: name, history: tampered }]
  expectSameTurns(runs, await replayer.replay(runs))
}

const tamper = (): TamperedHistory => new TamperedHistory(history)

const controls: readonly (readonly [string, () => TamperedHistory])[] = [
  [
    'an activity is missing',
    () => {
      const history = tamper()
      const scheduled = history.find('ACTIVITY_TASK_SCHEDULED', 2)
      return history.drop(scheduled, ...outcomeOf(history, scheduled))
    },
  ],
  [
    'a timer is missing',
    () => {
      const history = tamper()
      const fired = history.find('TIMER_FIRED')
      return history.drop(history.find('TIMER_STARTED'), fired, fired + 1, fired + 2, fired + 3)
    },
  ],
  ['two activities have changed places', () => swapTypes(tamper())],
  [
    'an activity and a timer have changed places',
    () => {
      const history = tamper()
      return history.swap(history.find('TIMER_STARTED'), history.find('ACTIVITY_TASK_SCHEDULED'))
    },
  ],
  [
    'a timer is one too many',
    () => {
      const history = tamper()
      const started = history.find('TIMER_STARTED')
      return history.insert(started, timerStarted('7'))
    },
  ],
  [
    'a timer is one too many in the last turn',
    () => {
      const history = tamper()
      return history.insert(
        history.find('WORKFLOW_TASK_COMPLETED', turnsOf(history)),
        timerStarted('3'),
      )
    },
  ],
  [
    'a command is a turn late',
    () => {
      const history = tamper()
      const sum = history.find('ACTIVITY_TASK_SCHEDULED', 3)
      // Behind the task of the turn after its own, where the comparison of kinds finds it just as well.
      return history.move(sum, sum + 5)
    },
  ],
  [
    'the end is a turn late',
    () => {
      const history = tamper()
      const end = history.find('WORKFLOW_EXECUTION_COMPLETED')
      return history
        .insert(end - 1, signaled('say', 'late'))
        .insert(end, {
          eventType: 'EVENT_TYPE_WORKFLOW_TASK_SCHEDULED',
          workflowTaskScheduledEventAttributes: {},
        })
        .insert(end + 1, {
          eventId: 'started',
          eventType: 'EVENT_TYPE_WORKFLOW_TASK_STARTED',
          eventTime: '2100-01-01T00:00:00Z',
          workflowTaskStartedEventAttributes: { scheduledEventId: String(end + 2) },
        })
        .insert(end + 2, {
          eventType: 'EVENT_TYPE_WORKFLOW_TASK_COMPLETED',
          workflowTaskCompletedEventAttributes: {
            scheduledEventId: String(end + 2),
            startedEventId: String(end + 3),
          },
        })
    },
  ],
  ['an argument of an activity', () => editArgs(tamper(), 'ACTIVITY_TASK_SCHEDULED')],
  ['an argument of a signal', () => editArgs(tamper(), 'WORKFLOW_EXECUTION_SIGNALED')],
  ['an argument of the workflow', () => editArgs(tamper(), 'WORKFLOW_EXECUTION_STARTED')],
  [
    'the result of an activity',
    () => edit('ACTIVITY_TASK_COMPLETED', { result: payloadsJson(7) }, 3),
  ],
  [
    'the result of the workflow',
    () => edit('WORKFLOW_EXECUTION_COMPLETED', { result: payloadsJson(7) }),
  ],
  ['the duration of a timer', () => edit('TIMER_STARTED', { startToFireTimeout: '3s' })],
  [
    'a timeout of an activity',
    () => edit('ACTIVITY_TASK_SCHEDULED', { startToCloseTimeout: '61s' }),
  ],
  [
    'the type of an activity',
    () => edit('ACTIVITY_TASK_SCHEDULED', { activityType: { name: 'sum' } }),
  ],
  ['the id of an activity', () => edit('ACTIVITY_TASK_SCHEDULED', { activityId: '9' })],
  ['the name of a signal', () => edit('WORKFLOW_EXECUTION_SIGNALED', { signalName: 'other' })],
  [
    'two signals have changed places',
    () => {
      const history = tamper()
      return history.swap(
        history.find('WORKFLOW_EXECUTION_SIGNALED', 1),
        history.find('WORKFLOW_EXECUTION_SIGNALED', 3),
      )
    },
  ],
  [
    'a signal is missing',
    () => {
      const history = tamper()
      const at = history.find('WORKFLOW_EXECUTION_SIGNALED', 3)
      return history.drop(at, at + 1, at + 2, at + 3)
    },
  ],
  [
    'a signal is shown too early, in the turn before its own',
    () => {
      const history = tamper()
      const at = history.find('WORKFLOW_EXECUTION_SIGNALED', 3)
      return history.move(at, history.find('WORKFLOW_EXECUTION_SIGNALED', 2))
    },
  ],
  [
    'another end',
    () => {
      const history = tamper()
      return history.replace(history.find('WORKFLOW_EXECUTION_COMPLETED'), {
        eventType: 'EVENT_TYPE_WORKFLOW_EXECUTION_CANCELED',
        workflowExecutionCompletedEventAttributes: undefined,
        workflowExecutionCanceledEventAttributes: {},
      })
    },
  ],
  [
    'no end',
    () => {
      const history = tamper()
      return history.drop(history.find('WORKFLOW_EXECUTION_COMPLETED'))
    },
  ],
]

describe('what is not so', () => {
  test('the history as it is', async () => {
    await compare('untouched', history)
    await compare('untouched, numbered anew', tamper().finish())
    await compare('untouched failure', failing)
  })

  test.each(controls)('%s', async (name, tampered) => {
    await expect(compare(name, json(tampered().finish()))).rejects.toThrow()
  })

  test('the message of a failure', async () => {
    const tampered = new TamperedHistory(failing)
    const at = tampered.find('WORKFLOW_EXECUTION_FAILED')
    tampered.edit(at, ({ failure }) => void ((failure as { message: string }).message = 'yes'))
    await expect(compare('message', tampered.finish())).rejects.toThrow()
  })
})

/** Without properties that are undefined, which the SDK refuses. */
function json(history: HistoryJson): HistoryJson {
  return JSON.parse(JSON.stringify(history)) as HistoryJson
}

function edit(type: string, change: object, nth = 1): TamperedHistory {
  const history = tamper()
  return history.edit(
    history.find(type, nth),
    (attributes) => void Object.assign(attributes, change),
  )
}

function editArgs(history: TamperedHistory, type: string): TamperedHistory {
  return history.edit(
    history.find(type),
    (attributes) => void (attributes['input'] = payloadsJson('no')),
  )
}

function swapTypes(history: TamperedHistory): TamperedHistory {
  const [a, b] = [
    history.find('ACTIVITY_TASK_SCHEDULED', 1),
    history.find('ACTIVITY_TASK_SCHEDULED', 2),
  ]
  return history.swap(a, b)
}

function turnsOf(history: TamperedHistory): number {
  for (let count = 1; ; count++) {
    try {
      history.find('WORKFLOW_TASK_COMPLETED', count + 1)
    } catch {
      return count
    }
  }
}

/** The places of an activity's outcome and of the workflow task behind it. */
function outcomeOf(history: TamperedHistory, scheduled: number): readonly number[] {
  for (let nth = 1; ; nth++) {
    const started = history.find('ACTIVITY_TASK_STARTED', nth)
    if (Number(history.attributes(started)['scheduledEventId']) === scheduled + 1) {
      return [0, 1, 2, 3, 4].map((step) => started + step)
    }
  }
}

function timerStarted(timerId: string): Record<string, unknown> {
  return {
    eventType: 'EVENT_TYPE_TIMER_STARTED',
    timerStartedEventAttributes: { timerId, startToFireTimeout: '1s' },
  }
}

function signaled(signalName: string, value: unknown): Record<string, unknown> {
  return {
    eventId: 'signal',
    eventType: 'EVENT_TYPE_WORKFLOW_EXECUTION_SIGNALED',
    workflowExecutionSignaledEventAttributes: { signalName, input: payloadsJson(value) },
  }
}
