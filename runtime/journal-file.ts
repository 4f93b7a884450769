import { open, type FileHandle } from 'node:fs/promises'
import { join } from 'node:path'
import { openDataFolder } from './data-folder.ts'
import { SignalboxError } from './errors.ts'

/** Where LMDB has what it says of a commit, in each of its two meta pages. */
const MAGIC = 0xbeefc0de
const magicAt = 24
const pageBytesAt = 48
const lastPageAt = 144
const transactionAt = 152
const metaBytes = 160
/** A file with a commit has both meta pages, of at least 4 KiB each. */
const smallestFile = 2 * 4_096

interface FileLength {
  readonly size: number
  /** By how much it is shorter than its newest commit says. */
  readonly missing: number
}

/**
 * LMDB maps its file and does not look how long it is: to read beyond its end ends the process by SIGBUS,
 * or keeps it spinning. A few missing pages say nothing: those at the end that a transaction took and gave
 * back are never written. More mean that the file was cut, as by a copy that did not come to its end.
 */
async function lengthOf(file: FileHandle): Promise<FileLength> {
  const { size } = await file.stat()
  const first = await metaAt(file, 0)
  if (first === undefined) return { size, missing: 0 }
  const second = await metaAt(file, first.pageBytes)
  const newest = second !== undefined && second.transaction > first.transaction ? second : first
  return { size, missing: Math.max(0, (newest.lastPage + 1) * newest.pageBytes - size) }
}

/** Undefined of what is no meta page that this knows: LMDB has the last word on it. */
async function metaAt(
  file: FileHandle,
  position: number,
): Promise<{ pageBytes: number; lastPage: number; transaction: number } | undefined> {
  const page = Buffer.alloc(metaBytes)
  const { bytesRead } = await file.read(page, 0, metaBytes, position)
  if (bytesRead < metaBytes || page.readUInt32LE(magicAt) !== MAGIC) return undefined
  return {
    pageBytes: page.readUInt32LE(pageBytesAt),
    lastPage: Number(page.readBigUInt64LE(lastPageAt)),
    transaction: Number(page.readBigUInt64LE(transactionAt)),
  }
}

/**
 * Give the file of a folder that this process owns the length that its newest commit says. What is
 * missing then reads as zeros, which LMDB takes for damage if it is part of a tree.
 *
 * @param path the folder of the LMDB environment; nothing happens if it is not there
 */
export async function completeFile(path: string): Promise<void> {
  await withFile(path, 'r+', async (file) => {
    const { size, missing } = await lengthOf(file)
    if (missing > 0) await file.truncate(size + missing)
  })
}

/**
 * The same for a program that only reads. A folder that is open elsewhere is left alone: its owner has
 * seen to it, and the file grows while we look.
 *
 * @throws SignalboxError with SIGNALBOX_ERR_JOURNAL_CORRUPT if there is no commit in it
 */
export async function completeIdleFile(dataDir: string, path: string): Promise<void> {
  const length = await withFile(path, 'r', lengthOf)
  if (length === undefined || (length.missing === 0 && length.size < smallestFile)) {
    throw new SignalboxError(
      'SIGNALBOX_ERR_JOURNAL_CORRUPT',
      `the journal in ${dataDir} is empty, or was cut: there is no commit in it`,
      { fields: { dataDir } },
    )
  }
  if (length.missing === 0) return
  try {
    const folder = await openDataFolder(dataDir)
    try {
      await completeFile(path)
    } finally {
      await folder.release()
    }
  } catch (error) {
    const isOpen = error instanceof SignalboxError && error.code === 'SIGNALBOX_ERR_DATA_DIR_LOCKED'
    if (!isOpen) throw error
  }
}

async function withFile<T>(
  path: string,
  flags: 'r' | 'r+',
  use: (file: FileHandle) => Promise<T>,
): Promise<T | undefined> {
  let file: FileHandle
  try {
    file = await open(join(path, 'data.mdb'), flags)
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined
    throw error
  }
  try {
    return await use(file)
  } finally {
    await file.close()
  }
}

/** BAD_TXN is what a read transaction says from the moment on at which it has met a damaged page. */
const damagePattern = /^MDB_(CORRUPTED|PAGE_NOTFOUND|INVALID|BAD_TXN)/

/**
 * {@link asDamage}, and what lmdb throws at opening when another process closes the environment, as its
 * last user, at that very moment: it takes the locks along with it. The next try finds nobody and makes new
 * ones.
 */
export function asOpenError(error: unknown): unknown {
  if (!(error instanceof Error) || error.message !== 'Invalid argument') return asDamage(error)
  return new SignalboxError(
    'SIGNALBOX_ERR_DATA_DIR_LOCKED',
    'another process was closing the data folder at the same moment: try again',
    { cause: error },
  )
}

/** What lmdb throws of a file that is damaged, as the error that says so; anything else as it is. */
export function asDamage(error: unknown): unknown {
  if (!(error instanceof Error) || !damagePattern.test(error.message)) return error
  return new SignalboxError(
    'SIGNALBOX_ERR_JOURNAL_CORRUPT',
    `the journal is damaged, or was cut: ${error.message}. Restore the data folder from a backup.`,
    { cause: error },
  )
}
