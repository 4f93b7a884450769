import { once } from 'node:events'
import { request, type ClientRequest, type IncomingMessage } from 'node:http'
import { setTimeout as delay } from 'node:timers/promises'
import { Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { type ApiServer, base, openApiServer } from './fixtures/api-server.ts'

const ndjson = { 'content-type': 'application/x-ndjson' }

interface Line {
  readonly line?: number
  readonly started?: boolean
  readonly runId?: string
  readonly error?: { readonly code: number; readonly message: string }
}

function open(api: ApiServer, path = '/signals', headers: Record<string, string> = {}) {
  return request(`${api.url}${base}${path}`, {
    method: 'POST',
    headers: { ...ndjson, ...headers },
  })
}

async function answerOf(sent: ClientRequest): Promise<IncomingMessage> {
  const [response] = (await once(sent, 'response')) as [IncomingMessage]
  return response
}

async function readLines(response: IncomingMessage): Promise<Line[]> {
  let text = ''
  for await (const chunk of response.setEncoding('utf8')) text += String(chunk)
  return text
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line) as Line)
}

const toNdjson = (values: readonly unknown[]) =>
  values.map((value) => `${JSON.stringify(value)}\n`).join('')

describe('POST /signals', () => {
  let api: ApiServer
  beforeAll(async () => {
    api = await openApiServer({ limits: { bodyBytes: 10_000 } })
  })
  afterAll(() => api.close())

  const start = (workflowId: string) =>
    api.post(`${base}/workflows/${workflowId}`, { workflowType: { name: 'collector' } })
  const items = (workflowId: string) =>
    api.runtime.client.workflow.getHandle(workflowId).query<unknown[]>('items')
  const signal = (workflowId: string, ...input: unknown[]) => ({
    workflowId,
    signalName: 'add',
    input,
  })

  it('sends lines to many workflows, and answers each in its place', async () => {
    await start('many-1')
    await start('many-2')
    const answer = await api.post(
      `${base}/signals`,
      toNdjson([
        signal('many-1', 1),
        signal('many-2', 2),
        signal('nobody', 3),
        { workflowExecution: { workflowId: 'many-1' }, signalName: 'add', input: [4, 5] },
      ]) + '\n{"workflowId":\n',
      ndjson,
    )
    expect(answer.status).toBe(200)
    expect(answer.headers.get('content-type')).toBe('application/x-ndjson; charset=utf-8')
    const lines = answer.text
      .trimEnd()
      .split('\n')
      .map((line) => JSON.parse(line) as unknown)
    expect(lines).toEqual([
      { line: 1 },
      { line: 2 },
      { line: 3, error: expect.objectContaining({ code: 5 }) },
      { line: 4 },
      // Blank lines count, and have no answer.
      {
        line: 6,
        error: expect.objectContaining({
          code: 3,
          message: expect.stringMatching(/^the line is not valid JSON: /),
        }),
      },
    ])
    expect(await items('many-1')).toEqual([1, 4, 5])
    expect(await items('many-2')).toEqual([2])
  })

  it.each([
    ['no workflow', { signalName: 'add' }, /^workflowId is not set/],
    ['no signal', { workflowId: 'many-1' }, /^SignalName is not set/],
    ['an unknown field', { ...signal('many-1'), inputs: [] }, /^inputs is not a field/],
    ['no object', [1], /^the line must be of type object/],
    ['an argument of a start', { ...signal('many-1'), signalInput: [1] }, /^signalInput goes with/],
    ['a bad payload list', { ...signal('many-1'), input: 'x' }, /^input must be an array/],
    ['a NUL', signal('a\0b'), /control character/],
  ])('answers a line with %s by an error, and goes on', async (_what, line, message) => {
    await start('goes-on')
    const before = (await items('goes-on')).length
    const answer = await api.post(`${base}/signals`, [line, signal('goes-on', 1)])
    expect(answer).toMatchObject({
      status: 200,
      json: {
        results: [
          { line: 1, error: { code: 3, message: expect.stringMatching(message) } },
          { line: 2 },
        ],
      },
    })
    expect(await items('goes-on')).toHaveLength(before + 1)
  })

  it('refuses a line that is too long, or too deep, and reads the next', async () => {
    await start('long')
    const long = signal('long', 'x'.repeat(20_000))
    const deep = `{"workflowId":"long","signalName":"add","input":[${'['.repeat(100)}`
    const answer = await api.post(
      `${base}/signals`,
      `${toNdjson([long])}${deep}\n${JSON.stringify(signal('long', 1))}`,
      ndjson,
    )
    const lines = answer.text
      .trimEnd()
      .split('\n')
      .map((line) => JSON.parse(line) as Line)
    expect(lines.map(({ line }) => line)).toEqual([1, 2, 3])
    expect(lines[0]?.error?.message).toMatch(/longer than 10000 bytes/)
    expect(lines[1]?.error?.message).toMatch(/nested more than 64/)
    expect(lines[2]).toEqual({ line: 3 })
    expect(await items('long')).toEqual([1])
  })

  it('reads lines wherever the stream is cut, and tells of the one that is not UTF-8', async () => {
    await start('cut')
    const lines = Buffer.from(
      toNdjson([signal('cut', 'grüße'), signal('cut', '🛫')]).replaceAll('\n', '\r\n'),
    )
    const broken = Buffer.from(
      '{"workflowId":"cut","signalName":"add","input":["\xff"]}\n',
      'latin1',
    )
    const sent = open(api)
    sent.setNoDelay(true)
    const response = answerOf(sent)
    // A byte at a time, so that characters are cut too.
    for (const byte of lines) {
      sent.write(Buffer.of(byte))
      await delay(1)
    }
    const tail = `\n \t\r\n${toNdjson([signal('cut', 3)])}`
    sent.end(Buffer.concat([lines, broken, Buffer.from(tail)]))
    const answers = await readLines(await response)
    expect(answers.map(({ line }) => line)).toEqual([1, 2, 3, 4, 5, 8])
    expect(answers[4]?.error?.message).toMatch(/not valid UTF-8/)
    expect(answers.filter(({ error }) => error !== undefined)).toHaveLength(1)
    expect(await items('cut')).toEqual(['grüße', '🛫', 'grüße', '🛫', 3])
  })

  it('takes no two lines for one, however they would fit together', async () => {
    await start('joined')
    const [first, second] = JSON.stringify(signal('joined', 1, 2)).split('1,')
    const two = `${JSON.stringify(signal('joined', 1))},${JSON.stringify(signal('joined', 1))}`
    const body = `${first}1\n${second}\n${two}\n${toNdjson([signal('joined', 3)])}`
    const answer = await api.post(`${base}/signals`, body, ndjson)
    const answers = answer.text
      .trimEnd()
      .split('\n')
      .map((line) => JSON.parse(line) as Line)
    expect(answers.map(({ error }) => error?.code)).toEqual([3, 3, 3, undefined])
    expect(await items('joined')).toEqual([3])
  })

  it('starts a workflow for a line with a workflow type, once for all its lines', async () => {
    const line = (value: number) => ({
      workflowId: 'swarm',
      workflowType: { name: 'collector' },
      input: ['first'],
      signalName: 'add',
      signalInput: [value],
    })
    const answer = await api.post(`${base}/signals?waitFor=processed`, [line(1), line(2)])
    expect(answer.json).toEqual({
      results: [
        { line: 1, runId: expect.any(String), started: true, processed: true },
        { line: 2, runId: expect.any(String), started: false, processed: true },
      ],
    })
    expect(await items('swarm')).toEqual(['first', 1, 2])
  })

  it('applies a batch once, however often it is sent with one Idempotency-Key', async () => {
    await start('once')
    const lines = [
      signal('once', 1),
      { ...signal('once', 2), requestId: 'mine' },
      signal('once', 3),
    ]
    const text = toNdjson(lines)
    // Lines with white space are read in another way, and are the same requests.
    for (const sent of [text, text.replaceAll('{', '{ '), text]) {
      const answer = await api.post(`${base}/signals`, sent, {
        ...ndjson,
        'idempotency-key': 'batch-1',
      })
      expect(answer.text).toBe('{"line":1}\n{"line":2}\n{"line":3}\n')
    }
    expect(await items('once')).toEqual([1, 2, 3])
    const other = await api.post(`${base}/signals`, [signal('once', 9)], {
      'idempotency-key': 'batch-1',
    })
    expect(other.text).toContain('SIGNALBOX_ERR_REQUEST_ID_REUSED')
  })

  it('answers the first lines while the last have not been sent', async () => {
    await start('duplex')
    const sent = open(api)
    sent.write(toNdjson([signal('duplex', 1)]))
    const response = await answerOf(sent)
    const [first] = (await once(response.setEncoding('utf8'), 'data')) as [string]
    expect(first).toBe('{"line":1}\n')
    expect(await items('duplex')).toEqual([1])
    sent.end(toNdjson([signal('duplex', 2)]))
    expect(await readLines(response)).toEqual([{ line: 2 }])
  })

  it('takes 100,000 lines in one request, in order', async () => {
    await start('bulk')
    const count = 100_000
    async function* lines() {
      for (let at = 0; at < count; at += 1000) {
        await Promise.resolve()
        yield toNdjson(Array.from({ length: 1000 }, (_, n) => signal('bulk', at + n)))
      }
    }
    const sent = open(api)
    const sending = pipeline(Readable.from(lines()), sent)
    const answers = await readLines(await answerOf(sent))
    await sending
    expect(answers).toHaveLength(count)
    expect(
      answers.every((answer, at) => answer.line === at + 1 && answer.error === undefined),
    ).toBe(true)
    const applied = await items('bulk')
    expect(applied).toHaveLength(count)
    expect(applied.every((value, at) => value === at)).toBe(true)
  }, 120_000)

  it('reads no further while its answers are not read', async () => {
    const line = toNdjson([signal('nobody-at-all', 1)])
    const sent = open(api)
    let written = 0
    // Long answers to short lines: those of 64 MiB of lines do not fit into any socket's buffers.
    const piece = line.repeat(1000)
    const limit = 64 * 2 ** 20
    const response = answerOf(sent)
    while (written < limit) {
      written += piece.length
      if (sent.write(piece)) continue
      const drained = await Promise.race([once(sent, 'drain').then(() => true), delay(1500, false)])
      if (!drained) break
    }
    expect(written).toBeLessThan(limit)
    sent.end()
    const answers = await readLines(await response)
    expect(answers).toHaveLength(written / line.length)
    expect(answers.every(({ line: at, error }, n) => at === n + 1 && error?.code === 5)).toBe(true)
  }, 60_000)

  it('forgets a batch whose sender hangs up, and keeps what it acknowledged', async () => {
    await start('hangup')
    const sent = open(api)
    sent.on('error', () => {})
    sent.write(`${toNdjson([signal('hangup', 1)])}{"workflowId":"hangup","signalN`)
    const response = await answerOf(sent)
    response.on('error', () => {})
    await once(response, 'data')
    sent.destroy()
    await api.post(`${base}/workflows/hangup/signal/add`, { input: [2] })
    expect(await items('hangup')).toEqual([1, 2])
  })

  it('refuses other bodies', async () => {
    expect(await api.post(`${base}/signals`, {})).toMatchObject({ status: 400, json: { code: 3 } })
    expect(await api.post(`${base}/signals`, 'x', { 'content-type': 'text/plain' })).toMatchObject({
      status: 415,
    })
    expect(await api.post(`${base}/signals?waitFor=nothing`, [])).toMatchObject({ status: 400 })
    expect((await api.post(`${base}/signals`, [])).json).toEqual({ results: [] })
    expect(await api.post(`${base}/signals`, '', ndjson)).toMatchObject({ status: 200, text: '' })
  })
})

