import { Actor, MUST_REBUILD } from './actor.ts'
import { type Frame, FrameFlag, FrameKind, FrameWriter, readFrames } from './frames.ts'
import { type OpenBody, type QueryBody, type SlotReport, StatusField } from './protocol.ts'
import { decode, decodeCommands, decodeInputs, encode, encodeCommands } from './records.ts'
import type { TurnMarker } from './turn-marker.ts'
import type {
  QueryOutcome,
  QueryRequest,
  Sandbox,
  TurnError,
  WorkflowLogEntry,
  SinkCall,
} from './turns.ts'

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
  queries: PendingQuery[]
  /** Answers of this slice. */
  answers: { readonly id: number; readonly outcome: QueryOutcome }[]
  /** It was given up in this slice. */
  parked: { readonly error: TurnError | undefined } | undefined
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

  /** A call of a sink by workflow code. */
  sink(run: number, call: SinkCall): void {
    this.#out.write(FrameKind.sinks, run, 0, 0, encode(call))
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
          // They may be what an update waits for; see Actor.runnable.
          else this.#enqueue(resident)
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
    const body = decode<OpenBody>(frame.body)
    const actor = new Actor(frame.run, frame.seq, body, this.#sandbox, frame.actor)
    this.#residents.set(frame.run, {
      actor,
      queries: [],
      answers: [],
      parked: undefined,
      queued: false,
      touched: false,
    })
  }

  #enqueue(resident: Resident): void {
    if (resident.queued) return
    resident.queued = true
    this.#ready.push(resident)
  }

  /** Do turns for a few milliseconds, then post what came of them a macrotask later. */
  #slice(): void {
    if (!this.#sandbox.canEnter) throw new Error('a slot was called from within a microtask')
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
    // Dropped while it stood in the queue: its run has another actor by now, or none.
    if (this.#residents.get(actor.run) !== resident) return 0
    const status = this.#status
    status[StatusField.run] = actor.run
    this.#marker?.mark(actor.run)
    let turns = 0
    this.#touch(resident)
    while (actor.runnable && turns < TURNS_PER_ACTOR) {
      turns++
      status[StatusField.turns] = (status[StatusField.turns] as number) + 1
      const error = this.#turn(actor)
      if (error !== undefined) {
        this.#park(resident, error === MUST_REBUILD ? undefined : error)
        return turns
      }
    }
    if (actor.runnable) {
      this.#enqueue(resident)
      this.#consumed += actor.mailbox.takeHandledBytes()
      return turns
    }
    const mismatch = actor.checkReplay()
    if (mismatch !== undefined) {
      this.#park(resident, mismatch)
      return turns
    }
    // What it still holds waits for more frames, or for ever: it must not fill the slot's window.
    this.#consumed += actor.ended ? actor.mailbox.clear() : actor.mailbox.waive()
    if (resident.queries.length > 0) this.#answer(resident)
    return turns
  }

  /** A turn whose results cannot leave the context is a failed one; it must not take the slot along. */
  #turn(actor: Actor): TurnError | undefined {
    try {
      return actor.turn()
    } catch (error) {
      return turnError(error)
    }
  }

  #answer(resident: Resident): void {
    const { actor, queries } = resident
    const due = queries.filter((query) => actor.processed >= query.after)
    if (due.length === 0) return
    resident.queries = queries.filter((query) => actor.processed < query.after)
    const status = this.#status
    for (const query of due) {
      status[StatusField.turns] = (status[StatusField.turns] as number) + 1
      status[StatusField.query] = 1
      const { dirty, ...outcome } = this.#query(actor, query.request)
      status[StatusField.query] = 0
      resident.answers.push({ id: query.id, outcome })
      if (dirty === true) {
        // It may have changed the run, which is built anew before anything else sees it.
        this.#park(resident, undefined)
        return
      }
    }
  }

  #query(actor: Actor, request: QueryRequest): QueryOutcome & { readonly dirty?: boolean } {
    if (actor.processed === 0) return neverRan
    try {
      return this.#sandbox.query(actor.run, request)
    } catch (error) {
      return { failure: { message: turnError(error).message }, dirty: true }
    }
  }

  /**
   * The run cannot go on with this actor; the host decides when to build it anew. Told with the
   * slice's other results, once it is known which of those are void. No error: there is nothing wrong.
   */
  #park(resident: Resident, error: TurnError | undefined): void {
    this.#touch(resident)
    resident.parked = { error }
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

  /**
   * Post what came of the slice. A promise that user code rejected and nobody handled fails the turn,
   * as in Temporal. Which turn of the slice it was is not known, so all results and answers of the run
   * in this slice are dropped: the host builds the run anew up to the last reported turn.
   */
  #report(): void {
    const rejected = this.#takeRejections()
    for (const resident of this.#touched) {
      resident.touched = false
      const { actor, parked, answers } = resident
      const isHere = this.#residents.get(actor.run) === resident
      if (!isHere && parked === undefined) continue
      const rejection = rejected.get(actor.run)
      resident.answers = []
      if (rejection !== undefined) {
        if (isHere) this.#drop(resident)
        this.#writeParked(actor, rejection)
        continue
      }
      this.#writeResults(resident)
      for (const { id, outcome } of answers) {
        this.#write(FrameKind.answer, actor, id, 0, encode(outcome))
      }
      if (parked !== undefined) this.#writeParked(actor, parked.error)
    }
    this.#touched = []
    if (this.#out.length === 0 && this.#consumed === 0) return
    const consumed = this.#consumed
    this.#consumed = 0
    this.#post({ frames: this.#out.take(), consumed })
  }

  #takeRejections(): ReadonlyMap<number, TurnError> {
    const status = this.#status
    // To read an error is to run user code: its getters. The host must see whose.
    const rejected = this.#sandbox.takeFloatingRejections((run) => {
      status[StatusField.run] = run
      status[StatusField.turns] = (status[StatusField.turns] as number) + 1
    })
    status[StatusField.run] = 0
    return new Map(rejected)
  }

  #writeParked(actor: Actor, error: TurnError | undefined): void {
    const body = error === undefined ? undefined : encode(error)
    const flags = error === undefined ? FrameFlag.rebuild : 0
    this.#write(FrameKind.parked, actor, actor.reported, 0, body, flags)
  }

  #write(
    kind: FrameKind,
    actor: Actor,
    seq: number,
    count: number,
    body?: Uint8Array,
    flags = 0,
  ): void {
    this.#out.write(kind, actor.run, seq, count, body, flags, actor.number)
  }

  #writeResults(resident: Resident): void {
    const { actor } = resident
    const before = actor.reported
    const { turns, progressed } = actor.takeResults()
    const [first] = turns
    if (first !== undefined) {
      const body = encodeCommands(actor.historyLength, turns)
      const flags = actor.ended ? FrameFlag.terminal : 0
      this.#write(FrameKind.commands, actor, before + 1, actor.processed - before, body, flags)
    } else if (progressed) {
      this.#write(FrameKind.progress, actor, actor.processed, actor.historyLength)
    }
  }
}

/** A run that was closed from outside before its first turn has nothing to ask. */
const neverRan: QueryOutcome & { readonly dirty?: boolean } = {
  failure: { message: 'The workflow was closed before its code ran: it has no query handlers' },
  notRegistered: true,
}

/** Something that is not an error of the workflow's own making, such as a value that cannot be cloned. */
function turnError(error: unknown): TurnError {
  if (!(error instanceof Error)) return { name: 'Error', message: String(error) }
  const { name, message, stack } = error
  return { name, message, ...(stack === undefined ? {} : { stack }) }
}
