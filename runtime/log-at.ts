import type { LogLevel } from '../actors/turns.ts'
import type { Logger } from './logger.ts'

/** A line at a level that is known when it runs. */
export function logAt(logger: Logger, level: LogLevel, fields: object, message: string): void {
  if (level === 'ERROR') logger.error(fields, message)
  else if (level === 'WARN') logger.warn(fields, message)
  else if (level === 'INFO') logger.info(fields, message)
  else logger.debug(fields, message)
}
