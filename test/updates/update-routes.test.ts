import { createServer } from 'signalbox/api'
import { expect, onTestFinished, test } from 'vitest'
import { openRuntime } from '../fixtures/lab.ts'
import { account, open } from '../fixtures/updates.ts'

const prefix = 'UPDATE_WORKFLOW_EXECUTION_LIFECYCLE_STAGE_'

/** A server over a runtime with an account `w`, spoken to without a socket. */
async function openApi() {
  const runtime = await openRuntime({ code: 'updates.ts' })
  const handle = await runtime.client.workflow.start(account, { workflowId: 'w' })
  const app = createServer({ runtime })
  onTestFinished(() => app.close())
  const update = async (name: string, payload: object, query = '', headers = {}) => {
    const url = `/api/v1/namespaces/default/workflows/w/update/${name}${query}`
    const answer = await app.inject({ method: 'POST', url, payload, headers })
    return { status: answer.statusCode, body: answer.json<Record<string, unknown>>() }
  }
  return { handle, update }
}

test('an update over HTTP answers with its outcome and the stage it has reached', async () => {
  const { handle, update } = await openApi()
  const { runId } = await handle.describe()
  const updateRef = (updateId: unknown) => ({
    workflowExecution: { workflowId: 'w', runId },
    updateId,
  })
  expect(
    await update('deposit', {
      waitPolicy: { lifecycleStage: `${prefix}COMPLETED` },
      request: { meta: { updateId: 'u-1', identity: 'me' }, input: { args: [5] } },
    }),
  ).toEqual({
    status: 200,
    body: { updateRef: updateRef('u-1'), outcome: { success: [5] }, stage: `${prefix}COMPLETED` },
  })
  expect(
    await update('deposit', {
      waitPolicy: { lifecycleStage: 2 },
      request: { input: { args: [-5] } },
    }),
  ).toEqual({
    status: 200,
    body: {
      updateRef: updateRef(expect.any(String)),
      outcome: {
        failure: expect.objectContaining({
          message: 'refused -5',
          applicationFailureInfo: { type: 'Error' },
        }) as unknown,
      },
      stage: `${prefix}COMPLETED`,
    },
  })
})

test('asking again with the same update id tells how it went on', async () => {
  const { handle, update } = await openApi()
  const body = {
    waitPolicy: { lifecycleStage: 'COMPLETED' },
    request: { input: { args: ['a'] } },
  }
  const key = { 'idempotency-key': 'u-1' }
  const first = await update('gated', body, '?timeout=0s', key)
  expect(first.status).toBe(200)
  expect(first.body['outcome']).toBeUndefined()
  expect([`${prefix}ADMITTED`, `${prefix}ACCEPTED`]).toContain(first.body['stage'])
  const accepted = await update('gated', { request: body.request }, '', key)
  expect(accepted.body).toMatchObject({
    stage: `${prefix}ACCEPTED`,
    updateRef: { updateId: 'u-1' },
  })
  await handle.signal(open)
  expect((await update('gated', body, '', key)).body).toMatchObject({
    stage: `${prefix}COMPLETED`,
    outcome: { success: ['a through'] },
  })
})

test('what is wrong is told, and nothing is written', async () => {
  const { handle, update } = await openApi()
  expect(await update('deposit', { waitPolicy: { lifecycleStage: 'DONE' } })).toMatchObject({
    status: 400,
    body: { code: 3 },
  })
  expect(await update('deposit', { request: { input: { argument: [1] } } })).toMatchObject({
    status: 400,
  })
  expect(
    await update('deposit', { request: { meta: { updateId: 'x'.repeat(1_001) } } }),
  ).toMatchObject({ status: 400 })
  expect(await update('deposit', {}, '?timeout=1h')).toMatchObject({ status: 400 })
  expect(await update('deposit', { firstExecutionRunId: 'another' })).toMatchObject({ status: 404 })
  await handle.terminate()
  expect(await update('deposit', { request: { input: { args: [1] } } })).toMatchObject({
    status: 404,
    body: { code: 5 },
  })
  expect((await handle.fetchHistory()).events.map(({ eventType }) => eventType)).not.toContain(
    'EVENT_TYPE_WORKFLOW_EXECUTION_UPDATE_ACCEPTED',
  )
})
