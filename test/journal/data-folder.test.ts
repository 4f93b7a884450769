import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { readdir, readFile, stat, utimes, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { dataFolderFormat, openDataFolder } from '../../runtime/data-folder.ts'
import { openLmdbJournal } from '../../runtime/journal-lmdb.ts'
import { batch, inputs, readTexts } from './records.ts'
import { temporaryFolder } from './stores.ts'

let folder: { path: string; dispose(): Promise<void> }
let dataDir: string
let children: ChildProcess[] = []

beforeEach(async () => {
  folder = await temporaryFolder()
  dataDir = join(folder.path, 'parent', 'data')
})

afterEach(async () => {
  for (const child of children.splice(0)) await stop(child, 'SIGKILL')
  await folder.dispose()
})

interface Answer {
  readonly epoch?: number
  readonly code?: string
  readonly message?: string
  readonly fields?: { readonly owner: { readonly pid: number } }
}

/** Open the folder in another process; its answer, while it goes on holding the folder. */
async function openInChild(...args: string[]): Promise<{ child: ChildProcess; answer: Answer }> {
  const script = join(import.meta.dirname, 'lock-child.ts')
  const child = spawn(process.execPath, ['--import', 'tsx', script, dataDir, ...args], {
    stdio: ['pipe', 'pipe', 'inherit'],
  })
  children.push(child)
  const [line] = await once(createInterface(child.stdout), 'line')
  return { child, answer: JSON.parse(String(line)) }
}

async function stop(child: ChildProcess, how: 'SIGKILL' | 'gracefully'): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return
  const exited = once(child, 'exit')
  if (how === 'SIGKILL') child.kill('SIGKILL')
  else child.stdin!.end()
  await exited
}

const locked = (pid: number) =>
  expect.objectContaining({
    code: 'SIGNALBOX_ERR_DATA_DIR_LOCKED',
    message: expect.stringContaining(`process ${pid} (started 20`),
    fields: expect.objectContaining({ owner: expect.objectContaining({ pid }) }),
  })

async function ownerFiles(): Promise<string[]> {
  return (await readdir(dataDir)).filter((name) => name.startsWith('owner-'))
}

describe('a data folder has one owner', () => {
  it('within a process, until it is released', async () => {
    const first = await openDataFolder(dataDir)
    await expect(openDataFolder(dataDir)).rejects.toEqual(locked(process.pid))
    await expect(openLmdbJournal({ dataDir })).rejects.toEqual(locked(process.pid))
    await first.release()
    await first.release()
    const second = await openDataFolder(dataDir)
    await expect(openDataFolder(dataDir)).rejects.toEqual(locked(process.pid))
    await second.release()
    expect(await ownerFiles()).toHaveLength(1)
  })

  it('of many that open at once, in one process', async () => {
    for (let round = 0; round < 10; round += 1) {
      const attempts = Array.from({ length: 8 }, () => openDataFolder(dataDir))
      const settled = await Promise.allSettled(attempts)
      const opened = settled.flatMap((result) =>
        result.status === 'fulfilled' ? [result.value] : [],
      )
      expect(opened).toHaveLength(1)
      await opened[0]!.release()
    }
  })

  it('of several processes that open at once, also over a dead one', async () => {
    const { child } = await openInChild()
    await stop(child, 'SIGKILL')
    const results = await Promise.all([openInChild(), openInChild(), openInChild()])
    const opened = results.filter(({ answer }) => answer.epoch !== undefined)
    expect(opened).toHaveLength(1)
    for (const { answer } of results.filter((result) => !opened.includes(result))) {
      expect(answer).toMatchObject({
        code: 'SIGNALBOX_ERR_DATA_DIR_LOCKED',
        fields: { owner: { pid: opened[0]!.child.pid } },
      })
    }
  })

  it('and names it to another process', async () => {
    const journal = await openLmdbJournal({ dataDir })
    const { answer } = await openInChild()
    expect(answer).toEqual(locked(process.pid))
    await journal.commit(batch([inputs(1, 1, 1)]))
    await journal.close()
  })

  it('that may be killed, and the next open needs no help', async () => {
    const { child, answer } = await openInChild('1')
    await expect(openLmdbJournal({ dataDir })).rejects.toEqual(locked(child.pid!))
    await stop(child, 'SIGKILL')
    const journal = await openLmdbJournal({ dataDir })
    expect(journal.epoch).toBe(answer.epoch! + 1)
    expect(readTexts(journal, 1)).toEqual(['1:1+1:i1'])
    await journal.close()
  })

  it('that may close, and another process opens', async () => {
    const { child } = await openInChild('1')
    await stop(child, 'gracefully')
    const journal = await openLmdbJournal({ dataDir })
    expect(readTexts(journal, 1)).toEqual(['1:1+1:i1'])
    await journal.close()
  })
})

