import type { Activator } from './activator.ts'
import { CancellationScope } from './cancellation-scope.ts'
import { finiteMs } from './duration.ts'
import { composeInterceptors } from './interceptors.ts'
import { PendingTimer } from './pending.ts'

/** Timers longer than this are cut to it: 100 years, beyond which a due time would not fit a date. */
const MAXIMUM_TIMER_MS = 100 * 365 * 24 * 60 * 60 * 1000

/** The durable timers that a run waits for. */
export class RunTimers {
  readonly #activator: Activator
  readonly #pending = new Map<number, PendingTimer>()
  #timeouts: Map<number, CancellationScope> | undefined
  #next = 1

  constructor(activator: Activator) {
    this.#activator = activator
  }

  /** The scopes of `setTimeout`, by handle. */
  get timeouts(): Map<number, CancellationScope> {
    this.#timeouts ??= new Map()
    return this.#timeouts
  }

  /** The number that the next timer will have. */
  get next(): number {
    return this.#next
  }

  /** Leave out a number. */
  skip(): void {
    this.#activator.assertWritable()
    this.#next++
  }

  /** Start a timer in a scope. Rejects with CancelledFailure when the scope is cancelled. */
  start(scope: CancellationScope, delayMs: number, summary?: string): Promise<void> {
    const seq = this.#next++
    const outbound = this.#activator.extensions?.interceptors?.outbound
    if (outbound === undefined) return this.#start(seq, scope, delayMs, summary)
    const outer = CancellationScope.current()
    const start = composeInterceptors(
      outbound,
      'startTimer',
      ({ seq: number, durationMs, options }) => {
        // An interceptor may go on in a scope of its own.
        const inner = CancellationScope.current()
        return this.#start(number, inner === outer ? scope : inner, durationMs, options?.summary)
      },
    )
    const options = summary === undefined ? {} : { options: { summary } }
    return start({ seq, durationMs: delayMs, ...options })
  }

  #start(
    seq: number,
    scope: CancellationScope,
    delayMs: number,
    summary: string | undefined,
  ): Promise<void> {
    return new Promise((resolve, reject) => {
      if (!scope.consideredCancelled) finiteMs(delayMs)
      const timer = new PendingTimer(this.#activator, seq, scope, resolve, reject)
      if (!timer.begin()) return
      this.#activator.push({
        kind: 'startTimer',
        seq,
        delayMs: Math.min(Math.max(1, delayMs), MAXIMUM_TIMER_MS),
        ...(summary === undefined ? {} : { summary }),
      })
      this.#pending.set(seq, timer)
    })
  }

  has(seq: number): boolean {
    return this.#pending.has(seq)
  }

  fire(seq: number): void {
    const timer = this.#pending.get(seq)
    if (timer === undefined) return
    this.#pending.delete(seq)
    timer.fire()
  }

  /** False if the timer is no longer pending. */
  cancel(seq: number): boolean {
    if (!this.#pending.delete(seq)) return false
    if (!this.#activator.withdraw('startTimer', seq)) {
      this.#activator.push({ kind: 'cancelTimer', seq })
    }
    return true
  }
}
