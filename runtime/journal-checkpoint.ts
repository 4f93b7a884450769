import { SignalboxError } from './errors.ts'
import { isUnfinished } from './journal-batch-check.ts'
import { framePrevious, offsetOf, rowOf } from './journal-frame.ts'
import { carriedKey, logRowKey, metaKey, rowKey } from './journal-keys.ts'
import { encodeCarried, encodeMeta } from './journal-meta.ts'
import type { CheckpointMeta, Garbage } from './journal-meta.ts'
import {
  generationsPerTier,
  type RequestGeneration,
  type RequestStore,
  type SlicedWork,
} from './journal-request-store.ts'
import { rowDeleted } from './journal-row-overlay.ts'
import type { PlacedFrame, RunRecords } from './journal-run-records.ts'
import { RunCell, runCells } from './journal-run-table.ts'
import { sortSliced } from './journal-sliced-sort.ts'
import type { JournalTrees } from './journal-tree.ts'
import { LogWindow, type RetainedLog } from './journal-window.ts'
import type { RunProgress } from './journal.ts'

/**
 * Moves a frozen log window into the data tree, in slices inside other transactions, and then drops
 * its part of the log.
 *
 * **A crash at any point leaves a readable journal.** Until the checkpoint row is written, all that
 * has been moved is also in the log, and readers do not see it twice: run records at or beyond the
 * checkpoint's log row are skipped, rows are overlaid by the window's, and generations of request
 * hashes count only once the checkpoint row lists them. **Doing it again is harmless**: the freeze
 * row, written before anything is moved, fixes where the window ends; after a restart the same
 * window is frozen again, and since every key and value follows from its contents alone, the second
 * try overwrites what the first one left and leaves nothing over. Deleting what a checkpoint has
 * replaced comes after it, is listed in it until done, and may be repeated as well.
 */
export class Checkpointer {
  readonly #trees: JournalTrees
  readonly #log: RetainedLog
  readonly #records: RunRecords
  readonly #requests: RequestStore
  #checkpoint: CheckpointMeta
  /** Unfinished runs as of the checkpoint. */
  #carried: Map<number, RunProgress>
  #work: Work | undefined
  /** Set while the transaction that has the new checkpoint row is not durable yet. */
  #switch: Switch | undefined
  #done = 0
  #total = 1

  constructor(options: {
    readonly trees: JournalTrees
    readonly log: RetainedLog
    readonly records: RunRecords
    readonly requests: RequestStore
    readonly checkpoint: CheckpointMeta
    readonly carried: Map<number, RunProgress>
  }) {
    this.#trees = options.trees
    this.#log = options.log
    this.#records = options.records
    this.#requests = options.requests
    this.#checkpoint = options.checkpoint
    this.#carried = options.carried
  }

  get checkpoint(): CheckpointMeta {
    return this.#checkpoint
  }

  /** The state of a run at the checkpoint, if it was unfinished. */
  carried(run: number): RunProgress | undefined {
    return this.#carried.get(run)
  }

  /** Whether there is something for `step` to do. */
  get isWorking(): boolean {
    return this.#work !== undefined
  }

  /** How much of the work in hand is done, from 0 to 1. */
  get progress(): number {
    return Math.min(1, this.#done / this.#total)
  }

  /** Go on with what an earlier process left: a frozen window, or the remains of a checkpoint. */
  resume(hasFrozenWindow: boolean, firstLogRow: number): void {
    this.#start(hasFrozenWindow ? this.#distribute() : this.#trim(firstLogRow))
  }

  /** Freeze the active window; a new one takes its place. Not while there is work. */
  freeze(): LogWindow {
    const frozen = this.#log.active
    this.#log.previous = frozen
    this.#log.active = new LogWindow(frozen.endRow, frozen.runs.size)
    this.#start(this.#distribute())
    return this.#log.active
  }

  /**
   * Inside a transaction: work until `untilMs` (of performance.now) is over, or until
   * `untilProgress` is reached. Stops by itself where the transaction must be durable first, since
   * what follows reads what was written.
   */
  step(untilMs: number, untilProgress: number): void {
    const work = this.#work
    if (work === undefined) return
    for (let i = 1; ; i += 1) {
      const next = work.next()
      this.#done += 1
      if (next.done === true) {
        this.#work = undefined
        return
      }
      if (next.value !== undefined) {
        if (next.value !== durableFirst) this.#switch = next.value
        return
      }
      const isTimeToLook = i === 1 || i % 8 === 0
      if (isTimeToLook && (performance.now() >= untilMs || this.progress >= untilProgress)) return
    }
  }

  /** After the transaction of the last `step` has become durable. */
  committed(): void {
    const to = this.#switch
    if (to === undefined) return
    this.#switch = undefined
    this.#checkpoint = to.checkpoint
    this.#carried = to.carried
    this.#requests.generations = to.checkpoint.generations
    this.#log.firstRow = to.checkpoint.row
    this.#log.previous.release()
    this.#log.dropWalks()
  }

  #start(work: Work): void {
    this.#work = work
    this.#done = 0
    const { previous } = this.#log
    const { runs, overlay, rare, rows, requests, deletedRuns } = previous
    const rowChanges = overlay.size + rare.size
    this.#total = 1 + runs.size + rowChanges + rows.length + requests.size / 64 + deletedRuns.size
  }

