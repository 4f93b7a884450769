import {
  type JournalBatch,
  type JournalReads,
  type JournalRecord,
  type NewRecord,
  RecordKind,
} from '../../runtime/journal.ts'

export function inputs(run: number, seq: number, count: number, text = 'i'): NewRecord {
  return { run, kind: RecordKind.inputs, seq, count, bytes: Buffer.from(`${text}${seq}`) }
}

export function commands(run: number, seq: number, count = 1): NewRecord {
  return { run, kind: RecordKind.commands, seq, count, bytes: Buffer.from(`c${seq}`) }
}

export function progress(run: number, seq: number): NewRecord {
  return { run, kind: RecordKind.progress, seq, count: 0, bytes: new Uint8Array(0) }
}

export function batch(
  records: readonly NewRecord[],
  rows: readonly (readonly [string, string | null])[] = [],
  deletedRuns: readonly number[] = [],
): JournalBatch {
  return {
    records,
    deletedRuns,
    rows: rows.map(([key, value]) => [
      Buffer.from(key),
      value === null ? null : Buffer.from(value),
    ]),
  }
}

/** Records as text; progress is left out, since only the last one matters. */
export function readTexts(journal: JournalReads, run: number, fromSeq = 1): string[] {
  const texts: string[] = []
  for (const record of journal.readRun(run, fromSeq)) {
    if (record.kind !== RecordKind.progress) texts.push(textOf(record))
  }
  return texts
}

export function textOf(record: JournalRecord): string {
  const { kind, seq, count } = record
  return `${kind}:${seq}+${count}:${Buffer.from(record.bytes).toString('latin1')}`
}

export function rowTexts(
  journal: JournalReads,
  start: string,
  end: string,
  options: { reverse?: boolean; limit?: number } = {},
): string[] {
  const range = { start: Buffer.from(start), end: Buffer.from(end), ...options }
  return [...journal.rows(range)].map(
    ([key, value]) => `${Buffer.from(key).toString()}=${Buffer.from(value).toString()}`,
  )
}
