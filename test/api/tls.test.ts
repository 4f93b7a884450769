import { once } from 'node:events'
import { chmod, mkdtemp, rm, writeFile } from 'node:fs/promises'
import type { IncomingMessage } from 'node:http'
import { request } from 'node:https'
import { type AddressInfo, connect, createServer as createTcpServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { connect as connectTls, type ConnectionOptions } from 'node:tls'
import { createServer } from 'signalbox/api'
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest'
import { eventually } from '../fixtures/eventually.ts'
import { type ApiServer, base, openApiServer, workflowsPath } from './fixtures/api-server.ts'
import { Authority, type Pair, writePair } from './fixtures/certificates.ts'
import { CliProcess } from './fixtures/serve-process.ts'

let authority: Authority
let stranger: Authority
let server: Pair
let client: Pair
let strange: Pair

beforeAll(async () => {
  authority = await Authority.create()
  stranger = await Authority.create('Another Authority')
  server = await authority.server()
  client = await authority.client()
  strange = await stranger.client()
})

/** The status of an answer, or the code of the error that there was instead. */
function ask(url: string, options: ConnectionOptions & { readonly token?: string } = {}) {
  const { token, ...tls } = options
  return new Promise<number | string>((resolve) => {
    const headers = token === undefined ? {} : { authorization: `Bearer ${token}` }
    const outgoing = request(
      url,
      { ca: authority.cert, agent: false, headers, ...tls },
      (response: IncomingMessage) => {
        response.resume().on('end', () => resolve(response.statusCode ?? 0))
      },
    )
    outgoing.on('error', (error: NodeJS.ErrnoException) => resolve(String(error.code)))
    outgoing.end()
  })
}

describe('createServer with tls', () => {
  let api: ApiServer | undefined
  afterEach(async () => {
    await api?.close()
    api = undefined
  })
  const open = async (options: Parameters<typeof openApiServer>[0]) => {
    api = await openApiServer(options)
    return api
  }

  it('speaks HTTPS alone, as the server of its certificate', async () => {
    const { url, port } = await open({ tls: server })
    expect(url).toMatch(/^https:/)
    expect(await ask(`${url}/readyz`)).toBe(200)
    expect(await ask(`${url}${base}/workflows`)).toBe(200)
    expect(await ask(`${url}/readyz`, { ca: stranger.cert })).toBe(
      'UNABLE_TO_VERIFY_LEAF_SIGNATURE',
    )
    await expect(fetch(`http://127.0.0.1:${port}/readyz`)).rejects.toThrow()
  })

  it('speaks no version of TLS below minVersion', async () => {
    const { url } = await open({ tls: { ...server, minVersion: 'TLSv1.3' } })
    expect(await ask(`${url}/readyz`, { maxVersion: 'TLSv1.2' })).toMatch(/ERR_SSL|EPROTO|ECONN/)
    expect(await ask(`${url}/readyz`, { minVersion: 'TLSv1.3' })).toBe(200)
    await api?.close()
    const usual = await open({ tls: server })
    expect(await ask(`${usual.url}/readyz`, { maxVersion: 'TLSv1.2' })).toBe(200)
    const old = { minVersion: 'TLSv1', maxVersion: 'TLSv1.1' } as const
    expect(await ask(`${usual.url}/readyz`, old)).toMatch(/^[A-Z]/)
  })

  it('refuses clients without a certificate of its authority, before any request', async () => {
    const tls = { ...server, ca: authority.cert, requestClientCert: true }
    const { url } = await open({ tls })
    // With TLS 1.3 a client learns of the refusal after its own handshake is done.
    for (const maxVersion of ['TLSv1.2', 'TLSv1.3'] as const) {
      expect(await ask(`${url}/readyz`, { maxVersion })).toMatch(/ERR_SSL|EPROTO|ECONN|EPIPE/)
      const { cert, key } = strange
      expect(await ask(`${url}/readyz`, { cert, key, maxVersion })).toMatch(
        /ERR_SSL|EPROTO|ECONN|EPIPE/,
      )
      expect(await ask(`${url}${base}/workflows`, { ...client, maxVersion })).toBe(200)
    }
  })

  it('asks for a token too if there are tokens', async () => {
    const tls = { ...server, ca: authority.cert, requestClientCert: true }
    const { url } = await open({ tls, token: 'secret' })
    expect(await ask(`${url}${base}/workflows`, client)).toBe(401)
    expect(await ask(`${url}${base}/workflows`, { ...client, token: 'secret' })).toBe(200)
  })

  it('cuts off a handshake that takes too long', async () => {
    const { port } = await open({ tls: server, limits: { headersTimeoutMs: 300 } })
    const socket = connect(port, '127.0.0.1').resume()
    await once(socket, 'close')
  })

  it('closes without waiting for handshakes that are not done', async () => {
    const { port, app, url } = await open({ tls: server })
    const silent = connect(port, '127.0.0.1').resume()
    await once(silent, 'connect')
    // An idle connection with a handshake, and one whose certificate the client has refused.
    const idle = connectTls({ port, host: '127.0.0.1', ca: authority.cert })
    await once(idle, 'secureConnect')
    expect(await ask(`${url}/readyz`, { ca: stranger.cert })).toMatch(/UNABLE/)
    const gone = [once(silent, 'close'), once(idle.resume(), 'close')]
    await app.close()
    await Promise.all(gone)
  })

  it('refuses certificates that cannot be used, saying which', async () => {
    const { runtime } = await open({})
    const refusal = (tls: NonNullable<Parameters<typeof createServer>[0]['tls']>) => () =>
      createServer({ runtime, tls })
    const invalid = (message: RegExp) =>
      expect.objectContaining({
        code: 'SIGNALBOX_ERR_INVALID_OPTION',
        message: expect.stringMatching(message),
      })
    expect(refusal({ ...server, key: client.key })).toThrow(invalid(/key values mismatch/))
    expect(refusal({ ...server, cert: 'none' })).toThrow(invalid(/^tls cannot be used/))
    expect(refusal({ ...server, key: 'secret' })).toThrow(invalid(/^tls cannot be used/))
    expect(refusal({ ...server, key: 'secret' })).not.toThrow(/secret/)
    expect(refusal({ ...server, requestClientCert: true })).toThrow(invalid(/^tls\.ca goes with/))
    expect(refusal({ ...server, ca: authority.cert })).toThrow(invalid(/^tls\.ca goes with/))
  })
})

describe('signalbox serve and workflow over TLS', { timeout: 90_000 }, () => {
  let folder: string
  let process: CliProcess | undefined
  let files: { server: Pair; client: Pair; strange: Pair; ca: string }
  const workflow = (args: readonly string[], env: Record<string, string> = {}) =>
    new CliProcess(['workflow', ...args], { env }).exit

  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'signalbox-tls-'))
    files = {
      server: await writePair(folder, 'server', server),
      client: await writePair(folder, 'client', client),
      strange: await writePair(folder, 'strange', strange),
      ca: join(folder, 'ca.pem'),
    }
    await writeFile(files.ca, authority.cert)
  })
  afterEach(() => process?.stop('SIGKILL'))
  afterAll(() => rm(folder, { recursive: true, force: true }))

  async function serve(tls: object, more: object = {}): Promise<string> {
    const config = { workflows: workflowsPath, dataDir: 'data', port: 0, slots: 1, tls, ...more }
    await writeFile(join(folder, 'signalbox.config.json'), JSON.stringify(config))
    process = new CliProcess(['serve'], { cwd: folder })
    return process.url()
  }

  it('serves mutual TLS to whoever it trusts, on a public address without tokens', async () => {
    const paths = { cert: 'server.pem', key: 'server-key.pem', ca: 'ca.pem' }
    const listening = await serve({ ...paths, requestClientCert: true }, { host: '0.0.0.0' })
    expect(listening).toMatch(/^https:\/\/0\.0\.0\.0:\d+$/)
    const url = listening.replace('0.0.0.0', '127.0.0.1')
    const start = ['start', '--type', 'collector', '--workflow-id', 'w']
    const trusted = ['--tls-ca', files.ca, '--tls-cert', files.client.cert]
    const flags = [...trusted, '--tls-key', files.client.key]

    expect(await workflow([...start, '--address', url, ...flags])).toMatchObject({ code: 0 })
    const address = url.replace('https://', '')
    const env = {
      SIGNALBOX_ADDRESS: address,
      SIGNALBOX_TLS_CA: files.ca,
      SIGNALBOX_TLS_CERT: files.client.cert,
      SIGNALBOX_TLS_KEY: files.client.key,
    }
    const lines = [1, 2].map((n) =>
      JSON.stringify({ workflowId: 'w', signalName: 'add', input: [n] }),
    )
    await writeFile(join(folder, 'events.ndjson'), `${lines.join('\n')}\n`)
    const file = join(folder, 'events.ndjson')
    expect(await workflow(['signal', '--input-file', file], env)).toMatchObject({ code: 0 })
    const items = await workflow(['query', '--workflow-id', 'w', '--name', 'items'], env)
    expect(items.stdout).toMatch(/\[\s*1,\s*2\s*\]/)

    const without = await workflow(['list', '--address', url, '--tls-ca', files.ca])
    expect(without.code).toBe(2)
    const { cert, key } = files.strange
    const strangers = ['--tls-ca', files.ca, '--tls-cert', cert, '--tls-key-path', key]
    expect(await workflow(['list', '--address', url, ...strangers])).toMatchObject({ code: 2 })
  })

  it('says what a client has to do', async () => {
    const url = await serve({ cert: 'server.pem', key: 'server-key.pem' })
    const list = ['list', '--address', url]
    expect(await workflow(list)).toMatchObject({
      code: 2,
      stderr: expect.stringMatching(/--tls-ca or SIGNALBOX_TLS_CA/),
    })
    expect(await workflow(['list', '--address', url.replace('https', 'http')])).toMatchObject({
      code: 2,
    })
    const named = [...list, '--tls-ca', files.ca, '--tls-server-name', 'elsewhere.test']
    expect((await workflow(named)).stderr).toMatch(/--tls-server-name/)
    expect(
      await workflow([...list, '--tls-ca', files.ca, '--tls-server-name', 'signalbox.test']),
    ).toMatchObject({ code: 0 })
    const half = await workflow([...list, '--tls-cert', files.client.cert])
    expect(half).toMatchObject({ code: 1, stderr: expect.stringMatching(/go together/) })
    const missing = await workflow([...list, '--tls-ca', join(folder, 'none.pem')])
    expect(missing).toMatchObject({
      code: 1,
      stderr: expect.stringMatching(/--tls-ca .*none\.pem/),
    })
    const plain = ['list', '--address', 'http://127.0.0.1:1', '--tls']
    expect((await workflow(plain)).stderr).toMatch(/is without TLS/)
    const curl = process?.stdout.split('\n').find((line) => line.includes('curl'))
    expect(curl).toContain(`--cacert '${files.server.cert}'`)
  })

  it('answers over TLS while it opens, and waits for no handshake then', async () => {
    await writeFile(
      join(folder, 'slow.mjs'),
      `import { existsSync } from 'node:fs'
while (!existsSync(new URL('./go', import.meta.url))) await new Promise((go) => setTimeout(go, 20))
export const activity = () => {}`,
    )
    const free = createTcpServer().listen(0, '127.0.0.1')
    await once(free, 'listening')
    const { port } = free.address() as AddressInfo
    free.close()
    const paths = { cert: 'server.pem', key: 'server-key.pem' }
    const more = { port, activities: 'slow.mjs', limits: { headersTimeoutMs: 600_000 } }
    const listening = serve(paths, more)
    const url = `https://127.0.0.1:${port}`
    await eventually('it answers', async () => (await ask(`${url}/readyz`)) === 503)
    expect(await ask(`${url}/healthz`)).toBe(200)
    const silent = connect(port, '127.0.0.1').resume()
    silent.on('error', () => {})
    await once(silent, 'connect')
    const closed = once(silent, 'close')
    await writeFile(join(folder, 'go'), '')
    expect(await listening).toBe(url)
    await closed
    expect(await ask(`${url}/readyz`)).toBe(200)
  })

  it('warns of a key that others can read, and refuses files that are not there', async () => {
    await chmod(files.server.key, 0o644)
    await serve({ cert: 'server.pem', key: 'server-key.pem' })
    expect(process?.stderr).toMatch(/server-key\.pem can be read by others/)
    await chmod(files.server.key, 0o600)
    await process?.stop()
    await expect(serve({ cert: 'server.pem', key: 'nowhere.pem' })).rejects.toThrow(
      /tls\.key: .*nowhere\.pem cannot be read/,
    )
  })
})
