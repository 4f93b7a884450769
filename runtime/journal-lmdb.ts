import { mkdir } from 'node:fs/promises'
import { join } from 'node:path'
import { type DataFolder, openDataFolder, syncFolder } from './data-folder.ts'
import { SignalboxError } from './errors.ts'
import { throwCommitInFlight } from './journal-batch-check.ts'
import { Checkpointer } from './journal-checkpoint.ts'
import { offsetOf, rowOf } from './journal-frame.ts'
import { recordAt } from './journal-frame-record.ts'
import { logRowKey, rowKey } from './journal-keys.ts'
import { type EncodedCommit, LogWriter } from './journal-log-writer.ts'
import { type Recovered, recover } from './journal-recovery.ts'
import { RequestStore } from './journal-request-store.ts'
import { rowDeleted } from './journal-row-overlay.ts'
import { mergedRows } from './journal-row-merge.ts'
import { RunRecords } from './journal-run-records.ts'
import { JournalTrees } from './journal-tree.ts'
import { reaches, type RetainedLog } from './journal-window.ts'
import {
  type Journal,
  type JournalBatch,
  type JournalRecord,
  type RequestLocation,
  type RowRange,
  type RunProgress,
} from './journal.ts'

export interface LmdbJournalOptions {
  /** Made if it is not there. One process at a time can have it open. */
  readonly dataDir: string
  /** Shards of a new folder; an existing one keeps what it was made with. Default 256. */
  readonly shards?: number
  /** Address space to reserve; the map grows beyond it by itself. Default 4 GiB. */
  readonly mapSizeBytes?: number
  /**
   * How much memory the log may take, with its indexes, before a checkpoint moves it into the data
   * tree. Up to twice as much can be in memory, and has to be read when a killed process starts
   * again. Default 64 MiB.
   */
  readonly logWindowBytes?: number
  /** The same by rows: small commits have a row each. Default 65,536. */
  readonly logWindowRows?: number
  /**
   * How long the slices of checkpoint work are that ride in the transactions of commits, while
   * checkpoints keep up with the log; longer when they do not. Default 2.
   */
  readonly checkpointSliceMs?: number
  /** How often this process shows that it owns the folder. Default 1,000. */
  readonly heartbeatMs?: number
}

/** A journal in a data folder. */
export interface LmdbJournal extends Journal {
  /** How many shards the folder was made with. */
  readonly shards: number
}

/**
 * Open the journal of a data folder, as `runtime/journal.ts` describes it.
 *
 * It is a log on top of LMDB: a commit appends its records, rows and request hashes as frames to a
 * log, whose rows are dense and written in sequence; the log since the last checkpoint is also in
 * memory. A checkpoint sorts it into a tree by run and by row key, in slices of about two
 * milliseconds that ride in the callers' transactions.
 *
 * @throws SignalboxError with SIGNALBOX_ERR_DATA_DIR_LOCKED, SIGNALBOX_ERR_DATA_DIR_INCOMPATIBLE or
 *   SIGNALBOX_ERR_JOURNAL_CORRUPT
 */
export async function openLmdbJournal(options: LmdbJournalOptions): Promise<LmdbJournal> {
  const { dataDir, shards, heartbeatMs } = options
  const folder = await openDataFolder(dataDir, {
    ...(shards === undefined ? {} : { shards }),
    ...(heartbeatMs === undefined ? {} : { heartbeatMs }),
  })
  try {
    // A name without a dot: lmdb takes one with a dot for a file.
    const path = join(folder.path, 'journal')
    await mkdir(path, { recursive: true, mode: 0o700 })
    const trees = await JournalTrees.open(path, options.mapSizeBytes ?? 4 * 2 ** 30)
    try {
      await syncFolder(path)
      await syncFolder(folder.path)
      const epoch = await trees.raiseEpoch()
      // Only now is the log final: an owner that was taken for dead cannot write any more.
      const records = new RunRecords(trees.data)
      return new JournalOnLmdb(folder, trees, epoch, records, recover(trees, records), options)
    } catch (error) {
      await trees.close()
      throw error
    }
  } catch (error) {
    await folder.release()
    throw error
  }
}

/** A slice is so many times longer when checkpoints fall behind, and once the window is full. */
const slower = { late: 5, full: 25 }
const lateBy = 0.1
/** While closing nobody waits for a commit. */
const closingSliceMs = 20
/** So long without a commit, and the journal does its slices in transactions of its own. */
const idleMs = 5

class JournalOnLmdb implements LmdbJournal {
  readonly epoch: number
  readonly shards: number
  readonly #folder: DataFolder
  readonly #trees: JournalTrees
  readonly #log: RetainedLog
  readonly #writer: LogWriter
  readonly #records: RunRecords
  readonly #requests: RequestStore
  readonly #checkpointer: Checkpointer
  readonly #windowBytes: number
  readonly #windowRows: number
  readonly #sliceMs: number
  readonly #idleTimer: NodeJS.Timeout
  #unfinished: Recovered['unfinished']
  #nextRun: number
  /** Deleted by the caller: those to be recorded by the next transaction, and by those in flight. */
  #toDelete = new Set<number>()
  readonly #deleting = new Set<number>()
  /** The caller's commit in flight, and the journal's own transaction; at most one is in LMDB. */
  #commit: Promise<void> | undefined
  #maintenance: Promise<void> | undefined
  #lastCommit = 0
  #closing: Promise<void> | undefined

