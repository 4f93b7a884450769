/** Where signalbox logs: the part of pino's interface that it uses. A pino logger fits as it is. */
export interface Logger {
  debug(fields: object, message: string): void
  info(fields: object, message: string): void
  warn(fields: object, message: string): void
  error(fields: object, message: string): void
}

const ignore = (): void => {}

/** The default: a library does not write to its user's terminal. */
export const silentLogger: Logger = { debug: ignore, info: ignore, warn: ignore, error: ignore }
