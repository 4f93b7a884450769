import type { Committer } from './committer.ts'
import { SignalboxError } from './errors.ts'
import type { Run, TurnWaiter } from './run.ts'
import type { ProcessedWait, SignalResponse } from './workflow-service.ts'

/** The turn has ended. */
export const PROCESSED: SignalResponse = Object.freeze({ processed: true })
const NOT_PROCESSED: SignalResponse = Object.freeze({ processed: false })

/** The longest that a timer takes. */
const MAX_TIMEOUT_MS = 2 ** 31 - 1

type Add = (run: Run, waiter: TurnWaiter) => void

/** @throws SignalboxError SIGNALBOX_ERR_INVALID_ARGUMENT */
export function checkTimeoutMs(timeoutMs: number): void {
  if (timeoutMs >= 0) return
  throw new SignalboxError(
    'SIGNALBOX_ERR_INVALID_ARGUMENT',
    'timeoutMs must be a number of milliseconds',
    { fields: { field: 'timeoutMs' } },
  )
}

/**
 * Resolves when the turn of the input with this number has ended. A wait that is bounded may end before:
 * then it resolves with `processed: false` once what was accepted is durable, and the run knows nothing
 * of it any more.
 */
export function untilProcessed(
  committer: Committer,
  run: Run,
  seq: number,
  wait: ProcessedWait,
): Promise<SignalResponse> {
  return waitFor(committer, run, seq, addNumbered, wait)
}

/** {@link untilProcessed} for an input that has only a place among the pending ones. */
export function untilPendingProcessed(
  committer: Committer,
  run: Run,
  index: number,
  wait: ProcessedWait,
): Promise<SignalResponse> {
  return waitFor(committer, run, index, addPending, wait)
}

/** {@link untilProcessed} for the input that was accepted last. */
export function untilLastProcessed(
  committer: Committer,
  run: Run,
  wait: ProcessedWait,
): Promise<SignalResponse> {
  return waitFor(committer, run, run.pending.length - 1, addPending, wait)
}

function addNumbered(run: Run, waiter: TurnWaiter): void {
  run.addWaiter(waiter)
}

function addPending(run: Run, waiter: TurnWaiter): void {
  run.addPendingWaiter(waiter, waiter.seq)
}

function waitFor(
  committer: Committer,
  run: Run,
  seq: number,
  add: Add,
  { timeoutMs, signal }: ProcessedWait,
): Promise<SignalResponse> {
  // No timer and no closures for whoever waits as long as it takes.
  if (timeoutMs === undefined && signal === undefined) {
    return new Promise((resolve, reject) => add(run, { run, seq, resolve, reject }))
  }
  if (timeoutMs === 0 || signal?.aborted === true) {
    return committer.allDurable.then(() => NOT_PROCESSED)
  }
  return new Promise((resolve, reject) => {
    let timer: NodeJS.Timeout | undefined
    const finish = (): void => {
      clearTimeout(timer)
      if (signal !== undefined) unlisten(signal, giveUp)
    }
    const waiter: TurnWaiter = {
      run,
      seq,
      resolve: (response) => {
        finish()
        resolve(response)
      },
      reject: (error) => {
        finish()
        reject(error)
      },
    }
    const giveUp = (): void => {
      finish()
      waiter.run.removeWaiter(waiter)
      committer.allDurable.then(() => resolve(NOT_PROCESSED), reject)
    }
    add(run, waiter)
    if (signal !== undefined) listen(signal, giveUp)
    if (timeoutMs !== undefined) timer = setTimeout(giveUp, Math.min(timeoutMs, MAX_TIMEOUT_MS))
  })
}

/**
 * Who waits with which signal. All lines of a batch wait with the same one, and a signal looks through
 * all of its listeners whenever one is added.
 */
const listening = new WeakMap<AbortSignal, Set<() => void>>()

function listen(signal: AbortSignal, giveUp: () => void): void {
  let waits = listening.get(signal)
  if (waits === undefined) {
    listening.set(signal, (waits = new Set()))
    signal.addEventListener('abort', giveUpAll, { once: true })
  }
  waits.add(giveUp)
}

function unlisten(signal: AbortSignal, giveUp: () => void): void {
  const waits = listening.get(signal)
  if (waits?.delete(giveUp) !== true || waits.size > 0) return
  listening.delete(signal)
  signal.removeEventListener('abort', giveUpAll)
}

function giveUpAll(this: AbortSignal): void {
  for (const giveUp of listening.get(this) ?? []) giveUp()
}
