import type { TurnError } from '../actors/turns.ts'
import type { Acceptor } from './acceptor.ts'
import type { Clock } from './clock.ts'
import type { Dispatcher } from './dispatcher.ts'
import { SignalboxError } from './errors.ts'
import type { Logger } from './logger.ts'
import type { Limits } from './options.ts'
import { ownFrame } from './own-frame.ts'
import { parkAdvice, parkReason } from './park-reason.ts'
import type { Run } from './run.ts'
import type { Telemetry } from './telemetry.ts'

export interface RunFailuresPorts {
  readonly acceptor: Acceptor
  readonly dispatcher: Dispatcher
  readonly clock: Clock
  readonly logger: Logger
  readonly limits: Limits
  readonly telemetry: Telemetry
  /** Error stacks name lines of the bundle; this names the user's. */
  readonly mapStack: (stack: string) => string
  /** The run's closing turn cannot be done now: what waits for it goes on. */
  readonly abandonClose: (run: Run) => void
}

/**
 * Runs that do not advance, and how they are tried again.
 *
 * A turn that fails as a workflow task fails parks its run: signals are still accepted, and the turn
 * is tried again with growing pauses, for ever, until mended code lets it pass. A turn that takes
 * its worker down with it is a strike; after `maxStrikes` the run is quarantined, durably, until it
 * is released. One bad workflow harms itself alone.
 */
export class RunFailures {
  readonly #ports: RunFailuresPorts

  constructor(ports: RunFailuresPorts) {
    this.#ports = ports
  }

  /** The slot gave the run's actor up. */
  park(run: Run, error: TurnError): void {
    const { dispatcher, logger } = this.#ports
    dispatcher.evict(run, false)
    const stack = error.stack === undefined ? undefined : this.#ports.mapStack(error.stack)
    const reason = parkReason(error)
    this.#pause(run, reason, stack)
    const { workflowId, runId } = run.row
    const at = ownFrame(stack)
    const place = at === undefined ? {} : { at }
    logger.warn({ workflowId, runId, reason, ...place, ...nextAttempt(run, error) }, 'run parked')
  }

  /**
   * The process ended while the run had a turn: perhaps by it, perhaps by a kill that knows nothing of
   * it. So it counts, and is not held against the run before it has happened `maxStrikes` times in a
   * row; a turn that ends takes it back.
   */
  suspect(run: Run, reason: string): void {
    const { acceptor, limits } = this.#ports
    const strikes = run.row.strikes + 1
    acceptor.saveRow(run, { ...run.row, strikes })
    if (strikes < limits.maxStrikes) return
    this.quarantine(run, `its worker died ${strikes} times in it: ${reason}`)
  }

  /** The worker died while the run answered a query: what its turns do says nothing of that. */
  strikeQuery(run: Run, reason: string): void {
    run.queryStrikes++
    if (run.queryStrikes >= this.#ports.limits.maxStrikes) {
      this.quarantine(run, `its worker died ${run.queryStrikes} times in its queries: ${reason}`)
    } else {
      this.#pause(run, `its worker died in a query: ${reason}`, undefined)
    }
  }

  /** The worker died in the run's code. */
  strike(run: Run, reason: string): void {
    const { acceptor, limits } = this.#ports
    const strikes = run.row.strikes + 1
    // Durable: it may have been the whole process that died, and the next time it may be again.
    acceptor.saveRow(run, { ...run.row, strikes })
    if (strikes >= limits.maxStrikes) {
      this.quarantine(run, `its worker died ${strikes} times in it: ${reason}`)
    } else {
      this.#pause(run, `its worker died: ${reason}`, undefined)
    }
  }

