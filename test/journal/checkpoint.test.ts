import { cp } from 'node:fs/promises'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { logRowKey, logRowsEnd, metaKey, requestBucketKey } from '../../runtime/journal-keys.ts'
import { openLmdbJournal } from '../../runtime/journal-lmdb.ts'
import { decodeCheckpoint } from '../../runtime/journal-meta.ts'
import { JournalTrees } from '../../runtime/journal-tree.ts'
import type { Journal, NewRecord } from '../../runtime/journal.ts'
import { compareWithModel } from './compare-with-model.ts'
import { JournalModel } from './model.ts'
import { batch, commands, inputs, progress, readTexts } from './records.ts'
import { lmdbStore, temporaryFolder } from './stores.ts'

/** Commit to both. */
async function commit(
  journal: Journal,
  model: JournalModel,
  records: readonly NewRecord[],
  rows: readonly (readonly [string, string | null])[] = [],
): Promise<void> {
  await journal.commit(batch(records, rows))
  model.apply(records, rows)
}

describe('a checkpoint', () => {
  // Each commit of the second part carries one unit of work, so round n crashes after n units.
  const rounds = Array.from({ length: 30 }, (_, i) => i)
  it.each(rounds)(
    'may be cut off after %i slices and done again with more to do',
    async (units) => {
      const store = await lmdbStore({ logWindowRows: 6, checkpointSliceMs: 0 })
      try {
        const model = new JournalModel()
        let journal = await store.open()
        const text = 'x'.repeat(9_000)
        await commit(journal, model, [
          inputs(1, 1, 4),
          inputs(2, 1, 1, text),
          inputs(2, 2, 1, text),
        ])
        await commit(
          journal,
          model,
          [progress(1, 1), commands(2, 1), inputs(3, 1, 1)],
          [['a1', 'x']],
        )
        await journal.commit(batch([], [], [3]))
        model.deleteRun(3)
        await commit(journal, model, [progress(1, 2), inputs(4, 1, 1)], [['b1', 'y']])
        // A value of run 5 starts with progress that no longer counts the second time.
        const full = inputs(5, 1, 3, 'x'.repeat(16_250))
        await commit(journal, model, [full, progress(5, 1), commands(5, 2)])
        for (let i = 0; i < units; i += 1) {
          await commit(journal, model, [inputs(4, 2 + i, 1)], [['c1', `${i}`]])
        }
        journal = await store.crash()
        compareWithModel(journal, model)
        const more = [progress(1, 3), inputs(2, 3, 1, text), progress(5, 3)]
        await commit(journal, model, more, [['a1', null]])
        await commit(journal, model, [progress(1, 4), commands(2, 2)])
        await journal.close()
        compareWithModel(await store.open(), model)
      } finally {
        await store.dispose()
      }
    },
  )

  it('leaves nothing of the log and its own traces when the journal has closed', async () => {
    const folder = await temporaryFolder()
    try {
      const model = new JournalModel()
      const journal = await openLmdbJournal({ dataDir: folder.path, logWindowRows: 10 })
      for (let i = 1; i <= 300; i += 1) {
        const request = { ...inputs(1, i, 1), requests: [i * 7_919, i] }
        await commit(journal, model, [request, commands(1, i)], [[`a${i}`, `${i}`]])
      }
      await journal.close()
      const trees = await JournalTrees.open(join(folder.path, 'journal'), 2 ** 30)
      expect([...trees.log.keys(logRowKey(0), logRowsEnd)]).toEqual([])
      expect(trees.log.get(metaKey('freeze'))).toBeUndefined()
      const checkpoint = decodeCheckpoint(trees.log.get(metaKey('checkpoint'))!)
      expect(checkpoint).toMatchObject({ nextRun: 2, carriedParts: 0 })
      expect(checkpoint.garbage).toBeUndefined()
      // The buckets and filters of merged generations are gone as well.
      const ids = checkpoint.generations.map(({ id }) => id)
      const keys = trees.data.keys(requestBucketKey(0, 0), Uint8Array.of(0x42))
      const found = new Set([...keys].map((key) => Buffer.from(key).readUIntBE(1, 6)))
      expect([...found].sort((a, b) => a - b)).toEqual(ids.sort((a, b) => a - b))
      await trees.close()
    } finally {
      await folder.dispose()
    }
  })

  it('comes by time alone where commits leave no pause and fill no window', async () => {
    const folder = await temporaryFolder()
    const copy = await temporaryFolder()
    try {
      const never = 2 ** 31 - 1
      const options = { logWindowMs: 20, restBytes: 0, restMs: never }
      const journal = await openLmdbJournal({ dataDir: folder.path, ...options })
      const until = performance.now() + 10 * options.logWindowMs
      let commits = 0
      while (commits < 200 || performance.now() < until) {
        commits += 1
        await journal.commit(batch([inputs(1, commits, 1)]))
      }
      // As it is now: closing would move the log in any case.
      await cp(join(folder.path, 'journal'), join(copy.path, 'journal'), { recursive: true })
      await journal.close()
      const trees = await JournalTrees.open(join(copy.path, 'journal'), 2 ** 30)
      const rows = [...trees.log.keys(logRowKey(0), logRowsEnd)].length
      await trees.close()
      expect(rows).toBeLessThan(commits)
    } finally {
      await folder.dispose()
      await copy.dispose()
    }
  })

  it('never puts a row into the tree that is deleted before it', async () => {
    const folder = await temporaryFolder()
    try {
      const journal = await openLmdbJournal({ dataDir: folder.path })
      await journal.commit(
        batch(
          [],
          [
            ['kept', '1'],
            ['gone', '2'],
          ],
        ),
      )
      await journal.commit(batch([], [['gone', null]]))
      await journal.close()
      const trees = await JournalTrees.open(join(folder.path, 'journal'), 2 ** 30)
      const keys = [...trees.data.keys(Uint8Array.of(0), Uint8Array.of(0xff))]
      expect(keys.map((key) => Buffer.from(key.subarray(1)).toString())).toEqual(['kept'])
      await trees.close()
    } finally {
      await folder.dispose()
    }
  })
})

