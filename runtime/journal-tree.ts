import { chmod } from 'node:fs/promises'
import { join } from 'node:path'
import { setTimeout } from 'node:timers/promises'
import { type Database, open, type RootDatabase, type Transaction } from 'lmdb'
import { SignalboxError } from './errors.ts'
import { indeterminate } from './journal-batch-check.ts'
import { asDamage } from './journal-file.ts'
import { metaKey } from './journal-keys.ts'

/** One sorted map of an LMDB environment, with byte keys and byte values. */
export interface ReadTree {
  /** A copy of the value, or undefined. */
  get(key: Uint8Array): Uint8Array | undefined
  /** Entries with `start <= key < end`, or from the end backwards. Lazy; bytes are copies. */
  entries(start: Uint8Array, end: Uint8Array, options?: TreeRange): Iterable<TreeEntry>
  /** The keys alone of the same range. */
  keys(start: Uint8Array, end: Uint8Array, options?: TreeRange): Iterable<Uint8Array>
}

export interface Tree extends ReadTree {
  /**
   * Only inside {@link JournalTrees.transact}; nothing is seen of it before that has resolved. Neither
   * key nor value may change until then.
   */
  put(key: Uint8Array, value: Uint8Array): void
  /** As `put`. A key that is not there is no error. */
  remove(key: Uint8Array): void
}

export interface TreeEntry {
  readonly key: Uint8Array
  readonly value: Uint8Array
}

export interface TreeRange {
  readonly reverse?: boolean
  readonly limit?: number
}

/** What fits four pages of LMDB, less the header of an overflow value: no page is left almost empty. */
export const fourPagesBytes = 4 * 4_096 - 24

const COMMIT_ERROR_MS = 1_000

/** A change to be made: `value` undefined removes. */
interface Change {
  readonly database: Database<Uint8Array, Uint8Array>
  readonly key: Uint8Array
  readonly value: Uint8Array | undefined
}

/**
 * The LMDB environment of a data folder: the one place that knows lmdb. What it holds to, since
 * each was measured to lose or expose data otherwise:
 *
 * - `overlappingSync: false`: a commit is fsynced before it is visible or resolves, and one that
 *   failed never shows up later.
 * - No cache, write map, noSync or shared structures; values are our own bytes.
 * - A transaction is one conditional block of puts and removes, all handed over at once: lmdb never
 *   ends a transaction inside a block. Changes are collected first, so that code which throws half
 *   way has changed nothing.
 * - After a failed commit nothing is written any more: after a failed fsync the page cache can lie.
 *
 * Guarantee: a process whose folder was taken over writes nothing more. The condition of each block is
 * that the epoch in the folder is still this process's, and lmdb's writer checks it inside the
 * transaction, under the lock that the new owner needed to raise it. (lmdb compares the first eight
 * bytes of a value, as a double, with the version that is asked for: the epoch row is that double.)
 *
 * A block needs no callback on this thread while it is written, which a transaction with a callback
 * does. With requests to serve meanwhile that callback waits for its turn of the event loop, with the
 * write lock held: it took a commit of 32 signals from 0.6 to 1.2 ms.
 */
export class JournalTrees {
  readonly log: Tree
  readonly data: Tree
  readonly #root: RootDatabase<Uint8Array, Uint8Array>
  readonly #log: Database<Uint8Array, Uint8Array>
  #changes: Change[] = []
  #epoch: number | undefined
  #poison: SignalboxError | undefined

  constructor(root: RootDatabase<Uint8Array, Uint8Array>) {
    this.#root = root
    this.#log = root.openDB(databaseOptions('log'))
    this.log = this.#wrap(this.#log)
    this.data = this.#wrap(root.openDB(databaseOptions('data')))
  }

  static async open(path: string, mapSizeBytes = 4 * 2 ** 30): Promise<JournalTrees> {
    // lmdb takes these options, and its types lack them.
    const untyped = { txnStartThreshold: 1, permissionsMode: 0o600 }
    const root = open<Uint8Array, Uint8Array>({
      ...untyped,
      ...environmentOptions,
      path,
      mapSize: mapSizeBytes,
      // Writing begins with the second operation in hand rather than a turn of the event loop later:
      // see #write. There is one block at a time, so there is nothing to gather by waiting.
      eventTurnBatching: false,
    })
    // Files of an earlier process may have been copied here with another mode.
    for (const file of ['data.mdb', 'lock.mdb']) await chmod(join(path, file), 0o600)
    return new JournalTrees(root)
  }

  /** The error that stopped all writing, if storage has failed. */
  get poison(): SignalboxError | undefined {
    return this.#poison
  }

