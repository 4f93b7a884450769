import { createHash } from 'node:crypto'
import { createReadStream } from 'node:fs'
import { readFile, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'

/** In a backup that was never opened: what `sha256sum --check` reads. */
const checksumFile = 'backup.sha256'
const dataFile = 'journal/data.mdb'

/**
 * Note the SHA-256 of a backup's journal beside it, so that any change of a bit is found, also where LMDB
 * keeps what has no checksum of its own. The whole file is read.
 */
export async function writeChecksum(dataDir: string): Promise<void> {
  const line = `${await hashOf(dataDir)}  ${dataFile}\n`
  await writeFile(join(dataDir, checksumFile), line, { mode: 0o600, flush: true })
}

/** The folder is about to be written: from then on it is no longer the backup that it was. */
export async function removeChecksum(dataDir: string): Promise<void> {
  await rm(join(dataDir, checksumFile), { force: true })
}

/** @returns whether the journal is still as the backup was made; undefined if nothing says how it was */
export async function matchesChecksum(dataDir: string): Promise<boolean | undefined> {
  let text: string
  try {
    text = await readFile(join(dataDir, checksumFile), 'utf8')
  } catch (error) {
    // One that is there and cannot be read must not pass for none.
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined
    throw error
  }
  return text === `${await hashOf(dataDir)}  ${dataFile}\n`
}

async function hashOf(dataDir: string): Promise<string> {
  const hash = createHash('sha256')
  const bytes = createReadStream(join(dataDir, dataFile), { highWaterMark: 1024 * 1024 })
  for await (const part of bytes) hash.update(part as Buffer)
  return hash.digest('hex')
}
