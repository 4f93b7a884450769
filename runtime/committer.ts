import type { WrittenInput } from '../actors/records.ts'
import { Batch } from './batch.ts'
import { SignalboxError } from './errors.ts'
import { type Journal, type NewRecord, RecordKind } from './journal.ts'
import { ProgressNotes } from './progress-notes.ts'
import type { Run } from './run.ts'
import type { Telemetry } from './telemetry.ts'

export interface CommitterPorts {
  readonly telemetry: Telemetry
  /** Inputs are durable and may be delivered: called per record, in order, before senders are told. */
  readonly onInputs: (run: Run, seq: number, count: number, bytes: Uint8Array) => void
  /** A batch is durable, its effects are released, its senders are about to be told. */
  readonly onCommitted: (records: number) => void
  /** The journal failed: nothing is ever acknowledged again. */
  readonly onPoisoned: (error: SignalboxError, indeterminate: SignalboxError) => void
}

/**
 * Group commit. What is accepted while a transaction is in flight is the next batch; there is never
 * more than one in flight.
 *
 * Guarantees: inputs of a run are numbered densely in the order in which they were accepted; a batch
 * is acknowledged and delivered only when its commit has resolved; commands' effects are released
 * only then; after a failed commit nothing is acknowledged any more.
 */
export class Committer {
  readonly #journal: Journal
  readonly #ports: CommitterPorts
  #open: Batch = new Batch()
  #inFlight: Batch | undefined
  #scheduled = false
  readonly #progress = new ProgressNotes(() => this.#schedule())
  #poisoned: SignalboxError | undefined
  #idleWaiters: (() => void)[] = []
  #uncommittedBytes = 0

  constructor(journal: Journal, ports: CommitterPorts) {
    this.#journal = journal
    this.#ports = ports
  }

  /**
   * Resolves when what was just accepted is durable. Shared by all who ask in the same batch. Only
   * for callers that have put something into it: an empty batch is never written.
   */
  get durable(): Promise<undefined> {
    return this.#open.durable
  }

