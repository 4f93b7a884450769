import { RecordKind } from '../../runtime/journal.ts'
import { SimulatedClock } from '../../runtime/clock.ts'
import { Committer } from '../../runtime/committer.ts'
import { type MemoryJournalStore, openMemoryJournal } from '../../runtime/journal-memory.ts'
import { RetentionPolicy } from '../../runtime/retention-options.ts'
import { Retention } from '../../runtime/retention.ts'
import { closedOfKey, closedRange, runKey, workflowIdKey } from '../../runtime/row-keys.ts'
import { encodeRunRow, type RunRow } from '../../runtime/run-row.ts'
import { encodeKey, RunTable } from '../../runtime/run-table.ts'
import type { Run } from '../../runtime/run.ts'
import { Telemetry } from '../../runtime/telemetry.ts'
import { Timers } from '../../runtime/timers.ts'
import { VisibilityIndex } from '../../runtime/visibility-index.ts'
import { openRunRow } from '../fixtures/open-run-row.ts'

export const retentionMs = 60_000

/** Retention over a real journal, committer and table of runs, whose workflows close when the test says so. */
export class RetentionBench {
  readonly clock: SimulatedClock
  readonly #journal
  readonly #committer: Committer
  readonly #runs: RunTable
  readonly #index: VisibilityIndex
  readonly #retention: Retention
  /** Runs that something needs still. */
  readonly needed = new Set<number>()
  readonly problems: string[] = []

  constructor(store: MemoryJournalStore, clock = new SimulatedClock(), retention?: number) {
    this.clock = clock
    const journal = openMemoryJournal(store)
    this.#journal = journal
    this.#runs = new RunTable(journal, 1_000_000)
    const telemetry = new Telemetry(journal, 'nowhere', () => [])
    const committer = new Committer(journal, {
      telemetry,
      onInputs: () => undefined,
      onCommitted: () => undefined,
      onPoisoned: (error) => this.problems.push(error.message),
    })
    this.#committer = committer
    this.#index = new VisibilityIndex(journal, committer)
    const problem = (_: object, message: string): void => void this.problems.push(message)
    const ports = {
      journal,
      runs: this.#runs,
      committer,
      telemetry,
      dispatcher: { evict: () => undefined },
      links: { needs: (run: number) => this.needed.has(run) },
      options: {
        retention: RetentionPolicy.from(retention, undefined),
        clock,
        logger: { debug: () => undefined, info: () => undefined, warn: problem, error: problem },
      },
    }
    const timers = new Timers(journal, clock, telemetry, () => undefined)
    this.#retention = new Retention(ports, timers, this.#index)
    this.#retention.start()
  }

  begin(namespace = 'default'): Run {
    const key = this.#runs.allocateKey()
    const row: RunRow = {
      ...openRunRow,
      namespace,
      workflowId: `w${key}`,
      runId: `r${key}`,
      firstExecutionRunId: `r${key}`,
      startTime: this.clock.now(),
    }
    const run = this.#runs.add(key, row)
    const bytes = new Uint8Array(10)
    this.#committer.addRecords([
      { run: key, kind: RecordKind.inputs, seq: 1, count: 1, bytes, requests: undefined },
    ])
    run.head = 1
    run.committed = 1
    run.processed = 1
    this.#committer.putRow(runKey(key), encodeRunRow(row))
    this.#committer.putRow(workflowIdKey(namespace, row.workflowId), encodeKey(key))
    this.#index.add(key, row)
    return run
  }

  close(run: Run): void {
    const before = run.row
    run.row = { ...before, status: 'COMPLETED', closeTime: this.clock.now(), closeSeq: 1 }
    this.#committer.putRow(runKey(run.key), encodeRunRow(run.row))
    this.#index.change(run.key, before, run.row)
    this.#retention.noteClose(run)
  }

  committed(): Promise<void> {
    return this.#committer.drain()
  }

  /** Runs that are there, by the table of closed ones. */
  left(namespace?: string): number {
    const rows = [...this.#journal.rows(closedRange())].map(([key]) => closedOfKey(key))
    return rows.filter((row) => namespace === undefined || row.namespace === namespace).length
  }

  async stop(): Promise<void> {
    this.#retention.stop()
    await this.#committer.drain()
  }
}
