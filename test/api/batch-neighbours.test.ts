import { once } from 'node:events'
import { mkdtemp, rm } from 'node:fs/promises'
import { type IncomingMessage, request } from 'node:http'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { base, send, workflowsPath } from './fixtures/api-server.ts'
import { CliProcess } from './fixtures/serve-process.ts'

interface Line {
  readonly line: number
  readonly error?: { readonly code: number }
}

describe('other requests beside a batch', { timeout: 120_000 }, () => {
  const count = 100_000
  const zeros = Array.from({ length: count }, () => 0)
  let folder: string
  let server: CliProcess
  let url: string

  // A process of its own: in this one, the client's turns would be the server's too.
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'signalbox-neighbours-'))
    const data = ['--data-dir', join(folder, 'data'), '--port', '0', '--slots', '1']
    server = new CliProcess(['serve', '--workflows', workflowsPath, ...data])
    url = await server.url()
  })
  afterAll(async () => {
    await server.stop('SIGKILL')
    await rm(folder, { recursive: true, force: true })
  })

  it.each([
    [
      'a stream',
      'application/x-ndjson',
      zeros.join('\n'),
      (text: string) =>
        text
          .trimEnd()
          .split('\n')
          .map((line): Line => JSON.parse(line)),
    ],
    [
      'an array',
      'application/json',
      JSON.stringify(zeros),
      (text: string) => (JSON.parse(text) as { results: Line[] }).results,
    ],
  ])('are answered while the lines of %s are refused', async (_form, type, body, read) => {
    const headers = { 'content-type': type }
    const sent = request(`${url}${base}/signals`, { method: 'POST', headers }).end(body)
    const [response] = (await once(sent, 'response')) as [IncomingMessage]
    // Twenty megabytes of answers are sent as they come, and not held.
    expect(response.headers['transfer-encoding']).toBe('chunked')
    const pieces: Buffer[] = []
    response.on('data', (piece: Buffer) => pieces.push(piece))
    let isAnswered = false
    const ended = once(response, 'end').then(() => {
      isAnswered = true
    })
    let answeredBeside = 0
    for (;;) {
      expect((await send(url, 'GET', '/healthz')).status).toBe(200)
      if (isAnswered) break
      answeredBeside++
    }
    await ended
    // Lines that are refused wait for nothing: without turns of its own, none would be answered beside.
    expect(answeredBeside).toBeGreaterThan(10)
    const lines = read(Buffer.concat(pieces).toString())
    expect(lines).toHaveLength(count)
    expect(lines.every(({ line, error }, at) => line === at + 1 && error?.code === 3)).toBe(true)
  })
})
