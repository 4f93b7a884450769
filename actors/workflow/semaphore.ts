import { api } from './compatible-api.ts'

interface Waiter {
  readonly permits: number
  isGranted: boolean
}

/**
 * A number of permits that parts of one workflow share, as in Temporal's Go SDK. Who waits is served in the
 * order in which it began to, so a large request is not starved by small ones.
 */
export class Semaphore {
  readonly permits: number
  #available: number
  readonly #waiters = new Set<Waiter>()

  /** @throws {RangeError} if `permits` is not a whole number above 0 */
  constructor(permits: number) {
    assertWhole(permits)
    this.permits = permits
    this.#available = permits
  }

  /** Permits that nobody has. */
  get available(): number {
    return this.#available
  }

  /**
   * Take permits; waits for them. They are given back by {@link Semaphore.release}.
   *
   * @throws {CancelledFailure} when the scope is cancelled while it waits: then nothing was taken
   * @throws {RangeError} for more permits than there are, or not a whole number above 0
   */
  async acquire(permits = 1): Promise<void> {
    if (this.tryAcquire(permits)) return
    const waiter: Waiter = { permits, isGranted: false }
    this.#waiters.add(waiter)
    try {
      await api.condition(() => waiter.isGranted)
    } catch (error) {
      if (!waiter.isGranted) {
        // Those behind it may want less.
        this.#waiters.delete(waiter)
        this.#grant()
        throw error
      }
    }
  }

  /** Take permits if they are free and nobody waits. */
  tryAcquire(permits = 1): boolean {
    assertWhole(permits)
    if (permits > this.permits) {
      throw new RangeError(`Asked for ${permits} permits of a semaphore that has ${this.permits}`)
    }
    if (this.#waiters.size > 0 || permits > this.#available) return false
    this.#available -= permits
    return true
  }

  /** @throws {RangeError} for more permits than were taken, or not a whole number above 0 */
  release(permits = 1): void {
    assertWhole(permits)
    if (this.#available + permits > this.permits) {
      throw new RangeError(`Released ${permits} permits of a semaphore, more than were taken`)
    }
    this.#available += permits
    this.#grant()
  }

  #grant(): void {
    for (const waiter of this.#waiters) {
      if (waiter.permits > this.#available) return
      this.#available -= waiter.permits
      waiter.isGranted = true
      this.#waiters.delete(waiter)
    }
  }
}

function assertWhole(permits: number): void {
  if (Number.isSafeInteger(permits) && permits > 0) return
  throw new RangeError(`Permits must be a whole number above 0: ${permits}`)
}
