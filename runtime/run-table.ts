import { decode } from '../actors/records.ts'
import type { ChildLink } from './child-link.ts'
import { shardOf } from './shard.ts'
import type { Journal } from './journal.ts'
import {
  activityOfKey,
  childLinkRange,
  RowTable,
  runKey,
  tableRange,
  workflowIdKey,
} from './row-keys.ts'
import { Run } from './run.ts'
import { isRunId, runOfRunId } from './run-id.ts'
import { decodeRunRow, type RunRow } from './run-row.ts'

const LOOKS_PER_RECORD = 2

/**
 * The runs that the host has in memory, and the way to all others: a cold run is read from the
 * journal when it is asked for, and idle ones are forgotten when there are too many. A workflow that
 * nothing happens to costs no memory.
 */
export class RunTable {
  readonly #journal: Journal
  readonly #maxRuns: number
  readonly #byKey = new Map<number, Run>()
  /** The current or last run of a workflow, by namespace and workflow id: no key to be built. */
  readonly #byWorkflow = new Map<string, Map<string, Run>>()
  #sweep: Iterator<Run> | undefined
  #nextKey: number

  constructor(journal: Journal, maxRuns: number) {
    this.#journal = journal
    this.#maxRuns = maxRuns
    this.#nextKey = Math.max(1, journal.nextRun)
  }

  allocateKey(): number {
    return this.#nextKey++
  }

  /** A new run; from now on the current one of its workflow id. */
  add(key: number, row: RunRow): Run {
    const run = new Run(key, shardOf(row.namespace, row.workflowId), row, 0, 0)
    this.#byKey.set(key, run)
    this.#workflowsOf(row.namespace).set(row.workflowId, run)
    return run
  }

  /** The current or last run of a workflow id. */
  current(namespace: string, workflowId: string): Run | undefined {
    const known = this.#byWorkflow.get(namespace)?.get(workflowId)
    if (known !== undefined) return known
    const value = this.#journal.getRow(workflowIdKey(namespace, workflowId))
    if (value === undefined) return undefined
    const run = this.byKey(decodeRunNumber(value))
    if (run !== undefined) {
      // The row's own texts: the caller's may be a part of a large one, which would stay as long as the run.
      const { row } = run
      this.#workflowsOf(row.namespace).set(row.workflowId, run)
    }
    return run
  }

  /** A run by its id, if it is one of this workflow id's. */
  byRunId(namespace: string, workflowId: string, runId: string): Run | undefined {
    if (!isRunId(runId)) return undefined
    const run = this.byKey(runOfRunId(runId))
    if (run === undefined) return undefined
    const { row } = run
    return row.runId === runId.toLowerCase() &&
      row.workflowId === workflowId &&
      row.namespace === namespace
      ? run
      : undefined
  }

  byKey(key: number): Run | undefined {
    const known = this.#byKey.get(key)
    if (known !== undefined) return known
    const value = this.#journal.getRow(runKey(key))
    if (value === undefined) return undefined
    const row = decodeRunRow(value)
    const progress = this.#journal.runState(key)
    const run = new Run(
      key,
      shardOf(row.namespace, row.workflowId),
      row,
      progress?.head ?? 0,
      progress?.processed ?? 0,
    )
    const prefix = runKey(key).subarray(1)
    for (const [activity] of this.#journal.rows(tableRange(RowTable.activity, prefix))) {
      const { seq, isCancel } = activityOfKey(activity)
      run.setActivity(seq, isCancel)
    }
    for (const [, link] of this.#journal.rows(childLinkRange(key))) {
      run.addChild(decode<ChildLink>(link))
    }
    this.#byKey.set(key, run)
    return run
  }

  /** The runs in memory. */
  values(): IterableIterator<Run> {
    return this.#byKey.values()
  }

  get size(): number {
    return this.#byKey.size
  }

  /**
   * Look at some runs for each of the `records` of a commit, in turn, and forget the idle ones, while there are too many. Only
   * between macrotasks: whoever holds a run in the middle of a call must not find another object
   * for it later.
   */
  forgetIdle(records: number): void {
    const budget = records * LOOKS_PER_RECORD
    for (let looked = 0; looked < budget && this.#byKey.size > this.#maxRuns; looked++) {
      this.#sweep ??= this.#byKey.values()
      const next = this.#sweep.next()
      if (next.done === true) {
        this.#sweep = undefined
        return
      }
      if (next.value.isIdle) this.forget(next.value)
    }
  }

  /** Whoever asks for the run from now on gets what the journal has of it. */
  forget(run: Run): void {
    this.#byKey.delete(run.key)
    const { namespace, workflowId } = run.row
    const workflows = this.#workflowsOf(namespace)
    if (workflows.get(workflowId) === run) workflows.delete(workflowId)
    if (workflows.size === 0) this.#byWorkflow.delete(namespace)
  }

  #workflowsOf(namespace: string): Map<string, Run> {
    let workflows = this.#byWorkflow.get(namespace)
    if (workflows === undefined) {
      workflows = new Map()
      this.#byWorkflow.set(namespace, workflows)
    }
    return workflows
  }
}

/** The value of a workflow-id row. */
export function encodeKey(key: number): Uint8Array {
  const value = Buffer.allocUnsafe(8)
  value.writeDoubleLE(key)
  return value
}

/** The number of the run that a workflow-id row names. */
export function decodeRunNumber(value: Uint8Array): number {
  return Buffer.from(value.buffer, value.byteOffset, value.byteLength).readDoubleLE()
}
