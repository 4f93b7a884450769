import type { FastifyInstance } from 'fastify'
import { collectDefaultMetrics, Registry } from 'prom-client'
import type { DiagnosticsSource } from '../runtime/diagnostics.ts'
import { SignalboxError } from '../runtime/errors.ts'
import type { RuntimeStats } from '../runtime/runtime-stats.ts'
import { registerDataFolderMetrics } from './data-folder-metrics.ts'
import { registerDurationMetrics } from './duration-metrics.ts'
import { HttpMetrics } from './http-metrics.ts'
import { registerRuntimeMetrics } from './runtime-metrics.ts'

/** The part of a `Runtime` that metrics need. */
export interface MeasuredRuntime {
  readonly source: DiagnosticsSource
  stats(): RuntimeStats
}

export interface MetricsOptions {
  /**
   * Where the metrics are registered: a registry of prom-client, such as its global `register`.
   * Default: a new one.
   */
  readonly registry?: Registry | undefined
  /** Whether CPU, memory, garbage collection and event loop of the process are among them. Default true. */
  readonly processMetrics?: boolean | undefined
}

/** A runtime's metrics. */
export interface Metrics {
  readonly registry: Registry
  /** Of {@link Metrics.text}. */
  readonly contentType: string
  /** All metrics of the registry in Prometheus's text format. */
  text(): Promise<string>
  /** Count the HTTP requests of all routes that are added to `app` after this. */
  observeRoutes(app: FastifyInstance): void
  /** Stop listening to the runtime. What was registered stays, and its counts are read until then. */
  close(): void
}

/** What {@link createServer} knows of its own metrics. */
export interface ServerMetrics extends Metrics {
  readonly http: HttpMetrics
}

/**
 * Collect a runtime's metrics in Prometheus's form. Counts are those of `runtime.stats()`, complete
 * since open; durations are measured from now on, a batch at a time. docs/operations.md lists them.
 *
 * @throws SignalboxError SIGNALBOX_ERR_INVALID_OPTION if the registry has metrics of these names
 */
export function collectMetrics(runtime: MeasuredRuntime, options: MetricsOptions = {}): Metrics {
  return collectServerMetrics(runtime, options)
}

export function collectServerMetrics(
  runtime: MeasuredRuntime,
  { registry = new Registry(), processMetrics = true }: MetricsOptions,
): ServerMetrics {
  if (registry.getSingleMetric('signalbox_state') !== undefined) {
    throw new SignalboxError(
      'SIGNALBOX_ERR_INVALID_OPTION',
      'the registry has the metrics of a runtime already: give each runtime a registry of its own',
      { fields: { option: 'registry' } },
    )
  }
  if (processMetrics && registry.getSingleMetric('process_cpu_seconds_total') === undefined) {
    collectDefaultMetrics({ register: registry })
  }
  registerRuntimeMetrics(registry, () => runtime.stats())
  registerDataFolderMetrics(registry, runtime.source.dataDir)
  const http = new HttpMetrics(registry)
  const close = registerDurationMetrics(registry, runtime.source)
  return {
    registry,
    http,
    contentType: registry.contentType,
    text: () => registry.metrics(),
    observeRoutes: (app) => http.observe(app),
    close,
  }
}
