import { setTimeout as delay } from 'node:timers/promises'
import closeWithGrace from 'close-with-grace'
import type { FastifyInstance } from 'fastify'
import { pino } from 'pino'
import type { Logger } from 'pino'
import { SignalboxError } from '../runtime/errors.ts'
import { defaultLimits, type RuntimeOptions } from '../runtime/options.ts'
import { Runtime } from '../runtime/runtime.ts'
import { loadActivities } from './activities-module.ts'
import { isServerLimit } from './config-schema.ts'
import { createServer, type ServerMetricsOptions, type ServerOptions } from './create-server.ts'
import { checkExposure, isLoopback, loopbackHosts, urlHost } from './listen-address.ts'
import { answerWhileOpening } from './opening-server.ts'
import type { ServeOptions } from './serve-options.ts'

/** Beyond the waits that have options: for what has none, before the process ends without it. */
const stopReserveMs = 10_000

/**
 * Serve workflows over HTTP until SIGTERM or SIGINT. Ends the process: with 0 after a graceful stop,
 * else with 1. Resolves when the server listens.
 *
 * @throws SignalboxError when it cannot start: nothing is left open then
 */
export async function serve(options: ServeOptions): Promise<void> {
  const isGuarded =
    options.token !== undefined ||
    (options.tokens ?? []).length > 0 ||
    options.authenticate !== undefined ||
    options.tls?.requestClientCert === true
  checkExposure(options.host, isGuarded)
  // What cannot be is refused before anything is opened.
  const server = serverOptions(options, isGuarded)
  const logger = await createLogger(options.logLevel)
  for (const warning of options.warnings) logger.warn({}, warning)
  const { drainDelayMs, drainTimeoutMs, limits = {} } = options
  const closeTimeoutMs = limits.closeTimeoutMs ?? defaultLimits(1).closeTimeoutMs
  const stopper = new Stopper(
    logger,
    drainDelayMs + drainTimeoutMs + closeTimeoutMs + stopReserveMs,
  )
  const { host, tls } = options
  const serverLimits = pickLimits(limits, isServerLimit)
  const opening = await answerWhileOpening({ host, port: options.port, tls, limits: serverLimits })
  let runtime: Runtime
  try {
    runtime = await openRuntime(options, logger, stopper)
  } finally {
    await opening.close()
  }
  try {
    let isStopping = false
    const app = createServer({
      ...server,
      logger,
      runtime,
      isDraining: () => isStopping,
    })
    stopper.onStop(async () => {
      isStopping = true
      if (drainDelayMs > 0) await delay(drainDelayMs)
      await closeServer(app, drainTimeoutMs, logger)
      const { running } = runtime.stats().activities
      if (running > 0) {
        const wait = `waiting at most ${seconds(closeTimeoutMs)} for activities that run`
        logger.info({ activities: running }, `${wait}; a second signal ends it at once`)
      }
      await runtime.close()
    })
    await app.listen({ host, port: opening.port })
    process.stdout.write(welcome(portOf(app), options, isGuarded, runtime.workflowTypes))
  } catch (error) {
    await runtime.close()
    throw error
  }
}

async function openRuntime(
  options: ServeOptions,
  logger: Logger,
  stopper: Stopper,
): Promise<Runtime> {
  return Runtime.open({
    ...(await runtimeOptions(options)),
    logger,
    onPoisoned: (error) => {
      logger.fatal({ err: error }, 'storage failed: the server stops')
      stopper.stop(error)
    },
  })
}

/** What the engine is told of namespaces. */
function retentions(
  namespaces: NonNullable<ServeOptions['namespaces']>,
): NonNullable<RuntimeOptions['namespaces']> {
  return Object.fromEntries(
    Object.entries(namespaces).map(([name, { retention }]) => [
      name,
      retention === undefined ? {} : { retention },
    ]),
  )
}

async function runtimeOptions(options: ServeOptions): Promise<RuntimeOptions> {
  const { activities, activityThreads, retention, limits = {} } = options
  const { slots, taskQueue, sharedModules, workflowFailureErrorTypes } = options
  const { dataConverter, interceptors, sinks } = options
  const given = {
    activityThreads,
    retention,
    namespaces: retentions(options.namespaces ?? {}),
    slots,
    taskQueue,
    sharedModules,
    workflowFailureErrorTypes,
    dataConverter,
    interceptors,
    sinks,
  }
  return {
    ...(Object.fromEntries(
      Object.entries(given).filter(([, value]) => value !== undefined),
    ) as Partial<RuntimeOptions>),
    dataDir: options.dataDir,
    workflowsPath: options.workflows,
    activities:
      activities === undefined || activityThreads !== undefined
        ? (activities ?? {})
        : await loadActivities(activities),
    limits: pickLimits(limits, (name) => !isServerLimit(name)),
  }
}

