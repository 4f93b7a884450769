import { createHash } from 'node:crypto'
import * as fc from 'fast-check'
import { createServer, type Scope } from 'signalbox/api'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { RateLimit } from '../../api/rate-limit.ts'
import { type ApiServer, openApiServer } from './fixtures/api-server.ts'

const hash = (token: string) => `sha256:${createHash('sha256').update(token).digest('hex')}`
const bearer = (token: string) => ({ authorization: `Bearer ${token}` })

describe('tokens with scopes', () => {
  let api: ApiServer
  const rule = (name: string, scopes: Scope[], namespaces?: string[]) => ({
    name,
    hash: hash(name),
    scopes,
    namespaces,
  })
  beforeAll(async () => {
    api = await openApiServer({
      token: 'master',
      tokens: [
        rule('reader', ['read']),
        rule('sender', ['signal'], ['default', 'shop']),
        rule('starter', ['signal', 'start'], ['shop']),
        rule('shop-admin', ['admin'], ['shop']),
      ],
      authenticate: async (token) => {
        if (token === 'explodes') throw new Error('the key server is down')
        await Promise.resolve()
        return token === 'jwt' ? { scopes: ['read'], namespaces: ['shop'] } : undefined
      },
    })
    for (const namespace of ['default', 'shop']) {
      const path = `/namespaces/${namespace}/workflows/w`
      await api.post(path, { workflowType: { name: 'collector' } }, bearer('master'))
    }
  })
  afterAll(() => api.close())

  const start = { workflowType: { name: 'collector' } }
  const calls: Record<string, (namespace: string, token: string) => Promise<{ status: number }>> = {
    describe: (namespace, token) => api.get(`/namespaces/${namespace}/workflows/w`, bearer(token)),
    query: (namespace, token) =>
      api.post(`/namespaces/${namespace}/workflows/w/query/items`, {}, bearer(token)),
    list: (namespace, token) => api.get(`/api/v1/namespaces/${namespace}/workflows`, bearer(token)),
    signal: (namespace, token) =>
      api.post(`/namespaces/${namespace}/workflows/w/signal/add`, {}, bearer(token)),
    batch: (namespace, token) => api.post(`/namespaces/${namespace}/signals`, [], bearer(token)),
    signalWithStart: (namespace, token) =>
      api.post(`/namespaces/${namespace}/workflows/w/signal-with-start/add`, start, bearer(token)),
    terminate: (namespace, token) =>
      api.post(`/namespaces/${namespace}/workflows/nobody/terminate`, {}, bearer(token)),
  }

  it.each<[token: string, allowed: Record<string, string[]>]>([
    ['master', { default: Object.keys(calls), shop: Object.keys(calls) }],
    ['reader', { default: ['describe', 'query', 'list'], shop: ['describe', 'query', 'list'] }],
    ['sender', { default: ['signal', 'batch'], shop: ['signal', 'batch'] }],
    ['starter', { default: [], shop: ['signal', 'batch', 'signalWithStart'] }],
    ['shop-admin', { default: [], shop: Object.keys(calls) }],
    ['jwt', { default: [], shop: ['describe', 'query', 'list'] }],
  ])('%s may do what it is for, in its namespaces', async (token, allowed) => {
    for (const namespace of ['default', 'shop']) {
      for (const [name, call] of Object.entries(calls)) {
        const { status } = await call(namespace, token)
        const may = allowed[namespace]?.includes(name) === true
        expect(`${namespace} ${name} ${status === 403 ? 'refused' : 'allowed'}`).toBe(
          `${namespace} ${name} ${may ? 'allowed' : 'refused'}`,
        )
      }
    }
  })

  it.each(['', 'Bearer', 'Bearer nobody', 'Basic master', 'Bearer explodes', 'master'])(
    'answers 401 to "%s"',
    async (authorization) => {
      const answer = await api.get('/namespaces/default/workflows', { authorization })
      expect(answer).toMatchObject({ status: 401, json: { code: 16 } })
      expect(answer.headers.get('www-authenticate')).toBe('Bearer')
      expect(answer.text).not.toContain('key server')
    },
  )

  it('answers 403 as Temporal does, saying what is missing', async () => {
    const answer = await api.post('/namespaces/default/workflows/w', start, bearer('reader'))
    expect(answer.json).toEqual({
      code: 7,
      message: 'This needs a token with the scope start',
      details: [
        expect.objectContaining({ '@type': expect.stringContaining('PermissionDeniedFailure') }),
        expect.objectContaining({ reason: 'SIGNALBOX_ERR_PERMISSION_DENIED' }),
      ],
    })
  })

  it('shows a token its own namespaces alone', async () => {
    const names = async (token: string) =>
      (
        (await api.get('/namespaces', bearer(token))).json as {
          namespaces: { namespaceInfo: { name: string } }[]
        }
      ).namespaces.map(({ namespaceInfo }) => namespaceInfo.name)
    expect(await names('shop-admin')).toEqual(['shop'])
    expect(await names('reader')).toEqual(['default', 'shop'])
  })

  it('starts a workflow from a batch only with the scope for it', async () => {
    const line = { workflowId: 'n', signalName: 'add', ...start }
    const send = async (token: string) =>
      (
        await api.post(
          '/namespaces/shop/signals',
          [line, { workflowId: 'w', signalName: 'add' }],
          bearer(token),
        )
      ).json
    expect(await send('sender')).toEqual({
      results: [{ line: 1, error: expect.objectContaining({ code: 7 }) }, { line: 2 }],
    })
    expect(await send('starter')).toMatchObject({
      results: [{ line: 1, started: true }, { line: 2 }],
    })
  })

  it('starts in place of a running workflow only with the scope that terminates', async () => {
    const at = (rest = '') => `/namespaces/shop/workflows/replaced${rest}`
    const policies = [
      { workflowIdConflictPolicy: 'TERMINATE_EXISTING' },
      { workflowIdConflictPolicy: 3 },
      { workflowIdReusePolicy: 'TerminateIfRunning' },
    ]
    const running = { status: 200, json: { started: true } }
    expect(await api.post(at(), start, bearer('starter'))).toMatchObject(running)
    for (const policy of policies) {
      const body = { ...start, ...policy }
      const line = { workflowId: 'replaced', signalName: 'add', ...body }
      expect(await api.post(at(), body, bearer('starter'))).toMatchObject({
        status: 403,
        json: { code: 7, message: 'This needs a token with the scope admin' },
      })
      expect(await api.post(at('/signal-with-start/add'), body, bearer('starter'))).toMatchObject({
        status: 403,
      })
      expect(
        (await api.post('/namespaces/shop/signals', [line], bearer('starter'))).json,
      ).toMatchObject({ results: [{ line: 1, error: { code: 7 } }] })
      expect(await api.post(at(), body, bearer('shop-admin'))).toMatchObject(running)
    }
  })

  it('keeps what tells nothing open', async () => {
    for (const path of ['/healthz', '/readyz', '/openapi.json', '/explorer']) {
      expect(await api.get(path)).toMatchObject({ status: 200 })
    }
    expect(await api.get('/system-info')).toMatchObject({ status: 401 })
  })

  it('refuses a hash that is none', () => {
    expect(() =>
      createServer({ runtime: api.runtime, tokens: [{ hash: 'secret', scopes: ['read'] }] }),
    ).toThrow(/tokens\[0\]\.hash must be sha256:/)
  })
})

