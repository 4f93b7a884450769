import { InputKind } from '../actors/inputs.ts'
import { decodeCommands } from '../actors/records.ts'
import { FIRST_TURN_SEQ, RUN_TIMEOUT_SEQ } from './acceptor.ts'
import type { Committer } from './committer.ts'
import type { Dispatcher } from './dispatcher.ts'
import { SignalboxError } from './errors.ts'
import { type Journal, RecordKind } from './journal.ts'
import type { LinkedWorkflows } from './linked-workflows.ts'
import { readInput } from './request-ledger.ts'
import {
  activityRange,
  closedKey,
  removedKey,
  removedRange,
  runKey,
  runOfKey,
  timerKey,
  type TimerRow,
  updateRange,
  workflowIdKey,
} from './row-keys.ts'
import type { Run } from './run.ts'
import type { RunTable } from './run-table.ts'
import type { Telemetry } from './telemetry.ts'
import type { Timers } from './timers.ts'
import type { VisibilityIndex } from './visibility-index.ts'

export interface RunRemoverPorts {
  readonly journal: Journal
  readonly runs: RunTable
  readonly committer: Committer
  readonly dispatcher: Pick<Dispatcher, 'evict'>
  readonly links: Pick<LinkedWorkflows, 'needs'>
  readonly telemetry: Telemetry
}

/** Rows that are deleted in one commit beside those that every run has. */
const ROWS_PER_COMMIT = 500
/** How long records are read in one macrotask. */
const READ_SLICE_MS = 1

/**
 * Deletes closed runs.
 *
 * Guarantee: a run is there with all that it is, or it is not there: its history, its summary, its
 * place under the workflow id and its request ids go in one commit. Rows of it that nothing finds any
 * more, of which there can be many, follow in later commits, and a row says so until they are gone: a
 * start after a crash goes on. What others still need a run for keeps it.
 */
export class RunRemover {
  readonly #ports: RunRemoverPorts
  readonly #timers: Timers
  readonly #index: VisibilityIndex
  #stopped = false

  constructor(ports: RunRemoverPorts, timers: Timers, index: VisibilityIndex) {
    this.#ports = ports
    this.#timers = timers
    this.#index = index
  }

