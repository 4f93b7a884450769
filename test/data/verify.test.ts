import { spawn } from 'node:child_process'
import { cpSync, readFileSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import { SignalboxError } from 'signalbox'
import { expect, onTestFinished, test } from 'vitest'
import { type Damage, verifyData, type VerifyReport } from '../../runtime/data-verify.ts'
import { dataKeyKind, logRowKey, logRowsEnd } from '../../runtime/journal-keys.ts'
import { openLmdbJournal } from '../../runtime/journal-lmdb.ts'
import { SnapshotTrees } from '../../runtime/journal-snapshot.ts'
import { eventually } from '../fixtures/eventually.ts'
import { Lab, numbers, temporaryFolder } from '../fixtures/lab.ts'
import { seededRandom } from '../fixtures/seeded-random.ts'
import { copyFolder } from '../journal/stores.ts'
import { batch, inputs } from '../journal/records.ts'

async function verify(dataDir: string): Promise<VerifyReport & { found: Damage[] }> {
  const found: Damage[] = []
  const report = await verifyData(dataDir, { onDamage: (damage) => found.push(damage) })
  expect(report.damages).toBe(found.length)
  return { ...report, found }
}

test('every flipped bit of a history, a log row or a block of request ids is found', async () => {
  const lab = await Lab.create()
  const { client } = await lab.open({ code: 'retention-workflows.ts' })
  for (const n of numbers(30)) {
    await client.workflow.start('leaver', { workflowId: `w${n}`, args: [1], requestId: `r${n}` })
    await client.workflow
      .getHandle(`w${n}`)
      .signal({ signal: 'say', requestId: `s${n}` }, `text ${n}`)
  }
  // In use: all of it is in the log. Closed: in the tree.
  const folder = await temporaryFolder()
  copyFolder(lab.dataDir, path.join(folder, 'log'))
  await lab.close()
  cpSync(lab.dataDir, path.join(folder, 'tree'), { recursive: true })
  const seed = 20_261_125
  const random = seededRandom(seed)
  for (const kind of ['log', 'tree']) {
    const origin = path.join(folder, kind)
    expect((await verify(origin)).found).toEqual([])
    const trees = await SnapshotTrees.open(origin)
    const values: Buffer[] = []
    for (const { value } of trees.log.entries(logRowKey(0), logRowsEnd))
      values.push(Buffer.from(value))
    for (const { key, value } of trees.data.entries(Buffer.of(0), Buffer.of(255))) {
      if (dataKeyKind(key) !== 'row') values.push(Buffer.from(value))
    }
    await trees.close()
    const bytes = readFileSync(path.join(origin, 'journal', 'data.mdb'))
    for (let round = 0; round < 40; round++) {
      const value = values[Math.floor(random() * values.length)] ?? Buffer.alloc(0)
      const offset = Math.floor(random() * value.length)
      const damaged = Buffer.from(bytes)
      for (let at = damaged.indexOf(value); at >= 0; at = damaged.indexOf(value, at + 1)) {
        damaged[at + offset]! ^= 1 << Math.floor(random() * 8)
      }
      const copy = path.join(folder, `${kind}-${round}`)
      cpSync(origin, copy, { recursive: true })
      writeFileSync(path.join(copy, 'journal', 'data.mdb'), damaged)
      const { found } = await verify(copy)
      expect(found.length, `seed ${seed}, ${kind}, round ${round}`).toBeGreaterThan(0)
    }
  }
}, 240_000)

test('what does not fit together is found', async () => {
  const dataDir = path.join(await temporaryFolder(), 'data')
  const journal = await openLmdbJournal({ dataDir })
  // Records that are no inputs, without a summary; and an id that names no run.
  await journal.commit(batch([inputs(7, 1, 1)], [['\u0001default\u0000w', '12345678']]))
  await journal.close()
  const { found } = await verify(dataDir)
  expect(found).toEqual(
    expect.arrayContaining([
      expect.objectContaining({ place: expect.stringMatching(/^row .* of the table workflowId/) }),
      expect.objectContaining({ place: 'run 7' }),
    ]),
  )
})

test('deletions that are killed leave each workflow whole or gone, and go on', async () => {
  const dataDir = path.join(await temporaryFolder(), 'data')
  const script = fileURLToPath(new URL('../fixtures/retention-process.ts', import.meta.url))
  const started: string[] = []
  for (let round = 0; round < 4; round++) {
    const child = spawn(process.execPath, ['--import', 'tsx', script, dataDir, String(round)], {
      stdio: ['ignore', 'pipe', 'inherit'],
    })
    onTestFinished(() => void child.kill('SIGKILL'))
    for await (const line of createInterface({ input: child.stdout })) {
      if (line === 'deleting') break
      started.push(line)
    }
    await new Promise((resolve) => setTimeout(resolve, 40 * round))
    child.kill('SIGKILL')
    await new Promise((resolve) => child.once('exit', resolve))
    expect((await verify(dataDir)).found).toEqual([])
  }
  expect(started.length).toBeGreaterThan(100)
  const lab = Lab.at(dataDir)
  const { client, service } = await lab.open({ code: 'retention-workflows.ts', retention: '1 s' })
  await eventually('everything closed is gone', async () => {
    return (await service.countWorkflows({})).count === 1
  })
  expect((await client.workflow.getHandle('open').describe()).status).toBe('RUNNING')
  for (const id of started) {
    await expect(client.workflow.getHandle(id).describe()).rejects.toThrow(SignalboxError)
  }
  await lab.close()
  expect(await verify(dataDir)).toMatchObject({ found: [], runs: 1 })
}, 240_000)
