import { type NewRecord, RecordKind } from '../../runtime/journal.ts'
import { commands, inputs, progress, textOf } from './records.ts'

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

/** What kind of record, of which run, and how large; taken modulo what is possible. */
export type RecordSeed = readonly [what: number, pick: number, size: number]

/** Records that are valid one after the other, from the state of the model. */
export function recordsFrom(model: JournalModel, seeds: readonly RecordSeed[]): NewRecord[] {
  const records: NewRecord[] = []
  const states = new Map<number, { head: number; processed: number }>()
  let highest = model.highestRun
  for (const [what, pick, size] of seeds) {
    const live = [...new Set([...model.runs.keys(), ...states.keys()])]
    const isNew = live.length === 0 || what === 0
    const run = isNew ? highest + 1 : live[pick % live.length]!
    if (isNew) highest += 1
    const { head, processed } = states.get(run) ?? model.run(run)
    const state = { head, processed }
    states.set(run, state)
    if (what <= 4 || state.processed === state.head) {
      const count = 1 + (pick % 4)
      const text = 'x'.repeat(size === 40 ? 20_000 : size)
      const record = inputs(run, state.head + 1, count, text)
      const requests = size % 3 === 0 ? [pick % 97, state.head + count] : []
      records.push(requests.length > 0 ? { ...record, requests } : record)
      state.head += count
    } else {
      const seq = state.processed + 1
      const last = seq + (pick % (state.head - state.processed))
      records.push(what <= 7 ? commands(run, seq, last - seq + 1) : progress(run, last))
      state.processed = last
    }
  }
  return records
}
