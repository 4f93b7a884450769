import { EncodedInput } from '../actors/encoded-inputs.ts'
import type { Input } from '../actors/inputs.ts'
import type { WrittenInput } from '../actors/records.ts'
import type { QueryOutcome, QueryRequest } from '../actors/turns.ts'
import type { ChildLink } from './child-link.ts'
import type { RunRow } from './run-row.ts'
import type { RunUpdates } from './run-updates.ts'
import type { ParkedState, SignalResponse } from './workflow-service.ts'
import { isOpenStatus } from './workflow-status.ts'

/** A promise's two ends, kept until something happens to the run. */
export interface Waiter {
  readonly resolve: () => void
  readonly reject: (error: Error) => void
}

/** Someone who waits until the turn of an input has ended. It goes with the input to another run. */
export interface TurnWaiter {
  run: Run
  /** The input's number; while it has none, its place among the run's pending inputs. */
  seq: number
  readonly resolve: (response: SignalResponse) => void
  readonly reject: (error: Error) => void
}

export interface QueuedQuery {
  readonly id: number
  readonly request: QueryRequest
  /** Asked of the workflow id: when the run continues as new, the next one is to answer. */
  readonly followsRuns: boolean
  readonly resolve: (outcome: QueryOutcome) => void
  readonly reject: (error: Error) => void
}

/**
 * A run on its way to its end, from the arrival of a terminal command:
 * - `settling`: inputs accepted before it are still being committed
 * - `regrouping`: those inputs and the closing turn are done again as one activation
 * - `committing`: the close is being written
 */
export interface Closing {
  phase: 'settling' | 'regrouping' | 'committing'
  /** The turn that issued the terminal command. */
  readonly seq: number
  /** What to do once everything accepted has been committed. */
  readonly onSettled: () => void
}

/**
 * What the host knows of one run: where it is in its inputs, where its actor is, and who waits.
 *
 * The numbers only grow, and `processed ≤ fed`, `fed ≤ committed ≤ head` hold throughout: an input
 * is numbered when its batch is complete, committed before it is fed to the actor, and processed after.
 */
export class Run {
  readonly key: number
  readonly shard: number
  #row!: RunRow
  /** Of the row, for the way of a signal: each object that it looks at costs. */
  isOpen!: boolean
  /** Do its inputs wait for a turn, rather than for a time or for somebody to let the run go on? */
  awaitsTurns!: boolean
  hasStrikes!: boolean

  /** The last input with a number; pending ones follow. */
  head: number
  committed: number
  /** The last input sent to the actor, while there is one. */
  fed = 0
  /** The last input whose turn has ended and whose results were accepted. */
  processed: number
  /** `processed` as the journal has it. */
  processedRecorded: number
  historyLength = 0

  #pending = NO_INPUTS
  pendingRequests: (readonly [index: number, hash: number])[] | undefined
  #pendingWaiters: TurnWaiter[] | undefined
  #waiters = NO_WAITERS
  closeWaiters: Set<Waiter> | undefined
  /** Called when there is something new to see of the run. */
  watchers: Set<() => void> | undefined

  residency: 'absent' | 'loading' | 'live' = 'absent'
  /** Numbers the run's actors, from 1 and round again: a frame of an earlier one is void. */
  actorNumber = 0
  /** Journal records sent to the actor that is being loaded. */
  loadedRecords = 0
  /** Bytes of the next slice of a load that needs several. */
  loadSliceBytes = 0
  queuedForFeed = false
  /** Records of its turns that are not committed yet; a load must wait for them. */
  resultsInFlight = 0
  /** The first input of the turns whose records these are. */
  resultsFrom = 0
  /** Inputs that the actor is to handle as one activation, or was told to. */
  regroup: readonly [first: number, last: number] | undefined

  /** Has pending inputs in the open batch. */
  dirty = false
  progressNoted = false
  closing: Closing | undefined
  /** Requests that wait for the close to be decided, to be made again in this order. */
  held: (() => void)[] = []

  #activities: Map<number, boolean> | undefined
  #children: Map<number, ChildLink> | undefined
  parked: ParkedState | undefined
  /** A parked run is being tried again. */
  retrying = false
  /** Queries of it that took the worker down; forgotten with the run, or by release. */
  queryStrikes = 0
  parkTimer: NodeJS.Timeout | undefined
  queries: QueuedQuery[] = []
  /** Read when the run first has to do with updates. */
  updates: RunUpdates | undefined
  /** Sent to the actor; undefined rather than empty, as most runs never have one. */
  #outstandingQueries: Map<number, QueuedQuery> | undefined

