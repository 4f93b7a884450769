import { mkdir, rename, rm, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { removeChecksum } from './backup-checksum.ts'
import { makeDurable } from './data-backup.ts'
import { openDataFolder, readFormat, syncFolder } from './data-folder.ts'
import { SignalboxError } from './errors.ts'
import { type EnvironmentSizes, journalFolder, SnapshotTrees } from './journal-snapshot.ts'
import { JournalTrees } from './journal-tree.ts'

export interface CompactResult {
  readonly bytesBefore: number
  readonly bytesAfter: number
}

/**
 * Rewrite the file of a stopped data folder without its free pages.
 *
 * Guarantee: the file that is there is whole at every moment, the old one or the new one. The new one is
 * made beside it, made durable and counted through, and then takes the old one's name in one step. What a
 * killed attempt has left is removed by the next one.
 *
 * @throws SignalboxError with SIGNALBOX_ERR_DATA_DIR_LOCKED while a process has the folder open,
 *   SIGNALBOX_ERR_DATA_DIR_INCOMPATIBLE if it is no data folder
 */
export async function compactData(dataDir: string): Promise<CompactResult> {
  if ((await readFormat(dataDir)) === undefined) {
    throw new SignalboxError(
      'SIGNALBOX_ERR_DATA_DIR_INCOMPATIBLE',
      `${dataDir} is not a data folder of signalbox`,
      { fields: { dataDir } },
    )
  }
  const folder = await openDataFolder(dataDir)
  try {
    const path = journalFolder(folder.path)
    const fresh = `${path}-compacting`
    await rm(fresh, { recursive: true, force: true })
    await mkdir(fresh, { mode: 0o700 })
    const before = await copyCompact(path, fresh)
    const bytesBefore = (await stat(join(path, 'data.mdb'))).size
    const bytesAfter = await makeDurable(fresh)
    const after = await sizesOf(fresh)
    if (before.log.entries !== after.log.entries || before.data.entries !== after.data.entries) {
      throw new SignalboxError(
        'SIGNALBOX_ERR_JOURNAL_CORRUPT',
        'the compacted copy lacks entries of the original, which is as it was: verify it',
        { fields: { dataDir } },
      )
    }
    // LMDB's lock file tells of transactions in the old file. Whoever opens the new one makes another.
    await rm(join(path, 'lock.mdb'), { force: true })
    await removeChecksum(folder.path)
    await syncFolder(folder.path)
    await rename(join(fresh, 'data.mdb'), join(path, 'data.mdb'))
    await syncFolder(path)
    await rm(fresh, { recursive: true, force: true })
    return { bytesBefore, bytesAfter }
  } finally {
    await folder.release()
  }
}

/** @returns what the original has */
async function copyCompact(path: string, fresh: string): Promise<EnvironmentSizes> {
  const trees = await JournalTrees.open(path)
  try {
    const readers = trees.otherReaders()
    if (readers.length > 0) {
      throw new SignalboxError(
        'SIGNALBOX_ERR_DATA_DIR_LOCKED',
        `the folder is being read by process ${readers.join(', ')}`,
        { fields: { readers } },
      )
    }
    // An owner that was taken for dead must not write into a file that nobody will read.
    await trees.raiseEpoch()
    await trees.copyTo(fresh, true)
  } finally {
    await trees.close()
  }
  return sizesOf(path)
}

async function sizesOf(path: string): Promise<EnvironmentSizes> {
  const trees = SnapshotTrees.at(path)
  try {
    return trees.sizes()
  } finally {
    await trees.close()
  }
}
