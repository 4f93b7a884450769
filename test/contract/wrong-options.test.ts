import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import path from 'node:path'
import {
  type Client,
  Runtime,
  silentLogger,
  TypedSearchAttributes,
  type WorkflowClient,
  type WorkflowHandle,
  WithStartWorkflowOperation,
} from 'signalbox'
import { beforeAll, describe, expect, test } from 'vitest'
import { add, put, total, victim } from '../fixtures/bad-input-workflows.ts'
import { bundleOf, openRuntime, temporaryFolder } from '../fixtures/lab.ts'

/*
 * Guarantee: an option that there is not, or that is of another kind, is refused with a code and its name, and nothing
 * of the call is done. The types say so too, to whoever has a compiler.
 */

const code = 'bad-input-workflows.ts'
// What no compiler would let pass.
const wrong = (value: unknown): never => value as never
const workflowId = 'w'

type Call = (handle: WorkflowHandle, workflow: WorkflowClient) => unknown
type Wrong = readonly [field: string, message: string | RegExp, call: Call]

const start =
  (options: unknown): Call =>
  (_, workflow) =>
    workflow.start('victim', wrong(options))
const also = (options: object): Call => start({ workflowId, ...options })
const signalWith =
  (options: object): Call =>
  (_, workflow) =>
    workflow.signalWithStart('victim', wrong({ workflowId, signal: 'add', ...options }))
const signal =
  (options: object): Call =>
  (handle) =>
    handle.signal(wrong({ signal: add, ...options }), wrong(1))
const update =
  (options: unknown): Call =>
  (handle) =>
    handle.executeUpdate('put', wrong(options))
const drain = async (list: AsyncIterable<unknown>): Promise<void> => {
  for await (const one of list) void one
}
const operation = (options: object): WithStartWorkflowOperation<typeof victim> =>
  new WithStartWorkflowOperation(
    victim,
    wrong({ workflowId, workflowIdConflictPolicy: 'FAIL', ...options }),
  )

