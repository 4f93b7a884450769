import { randomUUID } from 'node:crypto'
import {
  type FileHandle,
  link,
  mkdir,
  open,
  readdir,
  readFile,
  rename,
  stat,
  unlink,
} from 'node:fs/promises'
import { dirname, join, resolve } from 'node:path'
import {
  type DataFolderOwner,
  describeOwner,
  livenessOf,
  thisProcess,
} from './data-folder-owner.ts'
import { SignalboxError } from './errors.ts'
import { invalidOption } from './runtime-option-check.ts'

export interface DataFolderOptions {
  /** Shards of a new folder; an existing one keeps what it was made with. Default 256. */
  readonly shards?: number
  /**
   * How often the owner shows that it lives. An owner of which nothing else can be told, since it is
   * in another container or on another machine, counts as dead after five times this without a
   * sign. Default 1,000.
   */
  readonly heartbeatMs?: number
}

/** What a folder was made with; it cannot change. */
export interface DataFolderFormat {
  readonly format: number
  readonly shards: number
}

/** An open data folder: as long as it is not released, this process owns it. */
export interface DataFolder extends DataFolderFormat {
  readonly path: string
  /** Let another process open it. Idempotent. */
  release(): Promise<void>
}

/**
 * The folder format that this version makes. It reads those before, too, and makes them of this format:
 * 3 has the visibility index, which an older version would not keep in step; 4 has starts in a form that
 * an older version cannot read (stored-start.ts).
 */
export const dataFolderFormat = 4
const oldestFormat = 2
const formatFile = 'signalbox.json'

/**
 * Make the folder if it is not there (mode 0700, its parents fsynced), take it for this process and
 * check that this version can read it.
 *
 * @throws SignalboxError with SIGNALBOX_ERR_DATA_DIR_LOCKED, naming the owner in `fields`, or
 *   SIGNALBOX_ERR_DATA_DIR_INCOMPATIBLE, or SIGNALBOX_ERR_INVALID_OPTION if it is none and cannot be made
 */
export async function openDataFolder(
  dir: string,
  options: DataFolderOptions = {},
): Promise<DataFolder> {
  const path = resolve(dir)
  try {
    await makeFolder(path)
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error)
    throw invalidOption('dataDir', `cannot be used as a folder: ${why}`, error)
  }
  const lock = await OwnerLock.take(path, options.heartbeatMs ?? 1_000)
  try {
    const format = await readOrMakeFormat(path, options.shards ?? 256)
    return { ...format, path, release: () => lock.release() }
  } catch (error) {
    await lock.release()
    throw error
  }
}

/**
 * The owner of a folder is the one that wrote its highest `owner-<n>.json`.
 *
 * A file is made with its content by link(2), which fails if the number is taken: of two processes
 * that find the same owner dead, one gets the next number and the other finds an owner that lives.
 * The highest file is never deleted, only marked as released, so numbers never go back and a process
 * that was asleep since it looked cannot take a number that is out of date: it looks once more after
 * it has its file. Should a sleeping owner of another container be taken for dead all the same, the
 * journal's epoch keeps it from writing.
 */
class OwnerLock {
  readonly #owner: DataFolderOwner
  readonly #handle: FileHandle
  readonly #timer: NodeJS.Timeout
  #released: Promise<void> | undefined

  private constructor(owner: DataFolderOwner, handle: FileHandle, heartbeatMs: number) {
    this.#owner = owner
    this.#handle = handle
    this.#timer = setInterval(() => {
      const now = new Date()
      // A missed sign of life does no harm: the next one follows.
      handle.utimes(now, now).catch(() => undefined)
    }, heartbeatMs)
    this.#timer.unref()
  }

  static async take(path: string, heartbeatMs: number): Promise<OwnerLock> {
    const owner = await thisProcess()
    for (;;) {
      const highest = await highestNumber(path)
      if (highest > 0) await refuseLiving(path, ownerFile(path, highest), heartbeatMs)
      const file = ownerFile(path, highest + 1)
      const isMine = await createWithContent(path, file, owner)
      if (!isMine) continue
      if ((await highestNumber(path)) !== highest + 1) {
        await unlink(file)
        continue
      }
      for (let n = highest; n > 0 && n > highest - 8; n -= 1) {
        await unlink(ownerFile(path, n)).catch(ignoreMissing)
      }
      return new OwnerLock(owner, await open(file, 'r+'), heartbeatMs)
    }
  }

  release(): Promise<void> {
    this.#released ??= this.#release()
    return this.#released
  }

  /**
   * Overwrites a few bytes in place, since on a full disk nothing else may be possible. Should even
   * that fail, the folder stays taken until this process has ended: no reason to fail a close.
   */
  async #release(): Promise<void> {
    clearInterval(this.#timer)
    const text = JSON.stringify(this.#owner)
    const offset = Buffer.byteLength(text.slice(0, text.indexOf(held)))
    await this.#handle.write(released, offset).catch(() => undefined)
    await this.#handle.close()
  }
}

/** As long as one another. */
const held = '"released":false'
const released = '"released":true '

