import type { Clock } from './clock.ts'
import type { Journal } from './journal.ts'
import type { Telemetry } from './telemetry.ts'
import { timerKey, type TimerRow, timerOfKey } from './row-keys.ts'

/** After any due time that a timer can have. */
const END_OF_TIME_MS = 2 ** 48 - 1
/** How many rows of the index are read in one macrotask. */
const SCAN_ROWS = 2_000
/** Cancelled timers are let go of once there are as many of them as of others, and at least so many. */
const CANCELLED_AT_LEAST = 1_000

/**
 * Durable timers. The journal has a row per pending timer, sorted by due time; in memory are only
 * those whose key is below the cursor, up to which the index has been read. Starting a timer costs
 * the same however many are pending.
 */
export class Timers {
  readonly #journal: Journal
  readonly #clock: Clock
  readonly #fire: (timer: TimerRow) => void
  readonly #telemetry: Telemetry
  readonly #near = new TimerHeap()
  /** Those in memory that have not fired; others have nothing to be cancelled. */
  readonly #pending = new Map<string, NearTimer>()
  /** How many of the heap were cancelled. */
  #cancelled = 0
  #cursor = timerKey(0, 0, 0)
  #alarm: { cancel(): void } | undefined
  #alarmAt = Number.POSITIVE_INFINITY
  #stopped = false
  #fired = 0

  constructor(
    journal: Journal,
    clock: Clock,
    telemetry: Telemetry,
    fire: (timer: TimerRow) => void,
  ) {
    this.#journal = journal
    this.#clock = clock
    this.#fire = fire
    this.#telemetry = telemetry
  }

  /** Timers in memory: those that are due before long. */
  get near(): number {
    return this.#pending.size
  }

  /** Timers that have fired since open. */
  get fired(): number {
    return this.#fired
  }

  /** How long the next one has been due. */
  get lateMs(): number {
    return Math.max(0, this.#clock.now() - (this.#near.first?.dueTime ?? Infinity))
  }

  /** Read what is due soon, and go on from there. */
  start(): void {
    this.#scan()
  }

  /** A timer whose row is durable. */
  add(timer: TimerRow): void {
    if (!this.#isRead(timer)) return
    this.#remember(timer)
    this.#arm(timer.dueTime)
  }

  /** A timer whose row is gone. Its place in the heap is given back with many others at a time. */
  cancel(timer: TimerRow): void {
    const name = nameOf(timer)
    const near = this.#pending.get(name)
    if (near === undefined) return
    this.#pending.delete(name)
    near.isCancelled = true
    this.#cancelled++
    if (this.#cancelled < CANCELLED_AT_LEAST || this.#cancelled < this.#pending.size) return
    this.#near.sweep()
    this.#cancelled = 0
  }

  stop(): void {
    this.#stopped = true
    this.#alarm?.cancel()
  }

  #remember(timer: TimerRow): void {
    const near = { ...timer, isCancelled: false }
    this.#pending.set(nameOf(timer), near)
    this.#near.push(near)
  }

  /** Below the cursor: in memory if it is anywhere. */
  #isRead(timer: TimerRow): boolean {
    return Buffer.compare(timerKey(timer.dueTime, timer.run, timer.seq), this.#cursor) < 0
  }

  /** Read the index up to the horizon, a slice a macrotask, then sleep until something is due. */
  #scan(): void {
    if (this.#stopped) return
    // Timers due until then are in memory; the others are read from the index as they come near.
    const { horizonMs } = this.#clock
    const until = Math.min(this.#clock.now() + horizonMs, END_OF_TIME_MS)
    const end = timerKey(until, 0, 0)
    let rows = 0
    let lastKey: Buffer | undefined
    for (const [key] of this.#journal.rows({ start: this.#cursor, end, limit: SCAN_ROWS })) {
      lastKey = Buffer.from(key)
      this.#remember(timerOfKey(lastKey))
      rows++
    }
    if (lastKey !== undefined && rows === SCAN_ROWS) {
      this.#cursor = Buffer.concat([lastKey, Buffer.of(0)])
      setImmediate(() => this.#scan())
    } else {
      if (Buffer.compare(end, this.#cursor) > 0) this.#cursor = end
      if (until < END_OF_TIME_MS) this.#arm(until - horizonMs / 2)
    }
    const first = this.#near.first
    if (first !== undefined) this.#arm(first.dueTime)
  }

  #arm(at: number): void {
    if (this.#stopped || at >= this.#alarmAt) return
    this.#alarm?.cancel()
    this.#alarmAt = at
    this.#alarm = this.#clock.setTimer(at, () => this.#ring())
  }

  #ring(): void {
    this.#alarm = undefined
    this.#alarmAt = Number.POSITIVE_INFINITY
    const now = this.#clock.now()
    const lateMs = this.lateMs
    let fired = 0
    for (let timer = this.#near.first; timer !== undefined; timer = this.#near.first) {
      if (timer.dueTime > now) break
      this.#near.pop()
      if (timer.isCancelled) {
        this.#cancelled--
        continue
      }
      this.#pending.delete(nameOf(timer))
      fired++
      this.#fire(timer)
    }
    this.#fired += fired
    if (fired > 0) this.#telemetry.timersFired(fired, lateMs)
    this.#scan()
  }
}

function nameOf(timer: TimerRow): string {
  return `${timer.run}:${timer.seq}`
}

interface NearTimer extends TimerRow {
  isCancelled: boolean
}

/** A binary heap by due time, then run and number: what is due together fires in the order of its start. */
class TimerHeap {
  #items: NearTimer[] = []

  get first(): NearTimer | undefined {
    return this.#items[0]
  }

  /** Let go of those that were cancelled. */
  sweep(): void {
    // What is sorted is a heap.
    this.#items = this.#items
      .filter(({ isCancelled }) => !isCancelled)
      .sort((a, b) => (isBefore(a, b) ? -1 : 1))
  }

  push(timer: NearTimer): void {
    const items = this.#items
    let at = items.push(timer) - 1
    while (at > 0) {
      const parent = (at - 1) >> 1
      if (!isBefore(timer, items[parent] as NearTimer)) break
      items[at] = items[parent] as NearTimer
      at = parent
    }
    items[at] = timer
  }

  pop(): void {
    const items = this.#items
    const last = items.pop()
    if (last === undefined || items.length === 0) return
    let at = 0
    for (;;) {
      let child = 2 * at + 1
      if (child >= items.length) break
      const right = child + 1
      if (right < items.length && isBefore(items[right] as NearTimer, items[child] as NearTimer)) {
        child = right
      }
      if (!isBefore(items[child] as NearTimer, last)) break
      items[at] = items[child] as NearTimer
      at = child
    }
    items[at] = last
  }
}

function isBefore(a: TimerRow, b: TimerRow): boolean {
  if (a.dueTime !== b.dueTime) return a.dueTime < b.dueTime
  return a.run === b.run ? a.seq < b.seq : a.run < b.run
}
