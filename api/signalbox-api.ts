import type { FastifyError, FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import { SignalboxError } from '../runtime/errors.ts'
import type { WorkflowService } from '../runtime/workflow-service.ts'
import { sendStatus } from './answer.ts'
import { defaultApiLimits, withLimits } from './api-limits.ts'
import type { ApiLimits } from './api-limits.ts'
import { compileBodyValidator } from './body-validator.ts'
import { EventStreams } from './event-streams.ts'
import { parseJsonBody } from './json-body.ts'
import { LongPolls } from './long-poll.ts'
import { addBatchRoutes } from './routes/batch-routes.ts'
import { addClusterRoutes } from './routes/cluster-routes.ts'
import { addActivityRoutes } from './routes/activity-routes.ts'
import { addFollowRoutes } from './routes/follow-routes.ts'
import { addHealthRoutes } from './routes/health-routes.ts'
import type { RuntimeState } from './routes/health-routes.ts'
import { addListRoutes } from './routes/list-routes.ts'
import { addReadRoutes } from './routes/read-routes.ts'
import { addSignalRoutes } from './routes/signal-routes.ts'
import { addStartRoutes } from './routes/start-routes.ts'
import { addStreamRoutes } from './routes/stream-routes.ts'
import { addUpdateRoutes } from './routes/update-routes.ts'
import { httpAnswer, statusAnswer } from './rpc-status.ts'
import type { StatusAnswer } from './rpc-status.ts'

/** The part of a `Runtime` that the API needs. */
export interface ApiRuntime {
  readonly service: WorkflowService
  readonly state: RuntimeState
}

export interface SignalboxApiOptions {
  readonly runtime: ApiRuntime
  readonly limits?: Partial<ApiLimits> | undefined
  /** Whether to add `/healthz` and `/readyz`. Default true. */
  readonly healthRoutes?: boolean | undefined
}

/** Temporal's media types: they say how payloads are written, never what is accepted. */
const mediaTypes = [
  'application/json',
  'application/json+pretty',
  'application/json+no-payload-shorthand',
  'application/json+pretty+no-payload-shorthand',
]

/**
 * Temporal's HTTP API over a runtime, as a Fastify plugin. Register it without `fastify-plugin`: its
 * parsers, validation and error answers are for its own routes alone, and leave those of the
 * surrounding service as they are. Who may call it is up to that service's hooks.
 *
 * Fastify refuses path parameters of more than 100 characters unless the server was made with
 * `routerOptions: { maxParamLength: 4000 }`.
 */
// oxlint-disable-next-line typescript/require-await -- Fastify takes a plugin without callback for async
export async function signalboxApi(
  app: FastifyInstance,
  options: SignalboxApiOptions,
): Promise<void> {
  const limits = withLimits(defaultApiLimits, options.limits)
  const { runtime } = options
  const longPolls = new LongPolls(limits.longPollMs)
  const streams = new EventStreams(limits.eventStreams)

  app.removeAllContentTypeParsers()
  app.addContentTypeParser(
    mediaTypes,
    { parseAs: 'buffer', bodyLimit: limits.bodyBytes },
    (_request, body: Buffer, done) => {
      done(null, parseJsonBody(body, limits.jsonDepth))
    },
  )
  app.setValidatorCompiler(({ schema }: { schema: Parameters<typeof compileBodyValidator>[0] }) =>
    compileBodyValidator(schema),
  )
  app.setErrorHandler(answerError)
  app.addHook('preClose', (done) => {
    longPolls.stop()
    streams.stop()
    done()
  })

  if (options.healthRoutes !== false) addHealthRoutes(app, () => runtime.state)
  addClusterRoutes(app, runtime.service)
  for (const prefix of ['', '/api/v1']) {
    app.register(
      (scope, _options, done) => {
        addSignalRoutes(scope, runtime.service)
        addStartRoutes(scope, runtime.service)
        addUpdateRoutes(scope, runtime.service, longPolls)
        addReadRoutes(scope, runtime.service)
        addFollowRoutes(scope, runtime.service, longPolls)
        addListRoutes(scope, runtime.service)
        addStreamRoutes(scope, runtime.service, streams, limits)
        addBatchRoutes(scope, runtime.service, limits)
        addActivityRoutes(scope, runtime.service)
        done()
      },
      { prefix: `${prefix}/namespaces/:namespace` },
    )
  }
}

function answerError(error: FastifyError, request: FastifyRequest, reply: FastifyReply): void {
  const answer = answerTo(error, request)
  if (answer.http >= 500 && answer.http !== 503) request.log.error({ err: error }, error.message)
  sendStatus(reply, answer)
}

function answerTo(error: FastifyError, request: FastifyRequest): StatusAnswer {
  if (error instanceof SignalboxError) return statusAnswer(error, request.id)
  const { statusCode } = error
  if (statusCode === undefined || statusCode < 400 || statusCode >= 500) {
    return statusAnswer(error, request.id)
  }
  return httpAnswer(statusCode, requestProblem(error))
}

/** What HTTP refuses before a route sees it, in words that say what to do. */
function requestProblem(error: FastifyError): string {
  switch (error.code) {
    case 'FST_ERR_CTP_BODY_TOO_LARGE':
      return 'The body is too large'
    case 'FST_ERR_CTP_INVALID_MEDIA_TYPE':
      return 'Send JSON, with the header "Content-Type: application/json"'
    case 'FST_ERR_CTP_INVALID_CONTENT_LENGTH':
      return 'The body does not have the length that Content-Length says'
    default:
      return 'The request could not be read'
  }
}