describe('a run with a long tail in the log', () => {
  it('is read from anywhere, again and again, while it grows', async () => {
    const store = await lmdbStore()
    try {
      const model = new JournalModel()
      const journal = await store.open()
      for (let i = 0; i < 20; i += 1) {
        const first = i * 50 + 1
        const records = Array.from({ length: 50 }, (_, k) => inputs(1, first + k, 1))
        await commit(journal, model, [...records, commands(1, i * 20 + 1, 20)])
        for (const fromSeq of [1, 2, first - 1, first, first + 25, first + 50]) {
          expect(readTexts(journal, 1, fromSeq)).toEqual(model.texts(1, fromSeq))
        }
      }
    } finally {
      await store.dispose()
    }
  })
})

describe('request ids beyond memory', () => {
  it('are found through every merge, and those of deleted runs go', async () => {
    const store = await lmdbStore({ logWindowRows: 1 })
    try {
      let journal = await store.open()
      // 140 generations: merged into the second and third tier; some large, some of one entry.
      const sizes = Array.from({ length: 140 }, (_, i) => (i % 9 === 0 ? 700 : 1 + (i % 3)))
      const expected = new Map<number, { run: number; seq: number }>()
      for (const [i, size] of sizes.entries()) {
        const run = i + 1
        const requests: number[] = []
        for (let seq = 1; seq <= size; seq += 1) {
          const hash = run * 1_000_003 + seq * 7
          requests.push(hash, seq)
          expected.set(hash, { run, seq })
        }
        await journal.commit(batch([{ ...inputs(run, 1, size), requests }]))
        if (i === 50) await journal.commit(batch([], [], [1, 20]))
      }
      for (const reopen of [false, true]) {
        if (reopen) {
          await journal.close()
          journal = await store.open()
        }
        for (const [hash, location] of expected) {
          const found = journal.findRequest(hash)
          const isDeleted = location.run === 1 || location.run === 20
          expect(found, `hash ${hash}`).toEqual(isDeleted ? [] : [location])
        }
        for (let hash = 1; hash < 2_000; hash += 1) expect(journal.findRequest(hash)).toEqual([])
      }
    } finally {
      await store.dispose()
    }
  })
})
