import type { Committer } from './committer.ts'
import type { Journal } from './journal.ts'
import type { RunRow } from './run-row.ts'
import { countKey, countOfKey, countRange } from './visibility-keys.ts'
import type { WorkflowStatus } from './workflow-service.ts'

/** How many runs of a namespace have a type and status. */
export interface RunCount {
  readonly workflowType: string
  readonly status: WorkflowStatus
  readonly count: number
}

/**
 * Counts runs by namespace, type and status as they start and end, a row for each. A batch has the row of
 * a count once, with what it is after the whole batch.
 */
export class VisibilityCounts {
  readonly #journal: Journal
  readonly #committer: Committer
  readonly #byName = new Map<string, Counter>()

  constructor(journal: Journal, committer: Committer) {
    this.#journal = journal
    this.#committer = committer
  }

  /** Count a run, or with −1 count it no more. */
  add({ namespace, workflowType, status }: RunRow, change: 1 | -1): void {
    // None of the three has a NUL.
    const name = `${status}\0${workflowType}\0${namespace}`
    let counter = this.#byName.get(name)
    if (counter === undefined) {
      counter = this.#read(countKey(namespace, workflowType, status))
      this.#byName.set(name, counter)
    }
    counter.count += change
    counter.value.writeDoubleLE(counter.count)
    // The journal copies a batch when it is cut: until then the row in it may still change.
    const { durable } = this.#committer
    if (counter.batch === durable) return
    counter.batch = durable
    this.#committer.putRow(counter.key, counter.value)
  }

  #read(key: Buffer): Counter {
    const found = this.#journal.getRow(key)
    const count = found === undefined ? 0 : decodeCount(found)
    return { key, count, value: Buffer.alloc(8), batch: undefined }
  }
}

interface Counter {
  readonly key: Buffer
  readonly value: Buffer
  count: number
  /** The batch that has its row. */
  batch: Promise<void> | undefined
}

export function encodeCount(count: number): Buffer {
  const value = Buffer.alloc(8)
  value.writeDoubleLE(count)
  return value
}

export function decodeCount(value: Uint8Array): number {
  return Buffer.from(value.buffer, value.byteOffset, value.byteLength).readDoubleLE()
}

/** What is committed of a namespace's counts, without those that are 0. */
export function* readCounts(journal: Journal, namespace: string): Generator<RunCount> {
  for (const [key, value] of journal.rows(countRange(namespace))) {
    const count = decodeCount(value)
    if (count > 0) yield { ...countOfKey(key), count }
  }
}
