import type { FastifyInstance } from 'fastify'
import { checkAllNamespaces } from '../grant.ts'
import type { Metrics } from '../metrics.ts'
import type { Operation } from '../operation.ts'

const operation: Operation = {
  id: 'GetMetrics',
  summary: 'The metrics, in the text format of Prometheus',
  answer: 'text/plain',
  scopes: ['read'],
}

/** `GET /metrics`. With tokens, one that may read in every namespace is needed: metrics are of all. */
export function addMetricsRoutes(app: FastifyInstance, metrics: Metrics): void {
  app.get('/metrics', { config: { operation } }, async (request, reply) => {
    checkAllNamespaces(request)
    const text = await metrics.text()
    return reply.header('content-type', metrics.contentType).send(text)
  })
}
