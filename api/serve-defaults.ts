/** What pino takes. */
export const logLevels = ['fatal', 'error', 'warn', 'info', 'debug', 'silent'] as const

export interface ServeDefaults {
  readonly host: string
  readonly port: number
  readonly logLevel: (typeof logLevels)[number]
  readonly drainDelayMs: number
  readonly drainTimeoutMs: number
}

/** What holds where neither a flag, the environment nor a file says anything. */
export const serveDefaults: ServeDefaults = {
  host: '127.0.0.1',
  port: 7243,
  logLevel: 'info',
  drainDelayMs: 0,
  drainTimeoutMs: 5_000,
}
