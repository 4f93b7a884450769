import { mkdir, readdir, readFile, writeFile } from 'node:fs/promises'
import path from 'node:path'
import { describe, expect, test } from 'vitest'
import { Lab, numbers, temporaryFolder } from '../fixtures/lab.ts'

const ids = ['a', 'b', 'c', 'd', 'e', 'f', 'g', 'h']

/** Sends each workflow its own numbers in order, several in flight, until it is told to stop. */
class Load {
  readonly acknowledged = new Map(ids.map((id) => [id, 0]))
  #stopped = false
  readonly #senders: Promise<void>[]

  constructor(runtime: Awaited<ReturnType<Lab['open']>>) {
    this.#senders = ids.map(async (id) => {
      const handle = runtime.client.workflow.getHandle(id)
      for (let n = 0; !this.#stopped; n += 10) {
        await Promise.all(
          numbers(10, n).map((item) =>
            handle.signal({ signal: 'add', requestId: `${id}-${item}` }, item),
          ),
        )
        this.acknowledged.set(id, n + 10)
      }
    })
  }

  async stop(): Promise<void> {
    this.#stopped = true
    await Promise.all(this.#senders)
  }
}

async function until(condition: () => boolean): Promise<void> {
  while (!condition()) await new Promise((resolve) => setTimeout(resolve, 5))
}

describe('a backup of a runtime under load', () => {
  test.each([false, true])(
    'has of each workflow all that was acknowledged before it, in order and without a gap (compact: %s)',
    async (compact) => {
      const lab = await Lab.create()
      const runtime = await lab.open()
      for (const workflowId of ids) await runtime.client.workflow.start('collector', { workflowId })
      const load = new Load(runtime)
      const folder = await temporaryFolder()
      const sent = () => Math.min(...load.acknowledged.values())
      await until(() => sent() >= 200)
      const targets = ['one', 'two', 'three'].map((name) => path.join(folder, 'deep', name))
      const before: Map<string, number>[] = []
      for (const target of targets) {
        before.push(new Map(load.acknowledged))
        const result = await runtime.backup(target, { compact })
        expect(result.path).toBe(target)
        expect(result.bytes).toBeGreaterThan(0)
      }
      const during = sent()
      await until(() => sent() > during + 100)
      await load.stop()
      await lab.close()
      // Nothing of its making is left beside it.
      expect((await readdir(path.join(folder, 'deep'))).sort()).toEqual(['one', 'three', 'two'])
      for (const [i, target] of targets.entries()) {
        const restored = Lab.at(target)
        const copy = await restored.open()
        for (const id of ids) {
          const handle = copy.client.workflow.getHandle(id)
          const seen = await handle.query<number[]>('items')
          expect(seen).toEqual(numbers(seen.length))
          const atLeast = before[i]?.get(id) ?? Infinity
          expect(seen.length).toBeGreaterThanOrEqual(atLeast)
          // It goes on where the copy ends, and knows what it was sent before.
          await handle.signal(
            { signal: 'add', requestId: `${id}-${seen.length - 1}` },
            seen.length - 1,
          )
          await handle.signal({ signal: 'add', requestId: `${id}-${seen.length}` }, seen.length)
          await handle.signal('finish')
          expect(await handle.result()).toEqual(numbers(seen.length + 1))
        }
        await restored.close()
      }
    },
    120_000,
  )
})

describe('a backup', () => {
  test('goes into an empty folder, and never over anything', async () => {
    const lab = await Lab.create()
    const runtime = await lab.open()
    await runtime.client.workflow.start('collector', { workflowId: 'a' })
    const folder = await temporaryFolder()
    const file = path.join(folder, 'file')
    await writeFile(file, 'mine')
    await mkdir(path.join(folder, 'full'))
    await writeFile(path.join(folder, 'full', 'file'), 'mine')
    await mkdir(path.join(folder, 'empty'))
    for (const name of ['file', 'full']) {
      await expect(runtime.backup(path.join(folder, name))).rejects.toMatchObject({
        code: 'SIGNALBOX_ERR_INVALID_ARGUMENT',
        fields: { path: path.join(folder, name) },
      })
    }
    await runtime.backup(path.join(folder, 'empty'))
    await expect(runtime.backup(path.join(folder, 'empty'))).rejects.toMatchObject({
      code: 'SIGNALBOX_ERR_INVALID_ARGUMENT',
    })
    expect(await readFile(file, 'utf8')).toBe('mine')
    expect((await readdir(folder)).sort()).toEqual(['empty', 'file', 'full'])
  })

  test('may be under way when the runtime closes', async () => {
    const lab = await Lab.create()
    const runtime = await lab.open()
    await runtime.client.workflow.start('collector', { workflowId: 'a' })
    const target = path.join(await temporaryFolder(), 'copy')
    const backup = runtime.backup(target)
    await lab.close()
    await backup
    const copy = await Lab.at(target).open()
    expect(await copy.client.workflow.getHandle('a').query('items')).toEqual([])
    await expect(runtime.backup(`${target}-2`)).rejects.toMatchObject({
      code: 'SIGNALBOX_ERR_RUNTIME_CLOSED',
    })
  })
})
