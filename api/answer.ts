import type { FastifyReply, FastifyRequest } from 'fastify'
import { indentJson, writeJson } from './json-text.ts'
import type { StatusAnswer } from './rpc-status.ts'

export const jsonType = 'application/json; charset=utf-8'

/**
 * True unless the request asks for payloads in long form: by `?noPayloadShorthand`, or by one of
 * Temporal's media types in Accept or, without that, Content-Type.
 */
export function wantsShorthand(request: FastifyRequest): boolean {
  return !isAsked(request, 'noPayloadShorthand', 'no-payload-shorthand')
}

/** Answer 200 with `value` as JSON, on several lines if the request asks for `pretty`. */
export function sendJson(
  request: FastifyRequest,
  reply: FastifyReply,
  value: unknown,
): FastifyReply {
  const text = writeJson(value)
  const body = isAsked(request, 'pretty', 'pretty') ? `${indentJson(text)}\n` : text
  return reply.header('content-type', jsonType).send(body)
}

/** Answer with an error. */
export function sendStatus(reply: FastifyReply, answer: StatusAnswer): FastifyReply {
  if (answer.retryAfter !== undefined) reply.header('retry-after', String(answer.retryAfter))
  // A hook of the service around the plugin may have said how to authenticate there.
  if (answer.http === 401 && !reply.hasHeader('www-authenticate')) {
    reply.header('www-authenticate', 'Bearer')
  }
  return reply.code(answer.http).header('content-type', jsonType).send(answer.body)
}

function isAsked(request: FastifyRequest, parameter: string, mediaSuffix: string): boolean {
  const { query, headers } = request
  if (typeof query === 'object' && query !== null) {
    for (const [name, value] of Object.entries(query)) {
      if (name.replaceAll('_', '').toLowerCase() !== parameter.toLowerCase()) continue
      return value === '' || value === 'true' || value === '1'
    }
  }
  const accepted =
    headers.accept?.includes('application/json') === true ? headers.accept : undefined
  const media = accepted ?? headers['content-type']
  return media?.split(/[;,]/)[0]?.split('+').includes(mediaSuffix) ?? false
}
