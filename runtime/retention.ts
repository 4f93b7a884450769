import { setTimeout } from 'node:timers/promises'
import { decode, encode } from '../actors/records.ts'
import type { Clock, Timer } from './clock.ts'
import type { Logger } from './logger.ts'
import type { RetentionPolicy } from './retention-options.ts'
import {
  closedKey,
  closedNamespaceRange,
  closedOfKey,
  closedRange,
  type ClosedRow,
  coverageKey,
  runKey,
  RowTable,
  runOfKey,
  tableRange,
} from './row-keys.ts'
import { RunRemover, type RunRemoverPorts } from './run-remover.ts'
import type { Run } from './run.ts'
import type { Timers } from './timers.ts'
import { tryDecode } from './visibility-build.ts'
import type { VisibilityIndex } from './visibility-index.ts'

export interface RetentionPorts extends RunRemoverPorts {
  readonly options: {
    readonly retention: RetentionPolicy
    readonly clock: Clock
    readonly logger: Logger
  }
}

/** How long, and for how many runs, deletions are begun before signals have their turn again. */
const SLICE_MS = 1
const RUNS_PER_SLICE = 64
/** Between two slices. */
const PAUSE_MS = 10
/** A run that was in use when its time had come is tried again this much later. */
const RETRY_MS = 1_000
/** Rows looked at in a slice when older closes are noted down. */
const ROWS_PER_SLICE = 500

/**
 * Deletes closed runs whose time is over, in the background, a few in each commit.
 *
 * A close writes a row by namespace and close time, in its own commit, so that what is due is one
 * range, however many runs there are. Namespaces that keep everything write none. Which ones do is noted in the journal too: where
 * retention is new, the closes from before are looked for once, slowly.
 */
export class Retention {
  readonly remover: RunRemover
  readonly #ports: RetentionPorts
  readonly #policy: RetentionPolicy
  readonly #clock: Clock
  readonly #logger: Logger
  #alarm: Timer | undefined
  #alarmAt = Number.POSITIVE_INFINITY
  #passing = false
  /** Something was noted down that the pass under way may have gone past. */
  #again = false
  #stopped = false
  /** Runs that cannot be read: they are told once, and stay. */
  readonly #unreadable = new Set<number>()
  /**
   * Where the rows of a namespace begin, of those that have any. From the start of the table a look-up
   * would pass over everything that was deleted since the last checkpoint, while signals wait.
   */
  readonly #from = new Map<string, Buffer>()

  constructor(ports: RetentionPorts, timers: Timers, index: VisibilityIndex) {
    this.remover = new RunRemover(ports, timers, index)
    this.#ports = ports
    this.#policy = ports.options.retention
    this.#clock = ports.options.clock
    this.#logger = ports.options.logger
  }

  start(): void {
    this.remover.recover()
    const { journal, committer } = this.#ports
    const policy = this.#policy
    const found = journal.getRow(coverageKey())
    const wanted = coverageOf(policy)
    if (found === undefined && policy.keepsAll) return
    const before = found === undefined ? NOTHING : decode<Coverage>(found)
    const kept = intersection(before, wanted)
    // Before anything closes: what is not noted down from now on must not count as noted.
    if (policy.keepsAll) return committer.deleteRow(coverageKey())
    if (!isSame(before, kept)) committer.putRow(coverageKey(), encode(kept))
    this.#findNamespaces()
    const failed = (error: unknown): void => this.#failed(error)
    this.#pass().catch(failed)
    if (isSame(kept, wanted)) return
    this.#logger.info({}, 'retention is new here: older closed workflows are looked for')
    this.#noteOlder(wanted).catch(failed)
  }

  stop(): void {
    this.#stopped = true
    this.remover.stop()
    this.#alarm?.cancel()
  }

  /** The run closes with the open batch. */
  noteClose(run: Run): void {
    const { namespace, closeTime = 0 } = run.row
    const keptMs = this.#policy.retentionMs(namespace)
    if (keptMs === Infinity) return
    this.#note(namespace, closeTime, run.key)
    this.#ports.committer.afterCommit(() => this.#arm(closeTime + keptMs))
  }

