import { once } from 'node:events'
import { Agent, get, type IncomingMessage } from 'node:http'
import { connect, type Socket } from 'node:net'
import { createServer } from 'signalbox/api'
import { afterEach, describe, expect, it } from 'vitest'
import { eventually } from '../fixtures/eventually.ts'
import { type Answer, type ApiServer, base, openApiServer } from './fixtures/api-server.ts'

/** Limits that the hostile requests, tokens and streams of events do not test. */
let api: ApiServer | undefined
afterEach(async () => {
  await api?.close()
  api = undefined
})

async function open(...options: Parameters<typeof openApiServer>): Promise<ApiServer> {
  api = await openApiServer(...options)
  return api
}

const at = (id: string, rest = '') => `${base}/workflows/${id}${rest}`
const start = (server: ApiServer, id: string, type = 'collector') =>
  server.post(at(id), { workflowType: { name: type } })
const add = (server: ApiServer, id: string, value: unknown) =>
  server.post(at(id, '/signal/add'), { input: [value] })
const items = async (server: ApiServer, id: string): Promise<unknown[]> =>
  ((await server.post(at(id, '/query/items'))).json as { queryResult: [unknown[]] }).queryResult[0]
const history = async (server: ApiServer, id: string): Promise<string> =>
  (await server.get(at(id, '/history'))).text

function expectRefusal(answer: Answer, status: number, code: string, message: RegExp): void {
  expect(answer.json).toMatchObject({ message: expect.stringMatching(message) })
  expect(answer.status).toBe(status)
  expect(answer.text).toContain(`"reason":"${code}"`)
  expect(answer.headers.get('retry-after')).toBe(status === 429 ? '1' : null)
}

describe('what a workflow takes', () => {
  it('is no payload beyond maxPayloadBytes, at any door', async () => {
    const server = await open({}, { maxPayloadBytes: 1000 })
    await start(server, 'w')
    // Once its first turn has ended, nothing of its own is added to its history.
    expect(await items(server, 'w')).toEqual([])
    const before = await history(server, 'w')
    expect(before).toContain('TASK_COMPLETED')
    const large = 'x'.repeat(1001)
    const bodies: Record<string, object> = {
      [at('w', '/signal/add')]: { input: [large] },
      [at('other', '/signal-with-start/add')]: {
        workflowType: { name: 'collector' },
        signalInput: [large],
      },
      [at('other')]: { workflowType: { name: 'collector' }, input: [large] },
      [at('w', '/query/items')]: { query: { queryArgs: [large] } },
      [at('w', '/update/append')]: { request: { input: { args: [large] } } },
    }
    for (const [path, body] of Object.entries(bodies)) {
      const answer = await server.post(path, body)
      expectRefusal(answer, 400, 'SIGNALBOX_ERR_PAYLOAD_TOO_LARGE', /maxPayloadBytes/)
    }
    expect(await history(server, 'w')).toBe(before)
    expect(await server.get(at('other'))).toMatchObject({ status: 404 })
  })

  it('is nothing beyond maxMailboxDepth while it cannot go on; others do', async () => {
    const server = await open({}, { maxMailboxDepth: 3 })
    await start(server, 'stuck', 'broken')
    await start(server, 'well')
    const answers: Answer[] = []
    for (let n = 0; n < 6; n++) answers.push(await add(server, 'stuck', n))
    const taken = answers.filter(({ status }) => status === 200)
    expect(taken.length).toBeGreaterThan(0)
    expect(taken.length).toBeLessThanOrEqual(3)
    const before = await history(server, 'stuck')
    for (const refused of answers.slice(taken.length)) {
      expectRefusal(refused, 429, 'SIGNALBOX_ERR_MAILBOX_FULL', /maxMailboxDepth = 3/)
    }
    const again = await server.post(at('stuck', '/signal-with-start/add'), {
      workflowType: { name: 'broken' },
    })
    expectRefusal(again, 429, 'SIGNALBOX_ERR_MAILBOX_FULL', /nothing was written/)
    expect(await history(server, 'stuck')).toBe(before)
    expect(before.match(/EVENT_TYPE_WORKFLOW_EXECUTION_SIGNALED/g)?.length).toBe(taken.length)
    expect(await add(server, 'well', 1)).toMatchObject({ status: 200 })
    // What must get in does: or nobody could end it.
    expect(await server.post(at('stuck', '/terminate'), {})).toMatchObject({ status: 200 })
  })

  it('is nothing beyond maxWaitingInputs of all workflows, until there is room', async () => {
    const server = await open({}, { maxWaitingInputs: 4 })
    await start(server, 'well')
    // Its first turn has ended: it makes no room any more.
    expect(await items(server, 'well')).toEqual([])
    await start(server, 'stuck', 'broken')
    let refused: Answer | undefined
    let taken = 0
    while (refused === undefined && taken < 10) {
      const answer = await add(server, 'stuck', taken)
      if (answer.status === 200) taken++
      else refused = answer
    }
    expect(taken).toBeLessThanOrEqual(4)
    const before = [await history(server, 'well'), await history(server, 'stuck')]
    const wants = { workflowType: { name: 'collector' } }
    for (const answer of [
      refused as Answer,
      await add(server, 'well', 1),
      await server.post(at('new'), wants),
      await server.post(at('new', '/signal-with-start/add'), wants),
      await server.post(at('well', '/update/append'), {}),
    ]) {
      expectRefusal(answer, 429, 'SIGNALBOX_ERR_MAILBOX_FULL', /maxWaitingInputs = 4/)
    }
    expect([await history(server, 'well'), await history(server, 'stuck')]).toEqual(before)
    expect(await server.get(at('new'))).toMatchObject({ status: 404 })
    await server.post(at('stuck', '/terminate'), {})
    await eventually('there is room again', async () => {
      const { status } = await add(server, 'well', 2)
      return status === 200
    })
    expect(await items(server, 'well')).toEqual([2])
  })

  it('is nothing while maxUncommittedBytes wait to be written', async () => {
    const server = await open({}, { maxUncommittedBytes: 1 })
    await start(server, 'w')
    const answers = await Promise.all(
      Array.from({ length: 300 }, (_, n) => add(server, 'w', `${n} ${'x'.repeat(5000)}`)),
    )
    const refused = answers.filter(({ status }) => status !== 200)
    expect(refused.length).toBeGreaterThan(0)
    for (const answer of refused) {
      expectRefusal(answer, 429, 'SIGNALBOX_ERR_MAILBOX_FULL', /maxUncommittedBytes = 1 /)
    }
    expect((await items(server, 'w')).length).toBe(answers.length - refused.length)
  })
})

