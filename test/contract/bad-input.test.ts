import type { Client, Runtime, WorkflowHandle } from 'signalbox'
import { describe, expect, onTestFinished, test } from 'vitest'
import {
  add,
  attempt,
  failing,
  failures,
  finish,
  put,
  total,
  victim,
} from '../fixtures/bad-input-workflows.ts'
import { eventually } from '../fixtures/eventually.ts'
import { openRuntime } from '../fixtures/lab.ts'

/*
 * Guarantee: bad input gets an error of Temporal's class that says what is wrong, or one with a code that has such a
 * cause; nothing else is lost for it, and the workflow that it was meant for, or that made it, goes on.
 */

const large = 'x'.repeat(3 * 2 ** 20)
const activities = {
  echo: (value: unknown) => Promise.resolve(value),
  throws: () => Promise.reject(new RangeError('out of range')),
  large: () => Promise.resolve(large),
  bigint: () => Promise.resolve(10n),
}

type Victim = WorkflowHandle<typeof victim>

async function open(): Promise<{ runtime: Runtime; client: Client; handle: Victim }> {
  const runtime = await openRuntime({ code: 'bad-input-workflows.ts', activities, slots: 1 })
  onTestFinished(() => runtime.close())
  const { client } = runtime
  return { runtime, client, handle: await client.workflow.start(victim, { workflowId: 'victim' }) }
}

// What no compiler would let pass.
const wrong = (value: unknown): never => value as never
type Call = (handle: Victim, client: Client) => Promise<unknown>
type Expected = Readonly<Record<string, unknown>>

const conversion = { code: 'SIGNALBOX_ERR_PAYLOAD_CONVERSION', cause: { name: 'ValueError' } }
const tooLarge = {
  code: 'SIGNALBOX_ERR_PAYLOAD_TOO_LARGE',
  message: expect.stringMatching(/3145730 bytes, more than maxPayloadBytes = 2097152/) as string,
}
const notFound = {
  name: 'WorkflowNotFoundError',
  message: 'workflow not found for ID: nobody',
}
const updateFailed = (cause: Expected): Expected => ({ name: 'WorkflowUpdateFailedError', cause })
const invalid = (message: string, field?: string): Expected => ({
  code: 'SIGNALBOX_ERR_INVALID_ARGUMENT',
  message,
  // As the request has it, not as the message of Temporal does.
  ...(field !== undefined && { fields: { field } }),
})
/** With the error of Temporal's class as the cause. */
const invalidBy = (name: string, message: string): Expected => {
  return { ...invalid(message), cause: { name } }
}
const start = (options: object): Call => {
  return (_, { workflow }) => workflow.start(victim, wrong({ workflowId: 'other', ...options }))
}

const calls: readonly (readonly [what: string, call: Call, expected: Expected])[] = [
  [
    'a query that is not there',
    (handle) => handle.query('nobody'),
    {
      name: 'QueryNotRegisteredError',
      message:
        'Workflow did not register a handler for nobody. Registered queries: [total failures failing]',
    },
  ],
  ['a query that throws', (handle) => handle.query(failing, 'error'), { message: 'no answer' }],
  ['a query that fails', (handle) => handle.query(failing, 'failure'), { message: 'no' }],
  [
    'a query that returns a promise',
    (handle) => handle.query(failing, 'promise'),
    { message: 'Query handlers should not return a Promise' },
  ],
  ['an argument of a query', (handle) => handle.query(failing, wrong(10n)), conversion],
  ['a large argument of a query', (handle) => handle.query(failing, large), tooLarge],
  ['an argument of a signal', (handle) => handle.signal(add, wrong(10n)), conversion],
  [
    'a function',
    (handle) =>
      handle.signal(
        add,
        wrong(() => 1),
      ),
    conversion,
  ],
  ['a large signal', (handle) => handle.signal(add, wrong(large)), tooLarge],
  ...['', 5, undefined, null].map(
    (name) =>
      [
        `a signal with the name ${name}`,
        (handle: Victim) => handle.signal(wrong(name)),
        invalid('SignalName is not set on request.', 'signalName'),
      ] as const,
  ),
  [
    'an update that is not there',
    (handle) => handle.executeUpdate('nobody'),
    updateFailed({
      name: 'ApplicationFailure',
      message: 'No registered handler for update: nobody. Registered updates: [put]',
    }),
  ],
  [
    'an update that is not valid',
    (handle) => handle.executeUpdate(put, { args: ['text'] }),
    updateFailed({ name: 'ApplicationFailure', type: 'TypeError', message: 'not a number' }),
  ],
  [
    'an update that fails',
    (handle) => handle.executeUpdate(put, { args: ['fails'] }),
    updateFailed({ name: 'ApplicationFailure', type: 'Put', message: 'put' }),
  ],
  ['an argument of an update', (handle) => handle.executeUpdate(put, { args: [10n] }), conversion],
  ['a large update', (handle) => handle.executeUpdate(put, { args: [large] }), tooLarge],
  [
    'a signal to nobody',
    (_, { workflow }) => workflow.getHandle('nobody').signal(add, 1),
    notFound,
  ],
  ['a query of nobody', (_, { workflow }) => workflow.getHandle('nobody').query(total), notFound],
  [
    'an update of nobody',
    (_, { workflow }) => workflow.getHandle('nobody').executeUpdate(put, { args: [1] }),
    notFound,
  ],
  ['the result of nobody', (_, { workflow }) => workflow.getHandle('nobody').result(), notFound],
  ['a cancel of nobody', (_, { workflow }) => workflow.getHandle('nobody').cancel(), notFound],
  ['the end of nobody', (_, { workflow }) => workflow.getHandle('nobody').terminate(), notFound],
  [
    'a workflow id that is taken',
    start({ workflowId: 'victim' }),
    { name: 'WorkflowExecutionAlreadyStartedError', workflowId: 'victim', workflowType: 'victim' },
  ],
  ['an argument of a start', start({ args: [10n] }), conversion],
  ['a large argument of a start', start({ args: [large] }), tooLarge],
  [
    'no workflow id',
    start({ workflowId: undefined }),
    invalid('WorkflowId is not set on request.', 'workflowId'),
  ],
  [
    'no workflow type',
    (_, { workflow }) => workflow.start(wrong(undefined), wrong({ workflowId: 'other' })),
    invalid('WorkflowType is not set on request.', 'workflowType.name'),
  ],
  [
    'what is no duration',
    start({ workflowRunTimeout: 'soon' }),
    invalidBy('TypeError', "workflowRunTimeout: Invalid duration string: 'soon'"),
  ],
  [
    'a number that is no duration',
    start({ workflowExecutionTimeout: Number.NaN }),
    invalidBy('ValueError', 'workflowExecutionTimeout: Invalid millis NaN'),
  ],
  [
    'a retry policy',
    start({ retry: { maximumAttempts: -1 } }),
    invalidBy('ValueError', 'retry: RetryPolicy.maximumAttempts must be a positive integer'),
  ],
  ...['workflowIdReusePolicy', 'workflowIdConflictPolicy'].map(
    (option) =>
      [
        option,
        start({ [option]: 'SOMETIMES' }),
        invalidBy('ValueError', `${option}: Invalid enum value: 'SOMETIMES'`),
      ] as const,
  ),
  [
    'the signal of a start',
    (_, { workflow }) =>
      workflow.signalWithStart(victim, {
        workflowId: 'other',
        signal: add,
        signalArgs: [wrong(large)],
      }),
    tooLarge,
  ],
]

