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
import { decodeRunRow } from './run-row.ts'
import { RunRemover, type RunRemoverPorts } from './run-remover.ts'
import type { Run } from './run.ts'
import type { Timers } from './timers.ts'
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
    this.#ports.committer.putRow(closedKey(namespace, closeTime, run.key), NO_VALUE)
    this.#ports.committer.afterCommit(() => this.#arm(closeTime + keptMs))
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
        for (const [namespace, keptMs] of this.#namespaces()) {
          inUse += await this.#deleteDue(namespace, keptMs)
        }
      }
    } finally {
      this.#passing = false
    }
    if (this.#stopped) return
    let next = Number.POSITIVE_INFINITY
    for (const [, keptMs, { closeTime }] of this.#namespaces()) {
      next = Math.min(next, closeTime + keptMs)
    }
    if (inUse > 0) next = Math.max(next, this.#clock.now() + RETRY_MS)
    if (next < Number.POSITIVE_INFINITY) this.#arm(next)
  }

  /** @returns how many are due and have to stay for now */
  async #deleteDue(namespace: string, keptMs: number): Promise<number> {
    const { remover } = this
    let { start } = closedNamespaceRange(namespace)
    let stay = 0
    while (!this.#stopped) {
      const end = closedKey(namespace, this.#clock.now() - keptMs + 1, 0)
      const until = performance.now() + SLICE_MS
      const removals: Promise<boolean>[] = []
      let seen = 0
      for (const { key, run } of this.#closed({ start, end }, RUNS_PER_SLICE)) {
        seen++
        const found = this.#read(run)
        if (found !== undefined) removals.push(remover.remove(found))
        else stay++
        start = Buffer.concat([key, Buffer.of(0)])
        if (performance.now() >= until) break
      }
      if (seen === 0) break
      for (const removed of await Promise.all(removals)) if (!removed) stay++
      await setTimeout(PAUSE_MS)
    }
    return stay
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

  /** The namespaces that lose what is noted down, with the oldest of it: one look-up each. */
  *#namespaces(): Generator<readonly [namespace: string, keptMs: number, oldest: ClosedRow]> {
    let { start } = closedRange()
    const { end } = closedRange()
    for (;;) {
      const [oldest] = this.#closed({ start, end }, 1)
      if (oldest === undefined) return
      const { namespace } = oldest
      const keptMs = this.#policy.retentionMs(namespace)
      if (keptMs < Infinity) yield [namespace, keptMs, oldest]
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
        const { namespace, closeTime } = decodeRunRow(value)
        if (closeTime === undefined || this.#policy.retentionMs(namespace) === Infinity) continue
        committer.putRow(closedKey(namespace, closeTime, run), NO_VALUE)
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
