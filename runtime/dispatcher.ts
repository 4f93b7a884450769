import { FrameKind, type FrameWriter } from '../actors/frames.ts'
import type { OpenBody } from '../actors/protocol.ts'
import { encode } from '../actors/records.ts'
import { SignalboxError } from './errors.ts'
import { type Journal, RecordKind } from './journal.ts'
import { isStackTraceQuery } from './read-answer.ts'
import type { Run } from './run.ts'
import { slotOf } from './shard.ts'

/** How long the host reads the journal for slots before it does something else. */
const FEED_SLICE_MS = 1
const LOAD_SLICE_BYTES = 512 * 1024
/** A frame has 16 bits for it. */
const MAX_ACTOR_NUMBER = 65_535

/** Where a slot's frames go. */
export interface SlotFeed {
  readonly index: number
  readonly ready: boolean
  /** Bytes sent or about to be sent that the slot has not handled yet. */
  readonly outstandingBytes: number
  readonly write: FrameWriter['write']
  /** Post what was written in this tick. */
  flush(): void
  /** End the worker at once; it is replaced. */
  kill(reason: string): void
}

export interface DispatcherPorts {
  /** An actor is about to be built. */
  readonly onOpen: (run: Run) => void
  /** A record of this run fails its checksum: the run cannot be built. */
  readonly onCorrupt: (run: Run, error: Error) => void
}

/**
 * Delivery: brings committed inputs to the actors, and actors into being. An input whose run is up to
 * date goes straight from the commit to the slot; everything else is read back from the journal when
 * the slot's window has room, so a slow slot never grows the host.
 *
 * Guarantee: a slot is sent the inputs of a run in order, without a gap and each once per actor; an
 * actor is built from committed records alone, and only when none of its turns' results are still on
 * their way into the journal.
 */
export class Dispatcher {
  readonly #journal: Journal
  readonly #slots: readonly SlotFeed[]
  readonly #windowBytes: number
  readonly #maxResident: number
  readonly #ports: DispatcherPorts
  readonly #queues: Run[][]
  readonly #residents = new Set<Run>()
  #feeding = false
  #paused = false

  constructor(
    journal: Journal,
    slots: readonly SlotFeed[],
    limits: { readonly slotWindowBytes: number; readonly maxCachedWorkflows: number },
    ports: DispatcherPorts,
  ) {
    this.#journal = journal
    this.#slots = slots
    this.#windowBytes = limits.slotWindowBytes
    this.#maxResident = limits.maxCachedWorkflows
    this.#ports = ports
    this.#queues = slots.map(() => [])
  }

  /** Actors that are live, or are being built. */
  get residents(): number {
    return this.#residents.size
  }

  slotOf(run: Run): SlotFeed {
    return this.#slots[slotOf(run.shard, this.#slots.length)] as SlotFeed
  }

  /** Inputs of a run are durable. */
  deliver(run: Run, seq: number, count: number, bytes: Uint8Array): void {
    const slot = this.slotOf(run)
    const direct =
      run.residency === 'live' &&
      run.fed === seq - 1 &&
      slot.ready &&
      slot.outstandingBytes + bytes.length <= this.#windowBytes
    if (!direct) return this.wake(run)
    slot.write(FrameKind.inputs, run.key, seq, count, bytes)
    run.fed = seq + count - 1
  }

