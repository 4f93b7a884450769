import type { FastifyInstance } from 'fastify'
import type { BackupOptions, BackupResult } from '../runtime/data-backup.ts'
import { SignalboxError } from '../runtime/errors.ts'
import type { IntakeService } from '../runtime/workflow-service.ts'
import { answerError } from './answer-error.ts'
import { defaultApiLimits, withLimits } from './api-limits.ts'
import type { ApiLimits } from './api-limits.ts'
import { checkBodyHeaders } from './body-headers.ts'
import { compileBodyValidator } from './body-validator.ts'
import { EventStreams } from './event-streams.ts'
import { parseJsonBody } from './json-body.ts'
import { LongPolls } from './long-poll.ts'
import { RateLimit } from './rate-limit.ts'
import { addBackupRoutes } from './routes/backup-routes.ts'
import { addBatchRoutes } from './routes/batch-routes.ts'
import { addClusterRoutes } from './routes/cluster-routes.ts'
import { addActivityRoutes } from './routes/activity-routes.ts'
import { addControlRoutes } from './routes/control-routes.ts'
import { addDeleteRoutes } from './routes/delete-routes.ts'
import { addDocumentRoutes } from './routes/document-routes.ts'
import { addFollowRoutes } from './routes/follow-routes.ts'
import { addHealthRoutes } from './routes/health-routes.ts'
import type { RuntimeState } from './routes/health-routes.ts'
import { addListRoutes } from './routes/list-routes.ts'
import { addReadRoutes } from './routes/read-routes.ts'
import { addSignalRoutes } from './routes/signal-routes.ts'
import { addStartRoutes } from './routes/start-routes.ts'
import { addStreamRoutes } from './routes/stream-routes.ts'
import { addUpdateRoutes } from './routes/update-routes.ts'
import type { NamespaceRequest } from './routes/workflow-params.ts'

/** The part of a `Runtime` that the API needs. */
export interface ApiRuntime {
  readonly service: IntakeService
  readonly state: RuntimeState
  backup?(target: string, options?: BackupOptions): Promise<BackupResult>
}

export interface SignalboxApiOptions {
  readonly runtime: ApiRuntime
  readonly limits?: Partial<ApiLimits> | undefined
  /** Settings of namespaces, by name. Those that are not here have the defaults. */
  readonly namespaces?: Readonly<Record<string, NamespaceSettings>> | undefined
  /** Where `POST /api/v1/backups` makes its folders. Default: there is no such route. */
  readonly backupDir?: string | undefined
  /** Whether to add `/healthz` and `/readyz`. Default true. */
  readonly healthRoutes?: boolean | undefined
}

export interface NamespaceSettings {
  /** In place of `limits.requestsPerSecond`. */
  readonly requestsPerSecond?: number | undefined
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
  const rates = ownRates(options.namespaces ?? {})
  const rateLimit = new RateLimit(limits.requestsPerSecond, rates)

  app.removeAllContentTypeParsers()
  app.addContentTypeParser(
    mediaTypes,
    { parseAs: 'buffer', bodyLimit: limits.bodyBytes },
    (request, body: Buffer, done) => {
      checkBodyHeaders(request.headers)
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

  // Before the routes: Fastify tells of those that are added afterwards.
  addDocumentRoutes(app)
  if (options.healthRoutes !== false) addHealthRoutes(app, () => runtime.state)
  addClusterRoutes(app, runtime.service)
  if (options.backupDir !== undefined) addBackupRoutes(app, runtime, options.backupDir)
  for (const prefix of ['', '/api/v1']) {
    app.register(
      (scope, _options, done) => {
        if (limits.requestsPerSecond < defaultApiLimits.requestsPerSecond || rates.size > 0) {
          scope.addHook('onRequest', (request: NamespaceRequest, _reply, next) => {
            next(rateLimit.take(request.params.namespace))
          })
        }
        addSignalRoutes(scope, runtime.service, longPolls)
        addStartRoutes(scope, runtime.service, longPolls)
        addControlRoutes(scope, runtime.service)
        addUpdateRoutes(scope, runtime.service, longPolls)
        addReadRoutes(scope, runtime.service)
        addDeleteRoutes(scope, runtime.service)
        addFollowRoutes(scope, runtime.service, longPolls, limits)
        addListRoutes(scope, runtime.service, limits)
        addStreamRoutes(scope, runtime.service, streams, limits)
        addBatchRoutes(scope, runtime.service, longPolls, limits)
        addActivityRoutes(scope, runtime.service)
        done()
      },
      { prefix: `${prefix}/namespaces/:namespace` },
    )
  }
}

/** @throws SignalboxError SIGNALBOX_ERR_INVALID_OPTION for a rate that cannot be */
function ownRates(
  namespaces: Readonly<Record<string, NamespaceSettings>>,
): ReadonlyMap<string, number> {
  const rates = new Map<string, number>()
  for (const [name, { requestsPerSecond: rate }] of Object.entries(namespaces)) {
    if (rate === undefined) continue
    if (!Number.isSafeInteger(rate) || rate < 1) {
      const option = `namespaces.${name}.requestsPerSecond`
      throw new SignalboxError(
        'SIGNALBOX_ERR_INVALID_OPTION',
        `${option} must be a positive integer`,
        { fields: { option } },
      )
    }
    rates.set(name, rate)
  }
  return rates
}
