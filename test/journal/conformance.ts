import { describe, expect, it } from 'vitest'
import type { JournalSnapshot } from '../../runtime/journal-snapshot.ts'
import { type Journal, type JournalBatch, RecordKind } from '../../runtime/journal.ts'
import { batch, commands, inputs, progress, readTexts, rowTexts } from './records.ts'

/** A store that can be opened again and again; `crash` opens without closing what was open. */
export interface JournalUnderTest {
  open(): Promise<Journal>
  crash(): Promise<Journal>
  /** What a program sees that only reads the data as they are on disk now. */
  snapshot?(): Promise<JournalSnapshot>
  dispose(): Promise<void>
}

/** What every journal must do, whatever it is built on. */
export function describeJournal(name: string, make: () => Promise<JournalUnderTest>): void {
  async function withStore(test: (store: JournalUnderTest) => Promise<void>): Promise<void> {
    const store = await make()
    try {
      await test(store)
    } finally {
      await store.dispose()
    }
  }

  describe(`${name} keeps records`, () => {
    it('shows nothing of a commit before it resolves, and all of it after', () =>
      withStore(async (store) => {
        const journal = await store.open()
        const committed = journal.commit(batch([inputs(1, 1, 2)], [['k', 'v']]))
        expect(journal.runState(1)).toBeUndefined()
        expect(readTexts(journal, 1)).toEqual([])
        expect(journal.getRow(Buffer.from('k'))).toBeUndefined()
        expect(rowTexts(journal, 'a', 'z')).toEqual([])
        await committed
        expect(journal.runState(1)).toEqual({ head: 2, processed: 0 })
        expect(readTexts(journal, 1)).toEqual(['1:1+2:i1'])
        expect(rowTexts(journal, 'a', 'z')).toEqual(['k=v'])
      }))

    it('reads a run in commit order, whatever other runs do', () =>
      withStore(async (store) => {
        const journal = await store.open()
        await journal.commit(batch([inputs(1, 1, 1), inputs(2, 1, 3), inputs(1, 2, 2)]))
        await journal.commit(batch([commands(1, 1), inputs(2, 4, 1), inputs(1, 4, 1)]))
        await journal.commit(batch([commands(1, 2, 2), progress(1, 4)]))
        const expected = ['1:1+1:i1', '1:2+2:i2', '2:1+1:c1', '1:4+1:i4', '2:2+2:c2']
        expect(readTexts(journal, 1)).toEqual(expected)
        expect(readTexts(journal, 2)).toEqual(['1:1+3:i1', '1:4+1:i4'])
        expect(readTexts(journal, 3)).toEqual([])
      }))

    it('starts at the record that holds an input', () =>
      withStore(async (store) => {
        const journal = await store.open()
        await journal.commit(batch([inputs(1, 1, 2), inputs(1, 3, 4), commands(1, 1, 2)]))
        await journal.commit(batch([inputs(1, 7, 1), commands(1, 3, 1)]))
        const tail = ['1:3+4:i3', '2:1+2:c1', '1:7+1:i7', '2:3+1:c3']
        expect(readTexts(journal, 1, 2)).toEqual(['1:1+2:i1', ...tail])
        expect(readTexts(journal, 1, 3)).toEqual(tail)
        expect(readTexts(journal, 1, 6)).toEqual(tail)
        expect(readTexts(journal, 1, 7)).toEqual(tail.slice(2))
        expect(readTexts(journal, 1, 8)).toEqual([])
      }))

    it('knows the state of a run', () =>
      withStore(async (store) => {
        const journal = await store.open()
        expect(journal.runState(1)).toBeUndefined()
        await journal.commit(batch([inputs(1, 1, 5)]))
        await journal.commit(batch([commands(1, 1, 2)]))
        expect(journal.runState(1)).toEqual({ head: 5, processed: 2 })
        await journal.commit(batch([progress(1, 4), inputs(1, 6, 1)]))
        expect(journal.runState(1)).toEqual({ head: 6, processed: 4 })
      }))

    it('keeps bytes as they are, and its own copy of them', () =>
      withStore(async (store) => {
        const journal = await store.open()
        const large = Buffer.alloc(300_000, 'large')
        const small = Buffer.from([0, 255, 1, 254])
        const record = { run: 1, kind: RecordKind.inputs, count: 1 }
        const committed = journal.commit({
          records: [
            { ...record, seq: 1, bytes: small },
            { ...record, seq: 2, bytes: large },
            { ...record, seq: 3, bytes: new Uint8Array(0) },
          ],
          rows: [[Buffer.from([0, 255]), large]],
        })
        small.fill(7)
        await committed
        const read = [...journal.readRun(1, 1)].map(({ bytes }) => Buffer.from(bytes))
        const written = [Buffer.from([0, 255, 1, 254]), large, Buffer.alloc(0)]
        expect(read.map((bytes, i) => Buffer.compare(bytes, written[i]!))).toEqual([0, 0, 0])
        expect(Buffer.compare(journal.getRow(Buffer.from([0, 255]))!, large)).toBe(0)
        journal.getRow(Buffer.from([0, 255]))!.fill(1)
        expect(Buffer.compare(journal.getRow(Buffer.from([0, 255]))!, large)).toBe(0)
      }))

    it('accepts an empty batch', () =>
      withStore(async (store) => {
        const journal = await store.open()
        await journal.commit(batch([]))
        expect(journal.nextRun).toBe(1)
      }))
  })

  describe(`${name} refuses what must not reach the disk`, () => {
    const cases: [string, JournalBatch][] = [
      ['a gap in the inputs', batch([inputs(1, 3, 1)])],
      ['an input number that is taken', batch([inputs(1, 1, 1)])],
      ['a gap within the batch', batch([inputs(1, 2, 2), inputs(1, 5, 1)])],
      ['no inputs', batch([inputs(1, 2, 0)])],
      ['commands of a turn without input', batch([commands(1, 2)])],
      ['commands of a turn that has ended', batch([commands(2, 1)])],
      ['progress beyond the inputs', batch([progress(1, 2)])],
      ['a run number that is no number', batch([inputs(Number.NaN, 1, 1)])],
      ['an empty row key', batch([], [['', 'v']])],
      ['a row key that is too long', batch([], [['k'.repeat(1_901), 'v']])],
      ['a request of another input', batch([{ ...inputs(1, 2, 1), requests: [5, 3] }])],
      ['half a request', batch([{ ...inputs(1, 2, 1), requests: [5] }])],
    ]
    it.each(cases)('%s', (_name, wrong) =>
      withStore(async (store) => {
        const journal = await store.open()
        await journal.commit(batch([inputs(1, 1, 1), inputs(2, 1, 1), commands(2, 1)]))
        const good = inputs(9, 1, 1)
        const mixed = { records: [good, ...wrong.records], rows: wrong.rows }
        expect(() => journal.commit(mixed)).toThrow(
          expect.objectContaining({ code: 'SIGNALBOX_ERR_INTERNAL' }),
        )
        expect(journal.runState(9)).toBeUndefined()
        // Nothing of the refused batch has stayed: the same numbers are still free.
        await journal.commit(batch([good, inputs(1, 2, 1)]))
        expect(readTexts(journal, 9)).toEqual(['1:1+1:i1'])
        expect(readTexts(await store.crash(), 1)).toEqual(['1:1+1:i1', '1:2+1:i2'])
      }),
    )

    it('a second commit while one is in flight', () =>
      withStore(async (store) => {
        const journal = await store.open()
        const first = journal.commit(batch([inputs(1, 1, 1)]))
        expect(() => journal.commit(batch([inputs(2, 1, 1)]))).toThrow(/in flight/)
        await first
        await journal.commit(batch([inputs(2, 1, 1)]))
      }))
  })

  describe(`${name} keeps rows`, () => {
    it('gets, replaces and deletes by key', () =>
      withStore(async (store) => {
        const journal = await store.open()
        await journal.commit(
          batch(
            [],
            [
              ['a', '1'],
              ['b', '2'],
              ['a', '3'],
              ['c', '4'],
              ['c', null],
            ],
          ),
        )
        expect(rowTexts(journal, 'a', 'z')).toEqual(['a=3', 'b=2'])
        await journal.commit(
          batch(
            [],
            [
              ['a', null],
              ['d', ''],
            ],
          ),
        )
        expect(journal.getRow(Buffer.from('a'))).toBeUndefined()
        expect(rowTexts(journal, 'a', 'z')).toEqual(['b=2', 'd='])
      }))

    it('scans ranges forwards and backwards', () =>
      withStore(async (store) => {
        const journal = await store.open()
        const keys = ['a', 'a\0', 'aa', 'b', 'é', 'ÿ'].map((key) => [key, 'x'] as const)
        await journal.commit(batch([], keys.toReversed()))
        expect(rowTexts(journal, 'a', 'b')).toEqual(['a=x', 'a\0=x', 'aa=x'])
        expect(rowTexts(journal, 'a\0', 'é')).toEqual(['a\0=x', 'aa=x', 'b=x'])
        expect(rowTexts(journal, 'a', 'b', { reverse: true })).toEqual(['aa=x', 'a\0=x', 'a=x'])
        expect(rowTexts(journal, 'a', 'é', { reverse: true, limit: 2 })).toEqual(['b=x', 'aa=x'])
        expect(rowTexts(journal, 'aa', '\u{10ffff}', { limit: 2 })).toEqual(['aa=x', 'b=x'])
        expect(rowTexts(journal, 'b', 'a')).toEqual([])
        expect(rowTexts(journal, 'a', 'b', { limit: 0 })).toEqual([])
      }))
  })

  describe(`${name} finds requests`, () => {
    it('by hash, with every candidate', () =>
      withStore(async (store) => {
        const journal = await store.open()
        const large = 2 ** 53 - 1
        await journal.commit(
          batch([
            { ...inputs(1, 1, 3), requests: [77, 1, large, 3] },
            { ...inputs(2, 1, 1), requests: [77, 1] },
          ]),
        )
        expect(journal.findRequest(large)).toEqual([{ run: 1, seq: 3 }])
        expect(journal.findRequest(78)).toEqual([])
        expect(new Set(journal.findRequest(77))).toEqual(
          new Set([
            { run: 1, seq: 1 },
            { run: 2, seq: 1 },
          ]),
        )
        await journal.commit(batch([], [], [1]))
        expect(journal.findRequest(77)).toEqual([{ run: 2, seq: 1 }])
      }))
  })

  describe(`${name} opens again`, () => {
    it('with everything, after a close and after a crash', () =>
      withStore(async (store) => {
        const first = await store.open()
        await first.commit(
          batch([{ ...inputs(3, 1, 2), requests: [9, 2] }, commands(3, 1)], [['k', '1']]),
        )
        for (const reopen of [
          async () => {
            await first.close()
            return store.open()
          },
          () => store.crash(),
        ]) {
          const journal = await reopen()
          expect(readTexts(journal, 3)).toEqual(['1:1+2:i1', '2:1+1:c1'])
          expect(journal.runState(3)).toEqual({ head: 2, processed: 1 })
          expect(rowTexts(journal, 'a', 'z')).toEqual(['k=1'])
          expect(journal.findRequest(9)).toEqual([{ run: 3, seq: 2 }])
          expect(journal.nextRun).toBe(4)
          expect([...journal.unfinishedRuns()]).toEqual([[3, { head: 2, processed: 1 }]])
        }
      }))

    it('with a higher epoch', () =>
      withStore(async (store) => {
        const first = await store.open()
        await first.commit(batch([inputs(1, 1, 1)]))
        const second = await store.crash()
        expect(second.epoch).toBe(first.epoch + 1)
        await second.commit(batch([inputs(1, 2, 1, 'second')]))
        await second.close()
        const third = await store.open()
        expect(third.epoch).toBe(first.epoch + 2)
        expect(readTexts(third, 1)).toEqual(['1:1+1:i1', '1:2+1:second2'])
      }))

    it('and names exactly the runs whose work is unfinished', () =>
      withStore(async (store) => {
        const journal = await store.open()
        await journal.commit(batch([inputs(1, 1, 3), inputs(2, 1, 2), inputs(4, 1, 1)]))
        await journal.commit(batch([progress(1, 3), commands(2, 1), inputs(3, 1, 1)]))
        await journal.commit(batch([commands(3, 1), progress(4, 1), inputs(4, 2, 1)]))
        await journal.commit(batch([], [], [4]))
        const again = await store.crash()
        expect([...again.unfinishedRuns()]).toEqual([[2, { head: 2, processed: 1 }]])
        await again.commit(batch([progress(2, 2)]))
        await again.close()
        expect([...(await store.open()).unfinishedRuns()]).toEqual([])
      }))
  })

  describe(`${name} deletes runs`, () => {
    it('for good, with their rows in one commit, and not before it is durable', () =>
      withStore(async (store) => {
        const journal = await store.open()
        await journal.commit(
          batch([{ ...inputs(1, 1, 1), requests: [5, 1] }, inputs(2, 1, 1)], [['run', '2']]),
        )
        const deleted = journal.commit(batch([inputs(2, 2, 1)], [['run', null]], [1]))
        expect(readTexts(journal, 1)).toEqual(['1:1+1:i1'])
        expect(journal.findRequest(5)).toEqual([{ run: 1, seq: 1 }])
        await deleted
        for (const again of [journal, await store.crash(), await store.crash()]) {
          expect(readTexts(again, 1)).toEqual([])
          expect(again.runState(1)).toBeUndefined()
          expect(again.findRequest(5)).toEqual([])
          expect(readTexts(again, 2)).toEqual(['1:1+1:i1', '1:2+1:i2'])
          expect(rowTexts(again, 'a', 'z')).toEqual([])
          expect(again.nextRun).toBe(3)
        }
      }))

    it('and takes no more records of them, nor any in the same batch', () =>
      withStore(async (store) => {
        const journal = await store.open()
        await journal.commit(batch([inputs(1, 1, 1), inputs(2, 1, 1)]))
        expect(() => journal.commit(batch([inputs(2, 2, 1)], [], [2]))).toThrow(/deleted/)
        expect(readTexts(journal, 2)).toEqual(['1:1+1:i1'])
        await journal.commit(batch([], [], [2]))
        expect(() => journal.commit(batch([inputs(2, 2, 1)]))).toThrow(/deleted/)
        await journal.commit(batch([inputs(1, 2, 1)]))
        expect(readTexts(journal, 1)).toEqual(['1:1+1:i1', '1:2+1:i2'])
      }))
  })

  describe(`${name} closes`, () => {
    it('after the commit in flight, and twice if asked', () =>
      withStore(async (store) => {
        const journal = await store.open()
        const committed = journal.commit(batch([inputs(1, 1, 1)]))
        await Promise.all([journal.close(), journal.close(), committed])
        expect(() => journal.commit(batch([inputs(1, 2, 1)]))).toThrow(
          expect.objectContaining({ code: 'SIGNALBOX_ERR_RUNTIME_CLOSED' }),
        )
        expect(readTexts(await store.open(), 1)).toEqual(['1:1+1:i1'])
      }))
  })
}
