import { mkdtemp, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { folderPrefix } from './harness.ts'

/** What only the caller can mend: it is told of without a stack. */
export class MistakenOptionError extends Error {
  override name = 'MistakenOptionError'
}

/** What fails on the way is owed to the option; all of it is tried before minutes are spent. */
export async function tryOption<T>(option: string, use: () => Promise<T>): Promise<T> {
  try {
    return await use()
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error)
    throw new MistakenOptionError(`${option}: ${reason}`, { cause: error })
  }
}

/** Data folders are made there by the processes of the scenarios, each of which would fail otherwise. */
export async function tryDataFolder(dir: string): Promise<void> {
  await rm(await mkdtemp(join(dir, folderPrefix)), { recursive: true })
}
