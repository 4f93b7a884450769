import { once } from 'node:events'
import { request, type IncomingMessage } from 'node:http'
import { json } from 'node:stream/consumers'
import { fastify } from 'fastify'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { SignalRequest, SignalResponse } from 'signalbox'
import { signalboxApi } from 'signalbox/api'
import { eventually } from '../fixtures/eventually.ts'
import { type ApiServer, base, openApiServer } from './fixtures/api-server.ts'

const brief = 'waitFor=processed&timeout=0.05s'

describe('waitFor=processed', () => {
  let api: ApiServer
  beforeAll(async () => {
    api = await openApiServer({ limits: { longPollMs: 30_000 } })
  })
  afterAll(() => api.close())

  const at = (workflowId: string, rest = '') => `${base}/workflows/${workflowId}${rest}`
  const start = { workflowType: { name: 'collector' } }
  const items = (workflowId: string) =>
    api.runtime.client.workflow.getHandle(workflowId).query<unknown[]>('items')
  async function paused(workflowId: string): Promise<void> {
    await api.post(at(workflowId), start)
    expect(await api.post(at(workflowId, '/pause'), {})).toMatchObject({ status: 200 })
  }

  it('is answered when the time is over, and the signal is handled later', async () => {
    await paused('paused')
    const signal = { input: [1], requestId: 'r' }
    for (let round = 0; round < 2; round++) {
      const answer = await api.post(at('paused', `/signal/add?${brief}`), signal)
      expect(answer).toMatchObject({ status: 200, json: { processed: false } })
    }
    const signalWithStart = await api.post(at('paused', `/signal-with-start/add?${brief}`), {
      ...start,
      signalInput: [2],
    })
    expect(signalWithStart).toMatchObject({ status: 200, json: { processed: false } })
    await api.post(at('paused', '/unpause'), {})
    const last = await api.post(at('paused', '/signal/add?waitFor=processed'), { input: [3] })
    expect(last).toMatchObject({ status: 200, json: { processed: true } })
    expect(await items('paused')).toEqual([1, 2, 3])
  })

  it('is answered for a run that is parked and for one that begins later', async () => {
    const parked = await api.post(at('parked', `?${brief}`), { workflowType: { name: 'broken' } })
    expect(parked).toMatchObject({ status: 200, json: { started: true, processed: false } })
    const late = { ...start, workflowStartDelay: '3600s' }
    const delayed = await api.post(at('delayed', `?${brief}`), late)
    expect(delayed).toMatchObject({ status: 200, json: { started: true, processed: false } })
    const now = await api.post(at('now', '?waitFor=processed'), start)
    expect(now).toMatchObject({ status: 200, json: { started: true, processed: true } })
  })

  it('tells it of each line of a batch', async () => {
    await paused('batch-paused')
    await api.post(at('batch-open'), start)
    const line = (workflowId: string, more: object = {}) => ({
      workflowId,
      signalName: 'add',
      input: [1],
      ...more,
    })
    const lines = [line('batch-paused'), line('nobody'), line('batch-open'), line('batch-paused')]
    const expected = [
      { line: 1, processed: false },
      { line: 2, error: expect.any(Object) as unknown },
      { line: 3, processed: true },
      { line: 4, processed: false },
    ]
    // A turn takes its time: what is not paused is given more of it.
    const path = `${base}/signals?waitFor=processed&timeout=2s`
    expect((await api.post(path, lines)).json).toEqual({ results: expected })
    const text = lines.map((value) => `${JSON.stringify(value)}\n`).join('')
    const answer = await api.post(path, text, { 'content-type': 'application/x-ndjson' })
    expect(
      answer.text
        .trimEnd()
        .split('\n')
        .map((text) => JSON.parse(text) as unknown),
    ).toEqual(expected)
    const unwaited = await api.post(`${base}/signals`, lines.slice(2, 3))
    expect(unwaited.json).toEqual({ results: [{ line: 1 }] })
  })

  it('refuses a timeout that is too long, or has nothing to bound', async () => {
    await api.post(at('plain'), start)
    for (const query of [
      'waitFor=processed&timeout=31s',
      'timeout=1s',
      'waitFor=durable&timeout=1s',
    ]) {
      for (const [path, body] of [
        [at('plain', `/signal/add?${query}`), {}],
        [at(`other?${query}`), start],
        [at(`other/signal-with-start/add?${query}`), start],
        [`${base}/signals?${query}`, []],
      ] as const) {
        expect(await api.post(path, body)).toMatchObject({ status: 400 })
      }
    }
    expect(await items('plain')).toEqual([])
  })

  it('is over when its client hangs up, and when the server stops', async () => {
    const ended: (SignalResponse | undefined)[] = []
    let calls = 0
    const { service } = api.runtime
    const noted = <A, R extends SignalResponse | undefined>(call: (request: A) => Promise<R>) => {
      return async (asked: A): Promise<R> => {
        calls++
        const response = await call(asked)
        ended.push(response)
        return response
      }
    }
    const runtime = {
      state: 'serving' as const,
      service: {
        ...service,
        signalWorkflow: noted((asked: SignalRequest) => service.signalWorkflow(asked)),
        submitSignal: noted((asked: SignalRequest) => service.submitSignal(asked)),
      },
    }
    const app = fastify()
    app.register(signalboxApi, { runtime })
    const url = await app.listen({ host: '127.0.0.1', port: 0 })
    const open = (path: string, body: string) => {
      const headers = { 'content-type': 'application/json' }
      const sent = request(url + path, { method: 'POST', agent: false, headers })
      sent.on('error', () => undefined).end(body)
      return sent
    }
    await paused('left')
    const single = open(at('left', '/signal/add?waitFor=processed&timeout=60s'), '{"input":[1]}')
    const line = { workflowId: 'left', signalName: 'add', input: [2] }
    const many = `${base}/signals?waitFor=processed&timeout=60s`
    const batch = open(many, JSON.stringify([line, line]))
    await eventually('all wait', () => Promise.resolve(calls === 3))
    single.destroy()
    await eventually('the signal is given up', () => Promise.resolve(ended.length === 1))
    batch.destroy()
    await eventually('the batch is given up', () => Promise.resolve(ended.length === 3))
    const last = open(at('left', '/signal/add?waitFor=processed&timeout=60s'), '{"input":[3]}')
    const answered = once(last, 'response') as Promise<[IncomingMessage]>
    await eventually('one more waits', () => Promise.resolve(calls === 4))
    await app.close()
    const [answer] = await answered
    expect(await json(answer)).toEqual({ processed: false })
    expect(ended).toEqual(ended.map(() => ({ processed: false })))
    await api.post(at('left', '/unpause'), {})
    await api.post(at('left', '/signal/add?waitFor=processed'), { input: [4] })
    expect(new Set(await items('left'))).toEqual(new Set([1, 2, 3, 4]))
  })
})