  /** The run has something to do: inputs to be fed, or queries to be answered. */
  wake(run: Run): void {
    if (run.queuedForFeed) return
    run.queuedForFeed = true
    ;(this.#queues[this.slotOf(run).index] as Run[]).push(run)
    this.#schedule()
  }

  /** The actor is to be forgotten, or is gone already. */
  evict(run: Run, tellSlot: boolean): void {
    if (run.residency === 'absent') return
    if (tellSlot) this.slotOf(run).write(FrameKind.evict, run.key, 0, 0)
    this.#forget(run)
  }

  /** All actors of a slot are gone. Gives back those runs. */
  lose(slot: Pick<SlotFeed, 'index'>): readonly Run[] {
    const lost: Run[] = []
    for (const run of this.#residents) if (this.slotOf(run).index === slot.index) lost.push(run)
    for (const run of lost) this.#forget(run)
    return lost
  }

  /** Post what was written, and read on for slots whose window has room again. */
  flush(): void {
    this.#passivate()
    for (const slot of this.#slots) slot.flush()
    if (this.#queues.some((queue) => queue.length > 0)) this.#schedule()
  }

  /** Stop building actors and feeding them, for a shutdown. */
  pause(): void {
    this.#paused = true
  }

  #forget(run: Run): void {
    run.residency = 'absent'
    run.fed = 0
    run.loadedRecords = 0
    run.loadSliceBytes = 0
    this.#residents.delete(run)
    if (!run.hasOutstandingQueries) return
    // The actor that was asked is gone; the next one is asked again.
    run.queries.unshift(...run.takeOutstandingQueries())
    this.wake(run)
  }

  /**
   * Least recently loaded first: an actor with nothing to do makes room. One that is in the middle
   * of something is passed over and moves to the end.
   */
  #passivate(): void {
    let looked = 0
    for (const run of this.#residents) {
      if (this.#residents.size <= this.#maxResident || looked++ > 64) return
      const idle =
        run.residency === 'live' &&
        run.fed === run.committed &&
        (run.processed === run.committed || !run.isOpen) &&
        !run.hasOutstandingQueries &&
        run.queries.length === 0 &&
        run.closing === undefined
      if (idle) this.evict(run, true)
      else {
        this.#residents.delete(run)
        this.#residents.add(run)
      }
    }
  }

  #schedule(): void {
    if (this.#feeding || this.#paused) return
    this.#feeding = true
    setImmediate(() => this.#feed())
  }

  #feed(): void {
    this.#feeding = false
    if (this.#paused) return
    const until = performance.now() + FEED_SLICE_MS
    let more = false
    for (const slot of this.#slots) {
      const queue = this.#queues[slot.index] as Run[]
      let served = 0
      while (served < queue.length && slot.ready && this.#hasRoom(slot)) {
        if (performance.now() > until) {
          more = true
          break
        }
        const run = queue[served++] as Run
        run.queuedForFeed = false
        if (this.#serve(run, slot)) {
          run.queuedForFeed = true
          queue.push(run)
          more = true
        }
      }
      if (served > 0) queue.splice(0, served)
      slot.flush()
    }
    // With a full window the next report of the slot goes on from here, by flush().
    if (more) this.#schedule()
  }

  #hasRoom(slot: SlotFeed): boolean {
    return slot.outstandingBytes < this.#windowBytes
  }

  /** Send what the run's actor lacks. True if there is more. */
  #serve(run: Run, slot: SlotFeed): boolean {
    if (!run.isReady) return false
    if (run.closing !== undefined && run.regroup === undefined && run.residency === 'absent') {
      return false
    }
    try {
      if (run.residency === 'absent') {
        if (!this.#isWanted(run)) return false
        // Its results come back to wake() when they are committed.
        if (run.resultsInFlight > 0) return false
        this.#open(run, slot)
      }
      const more = run.residency === 'loading' ? this.#load(run, slot) : this.#catchUp(run, slot)
      if (!more) this.#sendQueries(run, slot)
      return more
    } catch (error) {
      if (!(error instanceof SignalboxError)) throw error
      this.#ports.onCorrupt(run, error)
      return false
    }
  }

  #isWanted(run: Run): boolean {
    return run.queries.length > 0 || (run.isOpen && run.processed < run.committed)
  }

  #open(run: Run, slot: SlotFeed): void {
    this.#ports.onOpen(run)
    const groups = run.regroup === undefined ? run.row.groups : [...run.row.groups, run.regroup]
    const { patches, executionTime } = run.row
    const traced = run.queries.some(({ request }) => isStackTraceQuery(request.queryType))
    const body = encode({
      closed: !run.isOpen,
      groups,
      ...(traced ? { traced } : {}),
      ...(patches === undefined ? {} : { patches }),
      ...(executionTime === undefined ? {} : { firstTurnTime: executionTime }),
    } satisfies OpenBody)
    run.actorNumber = (run.actorNumber % MAX_ACTOR_NUMBER) + 1
    slot.write(FrameKind.open, run.key, run.replayTo, 0, body, 0, run.actorNumber)
    run.residency = 'loading'
    run.fed = 0
    run.loadedRecords = 0
    run.loadSliceBytes = LOAD_SLICE_BYTES
    this.#residents.add(run)
  }

  /**
   * A slice of a load. A slice begins by skipping what earlier ones sent, so each is twice as large
   * as the one before: the reading stays linear in the length of the history.
   */
  #load(run: Run, slot: SlotFeed): boolean {
    let skip = run.loadedRecords
    let bytes = 0
    for (const record of this.#journal.readRun(run.key, 1)) {
      if (record.kind === RecordKind.progress) continue
      if (skip > 0) {
        skip--
        continue
      }
      if (record.kind === RecordKind.inputs && record.seq > run.committed) break
      if (bytes >= run.loadSliceBytes) {
        run.loadSliceBytes = Math.min(
          run.loadSliceBytes * 2,
          Math.max(this.#windowBytes, LOAD_SLICE_BYTES),
        )
        return true
      }
      const kind = record.kind === RecordKind.inputs ? FrameKind.inputs : FrameKind.commands
      slot.write(kind, run.key, record.seq, record.count, record.bytes)
      if (record.kind === RecordKind.inputs) run.fed = record.seq + record.count - 1
      run.loadedRecords++
      bytes += record.bytes.length
    }
    slot.write(FrameKind.loaded, run.key, run.fed, 0)
    run.residency = 'live'
    return false
  }

  /** Inputs that were committed while the window was full. */
  #catchUp(run: Run, slot: SlotFeed): boolean {
    if (run.fed >= run.committed) return false
    for (const record of this.#journal.readRun(run.key, run.fed + 1)) {
      if (record.kind !== RecordKind.inputs || record.seq <= run.fed) continue
      if (record.seq > run.committed) break
      if (!this.#hasRoom(slot)) return true
      slot.write(FrameKind.inputs, run.key, record.seq, record.count, record.bytes)
      run.fed = record.seq + record.count - 1
    }
    return false
  }

  #sendQueries(run: Run, slot: SlotFeed): void {
    // Once the close is durable it is known who answers: this run, or the one that continues it.
    if (run.closing?.phase === 'committing') return
    for (const query of run.queries) {
      const after = run.isOpen ? run.committed : run.replayTo
      slot.write(FrameKind.query, run.key, query.id, 0, encode({ after, request: query.request }))
      run.addOutstandingQuery(query)
    }
    run.queries = []
  }
}
