import type { LogLevel } from '../../actors/turns.ts'

export type { LogLevel }
export type LogMetadata = Readonly<Record<string, unknown>>

/** The logger of an activity, in the shape of Temporal's. */
export interface Logger {
  log(level: LogLevel, message: string, meta?: LogMetadata): void
  trace(message: string, meta?: LogMetadata): void
  debug(message: string, meta?: LogMetadata): void
  info(message: string, meta?: LogMetadata): void
  warn(message: string, meta?: LogMetadata): void
  error(message: string, meta?: LogMetadata): void
}

/** Where log lines go: one function, so that any logger of the host can stand behind it. */
export type LogWriter = (level: LogLevel, message: string, meta: LogMetadata) => void

/** A logger that adds `attributes()` to each line; they are only asked for when there is a line. */
export function loggerOver(write: LogWriter, attributes: () => LogMetadata): Logger {
  const log = (level: LogLevel, message: string, meta?: LogMetadata): void =>
    write(level, message, { ...attributes(), ...meta })
  return {
    log,
    trace: (message, meta) => log('TRACE', message, meta),
    debug: (message, meta) => log('DEBUG', message, meta),
    info: (message, meta) => log('INFO', message, meta),
    warn: (message, meta) => log('WARN', message, meta),
    error: (message, meta) => log('ERROR', message, meta),
  }
}
