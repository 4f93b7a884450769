import { SignalboxError } from './errors.ts'
import { type NewRecord, RecordKind, type RunProgress } from './journal.ts'

/** Run and input numbers are stored in six bytes. */
export const maxJournalNumber = 2 ** 48 - 1
/** LMDB's bound on keys, less our prefix, with some room. */
export const maxRowKeyBytes = 1_900

/**
 * What must hold of a record before any of its batch is written, given the state its run has after
 * the records before it. The engine numbers inputs and commits turns in order by its own rules; this
 * is the last gate, so that a defect there stops one commit and does not reach the disk.
 *
 * @throws SignalboxError with SIGNALBOX_ERR_INTERNAL
 */
export function checkRecord(record: NewRecord, head: number, processed: number): void {
  const { run, kind, seq, count } = record
  if (!isStorable(run) || !isStorable(seq)) refuse(record, 'its numbers are out of range')
  switch (kind) {
    case RecordKind.inputs:
      if (!(count >= 1 && count <= 0xffff_ffff)) refuse(record, 'it holds no inputs')
      if (seq !== head + 1) refuse(record, `the run's last input is ${head}`)
      checkRequests(record)
      return
    case RecordKind.commands:
      if (!(count >= 1 && count <= 0xffff_ffff)) refuse(record, 'it covers no turn')
      if (seq + count - 1 > head) refuse(record, `the run's last input is ${head}`)
      if (seq <= processed) refuse(record, `turns up to ${processed} have ended already`)
      return
    case RecordKind.progress:
      if (seq > head) refuse(record, `the run's last input is ${head}`)
      if (record.bytes.length > 0) refuse(record, 'progress has no body')
      return
    default:
      refuse(record, 'its kind is unknown')
  }
}

/** The number up to which a record says that turns have ended; 0 for inputs. */
export function processedBy(record: {
  readonly kind: RecordKind
  readonly seq: number
  readonly count: number
}): number {
  switch (record.kind) {
    case RecordKind.inputs:
      return 0
    case RecordKind.commands:
      return record.seq + record.count - 1
    default:
      return record.seq
  }
}

/** @throws SignalboxError with SIGNALBOX_ERR_INTERNAL for a key that LMDB could not hold. */
export function checkRowKey(key: Uint8Array): void {
  if (key.length > 0 && key.length <= maxRowKeyBytes) return
  throw new SignalboxError(
    'SIGNALBOX_ERR_INTERNAL',
    `a row key has 1 to ${maxRowKeyBytes} bytes, not ${key.length}`,
  )
}

/** @throws SignalboxError with SIGNALBOX_ERR_INTERNAL */
export function throwCommitInFlight(): never {
  throw new SignalboxError(
    'SIGNALBOX_ERR_INTERNAL',
    'commit was called before the commit in flight had settled',
  )
}

/** @throws SignalboxError with SIGNALBOX_ERR_INTERNAL */
export function throwRunDeleted(run: number): never {
  throw new SignalboxError('SIGNALBOX_ERR_INTERNAL', `run ${run} was deleted`, { fields: { run } })
}

/** @throws SignalboxError with SIGNALBOX_ERR_INTERNAL if a batch has records of runs that it deletes */
export function checkNotWritten(
  records: readonly NewRecord[],
  deletedRuns: readonly number[],
): void {
  if (deletedRuns.length === 0) return
  const deleted = new Set(deletedRuns)
  for (const { run } of records) if (deleted.has(run)) throwRunDeleted(run)
}

/** The error of every commit after storage has failed; the outcome of the failing one is unknown. */
export function indeterminate(cause: unknown): SignalboxError {
  const reason = cause instanceof Error ? cause.message : String(cause)
  return new SignalboxError(
    'SIGNALBOX_ERR_INDETERMINATE',
    `the journal could not confirm a commit: ${reason}`,
    { cause },
  )
}

export function isUnfinished(progress: RunProgress): boolean {
  return progress.processed < progress.head
}

function isStorable(value: number): boolean {
  return Number.isInteger(value) && value >= 1 && value <= maxJournalNumber
}

function checkRequests(record: NewRecord): void {
  const requests = record.requests
  if (requests === undefined) return
  if (requests.length % 2 !== 0) refuse(record, 'its request ids are not pairs')
  for (let i = 0; i < requests.length; i += 2) {
    const hash = requests[i]!
    const seq = requests[i + 1]!
    if (!Number.isSafeInteger(hash) || hash < 0) refuse(record, 'a request hash is out of range')
    if (!(seq >= record.seq && seq < record.seq + record.count)) {
      refuse(record, `a request id names input ${seq}, which it does not hold`)
    }
  }
}

function refuse(record: NewRecord, why: string): never {
  throw new SignalboxError(
    'SIGNALBOX_ERR_INTERNAL',
    `record of kind ${record.kind}, input ${record.seq}, count ${record.count} refused: ${why}`,
    { fields: { run: record.run } },
  )
}
