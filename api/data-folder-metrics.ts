import { lstat, readdir, statfs } from 'node:fs/promises'
import path from 'node:path'
import { Gauge, type Registry } from 'prom-client'

const BLOCK_BYTES = 512

/** Register what a data folder takes of its disk, and what is left there. Of a folder that is not there, nothing. */
export function registerDataFolderMetrics(registry: Registry, dataDir: string): void {
  const gauge = (name: string, help: string, read: () => Promise<number>): void => {
    // oxlint-disable-next-line no-new -- it registers itself
    new Gauge({
      name,
      help,
      registers: [registry],
      async collect() {
        this.reset()
        const value = await unlessMissing(read())
        if (value === undefined) this.remove()
        else this.set(value)
      },
    })
  }
  gauge('signalbox_data_bytes', 'Bytes that the files of the data folder take on disk.', () =>
    bytesOf(dataDir),
  )
  gauge('signalbox_data_free_bytes', 'Bytes free on the disk of the data folder.', async () => {
    const { bavail, bsize } = await statfs(dataDir)
    return bavail * bsize
  })
}

async function bytesOf(folder: string): Promise<number> {
  const entries = await readdir(folder, { recursive: true, withFileTypes: true })
  const sizes = entries
    .filter((entry) => entry.isFile())
    .map((entry) => unlessMissing(lstat(path.join(entry.parentPath, entry.name))))
  let bytes = 0
  for (const stats of await Promise.all(sizes)) bytes += (stats?.blocks ?? 0) * BLOCK_BYTES
  return bytes
}

async function unlessMissing<T>(found: Promise<T>): Promise<T | undefined> {
  try {
    return await found
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return undefined
    throw error
  }
}
