/**
 * Where the host reads the time and waits for it. Workflows never see this clock: theirs moves with
 * their inputs.
 */
export interface Clock {
  /**
   * How far ahead durable timers are held in memory; the others stay in the journal. Infinity where the
   * next due time must be known however far it is.
   */
  readonly horizonMs: number
  /** Whole milliseconds since the epoch. */
  now(): number
  /** Call `fn` once, as soon as `now()` has reached `atMs`; never during this call. */
  setTimer(atMs: number, fn: () => void): Timer
}

export interface Timer {
  /** After this the function is not called. Does nothing once it has been. */
  cancel(): void
}

/**
 * The longest single wait. Far below the 2^31 ms at which Node's setTimeout overflows to 1 ms, and
 * short, since setTimeout follows the monotonic clock while due times are wall-clock times: a
 * machine that slept or was given the right time wakes up at most this late.
 */
const MAX_WAIT_MS = 60_000

class SystemTimer implements Timer {
  readonly #atMs: number
  readonly #fn: () => void
  #handle: NodeJS.Timeout | undefined

  constructor(atMs: number, fn: () => void) {
    this.#atMs = atMs
    this.#fn = fn
    this.#arm()
  }

  cancel(): void {
    clearTimeout(this.#handle)
    this.#handle = undefined
  }

  #arm(): void {
    // At least 1 ms: setTimeout counts whole milliseconds from another origin than Date.now and may
    // fire while now() is still one short of the due time.
    const wait = Math.min(Math.max(this.#atMs - Date.now(), 1), MAX_WAIT_MS)
    this.#handle = setTimeout(() => {
      if (Date.now() < this.#atMs) {
        this.#arm()
        return
      }
      this.#handle = undefined
      this.#fn()
    }, wait)
  }
}

export const systemClock: Clock = {
  horizonMs: 60_000,
  now: () => Date.now(),
  setTimer: (atMs, fn) => new SystemTimer(atMs, fn),
}

interface SimulatedTimer extends Timer {
  readonly atMs: number
  readonly order: number
  readonly fn: () => void
}

/**
 * The twin for tests: time stands still but for {@link advance}. Timers fire in order of due time,
 * those of the same time in the order in which they were set, and `now()` is then the due time.
 */
export class SimulatedClock implements Clock {
  readonly horizonMs = 60_000
  #now: number
  #order = 0
  readonly #timers = new Set<SimulatedTimer>()

  /** @param startMs the first `now()`, in milliseconds since the epoch; default 2026-01-01 */
  constructor(startMs = Date.UTC(2026, 0, 1)) {
    this.#now = startMs
  }

  now(): number {
    return this.#now
  }

  /** How many timers are set. */
  get pendingTimers(): number {
    return this.#timers.size
  }

  setTimer(atMs: number, fn: () => void): Timer {
    const timer: SimulatedTimer = {
      atMs,
      order: this.#order++,
      fn,
      cancel: () => void this.#timers.delete(timer),
    }
    this.#timers.add(timer)
    return timer
  }

  /** Move on by `ms`, firing what falls due on the way, timers set meanwhile included. */
  advance(ms: number): void {
    const target = this.#now + ms
    while (this.#fireNext(target));
    this.#now = target
  }

  /**
   * As {@link advance}, but what a timer sets off may go on asynchronously: promises settle before
   * the next timer fires and before this resolves.
   */
  async advanceAsync(ms: number): Promise<void> {
    const target = this.#now + ms
    do await settled()
    while (this.#fireNext(target))
    this.#now = target
  }

  #fireNext(target: number): boolean {
    let next: SimulatedTimer | undefined
    for (const timer of this.#timers) {
      if (timer.atMs > target) continue
      if (next === undefined || timer.atMs < next.atMs) next = timer
      else if (timer.atMs === next.atMs && timer.order < next.order) next = timer
    }
    if (next === undefined) return false
    this.#timers.delete(next)
    this.#now = Math.max(this.#now, next.atMs)
    next.fn()
    return true
  }
}

/** A macrotask later: every promise that could settle by itself has. */
function settled(): Promise<void> {
  return new Promise((resolve) => {
    setImmediate(resolve)
  })
}
