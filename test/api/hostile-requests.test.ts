import { once } from 'node:events'
import { connect } from 'node:net'
import * as fc from 'fast-check'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { type Answer, type ApiServer, base, openApiServer, send } from './fixtures/api-server.ts'

/** Write bytes to a new connection, and return all that comes back until it closes. */
async function exchange(port: number, ...parts: string[]): Promise<string> {
  const socket = connect(port, '127.0.0.1')
  let received = ''
  socket.setEncoding('utf8').on('data', (text: string) => {
    received += text
  })
  // Refused connections are reset, sometimes while we still write.
  socket.on('error', () => {})
  for (const part of parts) socket.write(part)
  await once(socket, 'close')
  return received
}

describe('hostile requests', () => {
  let api: ApiServer
  beforeAll(async () => {
    api = await openApiServer({
      limits: {
        requestTimeoutMs: 1500,
        headersTimeoutMs: 1000,
        connectionTimeoutMs: 2500,
        bodyBytes: 100_000,
      },
    })
    const started = await api.post(`${base}/workflows/w`, { workflowType: { name: 'collector' } })
    expect(started.status).toBe(200)
  })
  afterAll(() => api.close())

  const signal = `${base}/workflows/w/signal/add`
  const posts = [
    `${base}/workflows/w`,
    signal,
    `${base}/workflows/w/signal-with-start/add`,
    `${base}/workflows/w/query/items`,
    `${base}/workflows/nobody/cancel`,
    `${base}/workflows/nobody/terminate`,
    `${base}/workflows/nobody/release`,
  ]

  function expectRefusal(answer: Answer, status: number, message: RegExp): void {
    expect(answer.json).toEqual({
      code: expect.any(Number),
      message: expect.stringMatching(message),
      details: expect.any(Array),
    })
    expect(answer.status).toBe(status)
    expect(answer.headers.get('content-type')).toBe('application/json; charset=utf-8')
    expect(answer.text).not.toMatch(/\n\s+at |node_modules|\.ts:\d/)
  }

  it.each<[what: string, body: string, status: number, message: RegExp]>([
    ['broken JSON', '{"input":[1}', 400, /^the body is not valid JSON: unexpected character/],
    ['half of JSON', '{"input":[1]', 400, /^the body is not valid JSON: it ends too early/],
    ['an array', '[]', 400, /^the body must be of type object/],
    ['a number', '1', 400, /^the body must be of type object/],
    ['an unknown field', '{"quux":[1]}', 400, /^quux is not a field of this request$/],
    ['a typing error', '{"inputs":[1]}', 400, /^inputs is not a field.*; did you mean input\?$/],
    [
      'an unknown field within',
      '{"workflowExecution":{"id":"x"}}',
      400,
      /^workflowExecution.id is/,
    ],
    ['a prototype', '{"__proto__":{"input":[1]}}', 400, /^__proto__ is not a field/],
    ['a constructor', '{"constructor":{"prototype":{}}}', 400, /^constructor is not a field/],
    ['a field of the wrong type', '{"requestId":7}', 400, /^requestId must be of type string/],
    ['a field twice', '{"request_id":"a","requestId":"b"}', 400, /^requestId is given twice/],
    ['input that is no list', '{"input":"x"}', 400, /^input must be an array/],
    ['deep nesting', `{"input":${'['.repeat(40_000)}`, 400, /nested more than 64 levels/],
    ['deep objects', `{"input":[${'{"a":'.repeat(9000)}`, 400, /nested more than 64 levels/],
    ['a large body', `{"input":["${'x'.repeat(100_001)}"]}`, 413, /too large/],
    ['half a surrogate pair', '{"requestId":"\\ud800"}', 400, /^requestId is not valid Unicode/],
    [
      'a whole number beyond 2^53',
      '{"input":[1,12345678901234567890]}',
      400,
      /^the number at position 12 .*as a string.*long form/,
    ],
    ['a number that is too large', '{"input":[{"a":-1e999}]}', 400, /^the number at position 15/],
    ['a number that is too small', '{"input":[1e-999]}', 400, /^the number at position 10/],
    [
      'a number of many digits',
      `{"input":[${'9'.repeat(400)}]}`,
      400,
      /^the number at position 10/,
    ],
    ['a large number in a header', '{"header":{"fields":{"a":9007199254740993}}}', 400, /number/],
    ['a control character', '{"requestId":"a\\u0000b"}', 400, /control character/],
    ['a long request id', `{"requestId":"${'é'.repeat(501)}"}`, 400, /1000 bytes/],
  ])('are refused: %s', async (_what, body, status, message) => {
    expectRefusal(await api.post(signal, body), status, message)
  })

  it.each([
    ['w', '{"args":[1]}', 'args', 'input'],
    ['w/signal/add', '{"args":[1]}', 'args', 'input'],
    ['w/signal-with-start/add', '{"signalArgs":[1]}', 'signalArgs', 'signalInput'],
    ['w/signal-with-start/add', '{"args":[1]}', 'args', 'input'],
    ['w/query/items', '{"queryArgs":[1]}', 'queryArgs', 'query.queryArgs'],
    ['w/query/items', '{"args":[1]}', 'args', 'query.queryArgs'],
    ['w/query/items', '{"query":{"input":[1]}}', 'query.input', 'query.queryArgs'],
    ['w/update/add', '{"args":[1]}', 'args', 'request.input.args'],
    ['w/update/add', '{"request":{"args":[1]}}', 'request.args', 'request.input.args'],
    ['w/update/add', '{"updateId":"u"}', 'updateId', 'request.meta.updateId'],
  ])('are told where arguments go: POST %s %s', async (path, body, field, meant) => {
    const answer = await api.post(`${base}/workflows/${path}`, body)
    expect(answer.status).toBe(400)
    expect(answer.json).toMatchObject({
      message: `${field} is not a field of this request; did you mean ${meant}?`,
    })
  })

  it('are refused by media type, before they are read', async () => {
    for (const type of ['text/plain', 'application/x-www-form-urlencoded', 'application/jsonx']) {
      const answer = await api.post(signal, '{"input":[1]}', { 'content-type': type })
      expectRefusal(answer, 415, /Content-Type: application\/json/)
    }
  })

  it('are refused in another form than plain UTF-8', async () => {
    const body = '{"input":["é"]}'
    const many = `${base}/signals`
    const lines = { 'content-type': 'application/x-ndjson' }
    const gzip = { 'content-encoding': 'gzip' }
    expectRefusal(await api.post(signal, body, gzip), 415, /without a Content-Encoding/)
    expectRefusal(await api.post(many, body, { ...lines, ...gzip }), 415, /Content-Encoding/)
    for (const charset of ['latin1', '"UTF-16"', 'utf-8x']) {
      const json = { 'content-type': `application/json; charset=${charset}` }
      const ndjson = { 'content-type': `application/x-ndjson;charset=${charset}` }
      expectRefusal(await api.post(signal, body, json), 415, /charset=utf-8/)
      expectRefusal(await api.post(many, body, ndjson), 415, /charset=utf-8/)
    }
    const latin1 = await fetch(api.url + signal, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: Buffer.from(body, 'latin1'),
    })
    expect(latin1.status).toBe(400)
    expect(await latin1.text()).toContain('not valid UTF-8')
  })

  it('are taken with their charset said, and with the usual numbers', async () => {
    await api.post(`${base}/workflows/plain`, { workflowType: { name: 'collector' } })
    const numbers =
      '[9007199254740992,-9007199254740993000,0.1,1e308,1E-300,"12345678901234567890",0e999]'
    for (const headers of [
      { 'content-type': 'application/json; charset=UTF-8' },
      { 'content-type': 'application/json;charset="utf-8"', 'content-encoding': 'identity' },
    ]) {
      const answer = await api.post(
        `${base}/workflows/plain/signal/add?waitFor=processed`,
        `{"input":[${numbers}]}`,
        headers,
      )
      expect(answer).toMatchObject({ status: 200 })
    }
    const seen = await api.post(`${base}/workflows/plain/query/items`)
    const values: unknown = JSON.parse(numbers)
    expect(JSON.parse(seen.text)).toMatchObject({ queryResult: [[values, values]] })
  })

  it('are refused by path and query', async () => {
    const at = (id: string, rest = '/signal/add') => `${base}/workflows/${id}${rest}`
    expectRefusal(await api.post(at('%00'), {}), 400, /control character/)
    expectRefusal(await api.post(at('a%0d%0ab'), {}), 400, /control character/)
    expectRefusal(await api.post(at('%7F'), {}), 400, /control character/)
    expectRefusal(await api.post(at('%'), {}), 400, /percent-encoding/)
    expectRefusal(await api.post(at('%FF'), {}), 400, /percent-encoding/)
    expectRefusal(await api.post(at('%E0%A4'), {}), 400, /percent-encoding/)
    expectRefusal(await api.post(at('x'.repeat(1001)), {}), 400, /1000 bytes/)
    expectRefusal(await api.post(at('x'.repeat(4001)), {}), 400, /too long/)
    expectRefusal(await api.post(at('', '/signal/add'), {}), 400, /is not set on request/)
    expectRefusal(await api.post(at('w', '/signal/%00'), {}), 400, /control character/)
    expectRefusal(await api.post(`${signal}?waitfor=processed`, {}), 400, /^waitfor is not a query/)
    expectRefusal(await api.post(`${signal}?waitFor=never`, {}), 400, /^waitFor must be/)
    expectRefusal(await api.post(`${signal}?waitFor=durable&waitFor=durable`, {}), 400, /twice/)
    expectRefusal(await api.get(at('w', '/history?maximumPageSize=x')), 400, /whole number/)
    expectRefusal(await api.get(at('w', '/history?nextPageToken=%20!')), 400, /^nextPageToken/)
    expectRefusal(await api.get(at('w', '/result?timeout=1h')), 400, /^timeout must be a duration/)
    expectRefusal(await api.get(at('w', '/result?timeout=9999s')), 400, /^timeout must be at most/)
    expectRefusal(await api.get(`${base}/workflows?__proto__=1`), 400, /^__proto__ is not a query/)
  })

  it('with start fields out of range are refused by name', async () => {
    const start = (fields: object) =>
      api.post(`${base}/workflows/never`, { workflowType: { name: 'echo' }, ...fields })
    const untyped = await start({ workflowType: {} })
    expectRefusal(untyped, 400, /^WorkflowType is not set/)
    expect(untyped.text).toContain('"field":"workflowType.name"')
    expectRefusal(await start({ workflowRunTimeout: '-1s' }), 400, /^workflowRunTimeout must not/)
    expectRefusal(await start({ workflowRunTimeout: 5 }), 400, /^workflowRunTimeout must be/)
    expectRefusal(await start({ workflowIdReusePolicy: 99 }), 400, /^workflowIdReusePolicy must/)
    for (const maximumAttempts of [-1, '0x3', ' 3 ', '', 'NaN', 2 ** 31]) {
      const answer = await start({ retryPolicy: { maximumAttempts } })
      expectRefusal(answer, 400, /^retryPolicy.maximumAttempts/)
    }
    expectRefusal(
      await start({ retryPolicy: { backoffCoefficient: '0.5' } }),
      400,
      /^retryPolicy.backoffCoefficient/,
    )
    expectRefusal(await start({ memo: { fields: [1] } }), 400, /^memo.fields must be an object/)
    expectRefusal(
      await api.post(
        `${base}/workflows/never`,
        '{"workflowType":{"name":"echo"},"memo":{"fields":{"__proto__":1}}}',
      ),
      400,
      /^memo.fields must not/,
    )
    expect((await api.get(`${base}/workflows/never`)).status).toBe(404)
  })

  it('of any shape get an answer below 500, in our form', async () => {
    const names = [
      ['input', 'signalInput', 'workflowType', 'taskQueue', 'requestId', 'workflowExecution'],
      ['execution', 'query', 'memo', 'header', 'searchAttributes', 'retryPolicy', 'identity'],
      ['workflowRunTimeout', 'workflowIdReusePolicy', 'details', 'reason', 'links', 'fields'],
      ['name', 'runId', 'queryArgs', 'initialInterval', 'maximumAttempts', 'indexedFields'],
      ['payloads', 'metadata', 'encoding', 'data', '_protoMessageType', '__proto__', 'toJSON'],
    ].flat()
    const leaf = fc.oneof(
      fc.jsonValue({ maxDepth: 1 }),
      fc.constantFrom('10s', 'YmluYXJ5L251bGw=', '', '\u0000', 'x'.repeat(2000), 1e308, -1),
    )
    const { body } = fc.letrec((tie) => ({
      body: fc.dictionary(fc.constantFrom(...names), tie('value'), { maxKeys: 4 }),
      value: fc.oneof({ depthSize: 'small' }, leaf, tie('body'), fc.array(tie('value'))),
    }))
    const hostile = fc.oneof(
      body.map((value) => JSON.stringify(value)),
      fc.tuple(body, fc.nat()).map(([value, cut]) => {
        const text = JSON.stringify(value)
        return text.slice(0, cut % (text.length + 1))
      }),
      fc.string({ unit: 'binary' }),
    )
    await fc.assert(
      fc.asyncProperty(fc.constantFrom(...posts), hostile, async (path, text) => {
        const answer = await api.post(path, text)
        expect(answer.status).toBeLessThan(500)
        expect(answer.json).toBeTypeOf('object')
        expect(answer.text).not.toMatch(/\n\s+at |node_modules|\.ts:\d/)
      }),
      { numRuns: 400 },
    )
    // None of it has changed what was there.
    expect(await api.get('/readyz')).toMatchObject({ status: 200 })
  })

  it('that are not HTTP are refused in our form', async () => {
    expect(await exchange(api.port, 'HELLO\r\n\r\n')).toMatch(/^HTTP\/1\.1 400 [^]*"code":3/)
    const header = `X: ${'x'.repeat(20_000)}\r\n\r\n`
    expect(await exchange(api.port, `GET / HTTP/1.1\r\nHost: a\r\n${header}`)).toMatch(
      /^HTTP\/1\.1 431 [^]*"code":3/,
    )
    const smuggled = `POST ${signal} HTTP/1.1\r\nHost: a\r\nContent-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n`
    expect(await exchange(api.port, smuggled)).toMatch(/^HTTP\/1\.1 400 /)
  })

  it('that never end are cut off, and others are served meanwhile', async () => {
    const body = `POST ${signal} HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: 50\r\n\r\n{"inp`
    const slow = [
      exchange(api.port, 'GET / HTTP/1.1\r\nHost: localhost\r\nX-Slow: '),
      exchange(api.port, body),
      exchange(api.port),
      ...Array.from({ length: 50 }, () => exchange(api.port, body)),
    ]
    for (let n = 0; n < 10; n++) expect((await api.get('/readyz')).status).toBe(200)
    const [headers, half, silent] = await Promise.all(slow)
    expect(headers).toMatch(/^HTTP\/1\.1 408 [^]*took too long/)
    expect(half).toMatch(/^HTTP\/1\.1 408 [^]*took too long/)
    expect(silent).toMatch(/^HTTP\/1\.1 408 /)
  })

  it('whose clients are gone leave nothing behind', async () => {
    const socket = connect(api.port, '127.0.0.1')
    socket.write(`GET ${base}/workflows/w/result?timeout=20s HTTP/1.1\r\nHost: localhost\r\n\r\n`)
    await once(socket, 'connect')
    const half = connect({ port: api.port, host: '127.0.0.1', allowHalfOpen: true }).resume()
    half.end(
      `POST ${signal} HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: 50\r\n\r\n{"inp`,
    )
    await once(half, 'close')
    socket.destroy()
    const connections = () =>
      new Promise<number>((resolve, reject) =>
        api.app.server.getConnections((error, count) =>
          error === null ? resolve(count) : reject(error),
        ),
      )
    await expect.poll(connections, { timeout: 10_000 }).toBeLessThanOrEqual(2)
    expect((await api.post(signal, { input: ['after'] })).status).toBe(200)
  })
})