describe('pages', () => {
  it('have at most maxPageSize entries, and go on', async () => {
    const server = await open({ limits: { maxPageSize: 2 } })
    for (const id of ['a', 'b', 'c']) await start(server, id)
    for (let n = 0; n < 3; n++) await add(server, 'a', n)
    interface Page {
      readonly executions?: unknown[]
      readonly history?: { readonly events: unknown[] }
      readonly nextPageToken?: string
    }
    const sizes = async (path: string): Promise<number[]> => {
      const found: number[] = []
      let token: string | undefined
      do {
        const next = token === undefined ? '' : `&nextPageToken=${encodeURIComponent(token)}`
        const { json } = await server.get(`${base}${path}${next}`)
        const page = json as Page
        found.push((page.executions ?? page.history?.events ?? []).length)
        token = page.nextPageToken
      } while (token !== undefined && token !== '')
      return found
    }
    const most = async (path: string) => Math.max(...(await sizes(path)))
    for (const asked of ['1', '2']) {
      expect(await most(`/workflows?pageSize=${asked}`)).toBe(Number(asked))
    }
    for (const asked of ['0', '3', '1000', '99999999']) {
      expect(await most(`/workflows?pageSize=${asked}`)).toBe(2)
      expect(await most(`/workflows/a/history?maximumPageSize=${asked}`)).toBe(2)
      expect(await most(`/workflows/a/history-reverse?maximumPageSize=${asked}`)).toBe(2)
    }
    const listed = (await sizes('/workflows?pageSize=3')).reduce((sum, size) => sum + size)
    expect(listed).toBe(3)
  })
})

