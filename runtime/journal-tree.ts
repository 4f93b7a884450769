import { chmod } from 'node:fs/promises'
import { join } from 'node:path'
import { type Database, open, type RootDatabase } from 'lmdb'
import { SignalboxError } from './errors.ts'
import { indeterminate } from './journal-batch-check.ts'
import { metaKey } from './journal-keys.ts'

/** One sorted map of an LMDB environment, with byte keys and byte values. */
export interface Tree {
  /** A copy of the value, or undefined. */
  get(key: Uint8Array): Uint8Array | undefined
  /** Entries with `start <= key < end`, or from the end backwards. Lazy; bytes are copies. */
  entries(start: Uint8Array, end: Uint8Array, options?: TreeRange): Iterable<TreeEntry>
  /** The keys alone of the same range. */
  keys(start: Uint8Array, end: Uint8Array, options?: TreeRange): Iterable<Uint8Array>
  /** Only inside {@link JournalTrees.transact}. */
  put(key: Uint8Array, value: Uint8Array): void
  /** Only inside {@link JournalTrees.transact}. A key that is not there is no error. */
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

/**
 * The LMDB environment of a data folder: the one place that knows lmdb. What it holds to, since
 * each was measured to lose or expose data otherwise:
 *
 * - `overlappingSync: false`: a commit is fsynced before it is visible or resolves, and one that
 *   failed never shows up later.
 * - No cache, write map, noSync or shared structures; values are our own bytes.
 * - Only `transaction()` with synchronous callbacks; a callback that throws half way would commit
 *   its first half, so everything is validated before.
 * - After a failed commit nothing is written any more: after a failed fsync the page cache can lie.
 */
export class JournalTrees {
  readonly log: Tree
  readonly data: Tree
  readonly #root: RootDatabase<Uint8Array, Uint8Array>
  #log: Database<Uint8Array, Uint8Array>
  #epoch: Uint8Array = new Uint8Array(0)
  #poison: SignalboxError | undefined

  constructor(root: RootDatabase<Uint8Array, Uint8Array>) {
    this.#root = root
    this.#log = root.openDB({ name: 'log', encoding: 'binary', keyEncoding: 'binary' })
    this.log = wrap(this.#log)
    this.data = wrap(root.openDB({ name: 'data', encoding: 'binary', keyEncoding: 'binary' }))
  }

  static async open(path: string, mapSizeBytes: number): Promise<JournalTrees> {
    const root = open<Uint8Array, Uint8Array>({
      path,
      overlappingSync: false,
      encoding: 'binary',
      keyEncoding: 'binary',
      mapSize: mapSizeBytes,
      maxDbs: 4,
      // @ts-expect-error: lmdb takes this option and its types lack it.
      permissionsMode: 0o600,
    })
    // Files of an earlier process may have been copied here with another mode.
    for (const file of ['data.mdb', 'lock.mdb']) await chmod(join(path, file), 0o600)
    return new JournalTrees(root)
  }

  /** The error that stopped all writing, if storage has failed. */
  get poison(): SignalboxError | undefined {
    return this.#poison
  }

  /** Make every later transaction check that `epoch` is still the one in the folder. */
  fence(epoch: Uint8Array): void {
    this.#epoch = epoch
  }

  /**
   * Run `write` in a transaction of its own. Resolved: fsynced. Rejected: nobody knows whether it is
   * on disk, and every later call rejects with the same SIGNALBOX_ERR_INDETERMINATE.
   */
  async transact(write: () => void): Promise<void> {
    if (this.#poison !== undefined) throw this.#poison
    try {
      await this.#root.transaction(() => {
        this.#checkEpoch()
        write()
      })
    } catch (error) {
      silenceCommitError(error)
      // The batch that lmdb makes around a transaction has a promise too, which rejects unheard.
      this.#root.committed.then(undefined, () => undefined)
      this.#poison ??= indeterminate(error)
      throw this.#poison
    }
    // A reader must not see the tree as it was before this commit and memory as it is after it.
    this.#root.resetReadTxn()
  }

  /** Waits for a transaction in flight. */
  async close(): Promise<void> {
    await this.#root.close()
  }

  #checkEpoch(): void {
    if (this.#epoch.length === 0) return
    const found = this.#log.getBinary(metaKey('epoch'))
    if (found !== undefined && Buffer.compare(found, this.#epoch) === 0) return
    throw new Error('the data folder was opened by another process since')
  }
}

function wrap(database: Database<Uint8Array, Uint8Array>): Tree {
  return {
    get: (key) => database.getBinary(key),
    entries: (start, end, range) => database.getRange(rangeOf(start, end, range)),
    keys: (start, end, range) => database.getKeys(rangeOf(start, end, range)),
    put: (key, value) => {
      // Inside a transaction this writes at once; its promise is resolved already.
      void database.put(key, value)
    },
    remove: (key) => {
      void database.remove(key)
    },
  }
}

/** lmdb's backward ranges run from `start` down to `end`: both of its own bounds are turned around. */
function rangeOf(start: Uint8Array, end: Uint8Array, { reverse, limit }: TreeRange = {}) {
  return {
    ...(reverse === true
      ? { start: end, end: start, reverse, exclusiveStart: true, inclusiveEnd: true }
      : { start, end }),
    ...(limit === undefined ? {} : { limit }),
    // The shared read transaction may move on: an iterator that its caller never finishes must not
    // pin old pages, since a pinned reader makes the file grow for good.
    snapshot: false,
  }
}

/** lmdb hangs a second promise on its error; unheard, its rejection would end the process. */
function silenceCommitError(error: unknown): void {
  if (typeof error !== 'object' || error === null || !('commitError' in error)) return
  const { commitError } = error
  if (commitError instanceof Promise) commitError.catch(() => undefined)
}
