import { expect } from 'vitest'
import type { JournalReads } from '../../runtime/journal.ts'
import type { JournalModel } from './model.ts'
import { readTexts, rowTexts } from './records.ts'

/** @throws if the journal differs from the model in anything that can be read from it */
export function compareWithModel(journal: JournalReads, model: JournalModel): void {
  expect(journal.nextRun).toBe(model.highestRun + 1)
  for (let run = 1; run <= model.highestRun; run += 1) {
    const { head, processed, records } = model.run(run)
    expect(journal.runState(run)).toEqual(records.length > 0 ? { head, processed } : undefined)
    for (const fromSeq of new Set([1, 2, Math.ceil(head / 2), head, head + 1])) {
      expect(readTexts(journal, run, fromSeq)).toEqual(model.texts(run, fromSeq))
    }
  }
  for (const [start, end] of [
    ['a', 'z'],
    ['b', 'cz'],
    // Rows that are read rarely, alone and with the others.
    ['é', 'ü5'],
    ['c', 'ÿ'],
  ] as const) {
    for (const reverse of [false, true]) {
      expect(rowTexts(journal, start, end, { reverse })).toEqual(
        model.rowTexts(start, end, reverse),
      )
    }
  }
  for (const key of ['a1', 'b2', 'c3', 'é1', 'ü2']) {
    const found = journal.getRow(Buffer.from(key))
    expect(found === undefined ? undefined : Buffer.from(found).toString()).toBe(
      model.rows.get(key),
    )
  }
  for (const hash of new Set(model.requests.map(({ hash }) => hash))) {
    const live = model.requests.filter(
      (request) => request.hash === hash && model.runs.has(request.run),
    )
    const found = journal.findRequest(hash).map(({ run, seq }) => `${run}:${seq}`)
    expect(found.sort()).toEqual(live.map(({ run, seq }) => `${run}:${seq}`).sort())
  }
}