  constructor(key: number, shard: number, row: RunRow, head: number, processed: number) {
    this.key = key
    this.shard = shard
    this.row = row
    this.head = head
    this.committed = head
    this.processed = processed
    this.processedRecorded = processed
    this.historyLength = row.historyLength
  }

  /** Its summary, as it is in the journal or will be with the next commit. */
  get row(): RunRow {
    return this.#row
  }

  set row(row: RunRow) {
    this.#row = row
    this.isOpen = isOpenStatus(row.status)
    this.awaitsTurns = row.delayed !== true && row.status !== 'PAUSED'
    this.hasStrikes = row.strikes > 0
  }

  /** Accepted, to be numbered when the next batch is cut. */
  get pending(): readonly WrittenInput[] {
    return this.#pending
  }

  addPending(input: WrittenInput): void {
    if (this.#pending === NO_INPUTS) this.#pending = [input]
    else this.#pending.push(input)
  }

  /** The place of an input among the pending ones, or −1. */
  placeOfPending(input: Input): number {
    const place = this.#pending.indexOf(input)
    if (place >= 0) return place
    return this.#pending.findIndex((one) => one instanceof EncodedInput && one.decoded === input)
  }

  takePending(): readonly WrittenInput[] {
    const pending = this.#pending
    this.#pending = NO_INPUTS
    return pending
  }

  /** Those who wait for turns of inputs that have their numbers. */
  get waiters(): readonly TurnWaiter[] {
    return this.#waiters
  }

  set waiters(waiters: readonly TurnWaiter[]) {
    this.#waiters = waiters.length === 0 ? NO_WAITERS : [...waiters]
  }

  addWaiter(waiter: TurnWaiter): void {
    if (this.#waiters === NO_WAITERS) this.#waiters = [waiter]
    else this.#waiters.push(waiter)
  }

  /** Wait for the turn of the pending input that has this place. */
  addPendingWaiter(waiter: TurnWaiter, index: number): void {
    waiter.run = this
    waiter.seq = index
    if (this.#pendingWaiters === undefined) this.#pendingWaiters = [waiter]
    else this.#pendingWaiters.push(waiter)
  }

  /** The pending inputs get their numbers, from `first` on. */
  numberPendingWaiters(first: number): void {
    const waiters = this.#pendingWaiters
    if (waiters === undefined) return
    this.#pendingWaiters = undefined
    for (const waiter of waiters) {
      waiter.seq += first
      this.addWaiter(waiter)
    }
  }

  takePendingWaiters(): readonly TurnWaiter[] {
    const waiters = this.#pendingWaiters ?? NO_WAITERS
    this.#pendingWaiters = undefined
    return waiters
  }

  /** It waits no more. Cheap for the one that has waited longest, which is the first to give up. */
  removeWaiter(waiter: TurnWaiter): void {
    if (remove(this.#waiters, waiter)) {
      if (this.#waiters.length === 0) this.#waiters = NO_WAITERS
    } else if (this.#pendingWaiters !== undefined) {
      remove(this.#pendingWaiters, waiter)
    }
  }

  /** Those who wait for turns up to `seq`; they wait no more. */
  takeWaiters(seq: number): readonly TurnWaiter[] {
    const waiters = this.#waiters
    this.waiters = waiters.filter((waiter) => waiter.seq > seq)
    return this.#waiters === NO_WAITERS ? waiters : waiters.filter((waiter) => waiter.seq <= seq)
  }

  /** Its activities without an outcome, and whether their cancellation was asked for. */
  get activities(): Iterable<readonly [seq: number, cancelRequested: boolean]> {
    return this.#activities ?? NONE
  }

  get activityCount(): number {
    return this.#activities?.size ?? 0
  }

  /** Tell whoever waits for something new of this run. */
  notify(): void {
    if (this.watchers !== undefined) for (const watcher of this.watchers) watcher()
  }

  hasActivity(seq: number): boolean {
    return this.#activities?.has(seq) ?? false
  }

  setActivity(seq: number, cancelRequested: boolean): void {
    this.#activities ??= new Map()
    this.#activities.set(seq, cancelRequested)
  }

  /** @returns whether its cancellation was asked for */
  removeActivity(seq: number): boolean {
    const cancelRequested = this.#activities?.get(seq) ?? false
    if (this.#activities?.delete(seq) === true && this.#activities.size === 0) {
      this.#activities = undefined
    }
    return cancelRequested
  }

  forgetActivities(): void {
    this.#activities = undefined
  }

  /** Its children that have not ended. */
  get children(): Iterable<ChildLink> {
    return this.#children?.values() ?? NO_CHILDREN
  }

  get childCount(): number {
    return this.#children?.size ?? 0
  }

  addChild(link: ChildLink): void {
    this.#children ??= new Map()
    this.#children.set(link.seq, link)
  }

  /** @returns false if there is none with this number */
  removeChild(seq: number): boolean {
    if (this.#children?.delete(seq) !== true) return false
    if (this.#children.size === 0) this.#children = undefined
    return true
  }

  forgetChildren(): void {
    this.#children = undefined
  }

  get outstandingQueryCount(): number {
    return this.#outstandingQueries?.size ?? 0
  }

  get hasOutstandingQueries(): boolean {
    return this.#outstandingQueries !== undefined
  }

  /** A query was sent to the actor. */
  addOutstandingQuery(query: QueuedQuery): void {
    this.#outstandingQueries ??= new Map()
    this.#outstandingQueries.set(query.id, query)
  }

  /** The query with this number, which is answered now. */
  takeOutstandingQuery(id: number): QueuedQuery | undefined {
    const query = this.#outstandingQueries?.get(id)
    if (this.#outstandingQueries?.delete(id) === true && this.#outstandingQueries.size === 0) {
      this.#outstandingQueries = undefined
    }
    return query
  }

  /** All queries sent and not answered. */
  takeOutstandingQueries(): readonly QueuedQuery[] {
    const queries = [...(this.#outstandingQueries?.values() ?? [])]
    this.#outstandingQueries = undefined
    return queries
  }

  get isPaused(): boolean {
    return this.#row.status === 'PAUSED'
  }

  /** The last turn that a new actor of this run does as a replay. */
  get replayTo(): number {
    return this.isOpen ? this.processed : this.row.closeSeq
  }

  /** The last turn that has ended and whose results the journal has: what can be told of the run. */
  get endedTo(): number {
    if (!this.isOpen) return this.row.closeSeq
    const { processed, resultsFrom } = this
    return this.resultsInFlight === 0 ? processed : Math.min(processed, resultsFrom - 1)
  }

  /** May an actor be built: neither parked and waiting for its next attempt, nor quarantined or paused. */
  get isReady(): boolean {
    return (
      (this.parked === undefined || this.retrying) &&
      this.row.quarantined === undefined &&
      this.awaitsTurns
    )
  }

  /** Accepted inputs whose turns have not ended. */
  get mailboxDepth(): number {
    return this.head + this.pending.length - this.processed
  }

  /** May its object be forgotten: nothing under way that memory alone knows? */
  get isIdle(): boolean {
    return (
      this.residency === 'absent' &&
      this.pending.length === 0 &&
      this.head === this.committed &&
      (this.processed === this.committed || !this.isOpen || !this.awaitsTurns) &&
      this.processed === this.processedRecorded &&
      this.resultsInFlight === 0 &&
      this.closing === undefined &&
      this.held.length === 0 &&
      (this.parked === undefined || !this.isOpen) &&
      !this.queuedForFeed &&
      this.#waiters.length === 0 &&
      (this.closeWaiters === undefined || this.closeWaiters.size === 0) &&
      this.watchers === undefined &&
      this.queries.length === 0 &&
      this.#outstandingQueries === undefined &&
      (this.updates === undefined || this.updates.isIdle)
    )
  }
}

function remove(waiters: TurnWaiter[], waiter: TurnWaiter): boolean {
  const at = waiters.indexOf(waiter)
  if (at < 0) return false
  waiters.splice(at, 1)
  return true
}

// What a run has only for the moment is not kept as an array of its own: there may be a hundred thousand
// runs, and whatever lasts until the next signal is garbage of the old generation then.
const NO_INPUTS: WrittenInput[] = []
const NO_WAITERS: TurnWaiter[] = []
const NO_CHILDREN: readonly ChildLink[] = []
const NONE: readonly (readonly [number, boolean])[] = []
