import type { BackupOptions, BackupResult } from './data-backup.ts'

/**
 * The journal: what a signalbox data folder holds, behind one interface with two implementations
 * (`journal-lmdb.ts`, `journal-memory.ts`) that pass one conformance suite.
 *
 * A journal knows runs by compact numbers. Of each run it holds records in commit order: inputs,
 * commands and progress. Beside them it holds small rows by key, for indexes and summaries. One
 * commit is atomic, durable when its promise resolves, and fenced by the epoch of the open.
 */
export interface Journal extends JournalReads {
  /** Grows by one with every open of the same data; each commit checks that it is still current. */
  readonly epoch: number

  /**
   * Write one batch atomically. Resolved means fsynced; nothing of it is visible to any read before.
   * Rejected means that nobody knows whether it is on disk: the journal is poisoned from then on and
   * rejects every further commit with the same error.
   *
   * The caller has at most one commit in flight; a second call before the first has settled is a
   * programming error and throws, and so does a batch that cannot follow what its runs hold already:
   * then nothing of it is written and the journal goes on. The batch is copied before the call
   * returns.
   *
   * @throws SignalboxError with SIGNALBOX_ERR_INTERNAL for such a batch, SIGNALBOX_ERR_RUNTIME_CLOSED
   *   after close; rejects with SIGNALBOX_ERR_INDETERMINATE
   */
  commit(batch: JournalBatch): Promise<void>

  /**
   * The runs whose work was not finished when the journal was last closed or killed: those with
   * inputs beyond their progress. Its cost depends on what was written since the last checkpoint and
   * on what is unfinished, not on what exists. Called once, after open.
   */
  unfinishedRuns(): Iterable<readonly [run: number, progress: RunProgress]>

  /**
   * A copy of what is committed now, in a folder of its own that can be opened as this one can; see
   * data-backup.ts. Commits go on meanwhile.
   *
   * @throws SignalboxError with SIGNALBOX_ERR_INVALID_ARGUMENT, SIGNALBOX_ERR_RUNTIME_CLOSED, or
   *   SIGNALBOX_ERR_NOT_IMPLEMENTED for a journal without a folder
   */
  backup(target: string, options?: BackupOptions): Promise<BackupResult>

  /**
   * Rows whose keys begin with a byte from 128 on are taken for such as are read rarely, and are sorted
   * only when somebody reads a range of them. This does some of that work beforehand, until `isOver`
   * says so; the rest is done at once by whoever reads.
   *
   * @returns whether there is nothing left to sort
   */
  sortRareRows(isOver: () => boolean): boolean

  /** Finish the commit in flight, write a checkpoint and release the folder. Idempotent. */
  close(): Promise<void>
}

/** What can be read of a journal: of one that is open, or of a snapshot of its folder. */
export interface JournalReads {
  /**
   * The records of a run in commit order from the first that holds or follows `fromSeq`
   * (see {@link JournalRecord.seq}). Lazy: the caller may stop at any time, and must not await
   * while it iterates. `bytes` is valid only until the next step of the iteration. Of progress
   * records only the last of a run is sure to be among them.
   *
   * @throws SignalboxError with SIGNALBOX_ERR_JOURNAL_CORRUPT and `fields.run`, for a record whose
   *   checksum does not hold; what lies before it can still be read, and so can all other runs
   */
  readRun(run: number, fromSeq: number): Iterable<JournalRecord>

  /**
   * The run's last input number and the last input whose turn is known to have ended; undefined for
   * a run that never was or was deleted.
   *
   * @throws SignalboxError with SIGNALBOX_ERR_JOURNAL_CORRUPT and `fields.run`
   */
  runState(run: number): RunProgress | undefined

  /** A row, or undefined. The bytes belong to the caller. */
  getRow(key: Uint8Array): Uint8Array | undefined

  /** Rows with `start <= key < end` in key order, or from the end backwards. Lazy, as readRun. */
  rows(range: RowRange): Iterable<readonly [key: Uint8Array, value: Uint8Array]>

  /**
   * Where inputs with this request hash are that existing runs hold: candidates, to be verified on
   * the record, since different request ids may have the same hash.
   */
  findRequest(hash: number): readonly RequestLocation[]

  /** One more than the highest run number ever committed. */
  readonly nextRun: number
}

export const RecordKind = {
  /** `count` inputs with the numbers `seq … seq + count − 1`. */
  inputs: 1,
  /** The commands of turns from `seq` to at most `seq + count − 1`; those turns have ended. */
  commands: 2,
  /** No body, no count: all turns up to `seq` have ended. Only the last one of a run matters. */
  progress: 3,
} as const
export type RecordKind = (typeof RecordKind)[keyof typeof RecordKind]

export interface JournalRecord {
  readonly run: number
  readonly kind: RecordKind
  readonly seq: number
  readonly count: number
  readonly bytes: Uint8Array
}

/** A record to be written. */
export interface NewRecord extends JournalRecord {
  /**
   * Request ids among its inputs: hash, input number, hash, input number … Hashes are integers from
   * 0 to 2^53 − 1. Found again by {@link Journal.findRequest} for as long as the run exists.
   */
  readonly requests?: readonly number[] | undefined
}

export interface JournalBatch {
  readonly records: readonly NewRecord[]
  /** A null value deletes. Later entries of the same key win. Keys have 1 to 1,900 bytes. */
  readonly rows: readonly (readonly [key: Uint8Array, value: Uint8Array | null])[]
  /**
   * Runs whose records and requests are removed; their rows are the caller's to delete. Readers see
   * them until the commit is durable, and nothing of them from then on, however long it takes to
   * remove what the tree has of them: that is spread over later commits. A record of such a run, in
   * this batch or later, is a programming error.
   */
  readonly deletedRuns?: readonly number[]
}

export interface RunProgress {
  /** The number of the run's last input. */
  readonly head: number
  /** All turns up to this number have ended. */
  readonly processed: number
}

export interface RequestLocation {
  readonly run: number
  readonly seq: number
}

export interface RowRange {
  readonly start: Uint8Array
  readonly end: Uint8Array
  readonly reverse?: boolean
  readonly limit?: number
  /**
   * Told of each row in the range that was deleted and is still to be passed over, which may be many
   * between two rows that exist: true ends the iteration. For callers that bound their steps.
   */
  readonly onDeleted?: (key: Uint8Array) => boolean
}
