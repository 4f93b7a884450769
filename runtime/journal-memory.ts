import {
  checkNotWritten,
  checkRecord,
  checkRowKey,
  indeterminate,
  isUnfinished,
  processedBy,
  throwCommitInFlight,
  throwRunDeleted,
} from './journal-batch-check.ts'
import {
  type Journal,
  type JournalBatch,
  type JournalRecord,
  type NewRecord,
  RecordKind,
  type RequestLocation,
  type RowRange,
  type RunProgress,
} from './journal.ts'
import { SignalboxError } from './errors.ts'
import { byCodeUnits, lowerBound } from './sorted-keys.ts'

interface MemoryRun {
  readonly records: JournalRecord[]
  head: number
  processed: number
}

/**
 * What a memory journal holds. It outlives the journal, so that a reopen over the same store shows
 * what a restart after a crash would find: all that was committed and nothing else.
 */
export class MemoryJournalStore {
  epoch = 0
  highestRun = 0
  readonly runs = new Map<number, MemoryRun>()
  readonly deletedRuns = new Set<number>()
  /** By key bytes as a latin1 string, which sorts as the bytes do. */
  readonly rows = new Map<string, Uint8Array>()
  readonly requests = new Map<number, RequestLocation[]>()
  /** The keys of `rows` in order; undefined when a key came or went since. */
  sortedKeys: string[] | undefined
  failure: { readonly cause: unknown } | undefined

  /** From now on storage fails as a full or broken disk would: for tests of what follows from that. */
  breakDown(cause: unknown): void {
    this.failure = { cause }
  }
}

/**
 * A journal in memory: the twin of the LMDB journal for tests, with the same guarantees except that
 * nothing outlives the process. Opening a store again fences the journal that had it before.
 */
export function openMemoryJournal(store: MemoryJournalStore = new MemoryJournalStore()): Journal {
  return new MemoryJournal(store)
}

class MemoryJournal implements Journal {
  readonly epoch: number
  readonly #store: MemoryJournalStore
  readonly #unfinished: (readonly [number, RunProgress])[] = []
  #inFlight: Promise<void> | undefined
  #poison: SignalboxError | undefined
  #closed = false

  constructor(store: MemoryJournalStore) {
    this.#store = store
    this.epoch = store.epoch += 1
    store.failure = undefined
    for (const [run, { head, processed }] of store.runs) {
      const progress = { head, processed }
      if (isUnfinished(progress)) this.#unfinished.push([run, progress])
    }
  }

  get nextRun(): number {
    return this.#store.highestRun + 1
  }

