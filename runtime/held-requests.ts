import type { EngineParts } from './engine-parts.ts'
import { SignalboxError } from './errors.ts'
import type { Run } from './run.ts'

/**
 * Wait until it is decided whether the run closes, then make the request again.
 *
 * @throws SIGNALBOX_ERR_MAILBOX_FULL
 */
export function holdRequest<T>(parts: EngineParts, run: Run, again: () => Promise<T>): Promise<T> {
  const { maxHeldRequests } = parts.options.limits
  if (run.held.length >= maxHeldRequests) {
    throw new SignalboxError(
      'SIGNALBOX_ERR_MAILBOX_FULL',
      `workflow ${run.row.workflowId} is closing and holds maxHeldRequests = ${maxHeldRequests} ` +
        'requests; nothing was written, retry later.',
      { fields: { retryAfterMs: 1_000 } },
    )
  }
  return new Promise((resolve, reject) => {
    run.held.push(() => {
      again().then(resolve, reject)
    })
  })
}