describe('the rate of a namespace', () => {
  it('answers 429 with Retry-After beyond it, and leaves the others alone', async () => {
    const api = await openApiServer({ limits: { requestsPerSecond: 5 } })
    const path = '/namespaces/busy/workflows/w'
    const answers = [await api.post(path, { workflowType: { name: 'collector' } })]
    for (let n = 0; n < 20; n++) answers.push(await api.post(`${path}/signal/add`, { input: [n] }))
    const refused = answers.filter(({ status }) => status === 429)
    expect(refused.length).toBeGreaterThan(0)
    expect(refused[0]?.headers.get('retry-after')).toBe('1')
    expect(refused[0]?.json).toMatchObject({
      code: 8,
      details: [{ cause: 'RESOURCE_EXHAUSTED_CAUSE_RPS_LIMIT' }, {}],
    })
    const items = await api.runtime.client.workflow
      .getHandle('w', undefined, { namespace: 'busy' })
      .query<number[]>('items')
    expect(items).toHaveLength(answers.length - 1 - refused.length)
    expect(await api.get('/namespaces/quiet/workflows')).toMatchObject({ status: 200 })
    await api.close()
  })

  it('never lets through more than the rate and one burst', () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: 50 }),
        fc.array(fc.integer({ min: 0, max: 2000 }), { minLength: 1, maxLength: 200 }),
        (perSecond, pauses) => {
          let now = 0
          const limit = new RateLimit(perSecond, undefined, () => now)
          let allowed = 0
          for (const pause of pauses) {
            now += pause
            const refusal = limit.take('n')
            if (refusal === undefined) allowed++
            else {
              // After the time that it names there is room again.
              const before = now
              now += Number(refusal.fields['retryAfterMs'])
              expect(limit.take('n')).toBeUndefined()
              allowed++
              expect(now).toBeGreaterThan(before)
            }
          }
          expect(allowed).toBeLessThanOrEqual(perSecond + (now / 1000) * perSecond + 1e-6)
        },
      ),
      { numRuns: 1_000, examples: [[3, [0, 116, 0, 0, 0, 3, 0]]] },
    )
  })
})
