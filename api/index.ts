/** The entry `signalbox/api`: Temporal's HTTP API over a runtime. */
export type { ApiLimits, ServerLimits } from './api-limits.ts'
export { createServer } from './create-server.ts'
export type { ServerOptions } from './create-server.ts'
export type { RuntimeState } from './routes/health-routes.ts'
export { signalboxApi } from './signalbox-api.ts'
export type { ApiRuntime, SignalboxApiOptions } from './signalbox-api.ts'
