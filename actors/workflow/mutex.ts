import { Semaphore } from './semaphore.ts'

/**
 * A lock between parts of one workflow, as in Temporal's Go SDK. Who waits gets it in the order in which it
 * began to.
 */
export class Mutex {
  readonly #semaphore = new Semaphore(1)

  get isLocked(): boolean {
    return this.#semaphore.available === 0
  }

  /**
   * Take the lock; waits for it.
   *
   * @throws {CancelledFailure} when the scope is cancelled while it waits: then the lock was not taken
   */
  lock(): Promise<void> {
    return this.#semaphore.acquire()
  }

  /** Take the lock if it is free and nobody waits for it. */
  tryLock(): boolean {
    return this.#semaphore.tryAcquire()
  }

  /** @throws {Error} if it is not locked */
  unlock(): void {
    if (!this.isLocked) throw new Error('Unlocked a mutex that is not locked')
    this.#semaphore.release()
  }

  /** Take the lock, run `body`, and unlock however it ends. */
  async runExclusive<T>(body: () => T | PromiseLike<T>): Promise<T> {
    await this.lock()
    try {
      return await body()
    } finally {
      this.unlock()
    }
  }
}
