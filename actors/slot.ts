import { Actor, MUST_REBUILD } from './actor.ts'
import { type Frame, FrameFlag, FrameKind, FrameReader, FrameWriter, readFrames } from './frames.ts'
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

/** Turns of one actor before the next one is served. */
const TURNS_PER_ACTOR = 1_024
const MS_PER_SLICE = 5
/** How many frames are taken between two looks at the clock. */
const FRAMES_PER_LOOK = 16

interface PendingQuery {
  readonly id: number
  readonly after: number
  readonly request: QueryRequest
}

/** An actor with what its slot notes of it: one object, since each that is looked at costs. */
class Resident extends Actor {
  /** Undefined rather than empty, as most actors never have one. */
  queries: PendingQuery[] | undefined
  /** It has more turns to do than fitted into one go. */
  queued = false
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
 * A worker's actors and their turns. Frames go in by {@link receive} and are taken one after the other:
 * an actor does its turns as its frame is read, and their results are written at once, since with many
 * thousand actors each look at one costs more than its turn. It is done in slices; what a slice has
 * written is posted a macrotask later, since only then is it known whether a promise of user code was
 * rejected without anybody to handle it.
 */
export class Slot {
  readonly #sandbox: Sandbox
  readonly #status: Float64Array
  readonly #post: (report: SlotReport) => void
  readonly #residents = new Map<number, Resident>()
  readonly #out = new FrameWriter()
  #incoming: FrameReader[] = []
  #ready: Resident[] = []
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
    this.#incoming.push(new FrameReader(message))
    if (!this.#scheduled) this.#slice()
  }

  /** Within a turn of several inputs, another one is handled: none of them has been stuck until now. */
  progressed(): void {
    const status = this.#status
    status[StatusField.turns] = (status[StatusField.turns] as number) + 1
  }

  /** A line that workflow code logged. */
  log(run: number, entry: WorkflowLogEntry): void {
    this.#out.write(FrameKind.log, run, 0, 0, encode(entry))
  }

  /** A call of a sink by workflow code. */
  sink(run: number, call: SinkCall): void {
    this.#out.write(FrameKind.sinks, run, 0, 0, encode(call))
  }