  constructor(
    folder: DataFolder,
    trees: JournalTrees,
    epoch: number,
    records: RunRecords,
    recovered: Recovered,
    options: LmdbJournalOptions,
  ) {
    this.#folder = folder
    this.#trees = trees
    this.epoch = epoch
    this.shards = folder.shards
    this.#records = records
    this.#log = recovered.log
    this.#unfinished = recovered.unfinished
    this.#nextRun = recovered.nextRun
    this.#windowBytes = options.logWindowBytes ?? 64 * 2 ** 20
    this.#windowRows = options.logWindowRows ?? 65_536
    this.#sliceMs = options.checkpointSliceMs ?? 2
    const { log, checkpoint, carried } = recovered
    this.#requests = new RequestStore(trees.data, checkpoint.generations)
    const requests = this.#requests
    this.#checkpointer = new Checkpointer({ trees, log, records, requests, checkpoint, carried })
    this.#writer = new LogWriter({
      window: this.#log.active,
      stateBefore: (run) => this.#stateBeforeWindow(run),
      isDeleted: (run) => this.#isDeleted(run),
    })
    this.#idleTimer = setTimeout(() => this.#maintain(), idleMs)
    this.#idleTimer.unref()
    this.#checkpointer.resume(recovered.hasFrozenWindow, recovered.firstLogRow)
  }

  get nextRun(): number {
    return this.#nextRun
  }

  commit(batch: JournalBatch): Promise<void> {
    if (this.#commit !== undefined) throwCommitInFlight()
    if (this.#trees.poison !== undefined) return Promise.reject(this.#trees.poison)
    if (this.#closing !== undefined) {
      throw new SignalboxError('SIGNALBOX_ERR_RUNTIME_CLOSED', 'the journal is closed')
    }
    const encoded = this.#encode(batch)
    if (encoded.rows.length === 0) return Promise.resolve()
    this.#commit = this.#write(encoded)
    return this.#commit
  }

  *readRun(run: number, fromSeq: number): Iterable<JournalRecord> {
    if (this.#isDeleted(run)) return
    const { positions, complete } = this.#log.framesFrom(run, fromSeq)
    let hasReached = false
    if (!complete) {
      const frames = this.#records.framesFrom(run, fromSeq, this.#log.firstRow)
      for (const [bytes, offset] of frames) {
        hasReached ||= reaches(bytes, offset, fromSeq)
        if (hasReached) yield recordAt(run, bytes, offset)
      }
    }
    for (const position of positions) {
      const bytes = this.#log.rowBytes(rowOf(position))
      const offset = offsetOf(position)
      hasReached ||= reaches(bytes, offset, fromSeq)
      if (hasReached) yield recordAt(run, bytes, offset)
    }
  }

  runState(run: number): RunProgress | undefined {
    if (this.#isDeleted(run)) return undefined
    const { runs } = this.#log.active
    const slot = runs.findDurable(run)
    if (slot >= 0) return runs.progressAt(slot)
    return this.#stateBefore(run)
  }

  getRow(key: Uint8Array): Uint8Array | undefined {
    const name = Buffer.from(key.buffer, key.byteOffset, key.byteLength).toString('latin1')
    for (const window of [this.#log.active, this.#log.previous]) {
      const place = window.overlay.get(name)
      if (place === rowDeleted) return undefined
      if (place !== undefined) return Uint8Array.from(window.rowValue(place))
    }
    return this.#trees.data.get(rowKey(key))
  }

  rows(range: RowRange): Iterable<readonly [key: Uint8Array, value: Uint8Array]> {
    const { active, previous } = this.#log
    return mergedRows([active, previous], this.#trees.data, range)
  }

  findRequest(hash: number): readonly RequestLocation[] {
    const found: RequestLocation[] = []
    this.#requests.find(hash, found)
    this.#log.previous.requests.find(hash, found)
    this.#log.active.requests.find(hash, found)
    // What a merge has not dropped yet of runs that are gone.
    return found.length === 0 ? found : found.filter(({ run }) => this.#exists(run))
  }

  *unfinishedRuns(): Iterable<readonly [run: number, progress: RunProgress]> {
    const unfinished = this.#unfinished
    this.#unfinished = []
    yield* unfinished
  }

  deleteRun(run: number): void {
    if (this.#trees.poison !== undefined || this.#closing !== undefined) return
    this.#toDelete.add(run)
    this.#idleTimer.refresh()
  }

  close(): Promise<void> {
    this.#closing ??= this.#close()
    return this.#closing
  }

  #encode(batch: JournalBatch): EncodedCommit {
    const deletions = [...this.#toDelete]
    const encoded = this.#writer.encode(batch, deletions)
    // They stay invisible until the window they are applied to knows of them.
    for (const run of deletions) this.#deleting.add(run)
    this.#toDelete.clear()
    return encoded
  }

  async #write(encoded: EncodedCommit): Promise<void> {
    try {
      // The journal's own transaction never rejects: a failure there has poisoned the trees.
      await this.#maintenance
      await this.#transact(encoded)
    } finally {
      this.#commit = undefined
    }
    this.#lastCommit = performance.now()
    if (!this.#checkpointer.isWorking && this.#fill() >= 1) {
      this.#writer.startWindow(this.#checkpointer.freeze())
    }
    if (this.#checkpointer.isWorking) this.#idleTimer.refresh()
  }

  /** One transaction: what is given, and a slice of checkpoint work. Visible when it is durable. */
  async #transact(encoded: EncodedCommit | undefined, sliceMs?: number): Promise<void> {
    await this.#trees.transact(() => {
      const { firstRow, rows } = encoded ?? { firstRow: 0, rows: [] }
      for (const [i, row] of rows.entries()) this.#trees.log.put(logRowKey(firstRow + i), row)
      const { ms, untilProgress } = this.#slice(encoded)
      this.#checkpointer.step(performance.now() + (sliceMs ?? ms), untilProgress)
    })
    this.#checkpointer.committed()
    if (encoded === undefined) return
    encoded.apply()
    for (const run of encoded.deletedRuns) this.#deleting.delete(run)
    this.#nextRun = Math.max(this.#nextRun, this.#log.active.highestRun + 1)
  }

  /**
   * The work of a checkpoint is to be half as far again as the window that fills meanwhile, so that
   * it is done before that one has to be frozen. Where it falls behind, slices grow.
   */
  #slice(encoded: EncodedCommit | undefined): { ms: number; untilProgress: number } {
    const fill = this.#fill()
    const untilProgress = encoded === undefined || fill >= 1 ? 2 : fill * 1.5
    const isLate = untilProgress - this.#checkpointer.progress > lateBy
    const factor = fill >= 1 ? slower.full : isLate ? slower.late : 1
    return { ms: this.#sliceMs * factor, untilProgress }
  }

  #fill(): number {
    const { memoryBytes, rows } = this.#log.active
    return Math.max(memoryBytes / this.#windowBytes, rows.length / this.#windowRows)
  }

  /** In the pauses between commits: record deletions, go on with the checkpoint. */
  #maintain(): void {
    const hasWork = this.#checkpointer.isWorking || this.#toDelete.size > 0
    if (!hasWork || this.#closing !== undefined || this.#trees.poison !== undefined) return
    const isBusy = this.#commit !== undefined || this.#maintenance !== undefined
    if (isBusy || performance.now() - this.#lastCommit < idleMs) {
      this.#idleTimer.refresh()
      return
    }
    const encoded = this.#toDelete.size > 0 ? this.#encode({ records: [], rows: [] }) : undefined
    this.#maintenance = this.#transact(encoded)
      // The trees are poisoned then, and the next commit of the caller says why.
      .catch(() => undefined)
      .finally(() => {
        this.#maintenance = undefined
        this.#idleTimer.refresh()
      })
  }

  async #close(): Promise<void> {
    clearTimeout(this.#idleTimer)
    // Whoever called commit has its error.
    await this.#commit?.catch(() => undefined)
    await this.#maintenance
    try {
      if (this.#trees.poison === undefined) await this.#finalCheckpoint()
    } finally {
      await this.#trees.close()
      await this.#folder.release()
    }
  }

  async #finalCheckpoint(): Promise<void> {
    if (this.#toDelete.size > 0) await this.#transact(this.#encode({ records: [], rows: [] }))
    while (this.#checkpointer.isWorking) await this.#transact(undefined, closingSliceMs)
    if (this.#log.active.rows.length === 0) return
    this.#checkpointer.freeze()
    while (this.#checkpointer.isWorking) await this.#transact(undefined, closingSliceMs)
  }

  #isDeleted(run: number): boolean {
    return this.#toDelete.has(run) || this.#deleting.has(run) || this.#log.isDeleted(run)
  }

  #exists(run: number): boolean {
    if (this.#isDeleted(run)) return false
    const { active, previous, firstRow } = this.#log
    if (active.runs.findDurable(run) >= 0 || previous.runs.findDurable(run) >= 0) return true
    return this.#records.exists(run, firstRow)
  }

  /** The state of a run that the active window does not know. */
  #stateBefore(run: number): RunProgress | undefined {
    const { runs } = this.#log.previous
    const slot = runs.findDurable(run)
    if (slot >= 0) return runs.progressAt(slot)
    return this.#checkpointer.carried(run) ?? this.#records.state(run, this.#log.firstRow)
  }

  #stateBeforeWindow(run: number): (RunProgress & { readonly last: number }) | undefined {
    // A new run, by far the most frequent one that no window knows, needs no look-up.
    if (run >= this.#nextRun) return undefined
    const state = this.#stateBefore(run)
    return state === undefined ? undefined : { ...state, last: this.#log.lastFrame(run) }
  }
}
