import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { createServer } from 'node:http'
import { connect } from 'node:net'
import { once } from 'node:events'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { eventually } from '../fixtures/eventually.ts'
import { type Answer, base, send, workflowsPath } from './fixtures/api-server.ts'
import { CliProcess } from './fixtures/serve-process.ts'

const processes: CliProcess[] = []
let folder: string

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'signalbox-health-'))
})
afterEach(async () => {
  await Promise.all(processes.splice(0).map((process) => process.stop('SIGKILL')))
  await rm(folder, { recursive: true, force: true })
})

function serve(args: readonly string[], prelude?: string): CliProcess {
  const files = ['--workflows', workflowsPath, '--data-dir', join(folder, 'data'), '--slots', '1']
  const process = new CliProcess(
    ['serve', ...files, ...args],
    prelude === undefined ? {} : { prelude },
  )
  processes.push(process)
  return process
}

/** Over a new connection, as probes and load balancers do. */
const probe = (url: string, path: string): Promise<Answer> =>
  send(url, 'GET', path, undefined, { connection: 'close' })
const start = (url: string, id: string) =>
  send(url, 'POST', `${base}/workflows/${id}`, { workflowType: { name: 'collector' } })
const add = (url: string, id: string, value: unknown) =>
  send(url, 'POST', `${base}/workflows/${id}/signal/add`, { input: [value] })

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const address = server.address()
  if (address === null || typeof address === 'string') throw new Error('no port')
  server.close()
  return address.port
}

