import type { Activator } from '../activator.ts'
import { logFor } from '../log.ts'

/** The run closes while handlers of it are running, and it was not said that this is fine. */
export function warnOfUnfinished(activator: Activator): void {
  const updates = activator.knownUpdates?.unfinishedToWarnOf() ?? []
  if (updates.length > 0) {
    logFor(
      activator,
      'WARN',
      '[TMPRL1102] Workflow finished while an update handler was still running. This may have ' +
        'interrupted work that the update handler was doing, and the client that sent the update ' +
        'gets a failure instead of its result. Wait for all handlers with ' +
        '`await condition(allHandlersFinished)`, or set the handler with ' +
        '{ unfinishedPolicy: HandlerUnfinishedPolicy.ABANDON } if that is fine. Unfinished: ' +
        JSON.stringify(updates),
    )
  }
  const unfinished = activator.handlers.unfinishedToWarnOf()
  if (unfinished.length === 0) return
  logFor(
    activator,
    'WARN',
    '[TMPRL1102] Workflow finished while a signal handler was still running. This may have ' +
      'interrupted work that the signal handler was doing. Wait for all handlers with ' +
      '`await condition(allHandlersFinished)`, or set the handler with ' +
      '{ unfinishedPolicy: HandlerUnfinishedPolicy.ABANDON } if that is fine. Unfinished: ' +
      JSON.stringify(unfinished),
  )
}
