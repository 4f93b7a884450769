import type { FastifyError, FastifyReply, FastifyRequest } from 'fastify'
import { SignalboxError } from '../runtime/errors.ts'
import { sendStatus } from './answer.ts'
import { UnsupportedBodyError } from './body-headers.ts'
import { httpAnswer, internalProblem, statusAnswer } from './rpc-status.ts'
import type { StatusAnswer } from './rpc-status.ts'

/** Fastify's error handler: every error is answered with google.rpc.Status. */
export function answerError(
  error: FastifyError,
  request: FastifyRequest,
  reply: FastifyReply,
): void {
  const answer = answerTo(error, request)
  if (answer.http >= 500 && answer.http !== 503) request.log.error({ err: error }, error.message)
  sendStatus(reply, answer)
}

function answerTo(error: FastifyError, request: FastifyRequest): StatusAnswer {
  if (error instanceof SignalboxError) return statusAnswer(error, request.id)
  if (error instanceof UnsupportedBodyError) return httpAnswer(error.statusCode, error.message)
  const { statusCode } = error
  if (statusCode === undefined || statusCode < 400 || statusCode > 599 || statusCode === 500) {
    return statusAnswer(error, request.id)
  }
  if (statusCode < 500) return httpAnswer(statusCode, requestProblem(error))
  return httpAnswer(statusCode, internalProblem(request.id))
}

/**
 * What is refused before a route sees it: by HTTP, in words that say what to do, or by a hook of the
 * service around the plugin, in its own words.
 */
function requestProblem(error: FastifyError): string {
  switch (error.code) {
    case 'FST_ERR_CTP_BODY_TOO_LARGE':
      return 'The body is too large'
    case 'FST_ERR_CTP_INVALID_MEDIA_TYPE':
      return 'Send JSON, with the header "Content-Type: application/json"'
    case 'FST_ERR_CTP_INVALID_CONTENT_LENGTH':
      return 'The body does not have the length that Content-Length says'
    default:
      return error.statusCode === 400 ? 'The request could not be read' : error.message
  }
}
