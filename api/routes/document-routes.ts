import type { FastifyInstance } from 'fastify'
import { jsonType } from '../answer.ts'
import { explorerPage, explorerScript, explorerStyle } from '../explorer-page.ts'
import { OpenapiDocument } from '../openapi-document.ts'

/** The page runs its own script and style, talks to its own server, and may be in no frame. */
const contentSecurityPolicy =
  "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; " +
  "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"

/**
 * The OpenAPI document of the routes that are added to `app` and below it from now on, and a page
 * to try them with. They tell how the API is, and nothing of what is in it: they need no token.
 */
export function addDocumentRoutes(app: FastifyInstance): void {
  const document = new OpenapiDocument()
  app.addHook('onRoute', (route) => {
    document.add(route)
  })
  app.get('/openapi.json', { config: { isPublic: true } }, (_request, reply) =>
    reply.header('content-type', jsonType).send(document.text),
  )
  const files = [
    ['/explorer', 'text/html; charset=utf-8', explorerPage],
    ['/explorer.js', 'text/javascript; charset=utf-8', explorerScript],
    ['/explorer.css', 'text/css; charset=utf-8', explorerStyle],
  ] as const
  for (const [path, type, text] of files) {
    app.get(path, { config: { isPublic: true } }, (_request, reply) =>
      reply
        .header('content-type', type)
        .header('content-security-policy', contentSecurityPolicy)
        .header('x-content-type-options', 'nosniff')
        .send(text),
    )
  }
}
