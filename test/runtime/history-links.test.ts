import type { Workflow } from 'signalbox'
import { expect, test } from 'vitest'
import {
  cancels,
  fills,
  oneChild,
  writesTo,
  basket,
  double,
  startsTwice,
} from '../fixtures/family.ts'
import { openRuntime } from '../fixtures/lab.ts'

const code = 'family.ts'

interface Event {
  readonly eventId: string
  readonly eventType: string
  readonly [attributes: string]: unknown
}

function links(events: readonly Event[]): Record<string, unknown>[] {
  return events
    .filter(({ eventType }) => /CHILD|EXTERNAL/.test(eventType))
    .map(({ eventId, eventType, ...rest }) => {
      const [attributes] = Object.entries(rest).filter(([key]) => key.endsWith('EventAttributes'))
      return { eventId, type: eventType.replace('EVENT_TYPE_', ''), ...(attributes?.[1] as object) }
    })
}

test('a child and signals to it have the events that Temporal has', async () => {
  const { client } = await openRuntime({ code })
  const handle = await client.workflow.start(fills, {
    workflowId: 'p',
    args: [[5], { workflowId: 'c', parentClosePolicy: 'ABANDON', staticSummary: 'a basket' }],
  })
  await handle.result()
  const { events } = await handle.fetchHistory()
  const { runId } = await client.workflow.getHandle('c').describe()
  const workflowExecution = { workflowId: 'c', runId }
  const basketType = { name: 'basket' }
  expect(links(events)).toMatchObject([
    {
      eventId: '5',
      type: 'START_CHILD_WORKFLOW_EXECUTION_INITIATED',
      namespace: 'default',
      workflowId: 'c',
      workflowType: basketType,
      parentClosePolicy: 'PARENT_CLOSE_POLICY_ABANDON',
      workflowIdReusePolicy: 'WORKFLOW_ID_REUSE_POLICY_ALLOW_DUPLICATE',
      workflowTaskCompletedEventId: '4',
      input: { payloads: [{ data: Buffer.from('[]').toString('base64') }] },
    },
    {
      eventId: '6',
      type: 'CHILD_WORKFLOW_EXECUTION_STARTED',
      initiatedEventId: '5',
      workflowExecution,
      workflowType: basketType,
    },
    {
      eventId: '10',
      type: 'SIGNAL_EXTERNAL_WORKFLOW_EXECUTION_INITIATED',
      workflowTaskCompletedEventId: '9',
      workflowExecution: { workflowId: 'c' },
      signalName: 'give',
      childWorkflowOnly: true,
      input: { payloads: [{ data: Buffer.from('5').toString('base64') }] },
    },
    { eventId: '11', type: 'EXTERNAL_WORKFLOW_EXECUTION_SIGNALED', initiatedEventId: '10' },
    { eventId: '15', type: 'SIGNAL_EXTERNAL_WORKFLOW_EXECUTION_INITIATED', signalName: 'done' },
    { eventId: '16', type: 'EXTERNAL_WORKFLOW_EXECUTION_SIGNALED', initiatedEventId: '15' },
    {
      type: 'CHILD_WORKFLOW_EXECUTION_COMPLETED',
      initiatedEventId: '5',
      startedEventId: '6',
      workflowExecution,
      workflowType: basketType,
      result: { payloads: [{ data: Buffer.from('[5]').toString('base64') }] },
    },
  ])
  const initiated = events.find(({ eventId }) => eventId === '5')
  expect(initiated).toMatchObject({
    userMetadata: { summary: { data: Buffer.from('"a basket"').toString('base64') } },
  })
  const child = await client.workflow.getHandle('c').fetchHistory()
  const { runId: parentRunId } = await handle.describe()
  expect(child.events[0]).toMatchObject({
    workflowExecutionStartedEventAttributes: {
      parentWorkflowNamespace: 'default',
      parentWorkflowExecution: { workflowId: 'p', runId: parentRunId },
      rootWorkflowExecution: { workflowId: 'p', runId: parentRunId },
    },
  })
})

