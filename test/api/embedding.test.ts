import { once } from 'node:events'
import { fastify } from 'fastify'
import { signalboxApi } from 'signalbox/api'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { type ApiServer, openApiServer, send } from './fixtures/api-server.ts'

describe("the plugin in a user's own service", () => {
  let api: ApiServer
  const app = fastify({ routerOptions: { maxParamLength: 4000 }, forceCloseConnections: true })
  let url: string

  beforeAll(async () => {
    api = await openApiServer()
    app.setErrorHandler((_error, _request, reply) => reply.code(418).send({ mine: true }))
    app.post('/mine', (request) => ({ body: request.body }))
    app.addHook('onRequest', (request, reply, done) => {
      if (request.headers['x-user'] === 'mallory') reply.code(403).send({ mine: true })
      else done(refusals[String(request.headers['x-user'])])
    })
    app.register(signalboxApi, {
      runtime: api.runtime,
      prefix: '/signals',
      limits: { jsonDepth: 4 },
    })
    url = await app.listen({ host: '127.0.0.1', port: 0 })
  })
  afterAll(async () => {
    await app.close()
    await api.close()
  })
  const path = '/signals/namespaces/default/workflows/embedded'
  const refusals: Record<string, Error> = {
    nobody: Object.assign(new Error('Sign in first'), { statusCode: 401 }),
    guest: Object.assign(new Error('Guests only read'), { statusCode: 403, code: 'MY_GUEST' }),
    hasty: Object.assign(new Error('Too fast'), { statusCode: 429 }),
    early: Object.assign(new Error('10.0.0.7 refuses'), { statusCode: 503 }),
    unlucky: new Error('a secret'),
  }

  it('answers below its prefix, with the limits it was given', async () => {
    const started = await send(url, 'POST', path, { workflowType: { name: 'collector' } })
    expect(started.status).toBe(200)
    expect((await send(url, 'POST', `${path}/signal/add`, { input: [1] })).text).toBe('{}')
    expect((await send(url, 'POST', `${path}/query/items`)).json).toEqual({ queryResult: [[1]] })
    expect(
      (await send(url, 'POST', `${path}/signal/add`, { input: [[[[1]]]] })).json,
    ).toMatchObject({
      message: expect.stringContaining('more than 4 levels'),
    })
    expect((await send(url, 'GET', '/signals/readyz')).status).toBe(200)
  })

  it("leaves the service's parsers, errors and hooks as they are", async () => {
    const text = { 'content-type': 'text/plain' }
    expect((await send(url, 'POST', '/mine', 'plain', text)).json).toEqual({ body: 'plain' })
    expect((await send(url, 'POST', '/mine', '{')).status).toBe(418)
    expect(await send(url, 'POST', `${path}/signal/add`, '{')).toMatchObject({
      status: 400,
      json: { code: 3 },
    })
    expect(await send(url, 'GET', path, undefined, { 'x-user': 'mallory' })).toMatchObject({
      status: 403,
      json: { mine: true },
    })
  })

  it.each([
    ['nobody', 401, 16, 'Sign in first'],
    ['guest', 403, 7, 'Guests only read'],
    ['hasty', 429, 8, 'Too fast'],
    ['early', 503, 14, 'Internal error'],
    ['unlucky', 500, 13, 'Internal error'],
  ])("answers what the service's hooks throw for %s with %i", async (user, status, code, said) => {
    const answer = await send(url, 'GET', path, undefined, { 'x-user': user })
    expect(answer).toMatchObject({
      status,
      json: { code, message: expect.stringContaining(said) },
    })
    expect(answer.text).not.toMatch(/10\.0\.0\.7|a secret/)
  })
})

describe('a full mailbox', () => {
  it('answers 429 with Retry-After, and drops nothing that it acknowledged', async () => {
    const api = await openApiServer({}, { maxMailboxDepth: 2 })
    const path = '/namespaces/default/workflows/full'
    await api.post(path, { workflowType: { name: 'collector' } })
    const answers = await Promise.all(
      Array.from({ length: 200 }, (_, n) => api.post(`${path}/signal/add`, { input: [n] })),
    )
    const refused = answers.filter(({ status }) => status === 429)
    expect(refused.length).toBeGreaterThan(0)
    for (const answer of refused) {
      expect(answer.headers.get('retry-after')).toMatch(/^[1-9]\d*$/)
      expect(answer.json).toMatchObject({
        code: 8,
        details: [{ cause: 'RESOURCE_EXHAUSTED_CAUSE_BUSY_WORKFLOW' }, { domain: 'signalbox' }],
      })
    }
    const queried = await api.post(`${path}/query/items`)
    const body: { queryResult: [number[]] } = JSON.parse(queried.text)
    const acknowledged = answers.flatMap(({ status }, n) => (status === 200 ? [n] : []))
    const inOrder = (numbers: readonly number[]) => numbers.toSorted((a, b) => a - b)
    expect(inOrder(body.queryResult[0])).toEqual(acknowledged)
    await api.close()
  })
})

describe('closing', () => {
  it('answers requests in hand and refuses new connections', async () => {
    const api = await openApiServer()
    await api.post('/namespaces/default/workflows/w', { workflowType: { name: 'collector' } })
    const signals = Array.from({ length: 50 }, (_, n) =>
      api.post('/namespaces/default/workflows/w/signal/add', { input: [n] }).then(
        ({ status }) => status,
        () => 'refused',
      ),
    )
    await once(api.app.server, 'request')
    await api.app.close()
    const outcomes = await Promise.all(signals)
    const applied = await api.runtime.client.workflow.getHandle('w').query<number[]>('items')
    expect(applied.length).toBe(outcomes.filter((status) => status === 200).length)
    expect(outcomes.filter((status) => status !== 200 && status !== 'refused')).toEqual([])
    await api.close()
  })
})
