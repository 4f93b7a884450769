import { STATUS_CODES } from 'node:http'
import type { Server as HttpsServer, ServerOptions as HttpsOptions } from 'node:https'
import type { Socket } from 'node:net'
import { LogController, fastify } from 'fastify'
import type { FastifyBaseLogger, FastifyInstance, FastifyServerOptions } from 'fastify'
import { answerError } from './answer-error.ts'
import { sendStatus } from './answer.ts'
import { defaultServerLimits, withLimits } from './api-limits.ts'
import type { ServerLimits } from './api-limits.ts'
import {
  type AuthenticationOptions,
  requireHost,
  requireOwnMachine,
  requireToken,
} from './authentication.ts'
import { loopbackHosts } from './listen-address.ts'
import { httpAnswer } from './rpc-status.ts'
import {
  collectServerMetrics,
  type MeasuredRuntime,
  type MetricsOptions,
  type ServerMetrics,
} from './metrics.ts'
import { type MetricsAddress, serveMetrics } from './metrics-server.ts'
import { refuseOtherSites } from './refuse-other-sites.ts'
import { addMetricsRoutes } from './routes/metrics-routes.ts'
import { checkServerOptions } from './server-option-check.ts'
import { isStreamed } from './streamed-sockets.ts'
import { signalboxApi } from './signalbox-api.ts'
import type { ApiRuntime, NamespaceSettings } from './signalbox-api.ts'
import { addHealthRoutes } from './routes/health-routes.ts'
import type { RuntimeState } from './routes/health-routes.ts'
import { dropSilentConnections } from './silent-connections.ts'
import { type TlsOptions, tlsServerOptions } from './tls.ts'

/**
 * Without `token`, `tokens` and `authenticate`, requests need no token, and only those that come to a
 * loopback address are answered, unless clients need a certificate (`tls.requestClientCert`).
 */
export interface ServerOptions extends AuthenticationOptions {
  readonly runtime: ApiRuntime & MeasuredRuntime
  /**
   * Answer whoever can reach the server, without a token: something in front of it says who may. Default
   * false.
   */
  readonly allowUnauthenticated?: boolean | undefined
  /**
   * Host names, without port, that requests may be for. Default: any; of a server that answers its own
   * machine alone, the names of that. Without tokens, pages of other hosts may change nothing; by default,
   * pages of another host than the request is for.
   */
  readonly allowedHosts?: readonly string[] | undefined
  /** Before the path of every route but health. */
  readonly prefix?: string | undefined
  /** Where `POST /api/v1/backups` makes its folders. Default: there is no such route. */
  readonly backupDir?: string | undefined
  readonly limits?: Partial<ServerLimits> | undefined
  /** Settings of namespaces, by name. Those that are not here have the defaults. */
  readonly namespaces?: Readonly<Record<string, NamespaceSettings>> | undefined
  /** Serve HTTPS, and require clients' certificates if so wished. Default: HTTP. */
  readonly tls?: TlsOptions | undefined
  /** True once the server is about to be closed: then `/readyz` says so, and all else goes on. */
  readonly isDraining?: (() => boolean) | undefined
  /** Default: collected, and served as `GET /metrics`. False: neither, and nothing is measured. */
  readonly metrics?: ServerMetricsOptions | false | undefined
  /** Default: silent. */
  readonly logger?: FastifyBaseLogger | undefined
}

export interface ServerMetricsOptions extends MetricsOptions {
  /**
   * Serve them there, without a token, and not with the API. By default they are beside the API; then
   * a token, if any is needed, must have the scope `read` for all namespaces.
   */
  readonly address?: MetricsAddress | undefined
}

/** How often Node looks for connections past their time. Its default, 30 s, doubles every limit. */
const checkIntervalMs = 1000
/** Ids have at most 1,000 bytes; longer ones come this far so that the answer can say so. */
const maxParamLength = 4000

/**
 * A Fastify server with the API on it, ready to `listen`. Requests that are slow, large or malformed
 * are refused with google.rpc.Status, before and after routing. `close` refuses new connections,
 * ends long polls and batches, and waits for the requests in hand; it does not close the runtime.
 *
 * @throws SignalboxError SIGNALBOX_ERR_INVALID_OPTION for an option that there is not, and for limits, rates,
 *   tokens or certificates that cannot be
 */
