import type { SkippingClock } from './skipping-clock.ts'

/** Looks at the engine one macrotask after the other before it begins to wait between two looks. */
const EAGER_LOOKS = 200
const LOOK_MS = 1

export interface TimeSkipperPorts {
  readonly clock: SkippingClock
  /** Nothing to be done without the clock, activities aside. */
  readonly isIdle: () => boolean
  /** Activities that run or are about to. */
  readonly activeActivities: () => number
  /** How long an explicit sleep waits for them, in milliseconds of the system's time. */
  readonly activityGraceMs: number
}

interface Sleeper {
  readonly targetMs: number
  readonly resolve: () => void
}

/**
 * Puts the clock forward to what is due next, whenever the engine has nothing else to do and somebody
 * waits: for a result, or for a time to come.
 *
 * While activities run, time goes on as the system's does: what they do takes real time, and their
 * timeouts must not strike because a workflow sleeps elsewhere. Only an explicit sleep passes those that
 * are still running after `activityGraceMs`, and at once those that sleep themselves.
 */
export class TimeSkipper {
  readonly #ports: TimeSkipperPorts
  readonly #sleepers = new Set<Sleeper>()
  #waiters = 0
  #sleepingActivities = 0
  #running = false
  #stopped = false

  constructor(ports: TimeSkipperPorts) {
    this.#ports = ports
  }

  /** Skip time until `outcome` has settled. */
  async whileWaiting<T>(outcome: Promise<T>): Promise<T> {
    this.#waiters++
    this.#start()
    try {
      return await outcome
    } finally {
      this.#waiters--
    }
  }

  /**
   * Until `ms` have passed on the clock and what was due by then has been done.
   *
   * @param inActivity the caller is an activity, which is no reason to wait for it
   */
  async sleep(ms: number, inActivity: boolean): Promise<void> {
    if (this.#stopped) return
    if (inActivity) this.#sleepingActivities++
    const targetMs = this.#ports.clock.now() + ms
    try {
      await new Promise<void>((resolve) => {
        this.#sleepers.add({ targetMs, resolve })
        this.#start()
      })
    } finally {
      if (inActivity) this.#sleepingActivities--
    }
  }

  /** Skip no more; sleepers are let go. */
  stop(): void {
    this.#stopped = true
    for (const { resolve } of this.#sleepers) resolve()
    this.#sleepers.clear()
  }

  #start(): void {
    if (this.#running || this.#stopped) return
    this.#running = true
    void this.#run()
  }

  async #run(): Promise<void> {
    let looks = 0
    let busySince: number | undefined
    while (!this.#stopped && (this.#waiters > 0 || this.#sleepers.size > 0)) {
      await nextLook(looks++)
      const { isIdle, activeActivities, activityGraceMs } = this.#ports
      if (this.#stopped || !isIdle()) continue
      if (activeActivities() > this.#sleepingActivities) {
        busySince ??= performance.now()
        const isPassed = performance.now() - busySince >= activityGraceMs
        if (this.#sleepers.size === 0 || !isPassed) continue
      } else busySince = undefined
      // What has just been fired or released shows itself in the next macrotask.
      await nextLook(0)
      if (this.#stopped || !isIdle()) continue
      if (this.#step()) looks = 0
    }
    this.#running = false
  }

  /** One step of the clock. False if there is nothing to skip to. */
  #step(): boolean {
    const { clock } = this.#ports
    const now = clock.now()
    let next = clock.nextDueMs ?? Infinity
    for (const sleeper of this.#sleepers) {
      if (sleeper.targetMs <= now && next > now) {
        this.#sleepers.delete(sleeper)
        sleeper.resolve()
        return true
      }
      next = Math.min(next, sleeper.targetMs)
    }
    if (next === Infinity) return false
    clock.skipTo(next)
    return true
  }
}

function nextLook(looks: number): Promise<void> {
  return new Promise((resolve) => {
    if (looks < EAGER_LOOKS) setImmediate(resolve)
    else setTimeout(resolve, LOOK_MS)
  })
}