describe('a server', { timeout: 90_000 }, () => {
  it('is alive and not ready while it opens, then ready', async () => {
    await writeFile(
      join(folder, 'activities.mjs'),
      `import { existsSync } from 'node:fs'
while (!existsSync(new URL('./go', import.meta.url))) await new Promise((go) => setTimeout(go, 20))
export const activity = () => {}`,
    )
    const port = String(await freePort())
    const process = serve(['--port', port, '--activities', join(folder, 'activities.mjs')])
    const url = `http://127.0.0.1:${port}`
    const asked = async (path: string) => probe(url, path).catch(() => undefined)
    await eventually('something answers', async () => (await asked('/healthz')) !== undefined)
    expect(await probe(url, '/healthz')).toMatchObject({
      status: 200,
      json: { state: 'recovering' },
    })
    const waiting = await probe(url, '/readyz')
    expect(waiting).toMatchObject({ status: 503, json: { state: 'recovering' } })
    expect(waiting.headers.get('retry-after')).toBe('1')
    const early = await start(url, 'w')
    expect(early).toMatchObject({ status: 503, json: { code: 14 } })
    expect(early.headers.get('retry-after')).toBe('1')
    await writeFile(join(folder, 'go'), '')
    expect(await process.url()).toBe(url)
    for (const path of ['/healthz', '/readyz']) {
      expect(await probe(url, path)).toMatchObject({ status: 200, json: { state: 'serving' } })
    }
    expect((await start(url, 'w')).status).toBe(200)
  })

  it('stops in order while it opens', async () => {
    await writeFile(join(folder, 'slow.mjs'), 'await new Promise(() => setInterval(() => {}, 1e6))')
    const port = String(await freePort())
    const process = serve(['--port', port, '--activities', join(folder, 'slow.mjs')])
    const url = `http://127.0.0.1:${port}`
    await eventually('it answers', async () => {
      const answer = await probe(url, '/healthz').catch(() => undefined)
      return answer?.status === 200
    })
    expect(await process.stop('SIGTERM')).toMatchObject({ code: 0, signal: null })
  })

  it('is draining for --drain-delay when told to stop, and serves on', async () => {
    const process = serve(['--port', '0', '--drain-delay', '6s'])
    const url = await process.url()
    await start(url, 'w')
    process.child.kill('SIGTERM')
    const drained = await eventually('it is draining', async () => {
      const answer = await probe(url, '/readyz')
      return answer.status === 503 ? answer : undefined
    })
    expect(drained.json).toEqual({ state: 'draining' })
    expect(drained.headers.get('retry-after')).toBe('1')
    expect(await probe(url, '/healthz')).toMatchObject({ status: 200, json: { state: 'draining' } })
    expect((await add(url, 'w', 'late')).status).toBe(200)
    expect(await process.exit).toMatchObject({ code: 0, signal: null })

    const next = await serve(['--port', '0']).url()
    const { text } = await send(next, 'POST', `${base}/workflows/w/query/items`)
    expect(text).toContain('late')
  })

  it('cuts off requests that do not finish within --drain-timeout', async () => {
    const process = serve(['--port', '0', '--drain-timeout', '300ms'])
    const { port } = new URL(await process.url())
    const socket = connect(Number(port), '127.0.0.1').resume()
    socket.on('error', () => {})
    socket.write(
      `POST ${base}/workflows/w HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\n` +
        'Expect: 100-continue\r\nContent-Length: 50\r\n\r\n',
    )
    // The server has read the request's headers and waits for its body.
    await once(socket, 'data')
    const closed = once(socket, 'close')
    expect(await process.stop('SIGTERM')).toMatchObject({ code: 0, signal: null })
    await closed
    expect(process.stderr).toMatch(/some requests did not finish in time/)
  })

  it('ends at once with 1 on a second signal', async () => {
    const process = serve(['--port', '0', '--drain-delay', '10m'])
    const url = await process.url()
    process.child.kill('SIGTERM')
    await eventually('it is draining', async () => (await probe(url, '/readyz')).status === 503)
    process.child.kill('SIGTERM')
    expect(await process.exit).toMatchObject({ code: 1, signal: null })
  })

  it('says that it waits for activities when it stops, and ends at once on a second Ctrl-C', async () => {
    const file = join(folder, 'activities.mjs')
    await writeFile(
      file,
      'export const greet = () => new Promise(() => setInterval(() => {}, 1000))',
    )
    const process = serve(['--port', '0', '--activities', file])
    const url = await process.url()
    const greeter = { workflowType: { name: 'greeter' }, input: ['Ada'] }
    await send(url, 'POST', `${base}/workflows/g`, greeter)
    await eventually('the activity runs', async () => {
      const { text } = await probe(url, `${base}/workflows/g`)
      return text.includes('PENDING_ACTIVITY_STATE_STARTED')
    })
    process.child.kill('SIGINT')
    const waits = /"activities":1,.*waiting at most 10 s for activities that run; a second signal/
    await eventually('it says so', async () => waits.test(process.stderr))
    expect(process.stderr).toContain('stopping; a second signal ends it at once')
    const before = performance.now()
    process.child.kill('SIGINT')
    expect(await process.exit).toMatchObject({ code: 1, signal: null })
    expect(performance.now() - before).toBeLessThan(5_000)
  })

  it('is neither alive nor ready after a storage error, and exits with 1', async () => {
    const process = serve(['--port', '0', '--drain-delay', '6s'], 'ulimit -f 800')
    const url = await process.url()
    await start(url, 'w')
    let failure: Answer | undefined
    for (let n = 0; failure === undefined && n < 1000; n++) {
      const answer = await add(url, 'w', n + 'x'.repeat(20_000))
      if (answer.status !== 200) failure = answer
    }
    expect(failure?.text).toContain('SIGNALBOX_ERR_INDETERMINATE')
    for (const path of ['/healthz', '/readyz']) {
      const answer = await probe(url, path)
      expect(answer).toMatchObject({ status: 503, json: { state: 'poisoned' } })
      expect(answer.headers.get('retry-after')).toBe('1')
    }
    expect((await add(url, 'w', 'more')).text).toContain('SIGNALBOX_ERR_RUNTIME_POISONED')
    expect(await process.exit).toMatchObject({ code: 1, signal: null })
  })
})
