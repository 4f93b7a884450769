import { type Clock, systemClock, type Timer } from '../clock.ts'

interface Alarm extends Timer {
  readonly atMs: number
  readonly order: number
  readonly fire: () => void
}

/**
 * A clock that goes as fast as the system's, and can be put forward. A timer fires once its time has come
 * either way; those that one step passes fire in the order of their due times.
 */
export class SkippingClock implements Clock {
  readonly horizonMs = Infinity
  readonly #alarms = new Set<Alarm>()
  #aheadMs = 0
  #order = 0
  #native: Timer | undefined
  #nativeAtMs = Infinity

  /** @param startMs the first `now()`; default the system's */
  constructor(startMs?: number) {
    if (startMs !== undefined) this.#aheadMs = Math.floor(startMs) - systemClock.now()
  }

  now(): number {
    return systemClock.now() + this.#aheadMs
  }

  setTimer(atMs: number, fn: () => void): Timer {
    const alarm: Alarm = {
      atMs,
      order: this.#order++,
      fire: fn,
      cancel: () => {
        if (this.#alarms.delete(alarm)) this.#arm()
      },
    }
    this.#alarms.add(alarm)
    this.#arm()
    return alarm
  }

  /** When the next timer is due, or undefined. */
  get nextDueMs(): number | undefined {
    return this.#next?.atMs
  }

  /** Put the clock forward to `atMs`, if that is not over already, and fire what has become due. */
  skipTo(atMs: number): void {
    this.#aheadMs += Math.max(0, Math.ceil(atMs - this.now()))
    this.#fireDue()
  }

  get #next(): Alarm | undefined {
    let next: Alarm | undefined
    for (const alarm of this.#alarms) {
      // Alarms are in the order in which they were set: of the same time, the first one counts.
      if (next === undefined || alarm.atMs < next.atMs) next = alarm
    }
    return next
  }

  #fireDue(): void {
    const now = this.now()
    const due = [...this.#alarms].filter(({ atMs }) => atMs <= now)
    due.sort((a, b) => a.atMs - b.atMs || a.order - b.order)
    // One that an earlier one cancels is not fired.
    for (const alarm of due) if (this.#alarms.delete(alarm)) alarm.fire()
    this.#arm()
  }

  /** One timer of the system for the next alarm; the clock may have been put forward since the last. */
  #arm(): void {
    const atMs = (this.nextDueMs ?? Infinity) - this.#aheadMs
    if (atMs === this.#nativeAtMs) return
    this.#native?.cancel()
    this.#nativeAtMs = atMs
    this.#native =
      atMs === Infinity
        ? undefined
        : systemClock.setTimer(atMs, () => {
            this.#nativeAtMs = Infinity
            this.#fireDue()
          })
  }
}