test('what cannot be done has its event too', async () => {
  const { client } = await openRuntime({ code })
  const historyOf = async (workflowId: string) =>
    links((await client.workflow.getHandle(workflowId).fetchHistory()).events)
  await client.workflow.execute(startsTwice, { workflowId: 'p', args: ['c'] })
  expect(await historyOf('p')).toMatchObject([
    { type: 'START_CHILD_WORKFLOW_EXECUTION_INITIATED' },
    { type: 'CHILD_WORKFLOW_EXECUTION_STARTED' },
    { type: 'START_CHILD_WORKFLOW_EXECUTION_INITIATED', eventId: '10' },
    {
      type: 'START_CHILD_WORKFLOW_EXECUTION_FAILED',
      cause: 'START_CHILD_WORKFLOW_EXECUTION_FAILED_CAUSE_WORKFLOW_ALREADY_EXISTS',
      workflowId: 'c',
      workflowType: { name: 'basket' },
      initiatedEventId: '10',
      workflowTaskCompletedEventId: '9',
    },
    { type: 'SIGNAL_EXTERNAL_WORKFLOW_EXECUTION_INITIATED' },
    { type: 'EXTERNAL_WORKFLOW_EXECUTION_SIGNALED' },
    { type: 'CHILD_WORKFLOW_EXECUTION_COMPLETED' },
  ])
  await client.workflow.execute(writesTo, { workflowId: 'w', args: [['nobody']] })
  expect(await historyOf('w')).toMatchObject([
    { type: 'SIGNAL_EXTERNAL_WORKFLOW_EXECUTION_INITIATED', eventId: '5' },
    {
      type: 'SIGNAL_EXTERNAL_WORKFLOW_EXECUTION_FAILED',
      cause:
        'SIGNAL_EXTERNAL_WORKFLOW_EXECUTION_FAILED_CAUSE_EXTERNAL_WORKFLOW_EXECUTION_NOT_FOUND',
      initiatedEventId: '5',
      workflowTaskCompletedEventId: '4',
      workflowExecution: { workflowId: 'nobody' },
    },
  ])
  await client.workflow.execute(cancels, { workflowId: 'x', args: ['nobody'] })
  expect(await historyOf('x')).toMatchObject([
    { type: 'REQUEST_CANCEL_EXTERNAL_WORKFLOW_EXECUTION_INITIATED', eventId: '5' },
    {
      type: 'REQUEST_CANCEL_EXTERNAL_WORKFLOW_EXECUTION_FAILED',
      cause:
        'CANCEL_EXTERNAL_WORKFLOW_EXECUTION_FAILED_CAUSE_EXTERNAL_WORKFLOW_EXECUTION_NOT_FOUND',
      initiatedEventId: '5',
    },
  ])
})

test.each([
  [
    'fails',
    ['no'],
    {},
    {
      type: 'CHILD_WORKFLOW_EXECUTION_FAILED',
      failure: { message: 'no' },
      retryState: 'RETRY_STATE_RETRY_POLICY_NOT_SET',
    },
  ],
  [
    'sleeps',
    [],
    { workflowRunTimeout: 20 },
    { type: 'CHILD_WORKFLOW_EXECUTION_TIMED_OUT', retryState: 'RETRY_STATE_TIMEOUT' },
  ],
] as const)('how a child ended: %s', async (type, args, options, last) => {
  const { client } = await openRuntime({ code })
  const handle = await client.workflow.start(oneChild, {
    workflowId: 'p',
    args: [type, [...args], options],
  })
  await handle.result()
  const { events } = await handle.fetchHistory()
  expect(links(events).at(-1)).toMatchObject({
    ...last,
    initiatedEventId: '5',
    startedEventId: '6',
  })
  expect((await handle.describe()).historyLength).toBe(events.length)
})

test('the history length of a run with links is that of its events', async () => {
  const { client } = await openRuntime({ code })
  await client.workflow.start(basket, { workflowId: 'b' })
  await client.workflow.execute(double, { workflowId: 'd', args: [1] })
  for (const [workflow, args] of [
    [writesTo, [['b', 'nobody', 'd']]],
    [cancels, ['b']],
    [startsTwice, ['c']],
  ] as const) {
    const handle = await client.workflow.start(workflow as Workflow, {
      workflowId: 'h',
      args,
    })
    await handle.result()
    const { events } = await handle.fetchHistory()
    expect((await handle.describe()).historyLength).toBe(events.length)
  }
})
