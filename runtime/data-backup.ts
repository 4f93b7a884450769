import { randomUUID } from 'node:crypto'
import { chmod, mkdir, open, readdir, rename, rm, stat } from 'node:fs/promises'
import { basename, dirname, join, resolve } from 'node:path'
import { writeChecksum } from './backup-checksum.ts'
import {
  type DataFolderFormat,
  makeFolder,
  readFormat,
  syncFolder,
  writeFormat,
} from './data-folder.ts'
import { SignalboxError } from './errors.ts'
import { journalFolder, SnapshotTrees } from './journal-snapshot.ts'

/** A backup that is complete and durable. */
export interface BackupResult {
  /** The folder, as an absolute path: a data folder like any other. */
  readonly path: string
  readonly bytes: number
}

export interface BackupOptions {
  /** Leave out the pages that are free in the original: a smaller copy that takes longer. Default false. */
  readonly compact?: boolean
}

interface ChecksumOption {
  /** Read the whole copy once more for its checksum, on this thread: not beside signals. Default false. */
  readonly withChecksum?: boolean
}

/** Copies an LMDB environment into a folder that is there and empty. */
export type CopyJournal = (folder: string, compact: boolean) => Promise<void>

/**
 * Make a backup of a folder that is stopped or open in another process, with the checksum of its file.
 *
 * @throws SignalboxError with SIGNALBOX_ERR_INVALID_ARGUMENT if something is at `target` already,
 *   SIGNALBOX_ERR_DATA_DIR_INCOMPATIBLE if `dataDir` is no data folder
 */
export async function backupData(
  dataDir: string,
  target: string,
  options: BackupOptions = {},
): Promise<BackupResult> {
  const trees = await SnapshotTrees.open(dataDir)
  try {
    const format = (await readFormat(dataDir)) as DataFolderFormat
    const copy: CopyJournal = (folder, compact) => trees.copyTo(folder, compact)
    return await writeBackup(target, format, copy, { ...options, withChecksum: true })
  } finally {
    await trees.close()
  }
}

/**
 * Make a folder that is a copy of a data folder.
 *
 * Guarantee: whatever happens meanwhile, there is either the whole backup at `target`, durable, or
 * nothing. It is made beside it, in a folder whose name says so, and gets its name when it is complete;
 * a backup that was killed leaves that folder, which may be deleted.
 *
 * @throws SignalboxError with SIGNALBOX_ERR_INVALID_ARGUMENT if something is there already
 */
export async function writeBackup(
  target: string,
  format: DataFolderFormat,
  copy: CopyJournal,
  { compact = false, withChecksum = false }: BackupOptions & ChecksumOption = {},
): Promise<BackupResult> {
  const path = resolve(target)
  if (!(await isFree(path))) throw isTaken(path)
  await makeFolder(dirname(path))
  const partial = join(dirname(path), `${basename(path)}.partial-${randomUUID()}`)
  await mkdir(journalFolder(partial), { recursive: true, mode: 0o700 })
  try {
    await copy(journalFolder(partial), compact)
    const bytes = await makeDurable(journalFolder(partial))
    const { format: version, shards } = format
    if (withChecksum) await writeChecksum(partial)
    await writeFormat(partial, { format: version, shards })
    await rename(partial, path).catch((error: NodeJS.ErrnoException) => {
      throw error.code === 'ENOTEMPTY' || error.code === 'EEXIST' ? isTaken(path) : error
    })
    await syncFolder(dirname(path))
    return { path, bytes }
  } catch (error) {
    await rm(partial, { recursive: true, force: true })
    throw error
  }
}

/** Fsync a copied environment, readable for its owner alone. @returns its size */
export async function makeDurable(folder: string): Promise<number> {
  const file = join(folder, 'data.mdb')
  await chmod(file, 0o600)
  const handle = await open(file, 'r+')
  try {
    await handle.sync()
  } finally {
    await handle.close()
  }
  await syncFolder(folder)
  return (await stat(file)).size
}

async function isFree(path: string): Promise<boolean> {
  try {
    return (await readdir(path)).length === 0
  } catch (error) {
    if (error instanceof Error && 'code' in error) {
      if (error.code === 'ENOENT') return true
      if (error.code === 'ENOTDIR') return false
    }
    throw error
  }
}

function isTaken(path: string): SignalboxError {
  return new SignalboxError(
    'SIGNALBOX_ERR_INVALID_ARGUMENT',
    `${path} is there already; a backup goes into a folder of its own`,
    { fields: { path } },
  )
}