  /** Stop trying, until {@link release}. */
  quarantine(run: Run, reason: string): void {
    const { acceptor, logger } = this.#ports
    acceptor.saveRow(run, { ...run.row, quarantined: { reason, since: this.#ports.clock.now() } })
    logger.error(
      { workflowId: run.row.workflowId, runId: run.row.runId, reason },
      'run quarantined',
    )
    this.#ports.telemetry.quarantine(run, reason)
    this.hold(run)
  }

  /**
   * The run has no turns from now on, as its row says: what it is sent waits in the journal. A turn that
   * is being done never happened, and a close that was not decided is not.
   */
  hold(run: Run): void {
    this.#ports.dispatcher.evict(run, true)
    clearTimeout(run.parkTimer)
    run.parked = undefined
    run.retrying = false
    this.rejectQueries(run)
    this.#ports.abandonClose(run)
  }

  /** Try a quarantined or parked run again, at once. False if it is neither. */
  release(run: Run): boolean {
    const { acceptor, dispatcher } = this.#ports
    if (run.row.quarantined === undefined && run.parked === undefined) return false
    if (run.row.quarantined !== undefined || run.row.strikes > 0) {
      acceptor.saveRow(run, { ...run.row, quarantined: undefined, strikes: 0 })
    }
    clearTimeout(run.parkTimer)
    run.parked = undefined
    run.retrying = false
    run.queryStrikes = 0
    dispatcher.wake(run)
    return true
  }

  /** The slot gave the actor up without a fault of the run's turns. */
  rebuild(run: Run, tellSlot = false): void {
    const { dispatcher } = this.#ports
    dispatcher.evict(run, tellSlot)
    dispatcher.wake(run)
  }

  /** Why the run cannot answer now, or undefined. */
  notReady(run: Run): SignalboxError | undefined {
    const { parked, row } = run
    const why =
      row.quarantined !== undefined
        ? `is quarantined: ${row.quarantined.reason}`
        : run.isPaused
          ? `is paused${row.pause?.reason === undefined ? '' : `: ${row.pause.reason}`}; unpause it first`
          : parked !== undefined && !run.retrying
            ? `is parked: ${parked.reason}`
            : row.delayed === true
              ? `must handle at least one workflow task before it can be queried: its first turn is ` +
                `due at ${new Date(row.executionTime ?? 0).toISOString()}`
              : undefined
    if (why === undefined) return undefined
    return new SignalboxError(
      'SIGNALBOX_ERR_WORKFLOW_NOT_READY',
      `workflow ${row.workflowId} ${why}`,
      { fields: { workflowId: row.workflowId, runId: row.runId } },
    )
  }

  rejectQueries(run: Run): void {
    const error = this.notReady(run)
    if (error === undefined) return
    const queries = [...run.takeOutstandingQueries(), ...run.queries]
    run.queries = []
    for (const query of queries) query.reject(error)
  }

  #pause(run: Run, reason: string, stack: string | undefined): void {
    const { limits, dispatcher } = this.#ports
    const attempts = (run.parked?.attempts ?? 0) + 1
    const delay = Math.min(limits.parkBackoffMs * 2 ** (attempts - 1), limits.parkBackoffMaxMs)
    run.parked = {
      reason,
      attempts,
      nextAttemptTime: this.#ports.clock.now() + delay,
      ...(stack === undefined ? {} : { stack }),
    }
    run.retrying = false
    this.rejectQueries(run)
    this.#ports.abandonClose(run)
    clearTimeout(run.parkTimer)
    // A closed run has no turns to be tried again; the next query finds out whether it can be built.
    if (!run.isOpen) {
      run.parked = undefined
      return
    }
    this.#ports.telemetry.parked(run, reason, attempts, run.parked.nextAttemptTime)
    run.parkTimer = setTimeout(() => {
      run.retrying = true
      dispatcher.wake(run)
    }, delay)
    run.parkTimer.unref()
  }
}

/** Of a run that is tried again by itself: when, and why so. A closed one is not. */
function nextAttempt({ parked }: Run, error: TurnError): object {
  if (parked === undefined) return {}
  const { attempts, nextAttemptTime } = parked
  return {
    attempt: attempts,
    nextAttemptTime: new Date(nextAttemptTime).toISOString(),
    ...(attempts === 1 ? { advice: parkAdvice(error) } : {}),
  }
}
