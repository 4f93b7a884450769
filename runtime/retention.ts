import { setImmediate as nextMacrotask, setTimeout } from 'node:timers/promises'
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
/** Between two slices, unless more runs close than that deletes. */
const PAUSE_MS = 10
/** For each run that closes so many may be deleted without a pause. More than one, or a backlog would stay. */
const DELETIONS_PER_CLOSE = 2
/** Deletions under way at once, in slices that follow each other without a pause. */
const MOST_AT_ONCE = 512
/** A run that was in use when its time had come is tried again this much later. */
const RETRY_MS = 1_000
/** Rows looked at in a slice when older closes are noted down. */
const ROWS_PER_SLICE = 500

/**
 * Deletes closed runs whose time is over, in the background, a few in each commit.
 *
 * Guarantee: however fast runs close, they are deleted no slower, so that the folder stays within what
 * the retention keeps. A backlog beyond that, after retention was shortened for one, goes in slices with
 * pauses: signals come first.
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
  /** Runs that may be deleted without a pause. */
  #credit = 0
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
    this.#credit += DELETIONS_PER_CLOSE
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
      const oldest = this.#oldest({ start, end: closedNamespaceRange(namespace).end })
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
    for (let isLast = false; !isLast && !this.#stopped;) {
      const removals: Removal[] = []
      for (let goesOn = true; goesOn && !this.#stopped;) {
        const slice = this.#removeSlice(namespace, start, keptMs)
        const last = slice.at(-1)
        isLast = last === undefined
        if (last === undefined) break
        removals.push(...slice)
        start = Buffer.concat([last.key, Buffer.of(0)])
        this.#credit = Math.max(0, this.#credit - slice.length)
        goesOn = this.#credit > 0 && removals.length < MOST_AT_ONCE
        if (goesOn) await nextMacrotask()
      }
      for (const { key, isGone } of removals) {
        if (await isGone) continue
        stay++
        firstToStay ??= key
      }
      if (this.#credit === 0 && !isLast) await setTimeout(PAUSE_MS)
    }
    // An older close that was noted down meanwhile has moved it already.
    if (this.#from.get(namespace) === from) this.#from.set(namespace, firstToStay ?? start)
    return stay
  }

  /** Begin to delete some of the runs of a namespace that are due. None: no more are. */
  #removeSlice(namespace: string, start: Buffer, keptMs: number): readonly Removal[] {
    const end = closedKey(namespace, this.#clock.now() - keptMs + 1, 0)
    const until = performance.now() + SLICE_MS
    const removals: Removal[] = []
    // What deletes them changes no row before the next commit, so rows are read as they are needed.
    for (const { key, run } of this.#closed({ start, end }, RUNS_PER_SLICE)) {
      const isGone = this.#remove(key, run)
      // It is waited for after later slices: until then a failure must not end the process.
      isGone.catch(() => undefined)
      removals.push({ key, isGone })
      if (performance.now() >= until) break
    }
    return removals
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
      const oldest = this.#oldest({ start, end })
      if (oldest === undefined) return
      const { namespace, key } = oldest
      if (this.#policy.retentionMs(namespace) < Infinity) this.#from.set(namespace, key)
      start = closedNamespaceRange(namespace).end
    }
  }

  /** Lazy, in order of close time. */
  *#closed(range: { start: Buffer; end: Buffer }, limit: number): Generator<ClosedRow> {
    for (const [key] of this.#ports.journal.rows({ ...range, limit })) yield closedOfKey(key)
  }

  #oldest(range: { start: Buffer; end: Buffer }): ClosedRow | undefined {
    const [oldest] = this.#closed(range, 1)
    return oldest
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

/** A deletion under way. */
interface Removal {
  readonly key: Buffer
  readonly isGone: Promise<boolean>
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