  /**
   * Make this process the folder's owner: no process that had it open before writes any more.
   *
   * @returns the epoch, one more than that of the owner before
   */
  async raiseEpoch(): Promise<number> {
    const raised = this.#root.transaction(() => {
      const found = this.#log.getBinary(metaKey('epoch'))
      const next = (found === undefined ? 0 : Buffer.from(found).readDoubleLE(0)) + 1
      const value = Buffer.alloc(8)
      value.writeDoubleLE(next)
      // Inside a transaction this writes at once; its promise is resolved already.
      void this.#log.put(metaKey('epoch'), value)
      return next
    })
    const epoch = await raised.catch(throwCommitError)
    this.#root.resetReadTxn()
    this.#epoch = epoch
    return epoch
  }

  /**
   * Make the changes that `write` asks for in a transaction of their own. Resolved: fsynced.
   * Rejected: nobody knows whether they are on disk, and every later call rejects with the same
   * SIGNALBOX_ERR_INDETERMINATE. One call at a time; `write` is called before this returns.
   */
  async transact(write: () => void): Promise<void> {
    if (this.#poison !== undefined) throw this.#poison
    try {
      write()
      const isOwner = await this.#write()
      if (!isOwner) throw new Error('the data folder was opened by another process since')
    } catch (error) {
      silenceCommitError(error)
      this.#poison ??= indeterminate(error)
      throw this.#poison
    }
    // A reader must not see the tree as it was before this commit and memory as it is after it.
    this.#root.resetReadTxn()
  }

  /**
   * Copy the environment as it is now into a folder that is there and empty, on a thread of its own:
   * commits go on meanwhile, and what they free stays taken until the copy is done.
   *
   * @param compact leave free pages out; takes more time
   */
  async copyTo(folder: string, compact: boolean): Promise<void> {
    await this.#root.backup(folder, compact)
  }

  /**
   * Let go of the pages that other processes were reading when they were killed: their slots would keep
   * all that has changed since.
   */
  forgetDeadReaders(): void {
    try {
      this.#root.readerCheck()
    } catch {
      // What was committed stands; the next check follows with the next window.
    }
  }

  /** The processes beside this one that are reading the environment, by their pids. */
  otherReaders(): readonly number[] {
    this.forgetDeadReaders()
    // A line of headings, then one for each reader that begins with its pid.
    const pids = [...this.#root.readerList().matchAll(/^\s*(\d+)\s/gm)].map(([, pid]) =>
      Number(pid),
    )
    return [...new Set(pids)].filter((pid) => pid !== process.pid)
  }

  /** Waits for a transaction in flight. */
  async close(): Promise<void> {
    await this.#root.close()
  }

  /** @returns false if nothing was written since the folder has another owner */
  #write(): Promise<boolean> {
    const changes = this.#changes
    this.#changes = []
    if (this.#epoch === undefined) throw new Error('raiseEpoch comes first')
    const key = metaKey('epoch')
    const written = this.#log.ifVersion(key, this.#epoch, () => {
      for (const { database, key, value } of changes) {
        if (value === undefined) void database.remove(key)
        else void database.put(key, value)
      }
    })
    // An empty block behind it: with a second operation in hand lmdb's writer starts now.
    this.#log.ifVersion(key, this.#epoch, nothing).catch(silenceCommitError)
    return written
  }

  #wrap(database: Database<Uint8Array, Uint8Array>): Tree {
    return {
      ...readsOf(database),
      put: (key, value) => {
        this.#changes.push({ database, key, value })
      },
      remove: (key) => {
        this.#changes.push({ database, key, value: undefined })
      },
    }
  }
}

export const environmentOptions = {
  overlappingSync: false,
  encoding: 'binary',
  keyEncoding: 'binary',
  maxDbs: 4,
} as const

export function databaseOptions(name: 'log' | 'data') {
  return { name, encoding: 'binary', keyEncoding: 'binary' } as const
}

/** What reads of a database see: the newest commit, or always the one of `transaction`. */
export function readsOf(
  database: Database<Uint8Array, Uint8Array>,
  transaction?: Transaction,
): ReadTree {
  return withDamageTold(rawReadsOf(database, transaction))
}

/** What lmdb throws of a damaged page is thrown as the error of a damaged journal. */
function withDamageTold(reads: ReadTree): ReadTree {
  return {
    get: (key) => {
      try {
        return reads.get(key)
      } catch (error) {
        throw asDamage(error)
      }
    },
    entries: (start, end, range) => toldOf(() => reads.entries(start, end, range)),
    keys: (start, end, range) => toldOf(() => reads.keys(start, end, range)),
  }
}

function* toldOf<T>(read: () => Iterable<T>): Generator<T, void, void> {
  try {
    yield* read()
  } catch (error) {
    throw asDamage(error)
  }
}

function rawReadsOf(
  database: Database<Uint8Array, Uint8Array>,
  transaction: Transaction | undefined,
): ReadTree {
  if (transaction === undefined) {
    // The shared read transaction may move on: an iterator that its caller never finishes must not
    // pin old pages, since a pinned reader makes the file grow for good.
    const moving = { snapshot: false }
    return {
      get: (key) => database.getBinary(key),
      entries: (start, end, range) =>
        database.getRange({ ...rangeOf(start, end, range), ...moving }),
      keys: (start, end, range) => database.getKeys({ ...rangeOf(start, end, range), ...moving }),
    }
  }
  return {
    get: (key) => database.get(key, { transaction }),
    entries: (start, end, range) =>
      database.getRange({ ...rangeOf(start, end, range), transaction }),
    keys: (start, end, range) => database.getKeys({ ...rangeOf(start, end, range), transaction }),
  }
}

function nothing(): void {
  // An empty block.
}

/** lmdb's backward ranges run from `start` down to `end`: both of its own bounds are turned around. */
function rangeOf(start: Uint8Array, end: Uint8Array, { reverse, limit }: TreeRange = {}) {
  return {
    ...(reverse === true
      ? { start: end, end: start, reverse, exclusiveStart: true, inclusiveEnd: true }
      : { start, end }),
    ...(limit === undefined ? {} : { limit }),
  }
}

/** What failed a commit, a damaged page for one, rather than that it has failed. */
async function throwCommitError(error: unknown): Promise<never> {
  if (typeof error === 'object' && error !== null && 'commitError' in error) {
    // It tells of the cause in a promise that it rejects by then.
    await Promise.race([error.commitError, setTimeout(COMMIT_ERROR_MS)])
  }
  throw error
}

/** lmdb hangs a second promise on its error; unheard, its rejection would end the process. */
function silenceCommitError(error: unknown): void {
  if (typeof error !== 'object' || error === null || !('commitError' in error)) return
  const { commitError } = error
  if (commitError instanceof Promise) commitError.catch(() => undefined)
}
