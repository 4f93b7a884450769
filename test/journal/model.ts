import { expect } from 'vitest'
import { type Journal, type NewRecord, RecordKind } from '../../runtime/journal.ts'
import { readTexts, textOf } from './conformance.ts'

interface ModelRun {
  readonly records: NewRecord[]
  head: number
  processed: number
}

/** What a journal should hold: an array per run, a map of rows, and nothing clever. */
export class JournalModel {
  readonly runs = new Map<number, ModelRun>()
  readonly rows = new Map<string, string>()
  readonly requests: { hash: number; run: number; seq: number }[] = []
  highestRun = 0

  run(run: number): ModelRun {
    return this.runs.get(run) ?? { records: [], head: 0, processed: 0 }
  }

  apply(records: readonly NewRecord[], rows: readonly (readonly [string, string | null])[]): void {
    for (const record of records) {
      const run = this.run(record.run)
      this.runs.set(record.run, run)
      run.records.push(record)
      const last = record.kind === RecordKind.progress ? record.seq : record.seq + record.count - 1
      if (record.kind === RecordKind.inputs) run.head = last
      else run.processed = Math.max(run.processed, last)
      const { requests = [] } = record
      for (let i = 0; i < requests.length; i += 2) {
        this.requests.push({ hash: requests[i]!, run: record.run, seq: requests[i + 1]! })
      }
      this.highestRun = Math.max(this.highestRun, record.run)
    }
    for (const [key, value] of rows) {
      if (value === null) this.rows.delete(key)
      else this.rows.set(key, value)
    }
  }

  deleteRun(run: number): void {
    this.runs.delete(run)
  }

  /** The records from the first that holds or follows `fromSeq`, without progress. */
  texts(run: number, fromSeq: number): string[] {
    const { records } = this.run(run)
    const lastOf = (record: NewRecord) =>
      record.kind === RecordKind.progress ? record.seq : record.seq + record.count - 1
    const first = records.findIndex((record) => lastOf(record) >= fromSeq)
    if (first < 0) return []
    return records
      .slice(first)
      .filter(({ kind }) => kind !== RecordKind.progress)
      .map(textOf)
  }

  rowTexts(start: string, end: string, reverse: boolean): string[] {
    const found = [...this.rows]
      .filter(([key]) => key >= start && key < end)
      .sort(([a], [b]) => (a < b ? -1 : 1))
      .map(([key, value]) => `${key}=${value}`)
    return reverse ? found.reverse() : found
  }

  /** @throws if the journal differs in anything that can be read from it */
  compare(journal: Journal): void {
    expect(journal.nextRun).toBe(this.highestRun + 1)
    for (let run = 1; run <= this.highestRun; run += 1) {
      const { head, processed, records } = this.run(run)
      expect(journal.runState(run)).toEqual(records.length > 0 ? { head, processed } : undefined)
      for (const fromSeq of new Set([1, 2, Math.ceil(head / 2), head, head + 1])) {
        expect(readTexts(journal, run, fromSeq)).toEqual(this.texts(run, fromSeq))
      }
    }
    for (const [start, end] of [
      ['a', 'z'],
      ['b', 'cz'],
    ] as const) {
      for (const reverse of [false, true]) {
        expect(rowTextsOf(journal, start, end, reverse)).toEqual(this.rowTexts(start, end, reverse))
      }
    }
    for (const key of ['a1', 'b2', 'c3']) {
      const found = journal.getRow(Buffer.from(key))
      expect(found === undefined ? undefined : Buffer.from(found).toString()).toBe(
        this.rows.get(key),
      )
    }
    for (const hash of new Set(this.requests.map(({ hash }) => hash))) {
      const live = this.requests.filter(
        (request) => request.hash === hash && this.runs.has(request.run),
      )
      const found = journal.findRequest(hash).map(({ run, seq }) => `${run}:${seq}`)
      expect(found.sort()).toEqual(live.map(({ run, seq }) => `${run}:${seq}`).sort())
    }
  }

  unfinished(): [number, { head: number; processed: number }][] {
    return [...this.runs]
      .filter(([, { head, processed }]) => processed < head)
      .map(([run, { head, processed }]): [number, { head: number; processed: number }] => [
        run,
        { head, processed },
      ])
      .sort(([a], [b]) => a - b)
  }
}

function rowTextsOf(journal: Journal, start: string, end: string, reverse: boolean): string[] {
  const range = { start: Buffer.from(start), end: Buffer.from(end), reverse }
  return [...journal.rows(range)].map(
    ([key, value]) => `${Buffer.from(key).toString()}=${Buffer.from(value).toString()}`,
  )
}
