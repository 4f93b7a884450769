import { createServer as createHttp2Server } from 'node:http2'
import { once } from 'node:events'
import { setTimeout as delay } from 'node:timers/promises'
import { createRequire } from 'node:module'
import * as restate from '@restatedev/restate-sdk'
import { ChildServer, freePort } from './child-server.ts'
import type { OpenPeer, Peer } from './peer.ts'

const require = createRequire(import.meta.url)
const durability =
  'fsync of the log in RocksDB before the answer (rocksdb-disable-wal-fsync = false)'
const settleTimeoutMs = 120_000
const answerTimeoutMs = 30_000

/** A counter as a virtual object: Restate runs one handler of a key at a time, in order. */
const counter = restate.object({
  name: 'counter',
  handlers: {
    add: async (context: restate.ObjectContext, amount: number): Promise<number> => {
      const sum = ((await context.get<number>('sum')) ?? 0) + amount
      context.set('sum', sum)
      return sum
    },
    total: async (context: restate.ObjectContext): Promise<number> =>
      (await context.get<number>('sum')) ?? 0,
  },
})

export const restateCallPeer: Peer = {
  name: 'Restate, called',
  work: 'a call of a virtual object over HTTP; resolves with the handler’s result',
  durability,
  missing,
  open: (dataDir) => openRestate(dataDir, 'add'),
}

export const restateSendPeer: Peer = {
  name: 'Restate, sent',
  work: 'the same, one way: resolves when it is accepted',
  durability,
  missing,
  open: (dataDir) => openRestate(dataDir, 'add/send'),
}

/** The server itself: the script of its package would leave it running when it is killed. */
function serverProgram(): string {
  const target = `${process.platform}-${process.arch}`
  return require.resolve(`@restatedev/restate-server-${target}/bin/restate-server`)
}

// oxlint-disable-next-line typescript/require-await -- of an interface that others need to be asynchronous
async function missing(): Promise<string | undefined> {
  try {
    serverProgram()
    return undefined
  } catch {
    return `@restatedev/restate-server has no server for ${process.platform}-${process.arch} here: npm ci --prefix bench/peers`
  }
}

/** The SDK calls it without a look; Node has it from version 22 on. */
function provideWithResolvers(): void {
  const constructor = Promise as unknown as Record<string, unknown>
  constructor['withResolvers'] ??= () => {
    let ends: object = {}
    const promise = new Promise((resolve, reject) => {
      ends = { resolve, reject }
    })
    return { promise, ...ends }
  }
}

async function openRestate(dataDir: string, path: string): Promise<OpenPeer> {
  provideWithResolvers()
  const [ingress, admin, node, service] = await Promise.all(Array.from({ length: 4 }, freePort))
  const handler = restate.createEndpointHandler({ services: [counter], logger: () => undefined })
  const endpoint = createHttp2Server(handler).listen(service, '127.0.0.1')
  await once(endpoint, 'listening')
  const server = new ChildServer(serverProgram(), ['--no-logo', '--listen-mode', 'tcp'], {
    cwd: dataDir,
    env: {
      ...process.env,
      SCARF_ANALYTICS: 'false',
      RESTATE_BASE_DIR: dataDir,
      RESTATE_DISABLE_TELEMETRY: 'true',
      RESTATE_BIND_ADDRESS: `127.0.0.1:${node}`,
      RESTATE_ADVERTISED_ADDRESS: `http://127.0.0.1:${node}`,
      RESTATE_INGRESS__BIND_ADDRESS: `127.0.0.1:${ingress}`,
      RESTATE_ADMIN__BIND_ADDRESS: `127.0.0.1:${admin}`,
      RESTATE_LOG_FILTER: 'warn',
    },
  })
  const post = async (url: string, body: unknown): Promise<unknown> => {
    const answer = await fetch(url, {
      signal: AbortSignal.timeout(answerTimeoutMs),
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: body === undefined ? null : JSON.stringify(body),
    })
    const text = await answer.text()
    if (!answer.ok) throw new Error(`Restate answered ${answer.status}: ${text}`)
    return text === '' ? undefined : JSON.parse(text)
  }
  await server.ready(() =>
    post(`http://127.0.0.1:${admin}/deployments`, {
      uri: `http://127.0.0.1:${service}`,
      force: true,
    }),
  )
  const base = `http://127.0.0.1:${ingress}/counter`
  await server.ready(() => post(`${base}/0/total`, undefined))
  const manifest = require('@restatedev/restate-server/package.json') as { version: string }
  return {
    version: manifest.version,
    signal: (instance) => post(`${base}/${instance}/${path}`, 1),
    settle: async (sent) => {
      const until = performance.now() + settleTimeoutMs
      for (const [instance, count] of sent.entries()) {
        // Calls of one key are done in the order of their acceptance, so this one comes after all of them.
        for (;;) {
          const counted = await post(`${base}/${instance}/total`, undefined)
          if (counted === count) break
          if (performance.now() > until)
            throw new Error(`${instance} counted ${String(counted)} of ${count}.`)
          await delay(50)
        }
      }
    },
    close: async () => {
      await server.stop('SIGKILL')
      endpoint.close()
    },
  }
}
