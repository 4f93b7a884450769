/** Where signalbox logs: the part of pino's interface that it uses. A pino logger fits as it is. */
export interface Logger {
  debug(fields: object, message: string): void
  info(fields: object, message: string): void
  warn(fields: object, message: string): void
  error(fields: object, message: string): void
}

const ignore = (): void => undefined

/** Says nothing. */
export const silentLogger: Logger = { debug: ignore, info: ignore, warn: ignore, error: ignore }

/**
 * The default for what the runtime says: warnings and errors on stderr, a line each. A workflow that does
 * not advance must not do so in silence; everything else is for a logger that was asked for.
 */
export const stderrLogger: Logger = {
  debug: ignore,
  info: ignore,
  warn: (fields, message) => writeLine('warning', fields, message),
  error: (fields, message) => writeLine('error', fields, message),
}

/**
 * The default for what workflow and activity code says: from info on, as with Temporal's default logger.
 * Whoever writes `console.log` looks for the line.
 */
export const stderrCodeLogger: Logger = {
  ...stderrLogger,
  info: (fields, message) => writeLine('info', fields, message),
}

function writeLine(level: string, fields: object, message: string): void {
  const parts = Object.entries(fields).map(([name, value]) => `${name}=${textOf(value)}`)
  process.stderr.write(`signalbox ${level}: ${[message, ...parts].join(' ')}\n`)
}

function textOf(value: unknown): string {
  if (typeof value === 'string') return value
  if (value instanceof Error) return value.message
  try {
    return JSON.stringify(value) ?? String(value)
  } catch {
    return String(value)
  }
}
