import type { FastifyInstance, RouteOptions } from 'fastify'
import { Counter, type Registry } from 'prom-client'
import { type HistogramSeries, SeriesHistogram } from './series-histogram.ts'

const BUCKETS = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60]
/** What no route answered: paths that are not there, and what is no request. */
const NO_ROUTE = 'none'
const CLIENT_CLOSED_REQUEST = 499

/**
 * Requests by operation and status.
 *
 * Guarantee: labels are names of routes and numbers of statuses, never anything that a client sent.
 */
export class HttpMetrics {
  readonly #durations: SeriesHistogram
  readonly #routes = new Map<string, RouteMetrics>()
  readonly #unrouted = new RouteMetrics(NO_ROUTE)

  constructor(registry: Registry) {
    const routes = this.#routes
    routes.set(NO_ROUTE, this.#unrouted)
    // oxlint-disable-next-line no-new -- it registers itself
    new Counter({
      name: 'signalbox_http_requests_total',
      help: 'HTTP requests answered, by operation and status.',
      labelNames: ['operation', 'status'],
      registers: [registry],
      collect() {
        this.reset()
        for (const { operation, statuses } of routes.values()) {
          for (const [status, count] of statuses) this.inc({ operation, status }, count)
        }
      },
    })
    this.#durations = new SeriesHistogram({
      name: 'signalbox_http_request_duration_seconds',
      help: 'From the headers of a request to the end of its answer, by operation. Waiting requests wait as long as they ask to.',
      labelNames: ['operation'],
      buckets: BUCKETS,
      registry,
    })
  }

  /** Count the requests of all routes that are added to `app` from now on. */
  observe(app: FastifyInstance): void {
    app.addHook('onRoute', (route) => {
      const metrics = this.#of(operationOf(route))
      const { onResponse = [], onRequestAbort = [] } = route
      route.onResponse = [
        ...[onResponse].flat(),
        (_request, reply, done) => {
          metrics.add(reply.statusCode, reply.elapsedTime / 1000)
          done()
        },
      ]
      // Asking for it costs a listener for each request, which the sending of signals is spared.
      if (route.method !== 'GET') return
      const isEvents = route.config?.operation?.answer === 'text/event-stream'
      route.onRequestAbort = [
        ...[onRequestAbort].flat(),
        (_request, done) => {
          // Events have no end of their own: their reader goes away.
          metrics.count(isEvents ? 200 : CLIENT_CLOSED_REQUEST)
          done()
        },
      ]
    })
  }

  /** Count an answer that no route gave. */
  countUnrouted(status: number): void {
    this.#unrouted.count(status)
  }

  #of(operation: string): RouteMetrics {
    let metrics = this.#routes.get(operation)
    if (metrics === undefined) {
      metrics = new RouteMetrics(operation, this.#durations.series({ operation }))
      this.#routes.set(operation, metrics)
    }
    return metrics
  }
}

class RouteMetrics {
  readonly operation: string
  readonly statuses = new Map<number, number>()
  readonly #durations: HistogramSeries | undefined

  constructor(operation: string, durations?: HistogramSeries) {
    this.operation = operation
    this.#durations = durations
  }

  add(status: number, seconds: number): void {
    this.count(status)
    this.#durations?.add(seconds)
  }

  count(status: number): void {
    this.statuses.set(status, (this.statuses.get(status) ?? 0) + 1)
  }
}

/** Both paths of an operation are one; a route that is none has its path, with names of parameters. */
function operationOf({ config, url }: RouteOptions): string {
  return config?.operation?.id ?? url
}