describe('a server that is closed', () => {
  it('ends long polls at once and lets the client try again', async () => {
    const api = await openApiServer()
    await api.post(`${base}/workflows/w`, { workflowType: { name: 'collector' } })
    const waiting = api.get(`${base}/workflows/w/result?timeout=60s`)
    const history = api.get(
      `${base}/workflows/w/history?waitNewEvent=true&historyEventFilterType=2`,
    )
    // Both are known to be in hand once a later request on another connection has been answered.
    await send(api.url, 'GET', '/readyz')
    await api.app.close()
    for (const answer of [await waiting, await history]) {
      expect([200, 503]).toContain(answer.status)
      if (answer.status === 503) expect(answer.headers.get('retry-after')).toBe('1')
    }
    await api.close()
  })
})

describe('a server with a token', () => {
  let api: ApiServer
  beforeAll(async () => {
    api = await openApiServer({ token: 'correct horse', allowedHosts: ['127.0.0.1'] })
  })
  afterAll(() => api.close())

  it('answers only those who have it', async () => {
    for (const authorization of ['', 'Bearer', 'Bearer wrong', 'Basic correct horse', 'correct']) {
      const answer = await api.get(`${base}/workflows`, { authorization })
      expect(answer).toMatchObject({ status: 401, json: { code: 16 } })
      expect(answer.headers.get('www-authenticate')).toBe('Bearer')
    }
    const body = '{'.repeat(1000)
    expect((await api.post(`${base}/workflows/w`, body)).status).toBe(401)
    const authorization = 'Bearer correct horse'
    expect((await api.get(`${base}/workflows`, { authorization })).status).toBe(200)
  })

  it('tells anybody how it is', async () => {
    expect((await api.get('/healthz')).status).toBe(200)
    expect((await api.get('/readyz')).status).toBe(200)
  })

  it('is not there for pages that bind a name of their own to it', async () => {
    const request = (host: string) =>
      exchange(
        api.port,
        `GET ${base}/workflows HTTP/1.1\r\nHost: ${host}\r\nAuthorization: Bearer correct horse\r\nConnection: close\r\n\r\n`,
      )
    expect(await request('evil.example')).toMatch(/^HTTP\/1\.1 403 [^]*Host not allowed/)
    expect(await request(`127.0.0.1:${api.port}`)).toMatch(/^HTTP\/1\.1 200 /)
  })
})
