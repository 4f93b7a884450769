import { crc32 } from 'node:zlib'
import fc from 'fast-check'
import { expect, it } from 'vitest'
import { checksum } from '../../runtime/journal-checksum.ts'
import { sortSliced } from '../../runtime/journal-sliced-sort.ts'
import type { Journal } from '../../runtime/journal.ts'
import { batch, commands, inputs, readTexts, rowTexts } from './records.ts'
import { lmdbStore } from './stores.ts'

const runCount = 12_000

/** Odd runs have more than even ones; every third run has a request id; row keys are shuffled. */
async function fill(journal: Journal): Promise<void> {
  for (let turn = 1; turn <= 3; turn += 1) {
    for (let first = 1; first <= runCount; first += 4_000) {
      const runs = Array.from({ length: 4_000 }, (_, i) => first + i)
      const taking = runs.filter((run) => turn < 3 || run % 2 === 1)
      await journal.commit(
        batch(
          taking.flatMap((run) => [
            { ...inputs(run, turn, 1), requests: run % 3 === 0 ? [run * 10 + turn, turn] : [] },
            commands(run, turn),
          ]),
          runs.map((run) => [rowName(run), turn === 2 && run % 5 === 0 ? null : `${run}.${turn}`]),
        ),
      )
    }
  }
}

function rowName(run: number): string {
  return `row-${(run * 7_919) % runCount}`
}

function check(journal: Journal): void {
  expect(journal.nextRun).toBe(runCount + 1)
  for (let run = 1; run <= runCount; run += 1) {
    const turns = run % 2 === 1 ? 3 : 2
    const expected = Array.from({ length: turns }, (_, i) => [
      `1:${i + 1}+1:i${i + 1}`,
      `2:${i + 1}+1:c${i + 1}`,
    ]).flat()
    const texts = readTexts(journal, run)
    if (texts.join() !== expected.join()) expect(texts, `run ${run}`).toEqual(expected)
    const state = journal.runState(run)
    if (state?.head !== turns || state.processed !== turns) expect(state).toEqual(turns)
    const found = journal.findRequest(run * 10 + 2)
    if (found.length !== (run % 3 === 0 ? 1 : 0)) expect(found, `run ${run}`).toEqual([])
  }
  const names = Array.from({ length: runCount }, (_, i) => [rowName(i + 1), i + 1] as const)
  const expected = names
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([name, run]) => `${name}=${run}.3`)
  expect(rowTexts(journal, 'row-', 'row.').join()).toBe(expected.join())
}

// The goal: tables that grow, sorts in several segments and values of several frames hold more runs,
// rows and requests than the other tests have.
it.each([
  ['in the log', {}],
  ['across checkpoints', { logWindowBytes: 4 * 2 ** 20 }],
])('twelve thousand runs, rows and request ids are all there %s', async (_name, options) => {
  const store = await lmdbStore(options)
  try {
    const journal = await store.open()
    await fill(journal)
    check(journal)
    const crashed = await store.crash()
    check(crashed)
    await crashed.close()
    check(await store.open())
  } finally {
    await store.dispose()
  }
})

it('the checksum is the CRC-32 of zlib at every length and offset', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 400 }), fc.nat(30), (bytes, start) => {
      const from = Math.min(start, bytes.length)
      expect(checksum(bytes, from, bytes.length)).toBe(crc32(bytes.subarray(from)))
    }),
  )
})

it('numbers are sorted in slices as they are at once', () => {
  fc.assert(
    fc.property(fc.nat(20_000), fc.nat(1_000), (length, factor) => {
      const numbers = Float64Array.from({ length }, (_, i) => (i * 7_919 * factor) % 100_003)
      const work = sortSliced(numbers.slice())
      let next = work.next()
      while (next.done !== true) next = work.next()
      expect(next.value.join()).toBe(numbers.sort().join())
    }),
    { numRuns: 20 },
  )
})
