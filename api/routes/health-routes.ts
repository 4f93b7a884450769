import type { FastifyInstance, FastifyReply } from 'fastify'
import { jsonType } from '../answer.ts'

/** What a runtime is doing: see `Runtime.state`. */
export type RuntimeState = 'opening' | 'recovering' | 'serving' | 'draining' | 'poisoned' | 'closed'

/** While it recovers, a runtime takes calls already. */
const ready: ReadonlySet<RuntimeState> = new Set(['recovering', 'serving'])

/** Liveness and readiness, for orchestrators. They need no token and tell nothing but the state. */
export function addHealthRoutes(app: FastifyInstance, state: () => RuntimeState): void {
  // Only a new process helps against a poisoned runtime; everything else passes by itself.
  app.get('/healthz', { config: { isPublic: true } }, (_request, reply) =>
    sendState(reply, state(), state() !== 'poisoned'),
  )
  app.get('/readyz', { config: { isPublic: true } }, (_request, reply) =>
    sendState(reply, state(), ready.has(state())),
  )
}

function sendState(reply: FastifyReply, state: RuntimeState, good: boolean): FastifyReply {
  if (!good) reply.code(503).header('retry-after', '1')
  return reply.header('content-type', jsonType).send(JSON.stringify({ state }))
}