test('what clients send wrongly is refused, and all the rest is there', async () => {
  const { client, handle } = await open()
  for (const [at, [what, call, expected]] of calls.entries()) {
    // Sent before and behind it, without waiting for one another.
    const before = handle.signal(add, 1)
    const outcome = call(handle, client).then(
      () => 'went well',
      (error: unknown) => error,
    )
    const behind = handle.signal(add, 1)
    const error = await outcome
    expect(error, what).toMatchObject(expected)
    await Promise.all([before, behind])
    expect(await handle.query(total)).toBe(2 * (at + 1))
  }
  // A name that nobody handles is no error: it waits for a handler.
  await handle.signal('nobody', 1)
  await handle.signal(finish)
  expect(await handle.result()).toBe(2 * calls.length)
  await expect(client.workflow.getHandle('other').describe()).rejects.toMatchObject({
    name: 'WorkflowNotFoundError',
  })
})

const notJson = 'Unable to convert 10 to payload: Do not know how to serialize a BigInt'
const attempts: Readonly<Record<string, readonly unknown[]>> = {
  'an activity that nobody has': [
    'ActivityFailure',
    'Activity task failed',
    'ApplicationFailure',
    'NotFoundError',
    'Activity function nobody is not registered on this Worker, available activities: ' +
      '["echo","throws","large","bigint"]',
  ],
  'an activity that throws': [
    'ActivityFailure',
    'Activity task failed',
    'ApplicationFailure',
    'RangeError',
    'out of range',
  ],
  'a result that is too large': [
    'ActivityFailure',
    'Activity task failed',
    'ServerFailure',
    'Complete result exceeds size limit.',
  ],
  'a result that is no JSON': [
    'ActivityFailure',
    'Activity task failed',
    'ApplicationFailure',
    'ValueError',
    notJson,
    'TemporalFailure',
    'Do not know how to serialize a BigInt',
  ],
  'an argument that is no JSON': [
    'ValueError',
    notJson,
    'TypeError',
    'Do not know how to serialize a BigInt',
  ],
  'a local activity that nobody has': [
    'ReferenceError',
    "Local activity of type 'nobody' not registered on worker",
  ],
  'a local activity that throws': ['ApplicationFailure', 'RangeError', 'out of range'],
  'a workflow that is not there': [
    'ApplicationFailure',
    'ExternalWorkflowExecutionNotFound',
    'Unable to signal external workflow because it was not found',
  ],
  'a cancellation of nobody': [
    'ApplicationFailure',
    'ExternalWorkflowExecutionNotFound',
    'Unable to cancel external workflow because not found',
  ],
  'a child with a taken id': [
    'WorkflowExecutionAlreadyStartedError',
    'Workflow execution already started',
  ],
  'a child that fails': [
    'ChildWorkflowFailure',
    'Child Workflow execution failed',
    'ApplicationFailure',
    'Child',
    'child',
  ],
}

describe('what workflows ask for wrongly fails where they wait for it:', () => {
  test.each(Object.entries(attempts))('%s', async (which, expected) => {
    const { handle } = await open()
    await Promise.all([handle.signal(add, 1), handle.signal(attempt, which), handle.signal(add, 2)])
    const failed = await eventually('its failure', async () => {
      const [first] = await handle.query(failures)
      return first
    })
    expect(failed).toEqual([which, ...expected])
    await handle.signal(add, 4)
    await handle.signal(finish)
    expect(await handle.result()).toBe(7)
  })
})