/** @throws SignalboxError unless the owner is known to be dead or shows no sign of life */
async function refuseLiving(path: string, file: string, heartbeatMs: number): Promise<void> {
  const owner = await readOwner(file)
  // It was replaced while we looked: the next look finds by whom.
  if (owner === undefined) return
  let liveness = await livenessOf(owner)
  if (liveness === 'unknown') {
    const before = await modifiedTime(file)
    await new Promise((done) => setTimeout(done, heartbeatMs * 5))
    liveness = (await modifiedTime(file)) === before ? 'dead' : 'alive'
  }
  if (liveness === 'dead') return
  throw new SignalboxError(
    'SIGNALBOX_ERR_DATA_DIR_LOCKED',
    `the data folder ${path} is open in ${describeOwner(owner)}; one process at a time can use it`,
    { fields: { dataDir: path, owner } },
  )
}

/** Who has the folder open, or may have: it is not known to be dead. */
export async function livingOwner(dir: string): Promise<DataFolderOwner | undefined> {
  const highest = await highestNumber(dir)
  const owner = highest === 0 ? undefined : await readOwner(ownerFile(dir, highest))
  return owner === undefined || (await livenessOf(owner)) === 'dead' ? undefined : owner
}

async function readOwner(file: string): Promise<DataFolderOwner | undefined> {
  const text = await readFile(file, 'utf8').catch(ignoreMissing)
  if (text === undefined) return undefined
  try {
    const owner: DataFolderOwner = JSON.parse(text)
    return owner
  } catch (error) {
    throw new SignalboxError(
      'SIGNALBOX_ERR_DATA_DIR_LOCKED',
      `the owner file ${file} is damaged; delete it once no process has the folder open`,
      { cause: error, fields: { file } },
    )
  }
}

async function readOrMakeFormat(path: string, shards: number): Promise<DataFolderFormat> {
  const found = await readFormat(path)
  if (found?.format === dataFolderFormat) return found
  const format = { format: dataFolderFormat, shards: found?.shards ?? shards }
  await writeFormat(path, format)
  return format
}

/** Make a folder one of this format, durably. */
export async function writeFormat(path: string, format: DataFolderFormat): Promise<void> {
  await rename(await writeTemporary(path, format), join(path, formatFile))
  await syncFolder(path)
}

/**
 * The format of a folder, whoever has it open; undefined if it is none of signalbox.
 *
 * @throws SignalboxError with SIGNALBOX_ERR_DATA_DIR_INCOMPATIBLE
 */
export async function readFormat(path: string): Promise<DataFolderFormat | undefined> {
  const file = join(path, formatFile)
  const text = await readFile(file, 'utf8').catch(ignoreMissing)
  if (text === undefined) return undefined
  const { format, shards: found } = parseFormat(file, text)
  if (format < oldestFormat || format > dataFolderFormat) {
    throw new SignalboxError(
      'SIGNALBOX_ERR_DATA_DIR_INCOMPATIBLE',
      `the data folder ${path} has format ${format}; this version of signalbox reads ${oldestFormat} to ${dataFolderFormat}`,
      { fields: { dataDir: path, format, supported: dataFolderFormat } },
    )
  }
  return { format, shards: found }
}

function parseFormat(file: string, text: string): DataFolderFormat {
  try {
    const { format, shards }: Partial<DataFolderFormat> = JSON.parse(text)
    if (Number.isInteger(format) && Number.isInteger(shards)) {
      return { format: Number(format), shards: Number(shards) }
    }
  } catch {
    // Reported below, as any other content that is not ours.
  }
  throw new SignalboxError(
    'SIGNALBOX_ERR_DATA_DIR_INCOMPATIBLE',
    `${file} is not a format file of signalbox`,
    { fields: { file } },
  )
}

/** Make the folder and its missing parents, each durable in the one above it. */
export async function makeFolder(path: string): Promise<void> {
  const first = await mkdir(path, { recursive: true, mode: 0o700 })
  if (first === undefined) return
  for (let made = path; made.length >= first.length; made = dirname(made)) {
    await syncFolder(made)
    await syncFolder(dirname(made))
  }
}

/** Make a new name in a folder survive power loss: LMDB never does this itself. */
export async function syncFolder(path: string): Promise<void> {
  const handle = await open(path, 'r')
  try {
    await handle.sync()
  } finally {
    await handle.close()
  }
}

async function createWithContent(path: string, file: string, content: object): Promise<boolean> {
  const temporary = await writeTemporary(path, content)
  try {
    await link(temporary, file)
    return true
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'EEXIST') return false
    throw error
  } finally {
    await unlink(temporary)
  }
}

/** A new file in the folder with this JSON, synced. */
async function writeTemporary(path: string, content: object): Promise<string> {
  const file = join(path, `${randomUUID()}.tmp`)
  const handle = await open(file, 'wx', 0o600)
  try {
    await handle.writeFile(`${JSON.stringify(content)}\n`)
    await handle.sync()
    return file
  } catch (error) {
    await unlink(file)
    throw error
  } finally {
    await handle.close()
  }
}

async function highestNumber(path: string): Promise<number> {
  const numbers = (await readdir(path)).map((name) => /^owner-(\d+)\.json$/.exec(name)?.[1] ?? 0)
  return Math.max(0, ...numbers.map(Number))
}

function ownerFile(path: string, number: number): string {
  return join(path, `owner-${number}.json`)
}

async function modifiedTime(file: string): Promise<number | undefined> {
  return (await stat(file).catch(ignoreMissing))?.mtimeMs
}

function ignoreMissing(error: unknown): undefined {
  if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return undefined
  throw error
}
