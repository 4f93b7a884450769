import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { type ApiServer, base, openApiServer, send, workflowsPath } from './fixtures/api-server.ts'
import { CliProcess } from './fixtures/serve-process.ts'

const path = `${base}/workflows/w`
const start = (url: string) => send(url, 'POST', path, { workflowType: { name: 'collector' } })
const statusOf = async (url: string) => {
  const { json } = await send(url, 'GET', path)
  return (json as { workflowExecutionInfo: { status: string } }).workflowExecutionInfo.status
}

const elsewhere: [what: string, headers: Record<string, string>][] = [
  ['of another site', { origin: 'https://evil.example', 'sec-fetch-site': 'cross-site' }],
  ['that hides its origin', { 'sec-fetch-site': 'cross-site' }],
  ['of another port', { origin: 'http://127.0.0.1:1', 'sec-fetch-site': 'same-site' }],
  ['of a browser without Sec-Fetch-Site', { origin: 'https://evil.example' }],
  ['in a sandbox', { origin: 'null' }],
  ['that claims two origins', { origin: 'http://127.0.0.1, https://evil.example' }],
]

async function expectRefusals(url: string, headers: Record<string, string>): Promise<void> {
  for (const change of ['terminate', 'cancel', 'pause', 'signal/finish', 'query/items']) {
    const answer = await send(url, 'POST', `${path}/${change}`, undefined, headers)
    expect(answer, change).toMatchObject({
      status: 403,
      json: { code: 7, message: expect.stringMatching(/^Pages of other sites/) },
    })
  }
  expect((await send(url, 'DELETE', path, undefined, headers)).status).toBe(403)
  expect((await send(url, 'POST', `${base}/signals`, [], headers)).status).toBe(403)
  expect(await statusOf(url)).toBe('WORKFLOW_EXECUTION_STATUS_RUNNING')
  // They cannot read the answer.
  expect((await send(url, 'GET', path, undefined, headers)).status).toBe(200)
}

describe('a server without tokens', () => {
  let api: ApiServer
  let anyHost: ApiServer
  beforeAll(async () => {
    api = await openApiServer({ allowedHosts: ['127.0.0.1', 'ui.example', '[::1]'] })
    anyHost = await openApiServer({ allowUnauthenticated: true })
    await start(api.url)
    await start(anyHost.url)
  })
  afterAll(async () => {
    await api.close()
    await anyHost.close()
  })

  it.each(elsewhere)('lets a page %s change nothing', async (_what, headers) => {
    await expectRefusals(api.url, headers)
    await expectRefusals(anyHost.url, headers)
  })

  it.each([
    ['programs', {}],
    ['people', { 'sec-fetch-site': 'none' }],
    ['its own pages', { origin: 'http://127.0.0.1:7243', 'sec-fetch-site': 'same-origin' }],
    ['pages of an allowed host', { origin: 'https://ui.example', 'sec-fetch-site': 'same-origin' }],
    ['old browsers of an allowed host', { origin: 'http://[::1]:3000' }],
  ])('does not hinder %s', async (_who, headers) => {
    const answer = await send(api.url, 'POST', `${path}/signal/add`, { input: [1] }, headers)
    expect(answer).toMatchObject({ status: 200 })
  })

  it('has pages of the host that a request is for, where any host may be', async () => {
    const { url } = anyHost
    const add = (headers: Record<string, string>) =>
      send(url, 'POST', `${path}/signal/add`, { input: [1] }, headers)
    expect((await add({ origin: url })).status).toBe(200)
    expect((await add({ origin: 'http://127.0.0.1:1' })).status).toBe(403)
    // A proxy has put its own name into Host.
    const behind = { origin: 'https://ui.example', 'sec-fetch-site': 'same-origin' }
    expect((await add(behind)).status).toBe(200)
  })
})

describe('a page of another site', () => {
  it('may use a server with tokens if it has one', async () => {
    const api = await openApiServer({ token: 'secret', allowedHosts: ['127.0.0.1'] })
    const headers = { origin: 'https://ui.example', 'sec-fetch-site': 'cross-site' }
    const post = (more: Record<string, string>) =>
      api.post(`${base}/signals`, [], { ...headers, ...more })
    expect((await post({})).status).toBe(401)
    expect((await post({ authorization: 'Bearer secret' })).status).toBe(200)
    await api.close()
  })

  it('changes nothing on signalbox serve as it comes', { timeout: 60_000 }, async () => {
    const folder = await mkdtemp(join(tmpdir(), 'signalbox-sites-'))
    const data = ['--data-dir', join(folder, 'data'), '--port', '0', '--slots', '1']
    const server = new CliProcess(['serve', '--workflows', workflowsPath, ...data])
    try {
      const url = await server.url()
      await start(url)
      for (const [, headers] of elsewhere) await expectRefusals(url, headers)
      expect(
        (await send(url, 'POST', `${path}/terminate`, undefined, { origin: url })).status,
      ).toBe(200)
    } finally {
      await server.stop('SIGKILL')
      await rm(folder, { recursive: true, force: true })
    }
  })
})
