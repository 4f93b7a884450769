import { access } from 'node:fs/promises'
import { join } from 'node:path'
import { type Database, open, type RootDatabase, type Transaction } from 'lmdb'
import { readFormat } from './data-folder.ts'
import { SignalboxError } from './errors.ts'
import { asOpenError, completeIdleFile } from './journal-file.ts'
import { type Recovered, recover } from './journal-recovery.ts'
import { RequestStore } from './journal-request-store.ts'
import { RunRecords } from './journal-run-records.ts'
import { databaseOptions, environmentOptions, readsOf, type Tree } from './journal-tree.ts'
import { JournalView } from './journal-view.ts'
import type { JournalReads } from './journal.ts'

/** The folder of the LMDB environment in a data folder: a name without a dot, or lmdb takes it for a file. */
export function journalFolder(dataDir: string): string {
  return join(dataDir, 'journal')
}

/**
 * The environment of a data folder as of one commit, for programs that only read: whether the folder
 * is stopped or open in another process makes no difference to either. While it is open, that process
 * reuses none of the pages that the snapshot sees, so its file grows by what is written meanwhile.
 */
export class SnapshotTrees {
  readonly log: Tree
  readonly data: Tree
  readonly #root: RootDatabase<Uint8Array, Uint8Array>
  readonly #log: Database<Uint8Array, Uint8Array>
  readonly #data: Database<Uint8Array, Uint8Array>
  readonly #transaction: Transaction

  private constructor(root: RootDatabase<Uint8Array, Uint8Array>) {
    this.#root = root
    this.#log = root.openDB(databaseOptions('log'))
    this.#data = root.openDB(databaseOptions('data'))
    this.#transaction = root.useReadTransaction()
    this.log = { ...readsOf(this.#log, this.#transaction), put: refuse, remove: refuse }
    this.data = { ...readsOf(this.#data, this.#transaction), put: refuse, remove: refuse }
  }

  /** Of the folder of an environment. */
  static at(path: string): SnapshotTrees {
    try {
      return new SnapshotTrees(open({ ...environmentOptions, path, readOnly: true }))
    } catch (error) {
      throw asOpenError(error)
    }
  }

  /** @throws SignalboxError with SIGNALBOX_ERR_DATA_DIR_INCOMPATIBLE if it is no data folder */
  static async open(dataDir: string): Promise<SnapshotTrees> {
    const path = journalFolder(dataDir)
    const isThere = await access(join(path, 'data.mdb')).then(
      () => true,
      () => false,
    )
    if (!isThere || (await readFormat(dataDir)) === undefined) {
      throw new SignalboxError(
        'SIGNALBOX_ERR_DATA_DIR_INCOMPATIBLE',
        `${dataDir} is not a data folder of signalbox: it has no journal`,
        { fields: { dataDir } },
      )
    }
    await completeIdleFile(dataDir, path)
    return SnapshotTrees.at(path)
  }

  /** How large it is; of one that is open elsewhere, as of now. */
  sizes(): EnvironmentSizes {
    const [log, data, all] = [this.#log, this.#data, this.#root].map(
      (database) => database.getStats() as LmdbStats,
    ) as [LmdbStats, LmdbStats, LmdbStats]
    const filePages = all.lastPageNumber + 1
    // LMDB's two meta pages come first.
    const used = 2 + pagesOf(all.root) + pagesOf(all.free) + pagesOf(log) + pagesOf(data)
    return {
      pageBytes: all.pageSize,
      filePages,
      freePages: Math.max(0, filePages - used),
      log: { entries: log.entryCount, pages: pagesOf(log) },
      data: { entries: data.entryCount, pages: pagesOf(data) },
    }
  }

  /** As `JournalTrees.copyTo`, of the newest commit. */
  async copyTo(folder: string, compact: boolean): Promise<void> {
    await this.#root.backup(folder, compact)
  }

  async close(): Promise<void> {
    this.#transaction.done()
    await this.#root.close()
  }
}

function refuse(): never {
  throw new SignalboxError('SIGNALBOX_ERR_INTERNAL', 'a snapshot cannot be written')
}

export interface TreeSizes {
  readonly entries: number
  readonly pages: number
}

export interface EnvironmentSizes {
  readonly pageBytes: number
  readonly filePages: number
  /** Pages that no commit uses any more, and later ones will. */
  readonly freePages: number
  readonly log: TreeSizes
  readonly data: TreeSizes
}

/** What lmdb tells of a tree, and its types lack. */
interface LmdbTree {
  readonly entryCount: number
  readonly treeBranchPageCount: number
  readonly treeLeafPageCount: number
  readonly overflowPages: number
}

interface LmdbStats extends LmdbTree {
  readonly pageSize: number
  readonly lastPageNumber: number
  readonly root: LmdbTree
  readonly free: LmdbTree
}

function pagesOf(tree: LmdbTree): number {
  return tree.treeBranchPageCount + tree.treeLeafPageCount + tree.overflowPages
}

/** The journal of a data folder as of one commit. */
export interface JournalSnapshot {
  readonly reads: JournalReads
  readonly trees: SnapshotTrees
  readonly recovered: Recovered
  close(): Promise<void>
}

/** @throws SignalboxError with SIGNALBOX_ERR_DATA_DIR_INCOMPATIBLE, SIGNALBOX_ERR_JOURNAL_CORRUPT */
export async function openSnapshot(dataDir: string): Promise<JournalSnapshot> {
  const trees = await SnapshotTrees.open(dataDir)
  try {
    const records = new RunRecords(trees.data)
    const recovered = recover(trees.log, records)
    const { log, checkpoint, carried, nextRun } = recovered
    const requests = new RequestStore(trees.data, checkpoint.generations)
    const view = new JournalView({
      tree: trees.data,
      log,
      records,
      requests,
      carried: (run) => carried.get(run),
    })
    const reads: JournalReads = {
      nextRun,
      readRun: (run, fromSeq) => view.readRun(run, fromSeq),
      runState: (run) => view.runState(run),
      getRow: (key) => view.getRow(key),
      rows: (range) => view.rows(range),
      findRequest: (hash) => view.findRequest(hash),
    }
    return { reads, trees, recovered, close: () => trees.close() }
  } catch (error) {
    await trees.close()
    throw error
  }
}
