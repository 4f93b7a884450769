import { readdirSync, readFileSync } from 'node:fs'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { connect, type Socket } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { eventually } from '../fixtures/eventually.ts'
import { base, send, workflowsPath } from './fixtures/api-server.ts'
import { CliProcess } from './fixtures/serve-process.ts'

/**
 * How many files a process may have open, and so how many connections there can be: some are for the
 * runtime and the test. Where that is less than 10,000 the test says so and takes what there is.
 */
const wanted = 10_000
const openFiles = fileLimit()
const connections = Math.min(wanted, openFiles - 500)

function fileLimit(): number {
  try {
    const limits = readFileSync('/proc/self/limits', 'utf8')
    const [, hard = ''] = /^Max open files\s+\d+\s+(\S+)/m.exec(limits) ?? []
    return hard === 'unlimited' ? Infinity : Number(hard)
  } catch {
    // Elsewhere than on Linux: what macOS allows without asking.
    return 1000
  }
}

let folder: string
let server: CliProcess
let url: string
let port: number

beforeAll(async () => {
  if (connections < wanted) {
    console.warn(`only ${connections} connections: the limit of open files is ${openFiles}`)
  }
  folder = await mkdtemp(join(tmpdir(), 'signalbox-idle-'))
  const config = {
    workflows: workflowsPath,
    dataDir: 'data',
    port: 0,
    slots: 1,
    limits: { headersTimeoutMs: 2000, requestTimeoutMs: 4000, connectionTimeoutMs: 120_000 },
  }
  await writeFile(join(folder, 'signalbox.config.json'), JSON.stringify(config))
  server = new CliProcess(['serve'], { cwd: folder, prelude: 'ulimit -n $(ulimit -Hn)' })
  url = await server.url()
  port = Number(new URL(url).port)
  const start = { workflowType: { name: 'collector' } }
  expect((await send(url, 'POST', `${base}/workflows/w`, start)).status).toBe(200)
}, 60_000)
afterAll(async () => {
  await server.stop('SIGKILL')
  await rm(folder, { recursive: true, force: true })
})

const add = (value: unknown) =>
  send(url, 'POST', `${base}/workflows/w/signal/add`, { input: [value] })
const request = 'GET /readyz HTTP/1.1\r\nHost: a\r\n\r\n'
const body = `POST ${base}/workflows/w/signal/add HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\nContent-Length: 50\r\n\r\n{"inp`

/** A connection that has been made; `greeting` is sent, and if `isAnswered` answered. */
function open(greeting = '', isAnswered = false, halfOpen = false): Promise<Socket> {
  return new Promise((resolve, reject) => {
    const socket = connect({ port, host: '127.0.0.1', allowHalfOpen: halfOpen })
    socket.on('error', reject)
    socket.once('connect', () => {
      if (greeting !== '') socket.write(greeting)
      if (!isAnswered) resolve(socket.resume())
    })
    if (isAnswered) socket.once('data', () => resolve(socket.resume()))
  })
}

/** As many connections, a few at a time: more at once than the backlog would be refused. */
async function openMany(count: number, ...how: Parameters<typeof open>): Promise<Socket[]> {
  const sockets: Socket[] = []
  while (sockets.length < count) {
    const next = Math.min(200, count - sockets.length)
    sockets.push(...(await Promise.all(Array.from({ length: next }, () => open(...how)))))
  }
  return sockets
}

const closed = (sockets: readonly Socket[]) => sockets.filter((socket) => socket.closed).length
/** Undefined where there is no /proc. */
function ofServer<Value>(read: (folder: string) => Value): Value | undefined {
  return process.platform === 'linux' ? read(`/proc/${server.child.pid}`) : undefined
}
const openFilesOf = () => ofServer((of) => readdirSync(`${of}/fd`).length)
const residentKb = () =>
  ofServer((of) => Number(/VmRSS:\s+(\d+)/.exec(readFileSync(`${of}/status`, 'utf8'))?.[1]))

