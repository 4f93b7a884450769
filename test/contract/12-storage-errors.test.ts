import { type ChildProcess, spawn, spawnSync } from 'node:child_process'
import { createInterface } from 'node:readline'
import path from 'node:path'
import { fileURLToPath } from 'node:url'
import { describe, expect, onTestFinished, test } from 'vitest'
import { openEngine, openGatedEngine } from '../fixtures/engine-lab.ts'
import { eventually } from '../fixtures/eventually.ts'
import { Lab, numbers, temporaryFolder } from '../fixtures/lab.ts'
import { MemoryJournalStore, openMemoryJournal } from '../../runtime/journal-memory.ts'
import { add, collector, finish, items } from '../fixtures/workflows.ts'
import type { Told } from '../fixtures/writer-process.ts'

const indeterminate = { code: 'SIGNALBOX_ERR_INDETERMINATE', status: 'UNAVAILABLE' }
const poisoned = { code: 'SIGNALBOX_ERR_RUNTIME_POISONED', status: 'UNAVAILABLE' }

describe('12 A storage error stops acknowledgements', () => {
  test('who waits for the commit that failed is told that its outcome is not known', async () => {
    const store = new MemoryJournalStore()
    let told: unknown
    const lab = await openEngine(openMemoryJournal(store), {
      onPoisoned: (error) => {
        told = error
      },
    })
    onTestFinished(() => lab.close())
    const handle = await lab.client.start(collector, { workflowId: 'w' })
    await handle.signal(add, 1)
    const result = handle.result()
    result.catch(() => undefined)

    store.breakDown(new Error('ENOSPC: no space left on device'))
    const waiting = [
      handle.signal(add, 2),
      handle.signal({ signal: add, requestId: 'r' }, 3),
      handle.signal({ signal: add, waitFor: 'processed' }, 4),
      handle.cancel(),
      lab.client.start(collector, { workflowId: 'other' }),
      lab.client.signalWithStart(collector, { workflowId: 'third', signal: add, signalArgs: [1] }),
    ]
    for (const outcome of await Promise.allSettled(waiting)) {
      expect(outcome).toMatchObject({ status: 'rejected', reason: indeterminate })
    }
    await expect(result).rejects.toMatchObject(poisoned)
    expect(told).toMatchObject(poisoned)
    expect(lab.engine.state).toBe('poisoned')
    for (const call of [
      () => handle.signal(add, 5),
      () => handle.query(items),
      () => handle.describe(),
      () => handle.terminate(),
      () => lab.client.start(collector, { workflowId: 'more' }),
    ]) {
      await expect(call()).rejects.toMatchObject(poisoned)
    }
    // Not even when storage works again: nobody knows what is in it.
    store.failure = undefined
    await expect(handle.signal(add, 6)).rejects.toMatchObject(poisoned)
    await lab.close()

    const reopened = await openEngine(openMemoryJournal(store))
    onTestFinished(() => reopened.close())
    const again = reopened.client.getHandle<typeof collector>('w')
    expect(await again.query(items)).toEqual([1])
    await again.signal({ signal: add, requestId: 'r' }, 3)
    await again.signal(finish)
    expect(await again.result()).toEqual([1, 3])
  })

  test('nobody waits for ever: held requests, queries and waiters are all told', async () => {
    const { client, gate, store } = await openGatedEngine()
    const handle = await client.start(collector, { workflowId: 'w' })
    const unhandled = handle.signal({ signal: add, waitFor: 'processed' }, 1)
    await unhandled
    gate.holdWhen((batch) => batch.records.some(({ kind }) => kind === 2))
    await handle.signal(finish)
    await eventually('the close is being written', () => gate.waiting > 0)
    const calls = [
      handle.signal(add, 'held'),
      handle.signal(add, 'held too'),
      handle.describe(),
      handle.query(items),
      handle.result(),
      client.signalWithStart(collector, { workflowId: 'w', signal: add, signalArgs: ['held'] }),
    ]
    store.breakDown(new Error('EIO'))
    gate.release()
    for (const outcome of await Promise.allSettled(calls)) {
      expect(outcome).toMatchObject({
        status: 'rejected',
        reason: {
          code: expect.stringMatching(/_(RUNTIME_POISONED|INDETERMINATE)$/) as string,
        },
      })
    }
  })

  // A limit on the size of files is a full disk that needs no privileges.
  const canLimit = spawnSync('sh', ['-c', 'ulimit -S -f 100000']).status === 0
  test.skipIf(!canLimit)(
    'with a full disk everything acknowledged is readable, and more once there is space',
    async () => {
      const dataDir = path.join(await temporaryFolder(), 'data')
      const acknowledged = new Map<number, number>()
      let rounds = 0
      // 24 and 32 MiB in units of 512 bytes, or twice that where the shell counts kibibytes.
      for (const limit of [49_152, 65_536]) {
        const writer = startWriter(dataDir, limit)
        const lines = await finished(writer)
        const errors = new Set<string>()
        for (const line of lines) {
          if (line.is === 'acknowledged') acknowledged.set(line.n, line.workflow)
          if (line.is === 'refused') errors.add(line.code)
        }
        expect([...errors].toSorted()).toEqual([
          'SIGNALBOX_ERR_INDETERMINATE',
          'SIGNALBOX_ERR_RUNTIME_POISONED',
        ])
        expect(lines.at(-1)).toEqual({ is: 'closed', state: 'poisoned' })
        rounds++
      }
      expect(rounds).toBe(2)
      expect(acknowledged.size).toBeGreaterThan(100)

      const lab = Lab.at(dataDir)
      const { client } = await lab.open()
      for (const workflow of numbers(5)) {
        const handle = client.workflow.getHandle(`w${workflow}`)
        const seen = (await handle.query(items)).map((item) => Number.parseInt(String(item), 10))
        expect(seen).toEqual([...new Set(seen)].toSorted((a, b) => a - b))
        const expected = [...acknowledged].filter(([, at]) => at === workflow).map(([n]) => n)
        expect(expected.filter((n) => !seen.includes(n))).toEqual([])
        await handle.signal(add, 'after')
      }
    },
    60_000,
  )
})

function startWriter(dataDir: string, limit: number): ChildProcess {
  const script = fileURLToPath(new URL('../fixtures/writer-process.ts', import.meta.url))
  const command = `ulimit -S -f ${limit} && exec "$0" "$@"`
  const writer = spawn(
    'sh',
    ['-c', command, process.execPath, '--import', 'tsx', script, dataDir],
    { stdio: ['ignore', 'pipe', 'inherit'] },
  )
  onTestFinished(() => {
    writer.kill('SIGKILL')
  })
  return writer
}

async function finished(writer: ChildProcess): Promise<Told[]> {
  const lines: Told[] = []
  if (writer.stdout === null) throw new Error('the writer has no output')
  for await (const line of createInterface({ input: writer.stdout })) {
    lines.push(JSON.parse(line) as Told)
  }
  return lines
}
