import { silentLogger } from 'signalbox'
import { Acceptor } from '../../runtime/acceptor.ts'
import { Committer } from '../../runtime/committer.ts'
import type { Journal } from '../../runtime/journal.ts'
import { resolveOptions } from '../../runtime/options.ts'
import { RequestLedger } from '../../runtime/request-ledger.ts'
import { runKey, workflowIdKey } from '../../runtime/row-keys.ts'
import { createRunId } from '../../runtime/run-id.ts'
import type { RunRow } from '../../runtime/run-row.ts'
import { RunTable } from '../../runtime/run-table.ts'
import { ScanTurns } from '../../runtime/scan-turns.ts'
import { Telemetry } from '../../runtime/telemetry.ts'
import { buildVisibilityIndex } from '../../runtime/visibility-build.ts'
import { VisibilityIndex } from '../../runtime/visibility-index.ts'
import { Visibility } from '../../runtime/visibility.ts'
import type { WorkflowStatus } from '../../runtime/workflow-service.ts'
import type { ExecutionRef, ParentRef } from '../../actors/inputs.ts'
import type { PayloadMap } from '../../actors/payload.ts'

export interface NewRun {
  readonly namespace: string
  readonly workflowId: string
  readonly workflowType: string
  readonly startTime: number
  readonly searchAttributes?: PayloadMap
  readonly parent?: ParentRef
  readonly root?: ExecutionRef
}

/** The part of the engine that keeps runs, their index and the list of them, over any journal. */
export class IndexedRuns {
  readonly visibility: Visibility
  readonly #journal: Journal
  readonly #committer: Committer
  readonly #runs: RunTable
  readonly #acceptor: Acceptor
  readonly #index: VisibilityIndex
  readonly #deleted: number[] = []

  private constructor(journal: Journal, maxScannedRuns: number, turns: ScanTurns) {
    this.#journal = journal
    const telemetry = new Telemetry(journal, 'unused', () => [])
    this.#committer = new Committer(journal, {
      telemetry,
      onInputs: (run, seq, count) => {
        run.processed = seq + count - 1
      },
      onCommitted: () => undefined,
      onPoisoned: (error) => {
        throw error
      },
    })
    this.#runs = new RunTable(journal, 1_000)
    this.#index = new VisibilityIndex(journal, this.#committer)
    this.#acceptor = new Acceptor(
      {
        options: resolveOptions({ dataDir: 'unused', workflowsPath: 'unused' }),
        runs: this.#runs,
        committer: this.#committer,
        requests: new RequestLedger(journal, this.#runs),
        telemetry,
      },
      this.#index,
      () => undefined,
    )
    this.visibility = new Visibility(journal, maxScannedRuns, () => undefined, turns)
  }

  static async open(
    journal: Journal,
    maxScannedRuns = 100_000,
    turns = new ScanTurns(),
  ): Promise<IndexedRuns> {
    await buildVisibilityIndex(journal, silentLogger)
    return new IndexedRuns(journal, maxScannedRuns, turns)
  }

  /** @returns the run's number */
  start(run: NewRun): number {
    const key = this.#runs.allocateKey()
    const runId = createRunId(key, run.startTime)
    this.#acceptor.createRun(key, 0, run.startTime, [], {
      ...run,
      runId,
      firstExecutionRunId: runId,
      taskQueue: 'q',
      args: [],
      attempt: 1,
      taskTimeoutMs: 10_000,
    })
    return key
  }

  row(run: number): RunRow {
    const found = this.#runs.byKey(run)
    if (found === undefined) throw new Error(`there is no run ${run}`)
    return found.row
  }

  change(run: number, change: Partial<RunRow>): void {
    const found = this.#runs.byKey(run)
    if (found === undefined) throw new Error(`there is no run ${run}`)
    this.#acceptor.saveRow(found, { ...found.row, ...change })
  }

  close(run: number, status: WorkflowStatus, closeTime: number): void {
    this.change(run, { status, closeTime })
  }

  /** As retention does it. The run must be closed, and nothing of it may be in the open batch. */
  delete(run: number): void {
    const row = this.row(run)
    const isLast = this.#runs.current(row.namespace, row.workflowId)?.key === run
    if (isLast) this.#committer.deleteRow(workflowIdKey(row.namespace, row.workflowId))
    this.#committer.deleteRow(runKey(run))
    this.#index.remove(run, row)
    this.#deleted.push(run)
  }

  /** All changes until now are durable. */
  async commit(): Promise<void> {
    await this.#committer.drain()
    if (this.#deleted.length === 0) return
    await this.#journal.commit({ records: [], rows: [], deletedRuns: this.#deleted.splice(0) })
  }
}
