import type { Activator } from '../activator.ts'
import { logFor } from '../log.ts'

/** Names are the senders' choice: a line does not grow with them. */
const namesInLine = 20

/** The run closes, and signals have come that no handler took: a name with a typing error, perhaps. */
export function warnOfUnhandled(activator: Activator): void {
  const unhandled = activator.handlers.unhandled()
  if (unhandled.length === 0) return
  const more = unhandled.length - namesInLine
  logFor(
    activator,
    'WARN',
    'Workflow closed with signals that no handler took: they are in its history and had no effect. Set ' +
      'handlers for them, or look for a typing error where they are sent. Unhandled: ' +
      JSON.stringify(unhandled.slice(0, namesInLine)) +
      (more > 0 ? ` and ${more} other names` : ''),
  )
}
