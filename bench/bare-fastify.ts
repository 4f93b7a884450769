/**
 * The ceiling for HTTP, run as a process of its own: Fastify with nothing behind it, on the path, the
 * body and the schema of the signal route. Prints where it listens.
 */
import { fastify } from 'fastify'
import { signalBody } from '../api/schemas.ts'

const app = fastify()
let answered = 0

app.post(
  '/api/v1/namespaces/:namespace/workflows/:workflowId/signal/:name',
  { schema: { body: signalBody } },
  (_request, reply) => {
    answered += 1
    void reply.send({})
  },
)
app.get('/answered', () => ({ answered }))

const url = await app.listen({ host: '127.0.0.1', port: 0 })
process.stdout.write(`bare Fastify listens on ${url}\n`)
