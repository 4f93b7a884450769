import { once } from 'node:events'
import { mkdtemp, rm } from 'node:fs/promises'
import { type IncomingMessage, request } from 'node:http'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { eventually } from '../fixtures/eventually.ts'
import { base, openApiServer, send, workflowsPath } from './fixtures/api-server.ts'
import { CliProcess } from './fixtures/serve-process.ts'

interface Line {
  readonly line?: number
  readonly processed?: boolean
  readonly error?: { readonly code: number; readonly message: string }
}

/** A batch whose sender has not come to its end, and what it was answered. */
class OpenBatch {
  readonly #sent
  #text = ''
  /** Resolves when the answer has come to its end; rejects if it was cut off. */
  readonly end: Promise<Line[]>

  constructor(url: string, query = '') {
    const headers = { 'content-type': 'application/x-ndjson' }
    this.#sent = request(`${url}${base}/signals${query}`, { method: 'POST', headers })
    // The connection may be closed on what is sent after the answer.
    this.#sent.on('error', () => {})
    this.end = this.#read()
    this.end.catch(() => {})
  }

  get lines(): Line[] {
    const whole = this.#text.slice(0, this.#text.lastIndexOf('\n') + 1)
    return whole
      .split('\n')
      .slice(0, -1)
      .map((line) => JSON.parse(line) as Line)
  }

  send(workflowId: string, count: number): void {
    const line = JSON.stringify({ workflowId, signalName: 'add', input: [1] })
    this.#sent.write(`${line}\n`.repeat(count))
  }

  finish(): void {
    this.#sent.end()
  }

  async #read(): Promise<Line[]> {
    const [response] = (await once(this.#sent, 'response')) as [IncomingMessage]
    for await (const piece of response.setEncoding('utf8')) this.#text += String(piece)
    return this.lines
  }
}

function expectStopped(lines: readonly Line[]): number {
  const taken = lines.slice(0, -1)
  expect(taken.every(({ line, error }, at) => line === at + 1 && error === undefined)).toBe(true)
  expect(lines.at(-1)).toEqual({
    error: expect.objectContaining({
      code: 14,
      message: 'The server is stopping: lines without an answer were not taken',
    }),
  })
  return taken.length
}

describe('a batch, when signalbox serve is told to stop', { timeout: 120_000 }, () => {
  let folder: string
  const servers: CliProcess[] = []
  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'signalbox-stopping-'))
  })
  afterEach(async () => {
    await Promise.all(servers.splice(0).map((server) => server.stop('SIGKILL')))
    await rm(folder, { recursive: true, force: true })
  })
  function serve(): CliProcess {
    const data = ['--data-dir', join(folder, 'data'), '--port', '0', '--slots', '1']
    const server = new CliProcess(['serve', '--workflows', workflowsPath, ...data])
    servers.push(server)
    return server
  }

  it('says so in its last line, and has taken what it has answered, though it is sent on', async () => {
    const server = serve()
    const url = await server.url()
    await send(url, 'POST', `${base}/workflows/w`, { workflowType: { name: 'collector' } })
    const batch = new OpenBatch(url)
    const sending = setInterval(() => batch.send('w', 500), 2)
    try {
      await eventually('answers', () => batch.lines.length > 2000)
      const exit = await server.stop('SIGTERM')
      expect(exit.code).toBe(0)
      expect(exit.stderr).not.toContain('did not finish in time')
    } finally {
      clearInterval(sending)
    }
    const taken = expectStopped(await batch.end)
    const next = await serve().url()
    const items = await send(next, 'POST', `${base}/workflows/w/query/items`)
    expect((items.json as { queryResult: [unknown[]] }).queryResult[0]).toHaveLength(taken)
  })
})

describe('a batch, when its server closes', () => {
  it('ends though its sender is silent', async () => {
    const api = await openApiServer()
    await api.post(`${base}/workflows/w`, { workflowType: { name: 'collector' } })
    const batch = new OpenBatch(api.url)
    batch.send('w', 3)
    await eventually('answers', () => batch.lines.length === 3)
    await api.close()
    expect(expectStopped(await batch.end)).toBe(3)
  })

  it('does not take a line that waits for room', async () => {
    const api = await openApiServer({}, { maxMailboxDepth: 5 })
    await api.post(`${base}/workflows/stuck`, { workflowType: { name: 'broken' } })
    const batch = new OpenBatch(api.url)
    batch.send('stuck', 100)
    await eventually('a full mailbox', () => batch.lines.length > 0)
    await api.app.close()
    const taken = expectStopped(await batch.end)
    expect(taken).toBeLessThan(100)
    await api.close()
  })

  it('has no such line if all has been taken', async () => {
    const api = await openApiServer()
    await api.post(`${base}/workflows/stuck`, { workflowType: { name: 'broken' } })
    const batch = new OpenBatch(api.url, '?waitFor=processed')
    const before = api.runtime.stats().commits.inputs
    batch.send('stuck', 3)
    batch.finish()
    await eventually('three commits', () => api.runtime.stats().commits.inputs === before + 3)
    await api.app.close()
    const lines = await batch.end
    expect(lines).toEqual([1, 2, 3].map((line) => ({ line, processed: false })))
    await api.close()
  })
})
