import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import { expect, it } from 'vitest'
import { openLmdbJournal } from '../../runtime/journal-lmdb.ts'
import { compareWithModel } from './compare-with-model.ts'
import { crashBatch } from './crash-batch.ts'
import { JournalModel } from './model.ts'
import { temporaryFolder } from './stores.ts'

function spawnChild(dataDir: string, windowBytes: number): ChildProcess {
  const child = join(import.meta.dirname, 'crash-child.ts')
  const args = ['--import', 'tsx', child, dataDir, String(windowBytes)]
  return spawn(process.execPath, args, { stdio: ['ignore', 'pipe', 'inherit'] })
}

/** Kill the child once it has acknowledged `enough` more batches; the last number it printed. */
async function killAfter(child: ChildProcess, enough: number): Promise<number> {
  let text = ''
  let lines = 0
  child.stdout!.setEncoding('utf8')
  child.stdout!.on('data', (chunk: string) => {
    text += chunk
    lines += chunk.split('\n').length - 1
    if (lines >= enough) child.kill('SIGKILL')
  })
  const [, signal] = await once(child, 'close')
  expect(signal).toBe('SIGKILL')
  return Number(text.split('\n').at(-2))
}

// The goal: what was acknowledged is there after kill -9, nothing of a batch that was not written
// whole is, and order holds. A child is killed at a random moment of its commits, checkpoints and
// deletions of log rows; its journal must equal the model of the batches up to the last whole one.
it.each([300, 20_000, 64 * 2 ** 20])(
  'loses nothing acknowledged and shows nothing by halves after SIGKILL, window of %i bytes',
  async (windowBytes) => {
    const folder = await temporaryFolder()
    try {
      let acknowledged = 0
      for (let round = 0; round < 4; round += 1) {
        const child = spawnChild(folder.path, windowBytes)
        acknowledged = await killAfter(child, 1 + Math.floor(Math.random() * 400))
        // A copy is not needed: the lock of the dead child must not be in the way.
        const journal = await openLmdbJournal({ dataDir: folder.path, logWindowBytes: windowBytes })
        const row = journal.getRow(Buffer.from('number'))
        const written = Number(Buffer.from(row!).toString())
        expect(written).toBeGreaterThanOrEqual(acknowledged)
        const model = new JournalModel()
        for (let number = 1; number <= written; number += 1) {
          const { records, rows } = crashBatch(model, number)
          model.apply(records, rows)
        }
        compareWithModel(journal, model)
        const unfinished = [...journal.unfinishedRuns()].sort(([a], [b]) => a - b)
        expect(unfinished).toEqual(model.unfinished())
        await journal.close()
      }
      expect(acknowledged).toBeGreaterThan(0)
    } finally {
      await folder.dispose()
    }
  },
  60_000,
)