describe('ids', () => {
  it('of namespaces are held to the rules of ids', async () => {
    const server = await open()
    const list = (namespace: string) => server.get(`/namespaces/${namespace}/workflows`)
    const refused = ['%00', 'a%0Ab', '%7F', 'x'.repeat(256), '%C3%A9'.repeat(128), '%', '%FF', '']
    for (const namespace of refused) {
      expect(await list(namespace)).toMatchObject({ status: 400, json: { code: 3 } })
    }
    expect(await list('x'.repeat(255))).toMatchObject({ status: 200 })
  })

  it('in headers are, too', async () => {
    const server = await open()
    await start(server, 'w')
    const send = (key: string) =>
      server.post(at('w', '/signal/add'), {}, { 'idempotency-key': key })
    expect(await send('x'.repeat(1001))).toMatchObject({ status: 400 })
    expect(await send('""')).toMatchObject({ status: 400 })
    expect(await send('a\tb')).toMatchObject({ status: 400 })
    expect(await send('x'.repeat(1000))).toMatchObject({ status: 200 })
    expect(await items(server, 'w')).toEqual([])
  })
})

describe('connections', () => {
  const ready = (port: number, agent: Agent) =>
    new Promise<IncomingMessage>((resolve, reject) => {
      get({ port, host: '127.0.0.1', path: '/readyz', agent }, (response) => {
        response.resume().on('end', () => resolve(response))
      }).on('error', reject)
    })

  it('are closed when they have been idle for keepAliveTimeoutMs', async () => {
    const { port } = await open({ limits: { keepAliveTimeoutMs: 300 } })
    const socket = connect(port, '127.0.0.1')
    socket.write('GET /readyz HTTP/1.1\r\nHost: a\r\n\r\n')
    const [answer] = (await once(socket, 'data')) as [Buffer]
    expect(answer.toString()).toMatch(/^HTTP\/1\.1 200 [^]*\r\nConnection: keep-alive\r\n/)
    await once(socket, 'close')
  })

  it('are closed after maxRequestsPerSocket', async () => {
    const { port } = await open({ limits: { maxRequestsPerSocket: 3 } })
    const agent = new Agent({ keepAlive: true, maxSockets: 1 })
    const seen: (string | undefined)[] = []
    for (let n = 0; n < 4; n++) seen.push((await ready(port, agent)).headers['connection'])
    expect(seen).toEqual(['keep-alive', 'keep-alive', 'close', 'keep-alive'])
    agent.destroy()
  })

  it('beyond maxConnections are refused, and those that there are go on', async () => {
    const { port } = await open({ limits: { maxConnections: 3 } })
    const sockets = Array.from({ length: 3 }, () => connect(port, '127.0.0.1').resume())
    await Promise.all(sockets.map((socket) => once(socket, 'connect')))
    const count = () =>
      new Promise<number>((resolve) => {
        api?.app.server.getConnections((_error, connections) => resolve(connections))
      })
    await eventually('all are taken', async () => (await count()) === 3)
    const more = connect(port, '127.0.0.1').resume()
    more.on('error', () => {})
    await once(more, 'close')
    const [first] = sockets as [Socket]
    first.write('GET /readyz HTTP/1.1\r\nHost: a\r\n\r\n')
    first.destroy()
    await eventually('there is room', async () => (await count()) < 3)
    const next = connect(port, '127.0.0.1')
    next.write('GET /readyz HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n')
    const [answer] = (await once(next, 'data')) as [Buffer]
    expect(answer.toString()).toMatch(/^HTTP\/1\.1 200 /)
    for (const socket of sockets) socket.destroy()
  })

  it('that never had a request do not hold up a server that closes', async () => {
    const server = await open()
    const socket = connect(server.port, '127.0.0.1').resume()
    await once(socket, 'connect')
    await server.get('/readyz')
    await server.app.close()
    await once(socket, 'close')
  })
})

describe('limits of createServer', () => {
  it('are refused if they cannot be, by name', async () => {
    const { runtime } = await open()
    const refusal = (limits: object) => () => createServer({ runtime, limits })
    const invalid = (option: string) =>
      expect.objectContaining({ code: 'SIGNALBOX_ERR_INVALID_OPTION', fields: { option } })
    expect(refusal({ bodyByte: 1 })).toThrow(invalid('limits.bodyByte'))
    expect(refusal({ toString: 1 })).toThrow(invalid('limits.toString'))
    expect(refusal({ maxPageSize: 1001 })).toThrow(invalid('limits.maxPageSize'))
    for (const value of [0, -1, 1.5, NaN, '5', null]) {
      expect(refusal({ jsonDepth: value })).toThrow(invalid('limits.jsonDepth'))
    }
    const namespaces = { shop: { requestsPerSecond: 0 } }
    const app = createServer({ runtime, namespaces })
    await expect(app.ready()).rejects.toThrow(invalid('namespaces.shop.requestsPerSecond'))
  })
})