  /** At open: go on with what was under way when the process ended. */
  recover(): void {
    for (const [key] of this.#ports.journal.rows(removedRange())) this.#sweep(runOfKey(key))
  }

  stop(): void {
    this.#stopped = true
  }

  /**
   * Delete a run, if it is closed and nothing goes on that needs it. Two calls for one run at a time
   * are one too many.
   *
   * @returns false, with nothing changed, if it is in use; true once it is durably gone
   */
  async remove(run: Run): Promise<boolean> {
    if (!this.#isFree(run)) return false
    const timers = await this.#timersOf(run)
    // A timer of a closed run does nothing, so these may go before the run does.
    for (let at = ROWS_PER_COMMIT; at < timers.length; at += ROWS_PER_COMMIT) {
      this.#deleteTimers(timers.slice(at, at + ROWS_PER_COMMIT))
      await this.#ports.committer.durable
    }
    if (this.#stopped || !this.#isFree(run)) return false
    this.#deleteTimers(timers.slice(0, ROWS_PER_COMMIT))
    this.#delete(run)
    await this.#ports.committer.durable
    return true
  }

  /** Closed, and known to memory at most. An actor that was built for a query is let go of. */
  #isFree(run: Run): boolean {
    const { runs, links } = this.#ports
    if (run.isOpen || run.closing !== undefined || links.needs(run.key)) return false
    // It may have been deleted since the caller looked.
    if (runs.byKey(run.key) !== run) return false
    if (run.queries.length === 0 && !run.hasOutstandingQueries) {
      this.#ports.dispatcher.evict(run, true)
    }
    // Nobody does the turns of a closed run again: its progress need not be in the journal first.
    run.processedRecorded = run.processed
    return run.isIdle
  }

  #delete(run: Run): void {
    const { journal, runs, committer, telemetry } = this.#ports
    const { namespace, workflowId, closeTime = 0, quarantined } = run.row
    // Who asks for the workflow until this is durable waits, and then finds what there is.
    run.closing = { phase: 'committing', seq: run.head, onSettled: () => undefined }
    const isCurrent = runs.current(namespace, workflowId) === run
    committer.deleteRun(run.key)
    committer.deleteRow(runKey(run.key))
    this.#index.remove(run.key, run.row)
    committer.deleteRow(closedKey(namespace, closeTime, run.key))
    if (isCurrent) committer.deleteRow(workflowIdKey(namespace, workflowId))
    // By its queries a closed run can get there too.
    if (quarantined !== undefined) telemetry.noteQuarantine(run.key, false, committer)
    for (const [key] of journal.rows(activityRange(run.key))) committer.deleteRow(key)
    if (this.#deleteUpdates(run.key)) committer.putRow(removedKey(run.key), NO_VALUE)
    committer.afterCommit(() => {
      runs.forget(run)
      run.closing = undefined
      const { held } = run
      run.held = []
      for (const request of held) request()
      this.#sweep(run.key)
    })
  }

  /** Delete some of the rows that a run left. @returns whether there are more */
  #deleteUpdates(run: number): boolean {
    let rows = 0
    for (const [key] of this.#ports.journal.rows({ ...updateRange(run), limit: ROWS_PER_COMMIT })) {
      this.#ports.committer.deleteRow(key)
      rows++
    }
    return rows === ROWS_PER_COMMIT
  }

  #sweep(run: number): void {
    const { journal, committer } = this.#ports
    if (this.#stopped || committer.poisoned !== undefined) return
    if (journal.getRow(removedKey(run)) === undefined) return
    if (!this.#deleteUpdates(run)) committer.deleteRow(removedKey(run))
    // A macrotask of its own for the next ones: signals come first.
    committer.afterCommit(() => setImmediate(() => this.#sweep(run)))
  }

  #deleteTimers(timers: readonly TimerRow[]): void {
    const { committer } = this.#ports
    for (const timer of timers) {
      committer.deleteRow(timerKey(timer.dueTime, timer.run, timer.seq))
      committer.afterCommit(() => this.#timers.cancel(timer))
    }
  }

  /** The timers that the run has left pending: each has a row by its due time, which history knows. */
  async #timersOf(run: Run): Promise<readonly TimerRow[]> {
    const { journal } = this.#ports
    const { executionTime, startTime, runTimeoutMs, executionExpirationTime } = run.row
    // The row's executionTime is when the wait before the first turn has ended.
    const backoffMs = this.#firstBackoffOf(run)
    const found: TimerRow[] = []
    const add = (dueTime: number | undefined, seq: number): void => {
      if (dueTime === undefined) return
      if (journal.getRow(timerKey(dueTime, run.key, seq)) === undefined) return
      found.push({ dueTime, run: run.key, seq })
    }
    add(executionTime, FIRST_TURN_SEQ)
    add(
      runTimeoutMs === undefined ? undefined : startTime + backoffMs + runTimeoutMs,
      RUN_TIMEOUT_SEQ,
    )
    add(executionExpirationTime, RUN_TIMEOUT_SEQ)
    for (let from = 1; from <= run.head;) {
      from = this.#readTimers(run, from, add)
      if (from <= run.head) await new Promise((resolve) => setImmediate(resolve))
      if (this.#stopped) return []
    }
    return found
  }

  #firstBackoffOf(run: Run): number {
    if (run.row.runTimeoutMs === undefined || run.row.executionTime === undefined) return 0
    try {
      const started = readInput(this.#ports.journal, run.key, 1)
      return started?.[0] === InputKind.started ? (started[2].firstTaskBackoffMs ?? 0) : 0
    } catch (error) {
      if (error instanceof SignalboxError) return 0
      throw error
    }
  }

  /** @returns from where to read on */
  #readTimers(run: Run, from: number, add: (dueTime: number, seq: number) => void): number {
    const until = performance.now() + READ_SLICE_MS
    let next = run.head + 1
    try {
      for (const { kind, seq, bytes } of this.#ports.journal.readRun(run.key, from)) {
        if (kind === RecordKind.inputs && seq > from && performance.now() >= until) {
          next = seq
          break
        }
        if (kind !== RecordKind.commands) continue
        for (const [, commands] of decodeCommands(bytes).turns) {
          for (const command of commands) {
            if (command.kind === 'startTimer') add(command.dueTime ?? 0, command.seq)
          }
        }
      }
    } catch (error) {
      // Of a damaged history the timers stay until they are due; then they find no run and go.
      if (!(error instanceof SignalboxError)) throw error
    }
    return next
  }
}

const NO_VALUE = new Uint8Array(0)
