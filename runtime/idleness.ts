import type { EngineParts } from './engine-parts.ts'

/** Is there nothing that the engine would do without its clock moving on, activities aside? */
export function isIdle(parts: EngineParts): boolean {
  const { acceptor, committer, runs } = parts
  if (!committer.isIdle) return false
  let stuck = 0
  for (const run of runs.values()) {
    const isBusy =
      run.closing !== undefined ||
      run.held.length > 0 ||
      run.queries.length > 0 ||
      run.hasOutstandingQueries ||
      (run.isOpen && run.isReady && run.processed < run.committed)
    if (isBusy) return false
    // What waits for a parked run waits until its code is mended; of a paused one nothing counts.
    if (run.isOpen && !run.isReady && run.awaitsTurns) stuck += run.mailboxDepth
  }
  return acceptor.waitingInputs <= stuck
}
