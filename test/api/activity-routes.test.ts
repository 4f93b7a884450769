import { fileURLToPath } from 'node:url'
import { Runtime, silentLogger } from 'signalbox'
import { activityInfo, CompleteAsyncError, type Info } from 'signalbox/activity'
import { createServer } from 'signalbox/api'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { eventually } from '../fixtures/eventually.ts'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { AnswerChecks, typeOf } from './fixtures/answer-checks.ts'
import { type Answer, base, send } from './fixtures/api-server.ts'

describe('activities that complete over HTTP', () => {
  const attempts: Info[] = []
  let url = ''
  let checks: AnswerChecks
  let close = async (): Promise<void> => undefined

  beforeAll(async () => {
    const folder = await mkdtemp(path.join(tmpdir(), 'signalbox-test-'))
    const runtime = await Runtime.open({
      dataDir: folder,
      workflowsPath: fileURLToPath(new URL('../fixtures/activity-workflows.ts', import.meta.url)),
      activities: {
        errand: () => {
          attempts.push(activityInfo())
          throw new CompleteAsyncError()
        },
      },
      slots: 1,
      logger: silentLogger,
    })
    const app = createServer({ runtime })
    url = await app.listen({ host: '127.0.0.1', port: 0 })
    checks = await AnswerChecks.of(url)
    close = async () => {
      await app.close()
      await runtime.close()
      await rm(folder, { recursive: true, force: true })
    }
  })
  afterAll(() => close())

  const request = async (method: string, at: string, body?: unknown): Promise<Answer> => {
    const answer = await send(url, method, `${base}${at}`, body)
    checks.check(method, `${base}${at}`, { ...answer, type: typeOf(answer) })
    return answer
  }
  const post = (at: string, body: unknown = {}) => request('POST', at, body)
  const describeRun = async (id: string) =>
    (await request('GET', `/workflows/${id}`)).json as {
      pendingActivities?: Record<string, unknown>[]
    }

  async function start(workflowId: string): Promise<Info> {
    await post(`/workflows/${workflowId}`, { workflowType: { name: 'sender' }, input: ['x'] })
    return eventually('an attempt has begun', () =>
      attempts.find(({ workflowExecution }) => workflowExecution?.workflowId === workflowId),
    )
  }
  const result = (id: string) => request('GET', `/workflows/${id}/result`)

  it('by token: heartbeat, then complete, once', async () => {
    const { base64TaskToken: taskToken } = await start('token')
    const beat = await post('/activity-heartbeat', { taskToken, details: [{ done: 1 }] })
    expect(beat).toMatchObject({ status: 200, text: '{}' })
    const [pending] = (await describeRun('token')).pendingActivities ?? []
    expect(pending).toMatchObject({
      activityId: '1',
      activityType: { name: 'errand' },
      state: 'PENDING_ACTIVITY_STATE_STARTED',
      heartbeatDetails: [{ done: 1 }],
      attempt: 1,
      maximumAttempts: 3,
      scheduledTime: expect.any(String),
      lastStartedTime: expect.any(String),
      lastHeartbeatTime: expect.any(String),
      lastWorkerIdentity: expect.any(String),
    })
    const completed = await post('/activity-complete', { taskToken, result: ['there'] })
    expect(completed).toMatchObject({ status: 200, text: '{}' })
    expect((await result('token')).json).toMatchObject({ result: 'there' })
    expect(await post('/activity-complete', { taskToken, result: ['again'] })).toMatchObject({
      status: 404,
      json: {
        code: 5,
        details: expect.arrayContaining([
          expect.objectContaining({ reason: 'SIGNALBOX_ERR_ACTIVITY_NOT_FOUND' }),
        ]),
      },
    })
  })

  it('by ids: a failure with all that it says', async () => {
    await start('ids')
    const failed = await post('/workflows/ids/activities/1/fail', {
      failure: {
        message: 'lost',
        cause: { message: 'rain', applicationFailureInfo: { type: 'Weather' } },
        applicationFailureInfo: { type: 'Lost', nonRetryable: true, details: [{ at: 'sea' }] },
      },
    })
    expect(failed).toMatchObject({ status: 200, text: '{}' })
    expect((await result('ids')).json).toMatchObject({
      failure: {
        cause: {
          message: 'lost',
          cause: { message: 'rain', applicationFailureInfo: { type: 'Weather' } },
          applicationFailureInfo: { type: 'Lost', nonRetryable: true, details: [{ at: 'sea' }] },
        },
      },
    })
  })

  it('a cancellation is told by the heartbeat, and resolved', async () => {
    await start('stop')
    const at = '/workflows/stop/activities/1'
    expect(await post(`${at}/resolve-as-canceled`)).toMatchObject({ status: 400 })
    await post('/workflows/stop/signal/giveUp')
    await eventually('it is told', async () => {
      const { json } = await post(`${at}/heartbeat`)
      return (json as { cancelRequested?: boolean }).cancelRequested === true
    })
    expect(await post(`${at}/resolve-as-canceled`, { details: ['ok'] })).toMatchObject({
      status: 200,
    })
    expect((await result('stop')).json).toMatchObject({ result: 'given up' })
  })

  it.each([
    ['/activity-complete', {}, /taskToken/],
    ['/activity-complete', { taskToken: '*' }, /base64/],
    ['/activity-complete', { taskToken: 'eA==' }, /task token/],
    ['/activity-complete', { taskToken: 'eA==', result: [1, 2] }, /one value/],
    ['/activity-fail', { taskToken: 'eA==', failure: 'no' }, /must be an object/],
    ['/activity-fail', { taskToken: 'eA==', failure: { message: 1 } }, /must be a text/],
    [
      '/workflows/w/activities/1/fail',
      { failure: { timeoutFailureInfo: { timeoutType: 'X' } } },
      /timeoutType/,
    ],
    ['/activity-heartbeat', { unknown: 1 }, /unknown/],
  ])('%s refuses %j', async (path, body, problem) => {
    const answer = await post(path, body)
    expect(answer.status).toBe(400)
    expect((answer.json as { message: string }).message).toMatch(problem)
  })
})