describe('POST /signals under pressure', () => {
  it('waits for room in a full mailbox, so that every line is applied in order', async () => {
    const api = await openApiServer({}, { maxMailboxDepth: 5 })
    await api.post(`${base}/workflows/tight`, { workflowType: { name: 'collector' } })
    const lines = Array.from({ length: 300 }, (_, n) => ({
      workflowId: 'tight',
      signalName: 'add',
      input: [n],
    }))
    const answer = await api.post(`${base}/signals`, toNdjson(lines), ndjson)
    expect(answer.text).not.toContain('error')
    expect(await api.runtime.client.workflow.getHandle('tight').query('items')).toEqual(
      lines.map((_line, n) => n),
    )
    await api.close()
  })

  it('refuses all later lines of a workflow that has no room for too long', async () => {
    const api = await openApiServer({ limits: { batchWaitMs: 50 } }, { maxMailboxDepth: 2 })
    for (const workflowId of ['stuck', 'free']) {
      await api.post(`${base}/workflows/${workflowId}`, {
        workflowType: { name: workflowId === 'stuck' ? 'broken' : 'collector' },
      })
    }
    const line = (workflowId: string, n: number) => ({ workflowId, signalName: 'add', input: [n] })
    const answer = await api.post(`${base}/signals`, [
      ...Array.from({ length: 10 }, (_, n) => line('stuck', n)),
      line('free', 1),
    ])
    const { results } = answer.json as { results: Line[] }
    const refused = results.flatMap(({ line: at = 0, error }) => (error?.code === 8 ? [at] : []))
    expect(refused.length).toBeGreaterThan(5)
    // A tail without a gap: none of them overtook another.
    expect(refused).toEqual(
      Array.from({ length: refused.length }, (_, n) => 11 - refused.length + n),
    )
    expect(results.at(-1)).toEqual({ line: 11 })
    await api.close()
  })

  it('cuts off a sender that falls silent, not one that takes long', async () => {
    const api = await openApiServer({
      limits: { requestTimeoutMs: 300, headersTimeoutMs: 300, batchIdleMs: 1500 },
    })
    await api.post(`${base}/workflows/slow`, { workflowType: { name: 'collector' } })
    const sent = open(api)
    sent.on('error', () => {})
    const line = toNdjson([{ workflowId: 'slow', signalName: 'add', input: [1] }])
    sent.write(line)
    const response = await answerOf(sent)
    // Longer than a whole request may take otherwise, and than Node takes to look.
    for (let n = 0; n < 5; n++) {
      await delay(500)
      sent.write(line)
    }
    const lines = await readLines(response)
    expect(lines.slice(0, -1)).toEqual([1, 2, 3, 4, 5, 6].map((at) => ({ line: at })))
    expect(lines.at(-1)).toMatchObject({ error: { code: 4 } })
    await api.close()
  })
})
