import { setImmediate as nextMacrotask, setTimeout } from 'node:timers/promises'
import { decode, encode } from '../actors/records.ts'
import type { Clock, Timer } from './clock.ts'
import type { RowRange } from './journal.ts'
import type { Logger } from './logger.ts'
import { type Coverage, coverageOf, intersection, isSame, NOTHING } from './retention-coverage.ts'
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

/** How long, and for how many runs, deletions are begun before others have their turn. */
const SLICE_MS = 1
const RUNS_PER_SLICE = 64
/** Between two waves of deletions, unless runs close faster than those are. */
const PAUSE_MS = 10
/** For each run that closes so many are deleted without a pause. More than one, or a backlog would stay. */
const DELETIONS_PER_CLOSE = 2
/** Deletions without a pause that are owed at most: what closed long ago is a backlog. */
const MOST_OWED = 10_000
/** About so many deletions are under way at a time: signals wait for the commits that they are in. */
const RUNS_PER_WAVE = 128
/** A run that was in use when its time had come is tried again this much later, and later still the more there are. */
const RETRY_MS = 1_000
const RETRY_MS_EACH = 2
/** Rows looked at in a slice when older closes are noted down. */
const ROWS_PER_SLICE = 500
const NO_VALUE = new Uint8Array(0)

/** How a deletion ended. */
type Removal = { readonly row: ClosedRow; readonly isGone: boolean } | { readonly error: unknown }

/** A run whose time has come while something needs it. */
interface StayingRow {
  readonly row: ClosedRow
  readonly retryAt: number
}