  /** Take frames and do turns for a few milliseconds, then post what came of them a macrotask later. */
  #slice(): void {
    if (!this.#sandbox.canEnter) throw new Error('a slot was called from within a microtask')
    const until = performance.now() + MS_PER_SLICE
    do {
      // One that has many turns to do neither waits for all frames nor keeps them waiting.
      const ready = this.#ready.shift()
      if (ready !== undefined) {
        ready.queued = false
        this.#serve(ready)
      }
      this.#takeFrames()
    } while (this.#hasWork && performance.now() < until)
    this.#status[StatusField.run] = 0
    this.#marker?.mark(0)
    if (this.#marker?.isOver === true) this.#marker = undefined
    this.#scheduled = true
    setImmediate(() => {
      this.#scheduled = false
      this.#report()
      if (this.#hasWork) this.#slice()
    })
  }

  get #hasWork(): boolean {
    return this.#ready.length > 0 || this.#incoming.length > 0
  }

  #takeFrames(): void {
    const enough = (this.#status[StatusField.turns] as number) + TURNS_PER_ACTOR
    for (let taken = 0; taken < FRAMES_PER_LOOK; taken++) {
      if ((this.#status[StatusField.turns] as number) >= enough) return
      const frame = this.#incoming[0]?.next()
      if (frame !== undefined) this.#accept(frame)
      else if (this.#incoming.shift() === undefined) return
    }
  }

  #accept(frame: Frame): void {
    // Whatever happens from here on is this run's doing, and not that of the one served before.
    this.#status[StatusField.run] = frame.run
    const size = frame.body.length
    const resident = this.#residents.get(frame.run)
    if (frame.kind === FrameKind.inputs) {
      // An actor that was parked leaves frames on the way; they stay in the journal.
      if (resident === undefined) {
        this.#consumed += size
        return
      }
      resident.receive(frame.seq, decodeInputs(frame.body), size)
      return this.#serveUnlessQueued(resident)
    }
    this.#consumed += size
    if (frame.kind === FrameKind.open) return this.#open(frame)
    if (resident === undefined) return
    switch (frame.kind) {
      case FrameKind.commands: {
        const error = resident.expect(decodeCommands(frame.body).turns)
        if (error !== undefined) return this.#park(resident, error)
        // They may be what an update waits for; see Actor.runnable.
        return this.#serveUnlessQueued(resident)
      }
      case FrameKind.loaded:
        resident.loaded()
        return this.#serveUnlessQueued(resident)
      case FrameKind.query: {
        const { after, request } = decode<QueryBody>(frame.body)
        resident.queries ??= []
        resident.queries.push({ id: frame.seq, after, request })
        return this.#serveUnlessQueued(resident)
      }
      case FrameKind.evict:
        return this.#drop(resident)
      default:
        throw new RangeError(`a slot cannot handle frames of kind ${frame.kind}`)
    }
  }

  #open(frame: Frame): void {
    const previous = this.#residents.get(frame.run)
    if (previous !== undefined) this.#drop(previous)
    const body = decode<OpenBody>(frame.body)
    const { run, seq, actor: number } = frame
    this.#residents.set(run, new Resident(run, seq, body, this.#sandbox, number))
  }

  #serveUnlessQueued(resident: Resident): void {
    if (!resident.queued) this.#serve(resident)
  }

  #serve(actor: Resident): void {
    // Dropped while it stood in the queue: its run has another actor by now, or none.
    if (this.#residents.get(actor.run) !== actor) return
    const status = this.#status
    status[StatusField.run] = actor.run
    this.#marker?.mark(actor.run)
    let turns = 0
    while (actor.runnable && turns < TURNS_PER_ACTOR) {
      turns++
      status[StatusField.turns] = (status[StatusField.turns] as number) + 1
      const error = this.#turn(actor)
      if (error !== undefined) return this.#park(actor, error)
    }
    if (actor.runnable) {
      actor.queued = true
      this.#ready.push(actor)
      this.#consumed += actor.mailbox.takeHandledBytes()
      return this.#writeResults(actor)
    }
    const mismatch = actor.checkReplay()
    if (mismatch !== undefined) return this.#park(actor, mismatch)
    // What it still holds waits for more frames, or for ever: it must not fill the slot's window.
    this.#consumed += actor.ended ? actor.mailbox.clear() : actor.mailbox.waive()
    this.#writeResults(actor)
    if (actor.queries !== undefined) this.#answer(actor, actor.queries)
  }

  /** A turn whose results cannot leave the context is a failed one; it must not take the slot along. */
  #turn(actor: Actor): TurnError | undefined {
    try {
      return actor.turn()
    } catch (error) {
      return turnError(error)
    }
  }

  #answer(actor: Resident, queries: readonly PendingQuery[]): void {
    const due = queries.filter((query) => actor.processed >= query.after)
    if (due.length === 0) return
    const later = queries.filter((query) => actor.processed < query.after)
    actor.queries = later.length === 0 ? undefined : later
    const status = this.#status
    for (const query of due) {
      status[StatusField.turns] = (status[StatusField.turns] as number) + 1
      status[StatusField.query] = 1
      const { dirty, ...outcome } = this.#query(actor, query.request)
      status[StatusField.query] = 0
      this.#write(FrameKind.answer, actor, query.id, 0, encode(outcome))
      // It may have changed the run, which is built anew before anything else sees it.
      if (dirty === true) return this.#park(actor, MUST_REBUILD)
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
   * The run cannot go on with this actor; the host decides when to build it anew. The turns before
   * are told first: they count.
   */
  #park(actor: Actor, error: TurnError): void {
    this.#writeResults(actor)
    this.#writeParked(actor.run, actor.number, error)
    this.#drop(actor)
  }

  #drop(actor: Actor): void {
    this.#consumed += actor.mailbox.clear()
    this.#residents.delete(actor.run)
    this.#sandbox.dispose(actor.run)
  }

  #report(): void {
    const rejected = this.#takeRejections()
    if (rejected.size > 0) this.#void(rejected)
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

  /**
   * A promise that user code rejected and nobody handled fails the turn, as in Temporal.
   *
   * Guarantee: which turn of the slice it was is not known, so none of the run's results and answers
   * of this slice leaves it: the host builds the run anew up to the last turn that was reported.
   */
  #void(rejected: ReadonlyMap<number, TurnError>): void {
    for (const run of rejected.keys()) {
      const resident = this.#residents.get(run)
      this.#status[StatusField.run] = run
      if (resident !== undefined) this.#park(resident, MUST_REBUILD)
    }
    this.#status[StatusField.run] = 0
    readFrames(this.#out.take(), (frame) => {
      const { kind, run, seq, count, body, flags, actor } = frame
      const rejection = rejected.get(run)
      if (rejection === undefined || kind === FrameKind.log || kind === FrameKind.sinks) {
        this.#out.write(kind, run, seq, count, body, flags, actor)
      } else if (kind === FrameKind.parked) this.#writeParked(run, actor, rejection)
    })
  }

  #writeParked(run: number, actor: number, error: TurnError): void {
    // There is nothing wrong with a run that must be rebuilt.
    const isWrong = error !== MUST_REBUILD
    const body = isWrong ? encode(error) : undefined
    this.#out.write(FrameKind.parked, run, 0, 0, body, isWrong ? 0 : FrameFlag.rebuild, actor)
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

  #writeResults(actor: Actor): void {
    const before = actor.reported
    const { turns, progressed } = actor.takeResults()
    if (turns.length > 0) {
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
