import { Actor } from './actor.ts'
import { type Frame, FrameFlag, FrameKind, FrameWriter, readFrames } from './frames.ts'
import { type OpenBody, type QueryBody, type SlotReport, StatusField } from './protocol.ts'
import { decode, decodeCommands, decodeInputs, encode, encodeCommands } from './records.ts'
import type { TurnMarker } from './turn-marker.ts'
import type { QueryOutcome, QueryRequest, Sandbox, TurnError, WorkflowLogEntry } from './turns.ts'

/** Turns of one actor before the next one is served, and of all before results are posted. */
const TURNS_PER_ACTOR = 1_024
const TURNS_PER_SLICE = 4_096
const MS_PER_SLICE = 5
/** How many actors are served between two looks at the clock. */
const ACTORS_PER_LOOK = 16

interface PendingQuery {
  readonly id: number
  readonly after: number
  readonly request: QueryRequest
}

interface Resident {
  readonly actor: Actor
  readonly queries: PendingQuery[]
  queued: boolean
  touched: boolean
}

export interface SlotOptions {
  readonly sandbox: Sandbox
  /** Float64 values by {@link StatusField}, shared with the host. */
  readonly status: Float64Array
  /** Called with each report; its buffer may be transferred. */
  readonly post: (report: SlotReport) => void
  /** Names the run about to have a turn, after an unclean exit. */
  readonly marker?: TurnMarker | undefined
}

/**
 * A worker's actors and their turns. Frames go in by {@link receive}; turns are done in slices, and
 * the results of a slice are posted a macrotask later, since only then is it known whether a promise
 * of user code was rejected without anybody to handle it.
 */
export class Slot {
  readonly #sandbox: Sandbox
  readonly #status: Float64Array
  readonly #post: (report: SlotReport) => void
  readonly #residents = new Map<number, Resident>()
  readonly #out = new FrameWriter()
  #ready: Resident[] = []
  #touched: Resident[] = []
  #marker: TurnMarker | undefined
  #consumed = 0
  #scheduled = false

  constructor(options: SlotOptions) {
    this.#sandbox = options.sandbox
    this.#status = options.status
    this.#post = options.post
    this.#marker = options.marker
  }

  receive(message: Uint8Array): void {
    readFrames(message, (frame) => this.#accept(frame))
    if (this.#scheduled) return
    this.#slice()
  }

  /** A line that workflow code logged. */
  log(run: number, entry: WorkflowLogEntry): void {
    this.#out.write(FrameKind.log, run, 0, 0, encode(entry))
  }

  #accept(frame: Frame): void {
    const size = frame.body.length
    const resident = this.#residents.get(frame.run)
    switch (frame.kind) {
      case FrameKind.open:
        this.#open(frame)
        break
      case FrameKind.inputs:
        // An actor that was parked leaves frames on the way; they stay in the journal.
        if (resident === undefined) break
        resident.actor.receive(frame.seq, decodeInputs(frame.body), size)
        this.#enqueue(resident)
        return
      case FrameKind.commands:
        if (resident !== undefined) {
          const error = resident.actor.expect(decodeCommands(frame.body).turns)
          if (error !== undefined) this.#park(resident, error)
        }
        break
      case FrameKind.loaded:
        if (resident === undefined) break
        resident.actor.loaded()
        this.#enqueue(resident)
        break
      case FrameKind.query: {
        if (resident === undefined) break
        const { after, request } = decode<QueryBody>(frame.body)
        resident.queries.push({ id: frame.seq, after, request })
        this.#enqueue(resident)
        break
      }
      case FrameKind.evict:
        if (resident !== undefined) this.#drop(resident)
        break
      default:
        throw new RangeError(`a slot cannot handle frames of kind ${frame.kind}`)
    }
    this.#consumed += size
  }

  #open(frame: Frame): void {
    const previous = this.#residents.get(frame.run)
    if (previous !== undefined) this.#drop(previous)
    const actor = new Actor(frame.run, frame.seq, decode<OpenBody>(frame.body), this.#sandbox)
    this.#residents.set(frame.run, { actor, queries: [], queued: false, touched: false })
  }

  #enqueue(resident: Resident): void {
    if (resident.queued) return
    resident.queued = true
    this.#ready.push(resident)
  }