/**
 * Deletes closed runs whose time is over, in the background: in waves, of one namespace after the other,
 * each of which is durable before the next begins.
 *
 * Guarantee: however fast runs close, they are deleted no slower, so that the folder stays within what
 * the retention keeps. A backlog beyond that, after retention was shortened for one, goes in waves with
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
  /** Deletions without a pause that are owed to the runs that closed. */
  #owed = 0
  /** When some may be deleted again though none are owed, of performance.now. */
  #freeAt = 0
  /** Runs that closed since the last pause, less those deleted: a slice deletes as many, however long that takes. */
  #closedSincePause = 0
  /** In the order in which they were tried last. */
  readonly #staying = new Set<StayingRow>()
  /** Runs that cannot be read: they are told once, and stay. */
  readonly #unreadable = new Set<number>()
  /**
   * Where the rows of a namespace begin that are still to be looked at, of those that have any. From the
   * start of the table a look-up would pass over everything that was deleted since the last checkpoint,
   * while signals wait.
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
    this.#owed = Math.min(this.#owed + DELETIONS_PER_CLOSE, MOST_OWED)
    this.#closedSincePause++
    this.#ports.committer.afterCommit(() => this.#arm(closeTime + keptMs))
  }

  #note(namespace: string, closeTime: number, run: number): void {
    const key = closedKey(namespace, closeTime, run)
    const { committer } = this.#ports
    committer.putRow(key, NO_VALUE)
    // Not before: who looks from here now finds what comes behind it, and would go on from there.
    committer.afterCommit(() => {
      const from = this.#from.get(namespace)
      if (from === undefined || key.compare(from) < 0) this.#from.set(namespace, key)
    })
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

  /** Delete what is due, a wave of each namespace in turn, then wait for what is due next. */
  async #pass(): Promise<void> {
    this.#again = true
    if (this.#passing) return
    this.#passing = true
    this.#closedSincePause = 0
    try {
      while (this.#again && !this.#stopped) {
        this.#again = false
        const withMore = new Set(this.#from.keys())
        while (withMore.size > 0 && !this.#stopped) {
          for (const namespace of withMore) {
            if (!(await this.#deleteWave(namespace))) withMore.delete(namespace)
          }
        }
        await this.#retryStaying()
      }
    } finally {
      this.#passing = false
    }
    if (this.#stopped) return
    let next = this.#nextStaying?.retryAt ?? Number.POSITIVE_INFINITY
    for (const [namespace, start] of this.#from) {
      const oldest = this.#oldest({ start, end: closedNamespaceRange(namespace).end })
      if (oldest === undefined) continue
      next = Math.min(next, oldest.closeTime + this.#policy.retentionMs(namespace))
    }
    if (next < Number.POSITIVE_INFINITY) this.#arm(next)
  }

  /** Delete some of the runs of a namespace that are due. @returns whether there may be more */
  async #deleteWave(namespace: string): Promise<boolean> {
    const wave: Promise<Removal>[] = []
    const isFree = performance.now() >= this.#freeAt
    let hasMore = true
    if (isFree) hasMore = this.#deleteSlice(namespace, RUNS_PER_SLICE, wave)
    while (hasMore && this.#owed > 0 && wave.length < RUNS_PER_WAVE && !this.#stopped) {
      if (wave.length > 0) await nextMacrotask()
      const before = wave.length
      hasMore = this.#deleteSlice(namespace, Math.min(RUNS_PER_SLICE, this.#owed), wave)
      this.#owed = Math.max(0, this.#owed - (wave.length - before))
    }
    await this.#settle(wave)
    await this.#retryStaying()
    if (isFree) this.#freeAt = performance.now() + PAUSE_MS
    const left = this.#freeAt - performance.now()
    if (hasMore && this.#owed === 0 && left > 0) {
      await setTimeout(left)
      this.#closedSincePause = 0
    }
    return hasMore
  }

  /** Begin to delete runs of a namespace that are due. @returns whether there may be more */
  #deleteSlice(namespace: string, runs: number, wave: Promise<Removal>[]): boolean {
    if (this.#stopped) return false
    const start = this.#from.get(namespace)
    if (start === undefined) return false
    const end = closedKey(namespace, this.#clock.now() - this.#policy.retentionMs(namespace) + 1, 0)
    const atLeast = this.#closedSincePause
    const until = performance.now() + SLICE_MS
    let begun = 0
    const isEnough = (): boolean =>
      begun >= atLeast && (begun >= runs || performance.now() >= until)
    const passed = (key: Uint8Array): void => {
      this.#from.set(namespace, Buffer.concat([key, Buffer.of(0)]))
    }
    let hasMore = false
    const onDeleted = (key: Uint8Array): boolean => {
      passed(key)
      hasMore = performance.now() >= until
      return hasMore
    }
    // What deletes them changes no row before the next commit, so rows are read as they are needed.
    for (const row of this.#closed({ start, end, onDeleted })) {
      passed(row.key)
      wave.push(this.#remove(row))
      begun++
      hasMore = isEnough()
      if (hasMore) break
    }
    this.#closedSincePause = Math.max(0, atLeast - begun)
    return hasMore
  }

  /** Runs that were in use, once it is time. */
  async #retryStaying(): Promise<void> {
    const wave: Promise<Removal>[] = []
    const now = this.#clock.now()
    while (wave.length < RUNS_PER_SLICE && !this.#stopped) {
      const next = this.#nextStaying
      if (next === undefined || next.retryAt > now) break
      this.#staying.delete(next)
      wave.push(this.#remove(next.row))
    }
    await this.#settle(wave)
  }

  get #nextStaying(): StayingRow | undefined {
    const [next] = this.#staying
    return next
  }

  async #settle(wave: readonly Promise<Removal>[]): Promise<void> {
    const removals = await Promise.all(wave)
    const retryAt = this.#clock.now() + Math.max(RETRY_MS, this.#staying.size * RETRY_MS_EACH)
    for (const removal of removals) {
      if ('isGone' in removal && !removal.isGone) this.#staying.add({ row: removal.row, retryAt })
    }
    const failed = removals.find((removal) => 'error' in removal)
    if (failed !== undefined) throw failed.error
  }

  /** Never rejects: it is waited for after later slices. */
  #remove(row: ClosedRow): Promise<Removal> {
    return this.#removeRun(row).then(
      (isGone) => ({ row, isGone }),
      (error: unknown) => ({ error }),
    )
  }

  /** @returns false if the run is in use; true if it is gone, or nothing can be done about it */
  async #removeRun({ key, run: number }: ClosedRow): Promise<boolean> {
    const run = this.#read(number)
    if (run !== undefined) return this.remover.remove(run)
    // The run was deleted while its close was looked for.
    if (!this.#unreadable.has(number)) this.#ports.committer.deleteRow(key)
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
  *#closed(range: RowRange): Generator<ClosedRow> {
    for (const [key] of this.#ports.journal.rows(range)) yield closedOfKey(key)
  }

  #oldest(range: RowRange): ClosedRow | undefined {
    const [oldest] = this.#closed({ ...range, limit: 1 })
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
