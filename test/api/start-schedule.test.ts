import { afterAll, beforeAll, expect, it } from 'vitest'
import { eventually } from '../fixtures/eventually.ts'
import { withAnswerChecks } from './fixtures/answer-checks.ts'
import { type ApiServer, base, openApiServer } from './fixtures/api-server.ts'

let api: ApiServer
beforeAll(async () => {
  api = await withAnswerChecks(await openApiServer())
})
afterAll(() => api.close())

const start = (workflowId: string, type: string, more: object) =>
  api.post(`${base}/workflows/${workflowId}`, { workflowType: { name: type }, ...more })

it('a start may have a delay, which describe shows, and search attributes, which lists find', async () => {
  const answer = await start('delayed', 'collector', {
    workflowStartDelay: '3600s',
    memo: { fields: { why: 'test' } },
    searchAttributes: { indexedFields: { Customer: 'ada', Amount: 12 } },
  })
  expect(answer.status).toBe(200)
  const { json } = await api.get(`${base}/workflows/delayed`)
  expect(json).toMatchObject({
    workflowExecutionInfo: {
      executionTime: expect.any(String) as string,
      memo: { fields: { why: 'test' } },
      searchAttributes: { indexedFields: { Customer: 'ada', Amount: 12 } },
    },
    signalbox: { delayed: true, mailboxDepth: 1 },
  })
  const query = encodeURIComponent("Customer = 'ada' AND Amount > 10")
  const list = await api.get(`${base}/workflows?query=${query}`)
  expect(list.json).toMatchObject({
    executions: [
      { execution: { workflowId: 'delayed' }, status: 'WORKFLOW_EXECUTION_STATUS_RUNNING' },
    ],
  })
  const refused = await start('both', 'collector', {
    workflowStartDelay: '1s',
    cronSchedule: '@daily',
  })
  expect(refused).toMatchObject({
    status: 400,
    json: { message: 'CronSchedule and WorkflowStartDelay may not be used together.' },
  })
})

it('a start may have a retry policy', async () => {
  await start('retried', 'flaky', {
    retryPolicy: { initialInterval: '0.010s', maximumAttempts: 2 },
  })
  const { json } = await eventually('the second attempt has failed', async () => {
    const answer = await api.get(`${base}/workflows/retried`)
    const { status } = (answer.json as { workflowExecutionInfo: { status: string } })
      .workflowExecutionInfo
    return status.endsWith('FAILED') && answer
  })
  expect(json).toMatchObject({ signalbox: { attempt: 2 } })
})
