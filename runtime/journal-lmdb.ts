import { mkdir } from 'node:fs/promises'
import { removeChecksum } from './backup-checksum.ts'
import { type BackupOptions, type BackupResult, writeBackup } from './data-backup.ts'
import { type DataFolder, openDataFolder, syncFolder } from './data-folder.ts'
import { SignalboxError } from './errors.ts'
import { throwCommitInFlight } from './journal-batch-check.ts'
import { Checkpointer } from './journal-checkpoint.ts'
import { asOpenError, completeFile } from './journal-file.ts'
import { logRowKey } from './journal-keys.ts'
import { type EncodedCommit, LogWriter } from './journal-log-writer.ts'
import { type Recovered, recover } from './journal-recovery.ts'
import { RequestStore } from './journal-request-store.ts'
import { RunRecords } from './journal-run-records.ts'
import { journalFolder } from './journal-snapshot.ts'
import { JournalTrees } from './journal-tree.ts'
import { JournalView } from './journal-view.ts'
import type { RetainedLog } from './journal-window.ts'
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
   * The same by time, once the log takes more than `restBytes`: a process that had much to do and has
   * little to do now gives that memory back, and opens fast after a crash. Default 60,000.
   */
  readonly logWindowMs?: number
  /**
   * How long the slices of checkpoint work are that ride in the transactions of commits, while
   * checkpoints keep up with the log; longer when they do not. Default 2.
   */
  readonly checkpointSliceMs?: number
  /**
   * After so long without a commit a log that takes more than `restBytes` of memory is moved into the tree
   * as well: memory, and the time that the next open takes, are then those of an idle process. Default
   * 2,000.
   */
  readonly restMs?: number
  /** Default 1 MiB. */
  readonly restBytes?: number
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
    const path = journalFolder(folder.path)
    await mkdir(path, { recursive: true, mode: 0o700 })
    await removeChecksum(folder.path)
    await completeFile(path)
    const trees = await JournalTrees.open(path, options.mapSizeBytes)
    try {
      await syncFolder(path)
      await syncFolder(folder.path)
      const epoch = await trees.raiseEpoch()
      // Only now is the log final: an owner that was taken for dead cannot write any more.
      const records = new RunRecords(trees.data)
      return new JournalOnLmdb(folder, trees, epoch, records, recover(trees.log, records), options)
    } catch (error) {
      await trees.close()
      throw error
    }
  } catch (error) {
    await folder.release()
    throw asOpenError(error)
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
  readonly #view: JournalView
  readonly #checkpointer: Checkpointer
  readonly #windowBytes: number
  readonly #windowRows: number
  readonly #windowMs: number
  readonly #sliceMs: number
  readonly #idleTimer: NodeJS.Timeout
  readonly #restMs: number
  readonly #restBytes: number
  readonly #restTimer: NodeJS.Timeout
  #unfinished: Recovered['unfinished']
  #nextRun: number
  #windowSince = performance.now()
  /** The caller's commit in flight, and the journal's own transaction; at most one is in LMDB. */
  #commit: Promise<void> | undefined
  #maintenance: Promise<void> | undefined
  #lastCommit = 0
  readonly #copies = new Set<Promise<BackupResult>>()
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
    this.#log = recovered.log
    this.#unfinished = recovered.unfinished
    this.#nextRun = recovered.nextRun
    this.#windowBytes = options.logWindowBytes ?? 64 * 2 ** 20
    this.#windowRows = options.logWindowRows ?? 65_536
    this.#windowMs = options.logWindowMs ?? 60_000
    this.#sliceMs = options.checkpointSliceMs ?? 2
    const { log, checkpoint, carried } = recovered
    const requests = new RequestStore(trees.data, checkpoint.generations)
    this.#checkpointer = new Checkpointer({ trees, log, records, requests, checkpoint, carried })
    const carriedBy = (run: number) => this.#checkpointer.carried(run)
    this.#view = new JournalView({ tree: trees.data, log, records, requests, carried: carriedBy })
    this.#writer = new LogWriter({
      window: this.#log.active,
      stateBefore: (run) => this.#stateBeforeWindow(run),
      isDeleted: (run) => this.#log.isDeleted(run),
    })
    this.#idleTimer = setTimeout(() => this.#maintain(), idleMs)
    this.#idleTimer.unref()
    this.#restMs = options.restMs ?? 2_000
    this.#restBytes = options.restBytes ?? 2 ** 20
    this.#restTimer = setTimeout(() => this.#rest(), this.#restMs)
    this.#restTimer.unref()
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
    const encoded = this.#writer.encode(batch)
    if (encoded.rows.length === 0) return Promise.resolve()
    this.#commit = this.#write(encoded)
    return this.#commit
  }

  readRun(run: number, fromSeq: number): Iterable<JournalRecord> {
    return this.#view.readRun(run, fromSeq)
  }

  runState(run: number): RunProgress | undefined {
    return this.#view.runState(run)
  }

  getRow(key: Uint8Array): Uint8Array | undefined {
    return this.#view.getRow(key)
  }

  rows(range: RowRange): Iterable<readonly [key: Uint8Array, value: Uint8Array]> {
    return this.#view.rows(range)
  }

  sortRareRows(isOver: () => boolean): boolean {
    return this.#view.sortRareRows(isOver)
  }

  findRequest(hash: number): readonly RequestLocation[] {
    return this.#view.findRequest(hash)
  }

  *unfinishedRuns(): Iterable<readonly [run: number, progress: RunProgress]> {
    const unfinished = this.#unfinished
    this.#unfinished = []
    yield* unfinished
  }

  async backup(target: string, options?: BackupOptions): Promise<BackupResult> {
    if (this.#closing !== undefined) {
      throw new SignalboxError('SIGNALBOX_ERR_RUNTIME_CLOSED', 'the journal is closed')
    }
    const copy = writeBackup(
      target,
      this.#folder,
      (folder, compact) => this.#trees.copyTo(folder, compact),
      options,
    )
    this.#copies.add(copy)
    try {
      return await copy
    } finally {
      this.#copies.delete(copy)
    }
  }

  close(): Promise<void> {
    this.#closing ??= this.#close()
    return this.#closing
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
    if (!this.#checkpointer.isWorking && this.#fill() >= 1) this.#freeze()
    if (this.#checkpointer.isWorking) this.#idleTimer.refresh()
    this.#restTimer.refresh()
  }

  #freeze(): void {
    // Once a window: what they still pin makes the file grow with every checkpoint.
    this.#trees.forgetDeadReaders()
    this.#windowSince = performance.now()
    this.#writer.startWindow(this.#checkpointer.freeze())
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

  /** How far the log is on its way to the next checkpoint; from 1 on that is due. */
  #fill(): number {
    const { memoryBytes, rows } = this.#log.active
    const isWorthwhile = memoryBytes > this.#restBytes
    return Math.max(
      memoryBytes / this.#windowBytes,
      rows.length / this.#windowRows,
      isWorthwhile ? (performance.now() - this.#windowSince) / this.#windowMs : 0,
    )
  }

  /** In the pauses between commits: go on with the checkpoint. */
  #maintain(): void {
    if (
      !this.#checkpointer.isWorking ||
      this.#closing !== undefined ||
      this.#trees.poison !== undefined
    )
      return
    const isBusy = this.#commit !== undefined || this.#maintenance !== undefined
    if (isBusy || performance.now() - this.#lastCommit < idleMs) {
      this.#idleTimer.refresh()
      return
    }
    this.#maintenance = this.#transact(undefined)
      // The trees are poisoned then, and the next commit of the caller says why.
      .catch(() => undefined)
      .finally(() => {
        this.#maintenance = undefined
        this.#idleTimer.refresh()
      })
  }

  /** Nothing was written for a while: move the log, however little fills its window. */
  #rest(): void {
    if (this.#closing !== undefined || this.#trees.poison !== undefined) return
    const isBusy = this.#commit !== undefined || this.#maintenance !== undefined
    if (
      isBusy ||
      this.#checkpointer.isWorking ||
      performance.now() - this.#lastCommit < this.#restMs
    ) {
      this.#restTimer.refresh()
      return
    }
    if (this.#log.active.memoryBytes <= this.#restBytes) return
    this.#freeze()
    this.#idleTimer.refresh()
  }

  async #close(): Promise<void> {
    clearTimeout(this.#idleTimer)
    clearTimeout(this.#restTimer)
    // Whoever called commit has its error.
    await this.#commit?.catch(() => undefined)
    await this.#maintenance
    // lmdb's thread is still reading the environment for them.
    await Promise.allSettled(this.#copies)
    try {
      if (this.#trees.poison === undefined) await this.#finalCheckpoint()
    } finally {
      await this.#trees.close()
      await this.#folder.release()
    }
  }

  async #finalCheckpoint(): Promise<void> {
    while (this.#checkpointer.isWorking) await this.#transact(undefined, closingSliceMs)
    if (this.#log.active.rows.length === 0) return
    this.#checkpointer.freeze()
    while (this.#checkpointer.isWorking) await this.#transact(undefined, closingSliceMs)
  }

  #stateBeforeWindow(run: number): (RunProgress & { readonly last: number }) | undefined {
    // A new run, by far the most frequent one that no window knows, needs no look-up.
    if (run >= this.#nextRun) return undefined
    const state = this.#view.stateBefore(run)
    if (state === undefined) return undefined
    const { head, processed } = state
    return { head, processed, last: this.#log.lastFrame(run) }
  }
}
