import type { ActivityExecution } from './activity-execution.ts'
import type { Clock } from './clock.ts'

/** Functions started in one go before the event loop gets its turn. */
const START_SLICE = 128

/**
 * Activities that are due, in order, and the count of functions under way, which is bounded.
 *
 * An execution holds a permit from {@link start} to {@link release}; both may be called again
 * without harm.
 */
export class ActivityStartQueue {
  readonly #maxConcurrent: number
  readonly #waiting = new Set<ActivityExecution>()
  /** Runs none of whose attempts may begin, with those that are due. */
  readonly #held = new Map<number, Set<ActivityExecution>>()
  #permits = 0
  #onIdle: (() => void) | undefined

  constructor(maxConcurrent: number) {
    this.#maxConcurrent = maxConcurrent
  }

  /** True if {@link start} would start something. */
  get ready(): boolean {
    return this.#waiting.size > 0 && this.#permits < this.#maxConcurrent
  }

  get waiting(): number {
    return this.#waiting.size
  }

  /** Functions under way. */
  get running(): number {
    return this.#permits
  }

  add(execution: ActivityExecution): void {
    this.#waiting.add(execution)
  }

  remove(execution: ActivityExecution): void {
    this.#waiting.delete(execution)
    this.#held.get(execution.task.run)?.delete(execution)
  }

  /** Let the run's attempts wait, or go on. @returns whether it is held */
  hold(run: number, held: boolean): boolean {
    const due = this.#held.get(run)
    if (held && due === undefined) this.#held.set(run, new Set())
    if (held || due === undefined) return held
    this.#held.delete(run)
    for (const execution of due) this.#waiting.add(execution)
    return false
  }

  /**
   * Give permits to those who wait, as far as the bound and one slice allow, and call `begin` for each;
   * `keep` for each whose run is held.
   */
  start(
    begin: (execution: ActivityExecution) => void,
    keep: (execution: ActivityExecution) => void,
  ): void {
    let started = 0
    for (const execution of this.#waiting) {
      const held = this.#held.get(execution.task.run)
      if (held !== undefined) {
        this.#waiting.delete(execution)
        held.add(execution)
        keep(execution)
        continue
      }
      if (this.#permits >= this.#maxConcurrent || started++ === START_SLICE) return
      this.#waiting.delete(execution)
      this.#permits++
      execution.holdsPermit = true
      begin(execution)
    }
  }

  /** Take out all who wait; those of held runs have been kept before. */
  drain(): ActivityExecution[] {
    const drained = [...this.#waiting]
    this.#waiting.clear()
    return drained
  }

  release(execution: ActivityExecution): void {
    if (!execution.holdsPermit) return
    execution.holdsPermit = false
    this.#permits--
    if (this.#permits === 0) this.#onIdle?.()
  }

  /** Until no function is under way, but no longer than `timeoutMs`. One caller at a time. */
  idle(clock: Clock, timeoutMs: number): Promise<void> {
    if (this.#permits === 0) return Promise.resolve()
    return new Promise((resolve) => {
      const timer = clock.setTimer(clock.now() + timeoutMs, resolve)
      this.#onIdle = () => {
        timer.cancel()
        resolve()
      }
    })
  }
}