  *#distribute(): Work {
    const frozen = this.#log.previous
    this.#trees.log.put(metaKey('freeze'), encodeMeta({ endRow: frozen.endRow }))
    for (const run of frozen.deletedRuns) yield* this.#records.remove(run)
    yield* this.#distributeRuns(frozen)
    yield* this.#distributeRows(frozen)
    yield* this.#distributeRareRows(frozen)
    const { generations, merged } = yield* this.#distributeRequests(frozen)
    const carried = yield* this.#collectCarried(frozen)
    const carriedParts = yield* this.#putCarried(frozen.endRow, carried)
    const before = this.#checkpoint
    const garbage: Garbage = {
      carriedRow: before.row,
      carriedParts: before.carriedParts,
      generations: merged,
    }
    const checkpoint: CheckpointMeta = {
      row: frozen.endRow,
      nextRun: Math.max(before.nextRun, frozen.highestRun + 1),
      carriedParts,
      generations,
      garbage,
    }
    this.#trees.log.put(metaKey('checkpoint'), encodeMeta(checkpoint))
    this.#trees.log.remove(metaKey('freeze'))
    yield { checkpoint, carried }
    yield* this.#trim(before.row)
  }

  *#distributeRuns(frozen: LogWindow): SlicedWork<void> {
    const { runs } = frozen
    for (const run of yield* sortSliced(runs.runNumbers())) {
      const slot = runs.find(run)
      if (runs.cells[slot + RunCell.durable] !== 1 || frozen.deletedRuns.has(run)) continue
      const before = {
        head: runs.cells[slot + RunCell.baseHead]!,
        processed: runs.cells[slot + RunCell.baseProcessed]!,
      }
      yield* this.#records.put(run, before, framesOf(frozen, runs.cells[slot + RunCell.last]!))
    }
  }

  *#distributeRows(frozen: LogWindow): SlicedWork<void> {
    for (const name of frozen.overlay.keys('', undefined)) {
      const key = rowKey(Buffer.from(name, 'latin1'))
      const place = frozen.overlay.get(name)!
      // A row that was put and deleted again within the window leaves no trace in the tree.
      if (place === rowDeleted) this.#trees.data.remove(key)
      else this.#trees.data.put(key, frozen.rowValue(place))
      yield
    }
  }

  /** In commit order, and again in that order after a crash: the last change of a key counts. */
  *#distributeRareRows(frozen: LogWindow): SlicedWork<void> {
    for (const place of frozen.rare.places) {
      const { key, isDeleted } = frozen.rare.changeAt(place)
      if (isDeleted) this.#trees.data.remove(rowKey(key))
      else this.#trees.data.put(rowKey(key), frozen.rowValue(place))
      yield
    }
  }

  *#distributeRequests(frozen: LogWindow): Generator<
    undefined | typeof durableFirst,
    {
      generations: readonly RequestGeneration[]
      merged: readonly RequestGeneration[]
    },
    void
  > {
    let generations = [...this.#checkpoint.generations]
    const merged: RequestGeneration[] = []
    // Ids must differ within the store and be the same when this checkpoint is tried again.
    const id = (tier: number) => frozen.endRow * 16 + tier
    if (frozen.requests.size > 0) {
      generations.push(yield* this.#requests.spill(frozen.requests, id(0)))
    }
    for (let tier = 0; tier < 15; tier += 1) {
      const same = generations.filter((generation) => generation.tier === tier)
      if (same.length < generationsPerTier) continue
      const exists = (run: number) => this.#runExists(frozen, run)
      // A source may be what was just spilled or merged.
      yield durableFirst
      const result = yield* this.#tryMerge(same, id(tier + 1), exists)
      if (result === undefined) continue
      generations = [...generations.filter((generation) => !same.includes(generation)), result]
      merged.push(...same)
    }
    return { generations, merged }
  }

  /** Undefined if a block is damaged: its generation stays as it is, and look-ups say so. */
  *#tryMerge(
    generations: readonly RequestGeneration[],
    id: number,
    runExists: (run: number) => boolean,
  ): SlicedWork<RequestGeneration | undefined> {
    try {
      return yield* this.#requests.merge(generations, id, runExists)
    } catch (error) {
      if (error instanceof SignalboxError) return undefined
      throw error
    }
  }

  #runExists(frozen: LogWindow, run: number): boolean {
    if (frozen.deletedRuns.has(run)) return false
    return frozen.runs.findDurable(run) >= 0 || this.#records.exists(run, frozen.endRow)
  }

  *#collectCarried(frozen: LogWindow): SlicedWork<Map<number, RunProgress>> {
    const { runs } = frozen
    const carried = new Map<number, RunProgress>()
    let i = 0
    for (const [run, progress] of this.#carried) {
      const isNewer = runs.findDurable(run) >= 0 || frozen.deletedRuns.has(run)
      if (!isNewer) carried.set(run, progress)
      if ((i += 1) % 1_024 === 0) yield
    }
    for (let slot = 0; slot < runs.end; slot += runCells) {
      const progress = runs.progressAt(slot)
      const run = runs.cells[slot + RunCell.run]!
      if (
        runs.cells[slot + RunCell.durable] === 1 &&
        isUnfinished(progress) &&
        !frozen.deletedRuns.has(run)
      ) {
        carried.set(run, progress)
      }
      if (slot % 8_192 === 0) yield
    }
    return carried
  }

  *#putCarried(row: number, carried: ReadonlyMap<number, RunProgress>): SlicedWork<number> {
    let parts = 0
    for (const part of encodeCarried(carried)) {
      this.#trees.log.put(carriedKey(row, parts), part)
      parts += 1
      yield
    }
    return parts
  }

  /** Delete what the checkpoint has replaced: log rows from `fromRow` on, and its garbage. */
  *#trim(fromRow: number): SlicedWork<void> {
    const { row, garbage } = this.#checkpoint
    for (let at = fromRow; at < row; at += 1) {
      this.#trees.log.remove(logRowKey(at))
      yield
    }
    if (garbage === undefined) return
    for (let part = 0; part < garbage.carriedParts; part += 1) {
      this.#trees.log.remove(carriedKey(garbage.carriedRow, part))
      yield
    }
    for (const generation of garbage.generations) yield* this.#requests.discard(generation)
    const { garbage: _done, ...checkpoint } = this.#checkpoint
    this.#checkpoint = checkpoint
    this.#trees.log.put(metaKey('checkpoint'), encodeMeta(checkpoint))
  }
}

/** Yielded where what follows reads what was written: it goes on in the next transaction. */
const durableFirst = Symbol('durable first')

type Work = Generator<undefined | typeof durableFirst | Switch, void, void>

/** The new checkpoint, to be taken up once its row is durable. */
interface Switch {
  readonly checkpoint: CheckpointMeta
  readonly carried: Map<number, RunProgress>
}

/** The frames of a run in a window, in commit order. */
function framesOf(window: LogWindow, last: number): PlacedFrame[] {
  const frames: PlacedFrame[] = []
  for (let position = last; rowOf(position) >= window.firstRow;) {
    const row = window.rows[rowOf(position) - window.firstRow]!
    const offset = offsetOf(position)
    frames.push({ position, row, offset })
    position = framePrevious(row, offset)
  }
  return frames.reverse()
}
