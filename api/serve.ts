import closeWithGrace from 'close-with-grace'
import type { FastifyInstance } from 'fastify'
import { pino } from 'pino'
import type { Logger } from 'pino'
import { Runtime } from '../runtime/runtime.ts'
import { loadActivities } from './activities-module.ts'
import { createServer } from './create-server.ts'
import { checkExposure, isLoopback, loopbackHosts, urlHost } from './listen-address.ts'

export interface ServeOptions {
  /** The file whose exported functions are the workflows. */
  readonly workflows: string
  /** The file whose exported functions are the activities. */
  readonly activities?: string | undefined
  readonly dataDir: string
  readonly host: string
  /** 0 chooses a free one. */
  readonly port: number
  readonly slots?: number | undefined
  readonly token?: string | undefined
  readonly logLevel: string
}

/** Stopping is done by then, or the process ends without it; the journal stands that. */
const stopBudgetMs = 25_000
/** Requests in hand may finish until then; those of slow clients are cut off. */
const drainMs = 5_000

/**
 * Serve workflows over HTTP until SIGTERM or SIGINT. Ends the process: with 0 after a graceful stop,
 * else with 1. Resolves when the server listens.
 *
 * @throws SignalboxError when it cannot start: nothing is left open then
 */
export async function serve(options: ServeOptions): Promise<void> {
  const { host, token } = options
  checkExposure(host, token)
  const logger = await createLogger(options.logLevel)
  const activities =
    options.activities === undefined ? {} : await loadActivities(options.activities)

  const stopper = new Stopper(logger)
  const runtime = await Runtime.open({
    dataDir: options.dataDir,
    workflowsPath: options.workflows,
    activities,
    logger,
    ...(options.slots === undefined ? {} : { slots: options.slots }),
    onPoisoned: (error) => {
      logger.fatal({ err: error }, 'storage failed: the server stops')
      stopper.stop(error)
    },
  })
  const app = createServer({
    runtime,
    token,
    logger,
    allowedHosts: token === undefined && isLoopback(host) ? loopbackHosts(host) : undefined,
  })
  stopper.onStop(async () => {
    await closeServer(app, logger)
    await runtime.close()
  })
  try {
    await app.listen({ host, port: options.port })
  } catch (error) {
    await runtime.close()
    throw error
  }
  printWelcome(`http://${urlHost(host)}:${portOf(app)}`, token !== undefined, runtime.workflowTypes)
}

/** Ends the process in order, once: on a signal, on an error that nobody caught, or when told to. */
class Stopper {
  #actions: () => Promise<void> = async () => {}
  #cause: Error | undefined
  readonly #grace: { close: () => void }

  constructor(logger: Logger) {
    const report = {
      error: (problem?: unknown) =>
        problem instanceof Error
          ? logger.error({ err: problem }, problem.message)
          : logger.error({}, String(problem)),
    }
    this.#grace = closeWithGrace(
      // Nothing is pending when the event loop is empty, so there is nothing to stop.
      { delay: stopBudgetMs, logger: report, skip: ['beforeExit'] },
      async ({ signal, err }) => {
        if (err !== undefined)
          logger.fatal({ err }, 'an error that nobody caught: the server stops')
        else logger.info({ signal }, 'stopping')
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

/** Let requests in hand finish, but not those of clients that take their time. */
async function closeServer(app: FastifyInstance, logger: Logger): Promise<void> {
  const timer = setTimeout(() => {
    logger.warn({}, 'some requests did not finish in time: their connections are closed')
    app.server.closeAllConnections()
  }, drainMs)
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

/** Where it listens, and a line to try it with. */
function printWelcome(url: string, needsToken: boolean, types: readonly string[]): void {
  const [type = 'yourWorkflow'] = types
  const authorization = needsToken ? `-H "authorization: Bearer $SIGNALBOX_TOKEN" ` : ''
  process.stdout.write(
    `signalbox listens on ${url}\n\nStart a workflow:\n  ` +
      `curl -X POST "${url}/api/v1/namespaces/default/workflows/${type}-$(date +%s)" ` +
      `${authorization}-H 'content-type: application/json' ` +
      `-d '{"workflowType":{"name":"${type}"}}'\n`,
  )
}
