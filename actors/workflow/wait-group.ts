import { api } from './compatible-api.ts'

/** Counts what is under way, to wait until all of it is done, as in Go. */
export class WaitGroup {
  #count = 0

  get count(): number {
    return this.#count
  }

  /** @throws {RangeError} if the count would fall below 0 */
  add(delta = 1): void {
    const count = this.#count + delta
    if (!Number.isSafeInteger(count) || count < 0) {
      throw new RangeError(`The count of a wait group cannot be ${count}`)
    }
    this.#count = count
  }

  /** @throws {RangeError} if there is nothing under way */
  done(): void {
    this.add(-1)
  }

  /**
   * Until the count is 0.
   *
   * @throws {CancelledFailure} when the scope is cancelled while it waits
   */
  async wait(): Promise<void> {
    if (this.#count > 0) await api.condition(() => this.#count === 0)
  }
}
