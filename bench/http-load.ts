import { fileURLToPath } from 'node:url'
import { benchWorkflowsPath } from './bench-runtime.ts'
import { type LoadResult, runClosedLoop } from './closed-loop.ts'
import { HttpConnection, httpRequest, type HttpAnswer } from './http-connection.ts'
import { Meter } from './meter.ts'
import type { LoadBounds, LoadSize, Measurement } from './measurement.ts'
import { openLoopFigures } from './open-loop-load.ts'
import { prepareOpenLoop } from './open-loop.ts'
import { ServerProcess } from './server-process.ts'
import { type Compare, compareSideBySide } from './side-by-side.ts'

export interface HttpLoad {
  readonly workflows: number
  readonly connections: number
  /** Requests a second at fixed times; without it, each connection sends the next one when it can. */
  readonly rate?: number
}

const unbounded = { operations: Infinity, seconds: Infinity }
const extension = import.meta.url.endsWith('.ts') ? 'ts' : 'js'

/**
 * Signals over HTTP, a request each, a request at a time on every connection, to `signalbox serve`.
 * Or at fixed times: one that finds no connection free waits for one, and its latency counts that.
 * As in process, the last signals wait until they are processed, and every workflow must have
 * counted what it was sent. Then it runs in turns with bare Fastify, which is its ceiling, each time until
 * all is processed: turns that are left over would be done in the time of the other.
 */
export function measureHttp(dataDir: string, load: HttpLoad, size: LoadSize): Promise<Measurement> {
  const isAlone = load.rate !== undefined || size.isAlone === true
  if (isAlone) return measureServed(dataDir, load, size)
  return withBareFastify(load.connections, async (bare) => {
    await bare.run(size.warmUp)
    return measureServed(dataDir, load, size, (own, rate) => {
      const { workflows } = load
      return compareSideBySide({ own, ceiling: bare.run, bounds: size, workflows, rate })
    })
  })
}

async function measureServed(
  dataDir: string,
  { workflows, connections, rate }: HttpLoad,
  size: LoadSize,
  compare?: Compare,
): Promise<Measurement> {
  const script = fileURLToPath(new URL(`../api/cli.${extension}`, import.meta.url))
  const options = ['--workflows', benchWorkflowsPath, '--data-dir', dataDir, '--port', '0']
  const args = ['serve', ...options, '--log-level', 'error']
  return withServer(script, args, connections, async (exchange, server) => {
    const path = (n: number): string => `/api/v1/namespaces/default/workflows/counter-${n}`
    const send = async (request: Buffer): Promise<HttpAnswer> => {
      const answer = await exchange(request)
      if (answer.status !== 200) throw new Error(`${answer.status}: ${answer.body}`)
      return answer
    }
    const every = async (request: (n: number) => Buffer): Promise<void> => {
      const operation = (n: number): Promise<HttpAnswer> => send(request(n))
      await runClosedLoop({
        ...unbounded,
        operations: workflows,
        inFlight: connections,
        operation,
      })
    }
    await every((n) => httpRequest('POST', path(n), { workflowType: { name: 'counter' } }))

    const numbers = Array.from({ length: workflows }, (_, n) => n)
    const signalTo = (n: number): Buffer =>
      httpRequest('POST', `${path(n)}/signal/add`, { input: [1] })
    const signals = numbers.map(signalTo)
    const lastSignal = (n: number): Buffer =>
      httpRequest('POST', `${path(n)}/signal/add?waitFor=processed`, { input: [1] })
    const sent = new Uint32Array(workflows)
    const operation = (index: number): Promise<HttpAnswer> => {
      const workflow = index % workflows
      sent[workflow] = (sent[workflow] ?? 0) + 1
      return send(signals[workflow] ?? signalTo(workflow))
    }
    const untilProcessed = (): Promise<void> =>
      every((n) => {
        sent[n] = (sent[n] ?? 0) + 1
        return lastSignal(n)
      })
    const closedLoop = async (bounds: LoadBounds): Promise<LoadResult> => {
      const loop = { ...bounds, inFlight: connections, operation }
      const started = performance.now()
      const { operations, latencies } = await runClosedLoop(loop)
      await untilProcessed()
      const seconds = (performance.now() - started) / 1000
      return { operations: operations + workflows, seconds, latencies }
    }
    const checkCounts = async (): Promise<void> => {
      for (const n of numbers) {
        const { body } = await send(httpRequest('POST', `${path(n)}/query/total`, {}))
        const { queryResult }: { queryResult: [number] } = JSON.parse(body)
        if (queryResult[0] === sent[n]) continue
        throw new Error(`Workflow ${n} counted ${queryResult[0]} of ${sent[n]} signals.`)
      }
    }
    // At any rate: at a low one what is hot would not be compiled before it is measured.
    await closedLoop(size.warmUp)
    if (rate === undefined) {
      const meter = new Meter({ dataDir, server })
      const measurement = meter.measurement(await closedLoop(size))
      const ofCeiling = await compare?.(closedLoop, measurement.rate)
      await checkCounts()
      return { ...measurement, ...(ofCeiling !== undefined && { ofCeiling }) }
    }
    const openLoop = await prepareOpenLoop({ ...size, rate, inFlightMax: connections, operation })
    const meter = new Meter({ dataDir, server })
    const result = await openLoop()
    const measurement = meter.measurement(result)
    await untilProcessed()
    await checkCounts()
    return { ...measurement, figures: openLoopFigures(rate, result) }
  })
}