const kinds: readonly Wrong[] = [
  ['options', /^options must be an object such as \{ workflowId: /, start(undefined)],
  ['options', /must be an object/, start('w')],
  ['options', /must be an object/, (_, workflow) => workflow.execute('victim', wrong(undefined))],
  ['arg', 'arg is not an option; did you mean args?', also({ arg: [1] })],
  ['waitFor', /^waitFor is not an option; /, also({ waitFor: 'processed' })],
  ['args', 'args must be an array', also({ args: 'abc' })],
  ['args', 'args must be an array', also({ args: null })],
  ['workflowIdReusePolicy', /'FOO'/, also({ workflowIdReusePolicy: 'FOO' })],
  ['workflowIdConflictPolicy', /'FOO'/, also({ workflowIdConflictPolicy: 'FOO' })],
  ['workflowExecutionTimeout', /'soon'/, also({ workflowExecutionTimeout: 'soon' })],
  ['startDelay', /'x'/, also({ startDelay: 'x' })],
  ['retry', /maximumAttempts must be a positive/, also({ retry: { maximumAttempts: -1 } })],
  [
    'retry.maxAttempts',
    /^retry\.maxAttempts is not an option; there are .*maximumAttempts/,
    also({ retry: { maxAttempts: 3 } }),
  ],
  ['retry', /must be an object/, also({ retry: 3 })],
  [
    'retry.nonRetryableErrorTypes',
    /must be an array of texts/,
    also({ retry: { nonRetryableErrorTypes: 'Mine' } }),
  ],
  ['memo', /must be an object/, also({ memo: 'text' })],
  ['searchAttributes', /must be an array/, also({ searchAttributes: { A: 'x' } })],
  ['searchAttributes', /must be an object/, also({ searchAttributes: 'x' })],
  ['typedSearchAttributes', /array of pairs/, also({ typedSearchAttributes: { A: 'x' } })],
  ['typedSearchAttributes', /array of pairs/, also({ typedSearchAttributes: ['x'] })],
  ['cronSchedule', 'cronSchedule must be a text', also({ cronSchedule: 5 })],
  ['staticSummary', 'staticSummary must be a text', also({ staticSummary: 5 })],
  ['followRuns', 'followRuns must be true or false', also({ followRuns: 'yes' })],
  ['constructor', /^constructor is not an option/, also({ constructor: 1 })],
  ['signalName', 'SignalName is not set on request.', signalWith({ signal: undefined })],
  ['signalArgs', 'signalArgs must be an array', signalWith({ signalArgs: 1 })],
  ['waitFor', 'waitFor must be one of durable, processed', signalWith({ waitFor: 'done' })],
  [
    'signalargs',
    'signalargs is not an option; did you mean signalArgs?',
    signalWith({ signalargs: [1] }),
  ],
  ['waitfor', 'waitfor is not an option; did you mean waitFor?', signal({ waitfor: 'processed' })],
  ['waitFor', 'waitFor must be one of durable, processed', signal({ waitFor: 'done' })],
  ['timeoutMs', 'timeoutMs must be a number of milliseconds', signal({ timeoutMs: '5' })],
  ['abortSignal', 'abortSignal must be an AbortSignal', signal({ abortSignal: true })],
  ['options', /^options must be an object such as \{ args: /, update(1)],
  ['options', /^options must be an object such as \{ args: /, update([1])],
  ['args', 'args must be an array', update({ args: 1 })],
  ['arg', 'arg is not an option; did you mean args?', update({ arg: [1] })],
  ['timeout', /'soon'/, update({ timeout: 'soon' })],
  [
    'waitForStage',
    /one of ADMITTED, ACCEPTED, COMPLETED/,
    (handle) => handle.startUpdate(put, { args: [1], waitForStage: wrong('DONE') }),
  ],
  ['options', /must be an object/, (handle) => handle.startUpdate(put, wrong(undefined))],
  [
    'timeouts',
    /did you mean timeout\?/,
    (handle) => handle.getUpdateHandle('u').result(wrong({ timeouts: 1 })),
  ],
  ['updateName', /not set/, (handle) => handle.executeUpdate(wrong(undefined))],
  ['queryType', /not set/, (handle) => handle.query(wrong(undefined))],
  [
    'rejectCondition',
    /one of NONE, NOT_OPEN/,
    (handle) => handle.queryWithOptions(total, { rejectCondition: wrong('OPEN') }),
  ],
  ['options', /must be an object/, (handle) => handle.queryWithOptions(total, wrong(undefined))],
  ['type', /one of FirstWorkflowTask/, (handle) => handle.reset({ type: wrong('First') })],
  ['reapplyExclude', /one of SIGNAL/, (handle) => handle.reset({ reapplyExclude: [wrong('X')] })],
  ['reasons', /did you mean reason\?/, (handle) => handle.pause(wrong({ reasons: 'x' }))],
  ['options', /must be an object/, (handle) => handle.unpause(wrong('x'))],
  ['options', /such as \{ query: /, (_, workflow) => drain(workflow.list(wrong("A = 'x'")))],
  ['query', 'query must be a text', (_, workflow) => workflow.count(wrong({ query: 'x' }))],
  [
    'startWorkflowOperation',
    /must be a WithStart/,
    (_, workflow) => workflow.executeUpdateWithStart(put, wrong({ args: [1] })),
  ],
  [
    'arg',
    /did you mean args\?/,
    (_, workflow) =>
      workflow.executeUpdateWithStart(
        put,
        wrong({ arg: [1], startWorkflowOperation: operation({}) }),
      ),
  ],
  [
    'arg',
    /did you mean args\?/,
    (_, workflow) =>
      workflow.executeUpdateWithStart(put, {
        args: [1],
        startWorkflowOperation: operation({ arg: [1] }),
      }),
  ],
]

describe('a client refuses', () => {
  let client: Client
  let handle: WorkflowHandle<typeof victim>
  beforeAll(async () => {
    const folder = await mkdtemp(path.join(tmpdir(), 'signalbox-test-'))
    const runtime = await Runtime.open({
      dataDir: path.join(folder, 'data'),
      workflowBundle: await bundleOf(code),
      logger: silentLogger,
      slots: 1,
    })
    client = runtime.client
    handle = await client.workflow.start(victim, { workflowId: 'victim' })
    return async () => {
      await runtime.close()
      await rm(folder, { recursive: true, force: true })
    }
  })

  test.each(kinds.map((kind, at) => [`${at}: ${kind[0]}, ${kind[1]}`, kind] as const))(
    '%s',
    async (_name, [field, message, call]) => {
      const refused = { code: 'SIGNALBOX_ERR_INVALID_ARGUMENT', fields: { field } }
      const refusal: unknown = await Promise.resolve(call(handle, client.workflow)).catch(
        (error: unknown) => error,
      )
      expect(refusal).toMatchObject(refused)
      if (typeof message === 'string') expect(refusal).toMatchObject({ message })
      else expect((refusal as Error).message).toMatch(message)
      // Nothing was done.
      expect(await client.workflow.count()).toMatchObject({ count: 1 })
      expect(await handle.query(total)).toBe(0)
    },
  )

  test('the options of a handle at once', () => {
    expect(() => client.workflow.getHandle('w', undefined, wrong({ followRun: false }))).toThrow(
      'followRun is not an option; did you mean followRuns?',
    )
  })

  test('what cannot be a payload, by its name', async () => {
    await expect(
      client.workflow.start(victim, { workflowId: 'w', memo: { good: 1, large: 10n } }),
    ).rejects.toMatchObject({
      code: 'SIGNALBOX_ERR_PAYLOAD_CONVERSION',
      message: 'memo.large cannot be turned into a payload; send plain data or bytes',
      fields: { field: 'memo', name: 'large' },
    })
  })

  test('an operation that was used before', async () => {
    const startWorkflowOperation = operation({
      workflowId: 'victim',
      workflowIdConflictPolicy: 'USE_EXISTING',
    })
    const options = { args: [0] as [number], startWorkflowOperation }
    expect(await client.workflow.executeUpdateWithStart(put, options)).toBe(0)
    await expect(client.workflow.executeUpdateWithStart(put, options)).rejects.toMatchObject({
      code: 'SIGNALBOX_ERR_INVALID_ARGUMENT',
      message: 'This WithStartWorkflowOperation instance has already been executed.',
    })
  })
})

test('what Temporal has and a cluster needs is accepted', async () => {
  const { client } = await openRuntime({ code })
  const ofTemporal = {
    priority: { priorityKey: 1 },
    versioningOverride: 'AUTO_UPGRADE',
    requestEagerStart: true,
    typeInfo: {},
    retry: { maximumAttempts: 3, initialInterval: '1 s' },
    workflowIdReusePolicy: 'WORKFLOW_ID_REUSE_POLICY_ALLOW_DUPLICATE',
    typedSearchAttributes: new TypedSearchAttributes([]),
    taskQueue: undefined,
  }
  const handle = await client.workflow.start(victim, wrong({ workflowId, ...ofTemporal }))
  expect((await handle.describe()).status).toBe('RUNNING')
  const other = client.workflow.getHandle(workflowId, undefined, { firstExecutionRunId: 'other' })
  // It is of another chain.
  await expect(other.terminate()).rejects.toMatchObject({
    code: 'SIGNALBOX_ERR_WORKFLOW_NOT_FOUND',
  })
  const { firstExecutionRunId } = handle
  await client.workflow
    .getHandle(
      workflowId,
      undefined,
      firstExecutionRunId === undefined ? {} : { firstExecutionRunId },
    )
    .terminate()
})

describe('Runtime.open refuses', () => {
  test.each([
    ['options', undefined, /must be an object such as \{ dataDir: /],
    ['options', 'data', /must be an object/],
    ['logger', { logger: 5 }, /debug, info, warn and error/],
    ['logger', { logger: { info: () => 1 } }, /debug, info, warn and error/],
    ['workflowPath', { workflowPath: 'x' }, /did you mean workflowsPath\?/],
    [
      'limits.maxMailboxDepht',
      { limits: { maxMailboxDepht: 5 } },
      /did you mean maxMailboxDepth\?/,
    ],
    ['limits', { limits: 5 }, /must be an object/],
    ['sharedModules', { sharedModules: 'lodash' }, /an array/],
    ['taskQueue', { taskQueue: 5 }, /a text/],
    ['activities', { activities: 5 }, /functions by their names/],
    ['onPoisoned', { onPoisoned: true }, /a function/],
    ['namespaces.a.retentoin', { namespaces: { a: { retentoin: 1 } } }, /did you mean retention\?/],
  ])('%s of %j', async (option, given, problem) => {
    const options =
      typeof given === 'object'
        ? { dataDir: './never-made', workflowsPath: './never-read.ts', ...given }
        : given
    const refusal: unknown = await Runtime.open(wrong(options)).catch((error: unknown) => error)
    expect(refusal).toMatchObject({ code: 'SIGNALBOX_ERR_INVALID_OPTION', fields: { option } })
    expect((refusal as Error).message).toMatch(problem)
  })

  test('and a backup refuses its own', async () => {
    const runtime = await openRuntime({ code })
    const target = path.join(await temporaryFolder(), 'backup')
    await expect(runtime.backup(target, wrong({ compat: true }))).rejects.toMatchObject({
      code: 'SIGNALBOX_ERR_INVALID_ARGUMENT',
      message: 'compat is not an option; did you mean compact?',
    })
  })

  test('a data folder that is a file', async () => {
    const file = path.join(await temporaryFolder(), 'a-file')
    await writeFile(file, '')
    const workflowBundle = await bundleOf(code)
    for (const dataDir of [file, path.join(file, 'data')]) {
      const opening = Runtime.open({ dataDir, workflowBundle, logger: silentLogger })
      await expect(opening).rejects.toMatchObject({
        code: 'SIGNALBOX_ERR_INVALID_OPTION',
        fields: { option: 'dataDir' },
      })
    }
  })
})
