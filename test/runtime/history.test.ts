import { describe, expect, it } from 'vitest'
import type { Command } from '../../actors/commands.ts'
import type { Failure } from '../../actors/failure.ts'
import { type ActivityResolution, type Input, InputKind } from '../../actors/inputs.ts'
import { timeoutFailure } from '../../runtime/activity-failure.ts'
import { exportHistory, type HistoryRun, type HistoryTurn } from '../../runtime/history.ts'
import type { HistoryEvent } from '../../runtime/workflow-service.ts'

const t0 = Date.UTC(2026, 0, 1)
const run: HistoryRun = { runId: 'run-1', status: 'RUNNING' }
const policy = {
  initialIntervalMs: 1_000,
  backoffCoefficient: 2,
  maximumIntervalMs: 100_000,
  maximumAttempts: 0,
  nonRetryableErrorTypes: [],
}

function started(at = 0, more: object = {}): Input {
  const attributes = {
    namespace: 'default',
    workflowId: 'order-7',
    runId: 'run-1',
    workflowType: 'order',
    taskQueue: 'q',
    args: ['"A-1"'],
    firstExecutionRunId: 'run-1',
    attempt: 1,
    taskTimeoutMs: 10_000,
    ...more,
  }
  return [InputKind.started, t0 + at, attributes]
}

function signaled(at: number, name: string, ...args: string[]): Input {
  return [InputKind.signaled, t0 + at, name, args]
}

function resolved(at: number, seq: number, resolution: ActivityResolution): Input {
  return [InputKind.activityResolved, t0 + at, seq, resolution]
}

function schedule(seq: number, more: object = {}): Command {
  return {
    kind: 'scheduleActivity',
    seq,
    activityId: String(seq),
    activityType: 'charge',
    args: ['"A-1"'],
    startToCloseTimeoutMs: 1_500,
    retryPolicy: policy,
    cancellationType: 'TRY_CANCEL',
    ...more,
  }
}

let seq = 0
function turn(
  inputs: readonly Input[],
  commands: readonly Command[] = [],
  ended = true,
): HistoryTurn {
  const firstSeq = seq + 1
  seq += inputs.length
  return { firstSeq, lastSeq: seq, inputs, commands, ended }
}

/** Types without the prefix, for a history's outline. */
function outline(events: readonly HistoryEvent[]): string[] {
  return events.map(({ eventType }) => eventType.replace('EVENT_TYPE_', ''))
}

function attributes(event: HistoryEvent | undefined): unknown {
  const key = Object.keys(event ?? {}).find((name) => name.endsWith('EventAttributes'))
  return key === undefined ? undefined : event?.[key]
}

const task = ['WORKFLOW_TASK_SCHEDULED', 'WORKFLOW_TASK_STARTED', 'WORKFLOW_TASK_COMPLETED']
const json = (text: string) => ({
  metadata: { encoding: 'anNvbi9wbGFpbg==' },
  data: Buffer.from(text).toString('base64'),
})