  /** Resolves when everything accepted until now is durable; at once if it is. */
  get allDurable(): Promise<undefined> {
    if (!this.#open.isEmpty) return this.#open.durable
    return this.#inFlight?.durable ?? Promise.resolve(undefined)
  }

  /** True if nothing is being written or is about to be, the note of progress aside. */
  get isIdle(): boolean {
    return this.#inFlight === undefined && !this.#scheduled && this.#open.isEmpty
  }

  get uncommittedBytes(): number {
    return this.#uncommittedBytes
  }

  get poisoned(): SignalboxError | undefined {
    return this.#poisoned
  }

  /** Take an input into the run's queue. `bytes` is its approximate size, for the bound. */
  accept(run: Run, input: WrittenInput, bytes: number): void {
    run.addPending(input)
    this.#uncommittedBytes += bytes
    const open = this.#open
    open.bytes += bytes
    if (run.dirty) return
    run.dirty = true
    if (open.dirtyRuns.push(run) === 1) open.acceptedAt = performance.now()
    this.#schedule()
  }

  /** Records of a run that begins with them, as they are; what it is sent is numbered after them. */
  addRecords(records: readonly NewRecord[]): void {
    for (const record of records) {
      this.#open.records.push(record)
      this.#uncommittedBytes += record.bytes.length
      this.#open.bytes += record.bytes.length
    }
    this.#schedule()
  }

  /** Commands of turns that have ended. */
  addCommands(run: Run, seq: number, count: number, bytes: Uint8Array): void {
    if (run.resultsInFlight++ === 0) run.resultsFrom = seq
    run.processedRecorded = Math.max(run.processedRecorded, seq + count - 1)
    this.#open.records.push({ run: run.key, kind: RecordKind.commands, seq, count, bytes })
    this.#open.effects.push(() => {
      run.resultsInFlight--
      run.resultsFrom = seq + count
    })
    this.#schedule()
  }

  /**
   * The run has progressed. Written some seconds later: a crash in between costs a few turns done again,
   * and a commit of its own would stand in the way of the next signal.
   */
  noteProgress(run: Run): void {
    this.#progress.note(run)
  }

  putRow(key: Uint8Array, value: Uint8Array): void {
    this.#open.rows.push([key, value])
    this.#schedule()
  }

  deleteRow(key: Uint8Array): void {
    this.#open.rows.push([key, null])
    this.#schedule()
  }

  /** Of a run that nothing more is written of. Its rows are the caller's to delete. */
  deleteRun(run: number): void {
    this.#open.deletedRuns.push(run)
    this.#schedule()
  }

  /** Called when the open batch is durable, before its senders are told. */
  afterCommit(effect: () => void): void {
    this.#open.effects.push(effect)
    this.#schedule()
  }

  /** Resolves when nothing is open or in flight, or the journal has failed. */
  async drain(): Promise<void> {
    this.#progress.hasten()
    while (this.#poisoned === undefined && (this.#scheduled || this.#inFlight !== undefined)) {
      await new Promise<void>((resolve) => this.#idleWaiters.push(resolve))
    }
  }

  /**
   * Nothing is being written: begin as soon as the caller's own stack has ended. What comes in the
   * meantime shares the next commit; were the first to wait for it, callers that wait for each other's
   * commit would all wait together, and the disk would rest while they are served.
   */
  #schedule(): void {
    if (this.#scheduled || this.#inFlight !== undefined) return
    this.#scheduled = true
    process.nextTick(() => this.#cut())
  }

  #cut(): void {
    this.#scheduled = false
    if (this.#poisoned !== undefined) return this.#settleIdle()
    if (this.#open.isEmpty && !this.#progress.isDue) return this.#settleIdle()
    const batch = this.#open
    this.#open = new Batch()
    // A throw from here on would leave senders without an answer and end the process: it poisons.
    try {
      batch.number()
      this.#write(batch)
    } catch (error) {
      this.#failed(batch, error)
    }
  }

  #write(batch: Batch): void {
    this.#recordProgress(batch)
    if (batch.records.length === 0 && batch.rows.length === 0 && batch.effects.length === 0) {
      batch.resolve()
      // Others may be due, if these had their progress in the journal already.
      if (this.#progress.isDue) this.#schedule()
      return this.#settleIdle()
    }
    this.#inFlight = batch
    const writtenAt = performance.now()
    this.#journal
      .commit(batch)
      .then(() => this.#committed(batch, writtenAt))
      .catch((error: unknown) => this.#failed(batch, error))
  }

  #recordProgress(batch: Batch): void {
    for (const run of this.#progress.take()) {
      if (run.processed <= run.processedRecorded) continue
      run.processedRecorded = run.processed
      batch.records.push({
        run: run.key,
        kind: RecordKind.progress,
        seq: run.processed,
        count: 0,
        bytes: NO_BYTES,
      })
    }
  }

  #committed(batch: Batch, writtenAt: number): void {
    this.#inFlight = undefined
    const { telemetry } = this.#ports
    const durableAt = performance.now()
    this.#uncommittedBytes -= batch.bytes
    let inputs = 0
    // The next cut is the one below, whatever the effects put into the open batch.
    this.#scheduled = true
    const { records, owners, firstInput } = batch
    for (let i = 0; i < owners.length; i++) {
      const run = owners[i] as Run
      const { seq, count, bytes } = records[firstInput + i] as NewRecord
      run.committed = seq + count - 1
      inputs += count
      this.#ports.onInputs(run, seq, count, bytes)
    }
    const { acceptedAt } = batch
    telemetry.sample(owners, { inputs, acceptedAt })
    for (const effect of batch.effects) effect()
    this.#ports.onCommitted(records.length)
    // A macrotask later: senders that wait for this batch go on before the next one is cut, and join it.
    // (To cut what waits at once gave nothing over HTTP and cost a third at 256 in flight: smaller commits.)
    setImmediate(() => this.#cut())
    batch.resolve()
    telemetry.committed({ inputs, records: records.length, acceptedAt, writtenAt, durableAt })
  }

  #failed(batch: Batch, cause: unknown): void {
    this.#inFlight = undefined
    const indeterminate = new SignalboxError(
      'SIGNALBOX_ERR_INDETERMINATE',
      'The journal failed while this was written: it may or may not have been recorded. ' +
        'Open the runtime anew and retry with the same request id.',
      { cause },
    )
    const poisoned = new SignalboxError(
      'SIGNALBOX_ERR_RUNTIME_POISONED',
      `The journal failed and this runtime has stopped: ${cause instanceof Error ? cause.message : String(cause)}`,
      { cause },
    )
    this.#poisoned = poisoned
    batch.reject(indeterminate)
    this.#open.reject(poisoned)
    this.#settleIdle()
    this.#ports.onPoisoned(poisoned, indeterminate)
  }

  #settleIdle(): void {
    const waiters = this.#idleWaiters
    this.#idleWaiters = []
    for (const resolve of waiters) resolve()
  }
}

const NO_BYTES = new Uint8Array(0)