  #note(namespace: string, closeTime: number, run: number): void {
    const key = closedKey(namespace, closeTime, run)
    this.#ports.committer.putRow(key, NO_VALUE)
    const from = this.#from.get(namespace)
    if (from === undefined || key.compare(from) < 0) this.#from.set(namespace, key)
  }

  #arm(at: number): void {
    if (this.#stopped || at >= this.#alarmAt) return
    this.#alarm?.cancel()
    this.#alarmAt = at
    this.#alarm = this.#clock.setTimer(at, () => {
      this.#alarmAt = Number.POSITIVE_INFINITY
      this.#pass().catch((error: unknown) => this.#failed(error))
    })
  }

  /** Delete what is due in every namespace, then wait for what is due next. */
  async #pass(): Promise<void> {
    this.#again = true
    if (this.#passing) return
    this.#passing = true
    let inUse = 0
    try {
      while (this.#again && !this.#stopped) {
        this.#again = false
        inUse = 0
        for (const [namespace, from] of this.#from) inUse += await this.#deleteDue(namespace, from)
      }
    } finally {
      this.#passing = false
    }
    if (this.#stopped) return
    let next = Number.POSITIVE_INFINITY
    for (const [namespace, start] of this.#from) {
      const [oldest] = this.#closed({ start, end: closedNamespaceRange(namespace).end }, 1)
      if (oldest === undefined) continue
      next = Math.min(next, oldest.closeTime + this.#policy.retentionMs(namespace))
    }
    if (inUse > 0) next = Math.max(next, this.#clock.now() + RETRY_MS)
    if (next < Number.POSITIVE_INFINITY) this.#arm(next)
  }

  /** @returns how many are due and have to stay for now */
  async #deleteDue(namespace: string, from: Buffer): Promise<number> {
    const keptMs = this.#policy.retentionMs(namespace)
    let start = from
    let firstToStay: Buffer | undefined
    let stay = 0
    while (!this.#stopped) {
      const end = closedKey(namespace, this.#clock.now() - keptMs + 1, 0)
      const until = performance.now() + SLICE_MS
      const removals: Promise<readonly [key: Buffer, isGone: boolean]>[] = []
      for (const { key, run } of this.#closed({ start, end }, RUNS_PER_SLICE)) {
        removals.push(this.#remove(key, run).then((isGone) => [key, isGone] as const))
        start = Buffer.concat([key, Buffer.of(0)])
        if (performance.now() >= until) break
      }
      if (removals.length === 0) break
      for (const [key, isGone] of await Promise.all(removals)) {
        if (isGone) continue
        stay++
        firstToStay ??= key
      }
      await setTimeout(PAUSE_MS)
    }
    // An older close that was noted down meanwhile has moved it already.
    if (this.#from.get(namespace) === from) this.#from.set(namespace, firstToStay ?? start)
    return stay
  }

  /** @returns whether the run's row of this table is gone, or is going to be */
  async #remove(key: Buffer, number: number): Promise<boolean> {
    const run = this.#read(number)
    if (run !== undefined) return this.remover.remove(run)
    if (this.#unreadable.has(number)) return false
    // The run was deleted while its close was looked for.
    this.#ports.committer.deleteRow(key)
    return true
  }

  #read(key: number): Run | undefined {
    if (this.#unreadable.has(key)) return undefined
    try {
      return this.#ports.runs.byKey(key)
    } catch (error) {
      this.#unreadable.add(key)
      this.#logger.error({ run: key, err: error }, 'a closed run cannot be read: it stays')
      return undefined
    }
  }

  /** At open, one look-up a namespace. */
  #findNamespaces(): void {
    let { start } = closedRange()
    const { end } = closedRange()
    for (;;) {
      const [oldest] = this.#closed({ start, end }, 1)
      if (oldest === undefined) return
      const { namespace, key } = oldest
      if (this.#policy.retentionMs(namespace) < Infinity) this.#from.set(namespace, key)
      start = closedNamespaceRange(namespace).end
    }
  }

  #closed(range: { start: Buffer; end: Buffer }, limit: number): readonly ClosedRow[] {
    return [...this.#ports.journal.rows({ ...range, limit })].map(([key]) => closedOfKey(key))
  }

  /** Runs that closed while nobody noted it down. */
  async #noteOlder(wanted: Coverage): Promise<void> {
    const { journal, committer } = this.#ports
    let { start } = tableRange(RowTable.run)
    const { end } = tableRange(RowTable.run)
    for (let more = true; more;) {
      let rows = 0
      let noted = 0
      for (const [key, value] of journal.rows({ start, end, limit: ROWS_PER_SLICE })) {
        rows++
        const run = runOfKey(key)
        start = runKey(run + 1)
        const row = tryDecode(run, value, this.#logger)
        if (row?.closeTime === undefined) continue
        if (this.#policy.retentionMs(row.namespace) === Infinity) continue
        this.#note(row.namespace, row.closeTime, run)
        noted++
      }
      more = rows === ROWS_PER_SLICE
      if (noted > 0) await committer.durable
      // Signals come first.
      await setTimeout(PAUSE_MS)
      if (this.#stopped) return
    }
    committer.putRow(coverageKey(), encode(wanted))
    await committer.durable
    await this.#pass()
  }

  /** A failed commit has stopped the runtime, and says so; then nothing is deleted any more. */
  #failed(error: unknown): void {
    if (this.#ports.committer.poisoned !== undefined || this.#stopped) return
    this.#logger.error({ err: error }, 'closed workflows cannot be deleted')
    this.#arm(this.#clock.now() + 60 * RETRY_MS)
  }
}

/** Of which namespaces every closed run is noted down: of all but some, or of some. */
type Coverage = readonly [all: boolean, except: readonly string[]]

const NOTHING: Coverage = [false, []]
const NO_VALUE = new Uint8Array(0)

function coverageOf(policy: RetentionPolicy): Coverage {
  return [policy.defaultMs !== Infinity, policy.exceptions]
}

function covers([all, except]: Coverage, namespace: string): boolean {
  return all !== except.includes(namespace)
}

function intersection(a: Coverage, b: Coverage): Coverage {
  const all = a[0] && b[0]
  const named = new Set([...a[1], ...b[1]])
  return [all, [...named].filter((name) => (covers(a, name) && covers(b, name)) !== all)]
}

function isSame(a: Coverage, b: Coverage): boolean {
  return a[0] === b[0] && [...a[1], ...b[1]].every((name) => covers(a, name) === covers(b, name))
}