describe('an exported history', () => {
  it('is what Temporal would have written: the worked example of an order', () => {
    const events = exportHistory(
      [
        turn([started()], [schedule(1)]),
        turn([signaled(50, 'ship', '"NL"')]),
        turn(
          [resolved(90, 1, { status: 'completed', result: '"paid"', attempt: 1 })],
          [{ kind: 'completeWorkflow', result: '{"paid":"paid","to":"NL"}' }],
        ),
      ],
      { ...run, status: 'COMPLETED' },
    )
    expect(outline(events)).toEqual([
      'WORKFLOW_EXECUTION_STARTED',
      ...task,
      'ACTIVITY_TASK_SCHEDULED',
      'WORKFLOW_EXECUTION_SIGNALED',
      ...task,
      'ACTIVITY_TASK_STARTED',
      'ACTIVITY_TASK_COMPLETED',
      ...task,
      'WORKFLOW_EXECUTION_COMPLETED',
    ])
    expect(events.map(({ eventId }) => eventId)).toEqual(events.map((_event, i) => String(i + 1)))
    expect(events[0]).toEqual({
      eventId: '1',
      eventTime: '2026-01-01T00:00:00.000Z',
      eventType: 'EVENT_TYPE_WORKFLOW_EXECUTION_STARTED',
      workflowExecutionStartedEventAttributes: {
        workflowType: { name: 'order' },
        taskQueue: { name: 'q', kind: 'TASK_QUEUE_KIND_NORMAL' },
        input: { payloads: [json('"A-1"')] },
        workflowTaskTimeout: '10s',
        originalExecutionRunId: 'run-1',
        firstExecutionRunId: 'run-1',
        attempt: 1,
        workflowId: 'order-7',
      },
    })
    expect(events[2]).toMatchObject({
      workflowTaskStartedEventAttributes: { scheduledEventId: '2' },
    })
    expect(events[3]).toMatchObject({
      workflowTaskCompletedEventAttributes: {
        scheduledEventId: '2',
        startedEventId: '3',
        sdkMetadata: { langUsedFlags: [1, 2], coreUsedFlags: [1, 2, 3] },
      },
    })
    expect(attributes(events[4])).toEqual({
      activityId: '1',
      activityType: { name: 'charge' },
      taskQueue: { name: 'q', kind: 'TASK_QUEUE_KIND_NORMAL' },
      input: { payloads: [json('"A-1"')] },
      startToCloseTimeout: '1.500s',
      retryPolicy: {
        initialInterval: '1s',
        backoffCoefficient: 2,
        maximumInterval: '100s',
      },
      workflowTaskCompletedEventId: '4',
    })
    expect(attributes(events[5])).toEqual({
      signalName: 'ship',
      input: { payloads: [json('"NL"')] },
    })
    expect(attributes(events[9])).toEqual({ scheduledEventId: '5', attempt: 1 })
    expect(attributes(events[10])).toEqual({
      result: { payloads: [json('"paid"')] },
      scheduledEventId: '5',
      startedEventId: '10',
    })
    expect(attributes(events[14])).toEqual({
      result: { payloads: [json('{"paid":"paid","to":"NL"}')] },
      workflowTaskCompletedEventId: '14',
    })
    // Flags accumulate in the replayer: the first task names them.
    expect(JSON.stringify(events).match(/sdkMetadata/g)).toHaveLength(1)
  })

  it('gives a turn the time that its code saw, which never goes back', () => {
    const events = exportHistory(
      [turn([started(1_000)]), turn([signaled(400, 'early')]), turn([signaled(2_500, 'late')])],
      run,
    )
    const times = events.map(({ eventTime }) => Date.parse(eventTime) - t0)
    expect(times).toEqual([
      1_000, 1_000, 1_000, 1_000, 1_000, 1_000, 1_000, 1_000, 2_500, 2_500, 2_500, 2_500,
    ])
  })

  it('has a signal-with-start and a regrouped closing turn as one workflow task each', () => {
    const events = exportHistory(
      [
        turn([started(), signaled(0, 'first')], [{ kind: 'startTimer', seq: 1, delayMs: 60_000 }]),
        turn(
          [
            [InputKind.timerFired, t0 + 60_000, 1],
            signaled(60_001, 'a'),
            [InputKind.cancelRequested, t0 + 60_002, { reason: 'enough', identity: 'me' }],
          ],
          [{ kind: 'cancelWorkflow', details: ['"bye"'] }],
        ),
      ],
      { ...run, status: 'CANCELED' },
    )
    expect(outline(events)).toEqual([
      'WORKFLOW_EXECUTION_STARTED',
      'WORKFLOW_EXECUTION_SIGNALED',
      ...task,
      'TIMER_STARTED',
      'TIMER_FIRED',
      'WORKFLOW_EXECUTION_SIGNALED',
      'WORKFLOW_EXECUTION_CANCEL_REQUESTED',
      ...task,
      'WORKFLOW_EXECUTION_CANCELED',
    ])
    expect(attributes(events[5])).toEqual({
      timerId: '1',
      startToFireTimeout: '60s',
      workflowTaskCompletedEventId: '5',
    })
    expect(attributes(events[6])).toEqual({ timerId: '1', startedEventId: '6' })
    expect(attributes(events[8])).toEqual({ cause: 'enough', identity: 'me' })
    expect(attributes(events[12])).toEqual({
      details: { payloads: [json('"bye"')] },
      workflowTaskCompletedEventId: '12',
    })
  })

  it('leaves out a timer that fired after its cancellation', () => {
    const events = exportHistory(
      [
        turn([started()], [{ kind: 'startTimer', seq: 1, delayMs: 10 }]),
        turn([signaled(10, 'stop')], [{ kind: 'cancelTimer', seq: 1 }]),
        turn([[InputKind.timerFired, t0 + 10, 1]]),
      ],
      run,
    )
    expect(outline(events)).toEqual([
      'WORKFLOW_EXECUTION_STARTED',
      ...task,
      'TIMER_STARTED',
      'WORKFLOW_EXECUTION_SIGNALED',
      ...task,
      'TIMER_CANCELED',
    ])
    expect(attributes(events.at(-1))).toEqual({
      timerId: '1',
      startedEventId: '5',
      workflowTaskCompletedEventId: '9',
    })
  })

  it('shows failed, timed-out and cancelled activities as their own kinds of event', () => {
    const cause: Failure = {
      message: 'no funds',
      source: 'signalbox',
      stackTrace: 'Error: no funds\n    at charge',
      applicationFailureInfo: { type: 'Declined', nonRetryable: true, details: ['51'] },
      cause: { message: 'code 51' },
    }
    const around = (
      of: Failure,
      retryState: 'NON_RETRYABLE_FAILURE' | 'CANCEL_REQUESTED',
    ): Failure => ({
      message: 'Activity task failed',
      cause: of,
      activityFailureInfo: { activityType: 'charge', activityId: '1', identity: 'me', retryState },
    })
    const events = exportHistory(
      [
        turn([started()], [schedule(1), schedule(2), schedule(3, { summary: 'third' })]),
        turn([signaled(1, 'stop')], [{ kind: 'requestCancelActivity', seq: 3 }]),
        turn([
          resolved(5, 1, {
            status: 'failed',
            failure: around(cause, 'NON_RETRYABLE_FAILURE'),
            attempt: 2,
          }),
        ]),
        turn([
          resolved(6, 2, {
            status: 'failed',
            failure: around(
              timeoutFailure('HEARTBEAT', { lastHeartbeatDetails: ['7'] }),
              'NON_RETRYABLE_FAILURE',
            ),
            attempt: 1,
          }),
        ]),
        turn([
          resolved(7, 3, {
            status: 'cancelled',
            failure: around(
              { message: '', canceledFailureInfo: { details: ['"half"'] } },
              'CANCEL_REQUESTED',
            ),
            attempt: 1,
          }),
        ]),
      ],
      run,
    )
    const find = (type: string) => events.find((event) => event.eventType === `EVENT_TYPE_${type}`)
    expect(attributes(find('ACTIVITY_TASK_FAILED'))).toEqual({
      failure: {
        message: 'no funds',
        source: 'signalbox',
        stackTrace: 'Error: no funds\n    at charge',
        cause: { message: 'code 51' },
        applicationFailureInfo: {
          type: 'Declined',
          nonRetryable: true,
          details: { payloads: [json('51')] },
        },
      },
      retryState: 'RETRY_STATE_NON_RETRYABLE_FAILURE',
      identity: 'me',
      scheduledEventId: '5',
      startedEventId: '13',
    })
    expect(attributes(find('ACTIVITY_TASK_TIMED_OUT'))).toMatchObject({
      failure: {
        timeoutFailureInfo: {
          timeoutType: 'TIMEOUT_TYPE_HEARTBEAT',
          lastHeartbeatDetails: { payloads: [json('7')] },
        },
      },
      scheduledEventId: '6',
    })
    expect(attributes(find('ACTIVITY_TASK_CANCEL_REQUESTED'))).toEqual({
      scheduledEventId: '7',
      workflowTaskCompletedEventId: '11',
    })
    expect(attributes(find('ACTIVITY_TASK_CANCELED'))).toMatchObject({
      details: { payloads: [json('"half"')] },
      scheduledEventId: '7',
      latestCancelRequestedEventId: '12',
    })
    expect(events[6]?.['userMetadata']).toEqual({ summary: json('"third"') })
  })

  it('ends a failed run and one that continues as new with what follows it', () => {
    const failed = exportHistory(
      [
        turn(
          [started()],
          [{ kind: 'failWorkflow', failure: { message: 'x', serverFailureInfo: {} } }],
        ),
      ],
      { ...run, status: 'FAILED' },
    )
    expect(attributes(failed.at(-1))).toEqual({
      failure: { message: 'x', serverFailureInfo: {} },
      retryState: 'RETRY_STATE_RETRY_POLICY_NOT_SET',
      workflowTaskCompletedEventId: '4',
    })
    const continued = exportHistory(
      [
        turn(
          [started(0, { memo: { kept: '1' }, continuedFromExecutionRunId: 'run-0' })],
          [
            {
              kind: 'continueAsNew',
              workflowType: 'order',
              args: ['2'],
              carriedSeqs: [],
            },
          ],
        ),
      ],
      { ...run, status: 'CONTINUED_AS_NEW', newRunId: 'run-2' },
    )
    expect(attributes(continued[0])).toMatchObject({
      continuedExecutionRunId: 'run-0',
      initiator: 'CONTINUE_AS_NEW_INITIATOR_WORKFLOW',
      memo: { fields: { kept: json('1') } },
    })
    expect(attributes(continued.at(-1))).toEqual({
      newExecutionRunId: 'run-2',
      workflowType: { name: 'order' },
      taskQueue: { name: 'q', kind: 'TASK_QUEUE_KIND_NORMAL' },
      input: { payloads: [json('2')] },
      workflowTaskTimeout: '10s',
      initiator: 'CONTINUE_AS_NEW_INITIATOR_WORKFLOW',
      memo: { fields: { kept: json('1') } },
      workflowTaskCompletedEventId: '4',
    })
  })

  it('closes past the mailbox, with what was not handled marked so', () => {
    const waiting = [
      turn([signaled(5, 'late')], [], false),
      turn([signaled(6, 'later')], [], false),
    ]
    const terminated = exportHistory(
      [
        turn([started()]),
        ...waiting,
        turn([[InputKind.terminated, t0 + 9, { reason: 'stop', identity: 'me' }]], [], false),
      ],
      { ...run, status: 'TERMINATED' },
    )
    expect(outline(terminated)).toEqual([
      'WORKFLOW_EXECUTION_STARTED',
      ...task,
      'WORKFLOW_EXECUTION_SIGNALED',
      'WORKFLOW_EXECUTION_SIGNALED',
      'WORKFLOW_EXECUTION_TERMINATED',
    ])
    expect(terminated[4]).toMatchObject({ userMetadata: { summary: json('"not handled"') } })
    expect(terminated[6]).toMatchObject({
      eventTime: '2026-01-01T00:00:00.009Z',
      workflowExecutionTerminatedEventAttributes: { reason: 'stop', identity: 'me' },
    })
    const timedOut = exportHistory(
      [
        turn([started()]),
        turn([[InputKind.timedOut, t0 + 9, { retryState: 'TIMEOUT' }]], [], false),
      ],
      { ...run, status: 'TIMED_OUT' },
    )
    expect(attributes(timedOut.at(-1))).toEqual({ retryState: 'RETRY_STATE_TIMEOUT' })
  })

  it('shows what waits for an open run, without a workflow task and without a mark', () => {
    const events = exportHistory([turn([started()]), turn([signaled(5, 'a')], [], false)], run)
    expect(outline(events)).toEqual([
      'WORKFLOW_EXECUTION_STARTED',
      ...task,
      'WORKFLOW_EXECUTION_SIGNALED',
    ])
    expect(events.at(-1)).not.toHaveProperty('userMetadata')
  })

  it('writes payloads of every form in the long form', () => {
    const bytes = new Uint8Array([0, 255, 7])
    const encoded = {
      metadata: { encoding: Buffer.from('json/protobuf'), messageType: Buffer.from('a.B') },
      data: Buffer.from('{}'),
    }
    const events = exportHistory(
      [
        turn([
          started(0, {
            args: ['{"ü":1}', null, bytes, encoded],
            headers: { trace: '1' },
            searchAttributes: { Kind: '"x"' },
            executionTimeoutMs: 90_500,
            executionExpirationTime: t0 + 90_500,
            retryPolicy: { ...policy, maximumAttempts: 3, nonRetryableErrorTypes: ['Fatal'] },
            identity: 'me',
          }),
        ]),
      ],
      run,
    )
    expect(attributes(events[0])).toMatchObject({
      input: {
        payloads: [
          json('{"ü":1}'),
          { metadata: { encoding: 'YmluYXJ5L251bGw=' } },
          { metadata: { encoding: 'YmluYXJ5L3BsYWlu' }, data: 'AP8H' },
          {
            metadata: { encoding: 'anNvbi9wcm90b2J1Zg==', messageType: 'YS5C' },
            data: 'e30=',
          },
        ],
      },
      header: { fields: { trace: json('1') } },
      searchAttributes: { indexedFields: { Kind: json('"x"') } },
      workflowExecutionTimeout: '90.500s',
      workflowExecutionExpirationTime: '2026-01-01T00:01:30.500Z',
      retryPolicy: { maximumAttempts: 3, nonRetryableErrorTypes: ['Fatal'] },
      identity: 'me',
    })
    // JSON.parse(JSON.stringify()) changes nothing: there is no undefined that a reader would refuse.
    expect(JSON.parse(JSON.stringify(events))).toStrictEqual(events)
  })
})