describe('an owner that is not what it seems', () => {
  /** As if the process had died without a release and something else were known of it. */
  async function forge(change: object): Promise<string> {
    const first = await openDataFolder(dataDir)
    const [name] = await ownerFiles()
    const file = join(dataDir, name!)
    const owner: object = JSON.parse(await readFile(file, 'utf8'))
    await first.release()
    await writeFile(file, JSON.stringify({ ...owner, ...change }))
    return file
  }

  it('is alive as forged here, which the other cases rest on', async () => {
    await forge({})
    await expect(openDataFolder(dataDir)).rejects.toEqual(locked(process.pid))
  })

  it('is dead if another process has its pid', async () => {
    await forge({ startTicks: '1' })
    await (await openDataFolder(dataDir)).release()
  })

  it('is dead if the machine was started anew', async () => {
    await forge({ bootId: 'another-boot' })
    await (await openDataFolder(dataDir)).release()
  })

  it.each([
    ['in another container', { pidNamespace: 'pid:[1]' }],
    ['on another machine', { bootId: 'another-boot', host: 'another-host' }],
  ])('%s is dead if it gives no sign of life', async (_name, change) => {
    await forge(change)
    await (await openDataFolder(dataDir, { heartbeatMs: 20 })).release()
  })

  it('in another container is alive as long as it gives signs', async () => {
    const file = await forge({ pidNamespace: 'pid:[1]' })
    const beat = setInterval(() => void utimes(file, new Date(), new Date()), 10)
    try {
      await expect(openDataFolder(dataDir, { heartbeatMs: 50 })).rejects.toEqual(
        locked(process.pid),
      )
    } finally {
      clearInterval(beat)
    }
  })

  it('gives such signs itself', async () => {
    const opened = await openDataFolder(dataDir, { heartbeatMs: 10 })
    const file = join(dataDir, (await ownerFiles())[0]!)
    const before = (await stat(file)).mtimeMs
    await expect.poll(async () => (await stat(file)).mtimeMs).toBeGreaterThan(before)
    await opened.release()
  })
})

it('a journal whose folder was taken over writes nothing more', async () => {
  const journal = await openLmdbJournal({ dataDir })
  await journal.commit(batch([inputs(1, 1, 1)]))
  // It is taken for dead while it is not, as a sleeping container might be.
  const file = join(dataDir, (await ownerFiles())[0]!)
  const owner: object = JSON.parse(await readFile(file, 'utf8'))
  await writeFile(file, JSON.stringify({ ...owner, startTicks: '1' }))
  const { child, answer } = await openInChild('2')
  expect(answer.epoch).toBe(journal.epoch + 1)

  const indeterminate = expect.objectContaining({ code: 'SIGNALBOX_ERR_INDETERMINATE' })
  const stale = { ...inputs(1, 2, 1, 'stale') }
  await expect(journal.commit(batch([stale]))).rejects.toEqual(indeterminate)
  await expect(journal.commit(batch([stale]))).rejects.toEqual(indeterminate)
  // What it had acknowledged can still be read from it.
  expect(readTexts(journal, 1)).toEqual(['1:1+1:i1'])
  await journal.close()
  await stop(child, 'gracefully')
  const again = await openLmdbJournal({ dataDir })
  expect(readTexts(again, 1)).toEqual(['1:1+1:i1', '1:2+1:i2'])
  await again.close()
})

describe('a data folder has a format', () => {
  it('with the shards it was made with', async () => {
    const made = await openLmdbJournal({ dataDir, shards: 64 })
    expect(made.shards).toBe(64)
    await made.close()
    const again = await openLmdbJournal({ dataDir })
    expect(again.shards).toBe(64)
    await again.close()
    const fresh = await openLmdbJournal({ dataDir: join(folder.path, 'fresh') })
    expect(fresh.shards).toBe(256)
    await fresh.close()
  })

  it.each([
    ['newer', JSON.stringify({ format: dataFolderFormat + 1, shards: 256 })],
    ['too old', JSON.stringify({ format: 1, shards: 256 })],
    ['unknown', 'not ours'],
  ])('and is refused if that is %s', async (_name, content) => {
    await (await openDataFolder(dataDir)).release()
    await writeFile(join(dataDir, 'signalbox.json'), content)
    const incompatible = expect.objectContaining({ code: 'SIGNALBOX_ERR_DATA_DIR_INCOMPATIBLE' })
    await expect(openLmdbJournal({ dataDir })).rejects.toEqual(incompatible)
    // The lock was let go of: it is the format again that is in the way.
    await expect(openLmdbJournal({ dataDir })).rejects.toEqual(incompatible)
  })

  it('of its own once a folder of the format before was opened', async () => {
    await (await openDataFolder(dataDir, { shards: 64 })).release()
    const file = join(dataDir, 'signalbox.json')
    await writeFile(file, JSON.stringify({ format: dataFolderFormat - 1, shards: 64 }))
    const folder = await openDataFolder(dataDir)
    expect(folder).toMatchObject({ format: dataFolderFormat, shards: 64 })
    await folder.release()
    expect(JSON.parse(await readFile(file, 'utf8'))).toEqual({
      format: dataFolderFormat,
      shards: 64,
    })
  })

  it('and is readable by its owner alone', async () => {
    const journal = await openLmdbJournal({ dataDir })
    for (const [path, mode] of [
      [dataDir, 0o700],
      [join(dataDir, 'journal'), 0o700],
      [join(dataDir, 'journal', 'data.mdb'), 0o600],
      [join(dataDir, 'journal', 'lock.mdb'), 0o600],
      [join(dataDir, 'signalbox.json'), 0o600],
      [join(dataDir, (await ownerFiles())[0]!), 0o600],
    ] as const) {
      expect((await stat(path)).mode & 0o777, path).toBe(mode)
    }
    await journal.close()
  })
})
