import { fastify, type FastifyInstance } from 'fastify'
import { answerError } from './answer-error.ts'
import { sendStatus } from './answer.ts'
import { requireHost } from './authentication.ts'
import { isLoopback, loopbackHosts } from './listen-address.ts'
import type { Metrics } from './metrics.ts'
import { addMetricsRoutes } from './routes/metrics-routes.ts'
import { httpAnswer } from './rpc-status.ts'

/** Where metrics are served apart from the API. */
export interface MetricsAddress {
  readonly port: number
  /** Default 127.0.0.1. */
  readonly host?: string | undefined
}

/** A request asks for nothing but the metrics, and nobody needs long for that. */
const REQUEST_TIMEOUT_MS = 10_000
const BODY_BYTES = 1_024

/**
 * Serve the metrics on a port of their own, without a token: who can reach the port may read them. It
 * opens when `app` is about to listen, which fails if it cannot be opened, and closes with `app`.
 */
export function serveMetrics(
  app: FastifyInstance,
  metrics: Metrics,
  address: MetricsAddress,
): void {
  const { port, host = '127.0.0.1' } = address
  const server = fastify({
    requestTimeout: REQUEST_TIMEOUT_MS,
    bodyLimit: BODY_BYTES,
    forceCloseConnections: true,
  })
  server.setErrorHandler(answerError)
  server.setNotFoundHandler((_request, reply) => {
    sendStatus(reply, httpAnswer(404, 'Only /metrics is here'))
  })
  if (isLoopback(host)) server.addHook('onRequest', requireHost(loopbackHosts(host)))
  addMetricsRoutes(server, metrics)
  app.addHook('onReady', async () => {
    await server.listen({ port, host })
  })
  app.addHook('onClose', () => server.close())
}
