import { once } from 'node:events'
import {
  createServer as createHttpServer,
  type IncomingMessage,
  type ServerResponse,
} from 'node:http'
import { createServer as createHttpsServer } from 'node:https'
import type { Socket } from 'node:net'
import { jsonType } from './answer.ts'
import { defaultServerLimits, type ServerLimits, withLimits } from './api-limits.ts'
import { httpAnswer } from './rpc-status.ts'
import { type TlsOptions, tlsServerOptions } from './tls.ts'

/** What answers until the runtime is open. */
export interface OpeningServer {
  readonly port: number
  /** Make way for the real one. */
  close(): Promise<void>
}

interface OpeningOptions {
  readonly host: string
  readonly port: number
  readonly tls: TlsOptions | undefined
  readonly limits: Partial<ServerLimits>
}

/**
 * Answer for a server whose runtime is being opened: alive, not ready, and everything else 503 with
 * Retry-After. Bundling and recovery may take a while, and who watches the process must not take it
 * for dead. It also finds out at once whether the address can be had.
 *
 * @throws Error EADDRINUSE and its kin; SignalboxError SIGNALBOX_ERR_INVALID_OPTION as `createServer`
 */
export async function answerWhileOpening(options: OpeningOptions): Promise<OpeningServer> {
  const { host, port, tls } = options
  const limits = withLimits(defaultServerLimits, options.limits)
  const server =
    tls === undefined
      ? createHttpServer(answer)
      : createHttpsServer(tlsServerOptions(tls, limits), answer)
  server.maxConnections = limits.maxConnections
  const sockets = new Set<Socket>()
  server.on('connection', (socket) => {
    sockets.add(socket)
    socket.once('close', () => sockets.delete(socket))
  })
  server.listen(port, host)
  await once(server, 'listening')
  const address = server.address()
  if (address === null || typeof address === 'string') throw new Error('the server has no port')
  return {
    port: address.port,
    close: async () => {
      const closed = once(server, 'close')
      server.close()
      // Nothing is under way on them: each had its answer at once, unless its handshake is not done.
      for (const socket of sockets) socket.destroy()
      await closed
    },
  }
}

function answer(request: IncomingMessage, response: ServerResponse): void {
  const path = request.url?.split('?', 1)[0]
  const isAlive = path === '/healthz'
  response.statusCode = isAlive ? 200 : 503
  // The connection could not outlive the change of servers.
  response.setHeader('connection', 'close')
  response.setHeader('content-type', jsonType)
  if (!isAlive) response.setHeader('retry-after', '1')
  const isHealth = isAlive || path === '/readyz'
  response.end(
    isHealth
      ? JSON.stringify({ state: 'recovering' })
      : httpAnswer(503, 'The server is starting: try again').body,
  )
}