export function createServer(options: ServerOptions): FastifyInstance {
  checkServerOptions(options)
  const limits = withLimits(defaultServerLimits, options.limits)
  const { metrics: metricsOptions = {}, tls } = options
  // All that can be refused, before anything listens to the runtime.
  const authentication = requireToken(options)
  const secured = tls && tlsServerOptions(tls, limits)
  const metrics =
    metricsOptions === false ? undefined : collectServerMetrics(options.runtime, metricsOptions)
  const sockets = {
    headersTimeout: Math.min(limits.headersTimeoutMs, limits.requestTimeoutMs),
    connectionsCheckingInterval: checkIntervalMs,
  }
  const settings: FastifyServerOptions = {
    ...(options.logger === undefined ? {} : { loggerInstance: options.logger }),
    // A line per signal would cost more than the signal; what fails in the server is logged.
    logController: new LogController({ disableRequestLogging: true }),
    bodyLimit: limits.bodyBytes,
    requestTimeout: limits.requestTimeoutMs,
    connectionTimeout: limits.connectionTimeoutMs,
    keepAliveTimeout: limits.keepAliveTimeoutMs,
    maxRequestsPerSocket: limits.maxRequestsPerSocket,
    routerOptions: { maxParamLength },
    // While closing, the runtime still serves: what comes on open connections is answered.
    return503OnClosing: false,
    clientErrorHandler: (error, socket) => answerBrokenRequest(error, socket, metrics),
    frameworkErrors: (error, _request, reply) => {
      const problem =
        error.code === 'FST_ERR_MAX_PARAM_LENGTH'
          ? 'An id in the path is too long'
          : 'The path is not valid: check its percent-encoding'
      metrics?.http.countUnrouted(400)
      sendStatus(reply, httpAnswer(400, problem))
    },
  }
  const app =
    secured === undefined
      ? fastify({ ...settings, http: sockets })
      : overTls(settings, { ...sockets, ...secured })
  app.server.maxConnections = limits.maxConnections
  dropSilentConnections(app, tls !== undefined)
  let isClosing = false
  app.addHook('preClose', (done) => {
    isClosing = true
    // A connection whose request is in hand now would stay idle for the whole keep-alive time
    // after its answer, and closing would wait for it.
    app.server.keepAliveTimeout = 1
    done()
  })
  metrics?.observeRoutes(app)
  // For what no route of the API sees: a body that cannot be read on a path that is not there.
  app.setErrorHandler(answerError)
  app.setNotFoundHandler((request, reply) => {
    metrics?.http.countUnrouted(404)
    sendStatus(reply, httpAnswer(404, `No route for ${request.method} ${pathOf(request.url)}`))
  })
  const { runtime, backupDir, namespaces, prefix = '', isDraining } = options
  const isForOthers =
    options.allowUnauthenticated === true ||
    authentication !== undefined ||
    tls?.requestClientCert === true
  const ownHosts = isForOthers ? undefined : loopbackHosts('localhost')
  const { allowedHosts = ownHosts } = options
  const state = (): RuntimeState => {
    const isStopping = isClosing || isDraining?.() === true
    return isStopping && runtime.state !== 'poisoned' ? 'draining' : runtime.state
  }
  const address = metricsOptions === false ? undefined : metricsOptions.address
  if (metrics !== undefined && address !== undefined) serveMetrics(app, metrics, address)
  app.addHook('onClose', (_app, done) => {
    metrics?.close()
    done()
  })
  addHealthRoutes(app, state)
  app.register(async (scope) => {
    if (!isForOthers) scope.addHook('onRequest', requireOwnMachine)
    if (allowedHosts !== undefined) scope.addHook('onRequest', requireHost(allowedHosts))
    // A page has no token, and cannot make the browser send one.
    scope.addHook('onRequest', authentication ?? refuseOtherSites(allowedHosts))
    if (metrics !== undefined && address === undefined) addMetricsRoutes(scope, metrics)
    const settings = { runtime, backupDir, limits, namespaces, healthRoutes: false, prefix }
    await scope.register(signalboxApi, settings)
  })
  return app
}

/** To routes and hooks a server over TLS is one like any other: so it has the same type. */
function overTls(settings: FastifyServerOptions, https: HttpsOptions): FastifyInstance {
  const common = settings as unknown as FastifyServerOptions<HttpsServer>
  return fastify({ ...common, https })
}

/** What never became a request: broken HTTP, or one that took too long to arrive. */
function answerBrokenRequest(
  error: NodeJS.ErrnoException,
  socket: Socket,
  metrics: ServerMetrics | undefined,
): void {
  if (error.code === 'ECONNRESET' || socket.destroyed) return
  if (error.code === 'ERR_HTTP_REQUEST_TIMEOUT' && isStreamed(socket)) return
  const [http, problem] =
    error.code === 'ERR_HTTP_REQUEST_TIMEOUT'
      ? ([408, 'The request took too long to arrive'] as const)
      : error.code === 'HPE_HEADER_OVERFLOW'
        ? ([431, 'The headers are too large'] as const)
        : ([400, 'The request is not valid HTTP'] as const)
  metrics?.http.countUnrouted(http)
  const { body } = httpAnswer(http, problem)
  if (socket.writable) {
    socket.write(
      `HTTP/1.1 ${http} ${STATUS_CODES[http]}\r\nConnection: close\r\n` +
        `Content-Type: application/json; charset=utf-8\r\n` +
        `Content-Length: ${Buffer.byteLength(body)}\r\n\r\n${body}`,
    )
  }
  socket.destroy()
}

function pathOf(url: string): string {
  const path = url.split('?', 1)[0] ?? ''
  return path.length <= 200 ? path : `${path.slice(0, 200)}…`
}