describe(`${connections} connections`, () => {
  it(
    'that are idle cost little, take nothing from others, and are let go',
    { timeout: 120_000 },
    async () => {
      const [filesBefore = 0, kbBefore = 0] = [openFilesOf(), residentKb()]
      const idle = await openMany(connections, request, true)
      expect(closed(idle)).toBe(0)
      for (let n = 0; n < 20; n++) expect((await add(n)).status).toBe(200)
      // Each is still good for a request.
      for (let at = 0; at < idle.length; at += Math.ceil(idle.length / 50)) {
        const socket = idle[at] as Socket
        const answer = new Promise<Buffer>((resolve) => socket.once('data', resolve))
        socket.write(request)
        expect((await answer).toString()).toMatch(/^HTTP\/1\.1 200 /)
      }
      const [files, kb] = [openFilesOf(), residentKb()]
      if (files !== undefined && kb !== undefined) {
        expect(files - filesBefore).toBeGreaterThanOrEqual(connections)
        expect((kb - kbBefore) / connections).toBeLessThan(64)
      }
      for (const socket of idle) socket.destroy()
      await eventually('the server has let them go', () => {
        const now = openFilesOf()
        return now === undefined || now < filesBefore + 50
      })
      expect((await add('after')).status).toBe(200)
    },
  )

  it(
    'that send slowly, never, half or are half-open are cut off, and others served meanwhile',
    { timeout: 120_000 },
    async () => {
      const each = Math.floor(connections / 20)
      const slow = [
        ...(await openMany(each)),
        ...(await openMany(each, 'GET / HTTP/1.1\r\nHost: a\r\nX-Slow: ')),
        ...(await openMany(each, body)),
      ]
      const halfOpen = await openMany(each, body, false, true)
      for (const socket of halfOpen) socket.end()
      // A byte now and then does not make it last longer.
      const drip = setInterval(() => {
        for (const socket of slow.slice(each, 2 * each)) if (socket.writable) socket.write('x')
      }, 500)
      // What has been cut off may be written to once more.
      for (const socket of [...slow, ...halfOpen])
        socket.removeAllListeners('error').on('error', () => {})
      for (let n = 0; n < 20; n++) expect((await add(`meanwhile ${n}`)).status).toBe(200)
      const all = [...slow, ...halfOpen]
      await eventually('all are closed', () => closed(all) === all.length, 60_000)
      clearInterval(drip)
      const { text } = await send(url, 'POST', `${base}/workflows/w/query/items`)
      expect(text.match(/meanwhile/g)?.length).toBe(20)
    },
  )

  it('that do not read their answers take nothing from others', { timeout: 120_000 }, async () => {
    for (let n = 0; n < 10; n++) expect((await add('x'.repeat(200_000))).status).toBe(200)
    const kbBefore = residentKb() ?? 0
    const history = `GET ${base}/workflows/w/history HTTP/1.1\r\nHost: a\r\n\r\n`
    const deaf = await openMany(50)
    for (const socket of deaf) socket.pause().write(history)
    for (let n = 0; n < 20; n++) expect((await add(`beside ${n}`)).status).toBe(200)
    const grown = (residentKb() ?? 0) - kbBefore
    // An answer of 2 MB waits for each of them, and nothing more.
    expect(grown).toBeLessThan(50 * 16_000)
    for (const socket of deaf) socket.destroy()
    expect((await add('done')).status).toBe(200)
  })

  it('do not keep the server from stopping', { timeout: 60_000 }, async () => {
    const idle = [...(await openMany(1000, request, true)), ...(await openMany(1000))]
    for (const socket of idle) socket.removeAllListeners('error').on('error', () => {})
    expect(await server.stop('SIGTERM')).toMatchObject({ code: 0, signal: null })
    expect(server.stderr).not.toMatch(/did not finish in time/)
    await eventually('all are closed', () => closed(idle) === idle.length)
  })
})
