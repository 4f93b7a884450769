import { condition } from './compatible-api.ts'
import type { SignalChannel } from './signal-channel.ts'

interface Branch {
  ready(): boolean
  run(): unknown
}

/**
 * Waits for the first of several things, as in Temporal's Go SDK.
 *
 * Each {@link Selector.select} runs one branch: the first that is ready, in the order in which they
 * were added, or else the first to become ready. A receive branch takes nothing from its channel
 * itself; its callback does, so nothing is lost whatever the callback or a default branch does.
 */
export class Selector {
  readonly #branches: Branch[] = []
  #hasFutures = false
  #default: (() => unknown) | undefined

  /** Ready while the channel has a value. `callback` receives it from the channel. */
  addReceive<T>(channel: SignalChannel<T>, callback: (channel: SignalChannel<T>) => unknown): this {
    this.#branches.push({ ready: () => channel.length > 0, run: () => callback(channel) })
    return this
  }

  /** Ready once `future` has settled. Runs once and is removed; `callback` awaits the future's result. */
  addFuture<T>(future: PromiseLike<T>, callback: (future: PromiseLike<T>) => unknown): this {
    let settled = false
    const settle = (): void => {
      settled = true
    }
    // Handles a rejection too: it is for the callback to see.
    future.then(settle, settle)
    const branch: Branch = {
      ready: () => settled,
      run: () => {
        this.#branches.splice(this.#branches.indexOf(branch), 1)
        return callback(future)
      },
    }
    this.#branches.push(branch)
    this.#hasFutures = true
    return this
  }

  /** Run when no branch is ready, so that {@link Selector.select} does not wait. The last one counts. */
  addDefault(callback: () => unknown): this {
    this.#default = callback
    return this
  }

  /** True if a receive or future branch is ready. */
  hasPending(): boolean {
    return this.#branches.some((branch) => branch.ready())
  }

  /**
   * Run one branch and wait for what its callback returns. Without branches and default it waits for
   * ever.
   *
   * @throws {CancelledFailure} when the scope is cancelled while it waits
   */
  async select(): Promise<void> {
    // A future that has settled says so in a microtask.
    if (this.#hasFutures) await Promise.resolve()
    for (;;) {
      const branch = this.#branches.find((candidate) => candidate.ready())
      if (branch) {
        await branch.run()
        return
      }
      if (this.#default) {
        await this.#default()
        return
      }
      await condition(() => this.hasPending())
    }
  }
}