  /** Do turns for a few milliseconds, then post what came of them a macrotask later. */
  #slice(): void {
    const until = performance.now() + MS_PER_SLICE
    let turns = 0
    let served = 0
    const ready = this.#ready
    while (served < ready.length) {
      const resident = ready[served++] as Resident
      resident.queued = false
      turns += this.#serve(resident)
      if (turns >= TURNS_PER_SLICE) break
      if (served % ACTORS_PER_LOOK === 0 && performance.now() > until) break
    }
    this.#ready = served === ready.length ? [] : ready.slice(served)
    this.#status[StatusField.run] = 0
    this.#marker?.mark(0)
    if (this.#marker?.isOver === true) this.#marker = undefined
    this.#scheduled = true
    setImmediate(() => {
      this.#scheduled = false
      this.#report()
      if (this.#ready.length > 0) this.#slice()
    })
  }

  #serve(resident: Resident): number {
    const { actor } = resident
    const status = this.#status
    status[StatusField.run] = actor.run
    this.#marker?.mark(actor.run)
    let turns = 0
    this.#touch(resident)
    while (actor.runnable) {
      if (turns === TURNS_PER_ACTOR) {
        this.#enqueue(resident)
        break
      }
      turns++
      status[StatusField.turns] = (status[StatusField.turns] as number) + 1
      const error = actor.turn()
      if (error !== undefined) {
        this.#park(resident, error)
        return turns
      }
    }
    // What an actor that has ended still holds would stand in the slot's window for as long as it lives.
    const { mailbox } = actor
    this.#consumed += actor.ended ? mailbox.clear() : mailbox.takeHandledBytes()
    if (resident.queries.length > 0) this.#answer(resident)
    return turns
  }

  #answer(resident: Resident): void {
    const { actor, queries } = resident
    // An actor that has ended before that is not the one to answer: the host will ask the next one.
    const isCurrent = (query: PendingQuery): boolean =>
      actor.processed >= query.after && !actor.runnable
    const due = queries.filter(isCurrent)
    if (due.length === 0) return
    resident.queries.splice(0, queries.length, ...queries.filter((query) => !isCurrent(query)))
    for (const query of due) {
      this.#status[StatusField.turns] = (this.#status[StatusField.turns] as number) + 1
      const { dirty, ...outcome } =
        actor.processed === 0 ? neverRan : this.#sandbox.query(actor.run, query.request)
      this.#out.write(FrameKind.answer, actor.run, query.id, 0, encode(outcome))
      if (dirty) {
        // A query that tried to change the run may have: build it anew before anything else sees it.
        this.#writeResults(resident)
        const { reported } = actor
        this.#out.write(FrameKind.parked, actor.run, reported, 0, undefined, FrameFlag.rebuild)
        this.#drop(resident)
        return
      }
    }
  }

  /** The run cannot go on with this actor; the host decides when to build it anew. */
  #park(resident: Resident, error: TurnError): void {
    const { actor } = resident
    this.#writeResults(resident)
    this.#out.write(FrameKind.parked, actor.run, actor.reported, 0, encode(error))
    this.#drop(resident)
  }

  #drop(resident: Resident): void {
    const { actor } = resident
    this.#consumed += actor.mailbox.clear()
    this.#residents.delete(actor.run)
    this.#sandbox.dispose(actor.run)
  }

  #touch(resident: Resident): void {
    if (resident.touched) return
    resident.touched = true
    this.#touched.push(resident)
  }

  #report(): void {
    this.#dropRejected()
    for (const resident of this.#touched) {
      resident.touched = false
      if (this.#residents.get(resident.actor.run) === resident) this.#writeResults(resident)
    }
    this.#touched = []
    if (this.#out.length === 0 && this.#consumed === 0) return
    const consumed = this.#consumed
    this.#consumed = 0
    this.#post({ frames: this.#out.take(), consumed })
  }

  /**
   * A promise that user code rejected and nobody handled fails the turn, as in Temporal. Which turn
   * of the slice it was is not known, so all results of the run in this slice are dropped: the host
   * builds the run anew up to the last reported turn.
   */
  #dropRejected(): void {
    for (const [run, error] of this.#sandbox.takeFloatingRejections()) {
      const resident = this.#residents.get(run)
      if (resident === undefined) continue
      this.#out.write(FrameKind.parked, run, resident.actor.reported, 0, encode(error))
      this.#drop(resident)
    }
  }

  #writeResults(resident: Resident): void {
    const { actor } = resident
    const before = actor.reported
    const { turns, progressed } = actor.takeResults()
    const [first] = turns
    if (first !== undefined) {
      const body = encodeCommands(actor.historyLength, turns)
      const flags = actor.ended ? FrameFlag.terminal : 0
      this.#out.write(
        FrameKind.commands,
        actor.run,
        before + 1,
        actor.processed - before,
        body,
        flags,
      )
    } else if (progressed) {
      this.#out.write(FrameKind.progress, actor.run, actor.processed, actor.historyLength)
    }
  }
}

/** A run that was closed from outside before its first turn has nothing to ask. */
const neverRan: QueryOutcome & { readonly dirty?: boolean } = {
  failure: { message: 'The workflow was closed before its code ran: it has no query handlers' },
  notRegistered: true,
}
