import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { frameHeaderBytes } from '../../runtime/journal-frame.ts'
import { openLmdbJournal } from '../../runtime/journal-lmdb.ts'
import { batch, commands, inputs, readTexts } from './records.ts'
import { copyFolder, temporaryFolder } from './stores.ts'

/** Flip a bit at `offset` from every place where the file has this text; how many there were. */
function damage(dataDir: string, text: string, offset = 0): number {
  const file = join(dataDir, 'journal', 'data.mdb')
  const bytes = readFileSync(file)
  let places = 0
  for (let at = bytes.indexOf(text); at >= 0; at = bytes.indexOf(text, at + 1)) {
    bytes[at + offset]! ^= 0x10
    places += 1
  }
  writeFileSync(file, bytes)
  return places
}

async function inFolder(
  options: { readonly isClosed: boolean },
  test: (dataDir: string) => Promise<void>,
): Promise<void> {
  const folder = await temporaryFolder()
  try {
    const dataDir = join(folder.path, 'data')
    const journal = await openLmdbJournal({ dataDir })
    await journal.commit(batch([inputs(1, 1, 1), inputs(2, 1, 1, 'victim-one-'), commands(1, 1)]))
    await journal.commit(
      batch([inputs(1, 2, 1), inputs(2, 2, 1, 'victim-two-')], [['row', 'victim-row']]),
    )
    // Closed: a checkpoint has moved everything into the data tree. A copy: it is all in the log.
    if (!options.isClosed) copyFolder(dataDir, `${dataDir}-copy`)
    await journal.close()
    await test(options.isClosed ? dataDir : `${dataDir}-copy`)
  } finally {
    await folder.dispose()
  }
}

const corrupt = (fields: object) =>
  expect.objectContaining({
    code: 'SIGNALBOX_ERR_JOURNAL_CORRUPT',
    fields: expect.objectContaining(fields),
  })

describe.each([
  ['in the data tree', true],
  ['in the log', false],
])('a damaged record %s', (_name, isClosed) => {
  it('is found when its run is read, and harms no other run', () =>
    inFolder({ isClosed }, async (dataDir) => {
      expect(damage(dataDir, 'victim-two-')).toBeGreaterThan(0)
      const journal = await openLmdbJournal({ dataDir })
      expect(() => [...journal.readRun(2, 1)]).toThrow(corrupt({ run: 2 }))
      // What lies before the damage can still be had.
      const records = journal.readRun(2, 1)[Symbol.iterator]()
      expect(records.next().value.seq).toBe(1)
      expect(readTexts(journal, 1)).toEqual(['1:1+1:i1', '2:1+1:c1', '1:2+1:i2'])
      expect(journal.runState(2)).toEqual({ head: 2, processed: 0 })
      await journal.commit(batch([inputs(1, 3, 1), inputs(2, 3, 1)]))
      await journal.close()
      // A checkpoint carries the damage along; it does not heal it by leaving the record out.
      const again = await openLmdbJournal({ dataDir })
      expect(() => [...again.readRun(2, 1)]).toThrow(corrupt({ run: 2 }))
      expect(readTexts(again, 1)).toHaveLength(4)
      await again.close()
    }))
})

describe('damage that hides what was acknowledged', () => {
  it('in a header of the log fails the open and names the row', () =>
    inFolder({ isClosed: false }, async (dataDir) => {
      expect(damage(dataDir, 'victim-two-', 12 - frameHeaderBytes)).toBeGreaterThan(0)
      await expect(openLmdbJournal({ dataDir })).rejects.toEqual(corrupt({ row: 2 }))
      // The folder is free again: the failed open has let go of it.
      await expect(openLmdbJournal({ dataDir })).rejects.toEqual(corrupt({ row: 2 }))
    }))

  it('in an index row of the log fails the open', () =>
    inFolder({ isClosed: false }, async (dataDir) => {
      expect(damage(dataDir, 'victim-row')).toBeGreaterThan(0)
      await expect(openLmdbJournal({ dataDir })).rejects.toEqual(corrupt({ row: 2 }))
    }))

  it('in the state of a run is found when the run is asked for', () =>
    inFolder({ isClosed: true }, async (dataDir) => {
      // The state lies before the first frame of the value: 12 bytes of numbers, then the frame.
      const toState = -frameHeaderBytes - 12
      expect(damage(dataDir, 'victim-one-', toState)).toBeGreaterThan(0)
      const journal = await openLmdbJournal({ dataDir })
      await journal.commit(batch([inputs(1, 3, 1)]))
      expect(() => [...journal.readRun(2, 1)]).toThrow(corrupt({ run: 2 }))
      expect(readTexts(journal, 1)).toHaveLength(4)
      await journal.close()
    }))
})
