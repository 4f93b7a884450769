import { copyFileSync, mkdirSync, openSync, readdirSync, readSync, closeSync } from 'node:fs'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type LmdbJournalOptions, openLmdbJournal } from '../../runtime/journal-lmdb.ts'
import { MemoryJournalStore, openMemoryJournal } from '../../runtime/journal-memory.ts'
import { openSnapshot } from '../../runtime/journal-snapshot.ts'
import type { Journal } from '../../runtime/journal.ts'
import type { JournalUnderTest } from './conformance.ts'

export function memoryStore(): Promise<JournalUnderTest> {
  const store = new MemoryJournalStore()
  const open = () => Promise.resolve(openMemoryJournal(store))
  return Promise.resolve({ open, crash: open, dispose: () => Promise.resolve() })
}

/** A folder that is removed by `dispose`. */
export async function temporaryFolder(): Promise<{ path: string; dispose(): Promise<void> }> {
  const path = await mkdtemp(join(tmpdir(), 'signalbox-journal-'))
  return { path, dispose: () => rm(path, { recursive: true, force: true }) }
}

/** LMDB in a temporary folder. A crash opens a copy of the folder, as a kill would leave it. */
export async function lmdbStore(
  options: Omit<LmdbJournalOptions, 'dataDir'> = {},
): Promise<JournalUnderTest> {
  const folder = await temporaryFolder()
  const opened: Journal[] = []
  let generation = 0
  let snapshots = 0
  const dataDir = () => join(folder.path, `data-${generation}`)
  const open = async () => {
    const journal = await openLmdbJournal({ dataDir: dataDir(), ...options })
    opened.push(journal)
    return journal
  }
  return {
    open,
    crash: () => {
      const before = dataDir()
      generation += 1
      copyFolder(before, dataDir())
      return open()
    },
    snapshot: async () => {
      // Of a copy: lmdb shares the environment of a path within a process.
      snapshots += 1
      const copy = join(folder.path, `snapshot-${snapshots}`)
      copyFolder(dataDir(), copy)
      return openSnapshot(copy)
    },
    dispose: async () => {
      for (const journal of opened) await journal.close()
      await folder.dispose()
    },
  }
}

/**
 * Copy a data folder as it is on disk now, without its owner: what a kill at this moment leaves.
 * LMDB writes a transaction to unused pages and then one of its two meta pages, so a copy is whole
 * if these have not changed while it was made.
 */
export function copyFolder(from: string, to: string): void {
  mkdirSync(join(to, 'journal'), { recursive: true })
  const data = join(from, 'journal', 'data.mdb')
  for (;;) {
    const before = metaPages(data)
    copyFileSync(data, join(to, 'journal', 'data.mdb'))
    if (Buffer.compare(before, metaPages(data)) === 0) break
  }
  for (const name of readdirSync(from)) {
    if (name === 'signalbox.json') copyFileSync(join(from, name), join(to, name))
  }
}

function metaPages(file: string): Buffer {
  const pages = Buffer.alloc(2 * 4_096)
  const descriptor = openSync(file, 'r')
  readSync(descriptor, pages, 0, pages.length, 0)
  closeSync(descriptor)
  return pages
}
