import type { SignalboxError } from './errors.ts'
import type { Run } from './run.ts'
import type { UpdateRegistry } from './update-registry.ts'

/**
 * The runtime has stopped: tell everyone who waits for something of a run.
 *
 * @param ofInputs for those whose input has a number, and so may be in the journal
 */
export function rejectWaiters(
  runs: Iterable<Run>,
  updates: UpdateRegistry,
  error: SignalboxError,
  ofInputs: SignalboxError = error,
): void {
  for (const run of runs) {
    const queries = [...run.queries, ...run.takeOutstandingQueries()]
    const waiters = [...run.takePendingWaiters(), ...(run.closeWaiters ?? [])]
    for (const waiter of run.waiters) waiter.reject(ofInputs)
    run.queries = []
    run.waiters = []
    run.closeWaiters = undefined
    for (const query of queries) query.reject(error)
    for (const waiter of waiters) waiter.reject(error)
    // Those whose request is on its way into the journal are told by its commit.
    updates.rejectWaiters(run, ofInputs, ofInputs === error ? error : undefined)
    const { held } = run
    run.held = []
    run.closing = undefined
    run.notify()
    // Made again, a held request finds the runtime stopped, and says so.
    for (const request of held) request()
  }
}