  commit(batch: JournalBatch): Promise<void> {
    if (this.#inFlight !== undefined) throwCommitInFlight()
    if (this.#poison !== undefined) return Promise.reject(this.#poison)
    if (this.#closed) throw new SignalboxError('SIGNALBOX_ERR_RUNTIME_CLOSED', 'closed')
    const copy = this.#checkedCopy(batch)
    const { promise, resolve, reject } = deferred()
    this.#inFlight = promise
    // A macrotask, as LMDB's commits are: nothing is visible before the caller has yielded.
    setImmediate(() => {
      this.#inFlight = undefined
      const failure = this.#store.failure ?? this.#fenced()
      if (failure === undefined) {
        this.#apply(copy)
        resolve()
      } else {
        this.#poison = indeterminate(failure.cause)
        reject(this.#poison)
      }
    })
    return promise
  }

  *readRun(run: number, fromSeq: number): Iterable<JournalRecord> {
    const records = this.#store.runs.get(run)?.records ?? []
    let first = 0
    while (first < records.length && lastSeq(records[first]!) < fromSeq) first += 1
    for (let i = first; i < records.length; i += 1) yield records[i]!
  }

  runState(run: number): RunProgress | undefined {
    const found = this.#store.runs.get(run)
    return found === undefined ? undefined : { head: found.head, processed: found.processed }
  }

  getRow(key: Uint8Array): Uint8Array | undefined {
    const found = this.#store.rows.get(latin1(key))
    return found === undefined ? undefined : Uint8Array.from(found)
  }

  *rows(range: RowRange): Iterable<readonly [key: Uint8Array, value: Uint8Array]> {
    const { rows } = this.#store
    const keys = (this.#store.sortedKeys ??= [...rows.keys()].sort(byCodeUnits))
    const first = lowerBound(keys, latin1(range.start))
    const end = lowerBound(keys, latin1(range.end))
    const length = Math.min(Math.max(end - first, 0), range.limit ?? Infinity)
    for (let i = 0; i < length; i += 1) {
      const key = keys[range.reverse === true ? end - 1 - i : first + i]!
      yield [Buffer.from(key, 'latin1'), Uint8Array.from(rows.get(key)!)]
    }
  }

  sortRareRows(): boolean {
    return true
  }

  findRequest(hash: number): readonly RequestLocation[] {
    const found = this.#store.requests.get(hash) ?? []
    return found.filter(({ run }) => this.runState(run) !== undefined)
  }

  *unfinishedRuns(): Iterable<readonly [run: number, progress: RunProgress]> {
    yield* this.#unfinished.splice(0)
  }

  backup(): Promise<never> {
    const message = 'a journal in memory has no folder that could be copied'
    return Promise.reject(new SignalboxError('SIGNALBOX_ERR_NOT_IMPLEMENTED', message))
  }

  async close(): Promise<void> {
    this.#closed = true
    await this.#inFlight?.catch(ignoreSticky)
  }

  #fenced(): { readonly cause: unknown } | undefined {
    if (this.#store.epoch === this.epoch) return undefined
    return { cause: new Error(`epoch ${this.epoch} was followed by epoch ${this.#store.epoch}`) }
  }

  #checkedCopy(batch: JournalBatch): JournalBatch {
    const states = new Map<number, { head: number; processed: number }>()
    const records = batch.records.map((record): NewRecord => {
      let state = states.get(record.run)
      if (this.#store.deletedRuns.has(record.run)) throwRunDeleted(record.run)
      if (state === undefined) {
        const { head = 0, processed = 0 } = this.#store.runs.get(record.run) ?? {}
        state = { head, processed }
        states.set(record.run, state)
      }
      checkRecord(record, state.head, state.processed)
      advance(state, record)
      return { ...record, bytes: Uint8Array.from(record.bytes) }
    })
    for (const [key] of batch.rows) checkRowKey(key)
    const deletedRuns = [...(batch.deletedRuns ?? [])]
    checkNotWritten(records, deletedRuns)
    const rows = batch.rows.map(
      ([key, value]) =>
        [Uint8Array.from(key), value === null ? null : Uint8Array.from(value)] as const,
    )
    return { records, rows, deletedRuns }
  }

  #apply(batch: JournalBatch): void {
    const store = this.#store
    for (const run of batch.deletedRuns ?? []) {
      store.runs.delete(run)
      store.deletedRuns.add(run)
    }
    for (const record of batch.records) {
      let run = store.runs.get(record.run)
      if (run === undefined) {
        run = { records: [], head: 0, processed: 0 }
        store.runs.set(record.run, run)
      }
      advance(run, record)
      const { requests = [], ...stored } = record
      run.records.push(stored)
      for (let i = 0; i < requests.length; i += 2) {
        const location = { run: record.run, seq: requests[i + 1]! }
        const known = store.requests.get(requests[i]!)
        if (known === undefined) store.requests.set(requests[i]!, [location])
        else known.push(location)
      }
      if (record.run > store.highestRun) store.highestRun = record.run
    }
    for (const [bytes, value] of batch.rows) {
      const key = latin1(bytes)
      if ((value === null) === store.rows.has(key)) store.sortedKeys = undefined
      if (value === null) store.rows.delete(key)
      else store.rows.set(key, value)
    }
  }
}

function advance(state: { head: number; processed: number }, record: NewRecord): void {
  if (record.kind === RecordKind.inputs) state.head = record.seq + record.count - 1
  state.processed = Math.max(state.processed, processedBy(record))
}

function lastSeq(record: JournalRecord): number {
  return record.kind === RecordKind.progress ? record.seq : record.seq + record.count - 1
}

function latin1(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('latin1')
}

function deferred(): {
  promise: Promise<void>
  resolve: () => void
  reject: (reason: Error) => void
} {
  let resolve!: () => void
  let reject!: (reason: Error) => void
  const promise = new Promise<void>((onResolve, onReject) => {
    resolve = onResolve
    reject = onReject
  })
  return { promise, resolve, reject }
}

/** The journal is poisoned by then and the next commit of the caller says so. */
function ignoreSticky(): void {}