/** The same requests to Fastify with nothing behind it. */
export function measureBareFastify(connections: number, size: LoadSize): Promise<Measurement> {
  return withBareFastify(connections, async ({ run, server }) => {
    await run(size.warmUp)
    const meter = new Meter({ server })
    return meter.measurement(await run(size))
  })
}

interface BareFastify {
  readonly server: number
  readonly run: (bounds: LoadBounds) => Promise<LoadResult>
}

/** In the end it must have answered all that it was sent. */
async function withBareFastify(
  connections: number,
  measure: (bare: BareFastify) => Promise<Measurement>,
): Promise<Measurement> {
  const script = fileURLToPath(new URL(`./bare-fastify.${extension}`, import.meta.url))
  return withServer(script, [], connections, async (exchange, server) => {
    const path = '/api/v1/namespaces/default/workflows/counter-0/signal/add'
    const request = httpRequest('POST', path, { input: [1] })
    let sent = 0
    const operation = async (): Promise<void> => {
      sent += 1
      const { status, body } = await exchange(request)
      if (status !== 200) throw new Error(`${status}: ${body}`)
    }
    const run = (bounds: LoadBounds): Promise<LoadResult> =>
      runClosedLoop({ ...bounds, inFlight: connections, operation })
    const measurement = await measure({ server, run })
    const { body } = await exchange(httpRequest('GET', '/answered'))
    const { answered }: { answered: number } = JSON.parse(body)
    if (answered !== sent) throw new Error(`${answered} of ${sent} requests were answered.`)
    return measurement
  })
}

/** Runs a server and `connections` connections to it; `exchange` uses one that has nothing in hand. */
async function withServer(
  script: string,
  args: readonly string[],
  connections: number,
  run: (exchange: (request: Buffer) => Promise<HttpAnswer>, server: number) => Promise<Measurement>,
): Promise<Measurement> {
  const server = await ServerProcess.start(script, args)
  const open: HttpConnection[] = []
  try {
    for (let n = 0; n < connections; n += 1) open.push(await HttpConnection.open(server.port))
    const idle = [...open]
    return await run(async (request) => {
      const connection = idle.pop()
      if (connection === undefined) throw new Error('More requests than connections.')
      const answer = await connection.exchange(request)
      idle.push(connection)
      return answer
    }, server.pid)
  } finally {
    for (const connection of open) connection.close()
    await server.stop()
  }
}