function serverOptions(options: ServeOptions, isGuarded: boolean): Omit<ServerOptions, 'runtime'> {
  const { host, token, tokens, authenticate, backupDir, prefix, tls, limits = {} } = options
  const { namespaces } = options
  // What needs no token is open to web pages that bind a name of their own to this address.
  const ownHosts = !isGuarded && isLoopback(host) ? loopbackHosts(host) : undefined
  return {
    ...(token !== undefined && { token }),
    ...((tokens ?? []).length > 0 && { tokens }),
    authenticate,
    namespaces,
    backupDir,
    metrics: metricsOptions(options.metrics ?? {}),
    prefix,
    tls,
    allowedHosts: options.allowedHosts ?? ownHosts,
    limits: pickLimits(limits, isServerLimit),
  }
}

/** @throws SignalboxError SIGNALBOX_ERR_INVALID_OPTION */
function metricsOptions({
  enabled = true,
  port,
  host,
  processMetrics,
}: NonNullable<ServeOptions['metrics']>): ServerMetricsOptions | false {
  if (host !== undefined && port === undefined) {
    throw new SignalboxError(
      'SIGNALBOX_ERR_INVALID_OPTION',
      'metrics.host goes with metrics.port',
      {
        fields: { option: 'metrics.host' },
      },
    )
  }
  if (!enabled) return false
  return { processMetrics, address: port === undefined ? undefined : { port, host } }
}

function pickLimits(
  limits: NonNullable<ServeOptions['limits']>,
  isOne: (name: string) => boolean,
): Readonly<Record<string, number>> {
  return Object.fromEntries(Object.entries(limits).filter(([name]) => isOne(name)))
}

/** Ends the process in order, once: on a signal, on an error that nobody caught, or when told to. */
class Stopper {
  #actions: () => Promise<void> = async () => {}
  #cause: Error | undefined
  readonly #grace: { close: () => void }

  constructor(logger: Logger, budgetMs: number) {
    const report = {
      error: (problem?: unknown) =>
        problem instanceof Error
          ? logger.error({ err: problem }, problem.message)
          : logger.error({}, String(problem)),
    }
    this.#grace = closeWithGrace(
      // Nothing is pending when the event loop is empty, so there is nothing to stop.
      { delay: budgetMs, logger: report, skip: ['beforeExit'] },
      async ({ signal, err }) => {
        if (err !== undefined)
          logger.fatal({ err }, 'an error that nobody caught: the server stops')
        else logger.info({ signal }, 'stopping; a second signal ends it at once')
        await this.#actions()
        // Whoever restarts the process must know that it did not stop by itself: it exits with 1.
        if (this.#cause !== undefined) throw this.#cause
        logger.info({}, 'stopped')
      },
    )
  }

  onStop(actions: () => Promise<void>): void {
    this.#actions = actions
  }

  stop(cause: Error): void {
    this.#cause = cause
    this.#grace.close()
  }
}

function seconds(ms: number): string {
  return `${Math.round(ms / 100) / 10} s`
}

/** Let requests in hand finish, but not those of clients that take their time. */
async function closeServer(
  app: FastifyInstance,
  drainTimeoutMs: number,
  logger: Logger,
): Promise<void> {
  const timer = setTimeout(() => {
    logger.warn({}, 'some requests did not finish in time: their connections are closed')
    app.server.closeAllConnections()
  }, drainTimeoutMs)
  await app.close()
  clearTimeout(timer)
}

/** JSON lines on stderr; on a terminal, in colours if pino-pretty is installed. */
async function createLogger(level: string): Promise<Logger> {
  if (process.stderr.isTTY) {
    const pretty = await import('pino-pretty').catch(() => undefined)
    if (pretty !== undefined) {
      return pino({ level }, pretty.default({ destination: 2, sync: true, colorize: true }))
    }
  }
  // Synchronous: the last lines before the end are those that are needed.
  return pino({ level }, pino.destination({ fd: 2, sync: true }))
}

function portOf(app: FastifyInstance): number {
  const address = app.server.address()
  if (address === null || typeof address === 'string') throw new Error('the server has no port')
  return address.port
}

/** Where it listens, and a line to try it with. How many arguments a workflow takes is not known here. */
function welcome(
  port: number,
  { host, tls, prefix = '', ...options }: ServeOptions,
  isGuarded: boolean,
  types: readonly string[],
): string {
  // A default export stands for every type: it is the one to show only if there is no other.
  const type = types.find((name) => name !== 'default') ?? 'default'
  const url = `${tls === undefined ? 'http' : 'https'}://${urlHost(host)}:${port}`
  const needsToken =
    isGuarded &&
    [options.token, options.tokens, options.authenticate].some((by) => by !== undefined)
  const flags = [
    ...(tls === undefined ? [] : [`--cacert '${tls.files.cert}'`]),
    ...(tls?.requestClientCert === true ? ['--cert client.pem --key client-key.pem'] : []),
    ...(needsToken ? ['-H "authorization: Bearer $SIGNALBOX_TOKEN"'] : []),
    "-H 'content-type: application/json'",
  ]
  return (
    `signalbox listens on ${url}\n\nStart a workflow:\n  ` +
    `curl -X POST "${url}${prefix}/api/v1/namespaces/default/workflows/${type}-$(date +%s)" ` +
    `${flags.join(' ')} -d '{"workflowType":{"name":"${type}"},"input":[]}'\n` +
    "(the workflow's arguments go into input)\n"
  )
}
