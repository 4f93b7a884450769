import { inspect } from 'node:util'
import { ActivityAttempt, type ActivityFunction } from './activity-attempt.ts'
import { loadActivityInterceptors } from './activity-interceptors.ts'
import type {
  ActivityThreadStart,
  FromActivityThread,
  ToActivityThread,
} from './activity-messages.ts'
import type { LogLevel, LogMetadata } from './activity/logger.ts'
import { systemClock } from './clock.ts'
import { loadHostConverters } from './host-converters.ts'
import { ImportFailure } from './import-failure.ts'
import { importShared } from './import-source.ts'

/**
 * The pool's entry for activities: one long task per thread, which ends when the host closes the port.
 * It has nothing that the host could not give to another thread, so it may be ended at any time.
 */
export default async function runActivities(start: ActivityThreadStart): Promise<void> {
  const { port, file, interceptorFiles, dataConverter, maxPayloadBytes } = start
  const post = (message: FromActivityThread): void => port.postMessage(message)
  const log = (level: LogLevel, message: string, meta: LogMetadata): void => {
    try {
      post({ is: 'log', level, message, meta })
    } catch {
      // What cannot be cloned must not cost the line that it came with.
      post({ is: 'log', level, message, meta: { attributes: inspect(meta) } })
    }
  }
  const attempts = new Map<number, ActivityAttempt>()
  let functions: ReadonlyMap<string, ActivityFunction>
  let converters: Awaited<ReturnType<typeof loadHostConverters>>
  let interceptors: Awaited<ReturnType<typeof loadActivityInterceptors>>
  const ended = new Promise<void>((resolve) => port.on('close', resolve))
  try {
    const module = await importShared(file)
    functions = new Map(Object.entries(module).filter(isFunctionEntry))
    if (functions.size === 0) throw new Error('it exports no function')
    converters = await loadHostConverters(dataConverter)
    interceptors = await loadActivityInterceptors(interceptorFiles)
  } catch (error) {
    const { message, cause } = error instanceof Error ? error : new Error(String(error))
    const fields = error instanceof ImportFailure ? error.fields : {}
    const stack = cause instanceof Error ? cause.stack : undefined
    post({ is: 'unusable', reason: message, fields, ...(stack === undefined ? {} : { stack }) })
    return ended
  }
  port.on('message', (message: ToActivityThread) => {
    if (message.is === 'cancel') {
      attempts.get(message.id)?.cancel(message.reason)
      post({ is: 'heard' })
      return
    }
    if (message.is === 'detach') {
      attempts.get(message.id)?.detach()
      return
    }
    const { id, task, timeouts } = message
    const attempt = new ActivityAttempt(task, timeouts, {
      clock: systemClock,
      log,
      maxPayloadBytes,
      client: () => undefined,
      converters,
      interceptors,
      ended: (outcome) => {
        attempts.delete(id)
        post({ is: 'ended', id, outcome })
      },
      heartbeat: (details) => post({ is: 'heartbeat', id, details }),
    })
    attempts.set(id, attempt)
    attempt.run(functions)
  })
  post({ is: 'ready', activityTypes: [...functions.keys()] })
  return ended
}

function isFunctionEntry(entry: [string, unknown]): entry is [string, ActivityFunction] {
  return typeof entry[1] === 'function'
}
