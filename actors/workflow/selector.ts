import {
  type Channel,
  hasRoom,
  type Offer,
  placeOffer,
  type ReceiveChannel,
  withdrawOffer,
} from './channel.ts'
import { api } from './compatible-api.ts'

interface Branch {
  isReady(): boolean
  run(): unknown
}

interface SendBranch extends Branch {
  /** What is left to do when a receiver has taken the value itself. */
  afterSend(): unknown
  /** Offer the value to receivers; the result withdraws it. */
  offer(taken: () => void): () => void
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
  readonly #sends: SendBranch[] = []
  #hasFutures = false
  #default: (() => unknown) | undefined

  /**
   * Ready while the channel has a value. `callback` receives it from the channel. Once the channel is
   * closed and empty, `callback` is called one last time with `more` false, and the branch is removed.
   */
  addReceive<T>(
    channel: ReceiveChannel<T>,
    callback: (channel: ReceiveChannel<T>, more: boolean) => unknown,
  ): this {
    const branch: Branch = {
      isReady: () => channel.length > 0 || channel.isClosed,
      run: () => {
        const more = channel.length > 0
        if (!more) this.#remove(branch)
        return callback(channel, more)
      },
    }
    this.#branches.push(branch)
    return this
  }

  /**
   * Ready while the channel has room or a receiver that waits. When the branch is run, `value` has been
   * sent; it is sent again by each later select that runs it. A closed channel makes
   * {@link Selector.select} throw ChannelClosedError.
   */
  addSend<T>(channel: Channel<T>, value: T, callback: () => unknown = () => {}): this {
    const branch: SendBranch = {
      isReady: () => channel.isClosed || hasRoom(channel),
      run: () => {
        channel.sendAsync(value)
        return callback()
      },
      afterSend: callback,
      offer: (taken) => {
        const offer: Offer<T> = { value, taken }
        placeOffer(channel, offer)
        return () => withdrawOffer(channel, offer)
      },
    }
    this.#branches.push(branch)
    this.#sends.push(branch)
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
      isReady: () => settled,
      run: () => {
        this.#remove(branch)
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

  /** True if a branch is ready, the default branch aside. */
  hasPending(): boolean {
    return this.#branches.some((branch) => branch.isReady())
  }

  /**
   * Run one branch and wait for what its callback returns. Without branches and default it waits for
   * ever.
   *
   * @throws {CancelledFailure} when the scope is cancelled while it waits; nothing is sent or lost by that
   */
  async select(): Promise<void> {
    // A future that has settled says so in a microtask.
    if (this.#hasFutures) await Promise.resolve()
    for (;;) {
      const branch = this.#branches.find((candidate) => candidate.isReady())
      if (branch) {
        await branch.run()
        return
      }
      if (this.#default) {
        await this.#default()
        return
      }
      if (this.#sends.length === 0) await api.condition(() => this.hasPending())
      else {
        const sent = await this.#waitOffering()
        if (sent) {
          await sent.afterSend()
          return
        }
      }
    }
  }

  /**
   * Wait until a branch is ready or a receiver has taken the value of a send branch, which is returned.
   * The other values are withdrawn in that moment: one select sends one value.
   */
  async #waitOffering(): Promise<SendBranch | undefined> {
    let sent: SendBranch | undefined
    const withdrawals: (() => void)[] = []
    const withdraw = (): void => {
      for (const step of withdrawals.splice(0)) step()
    }
    for (const branch of this.#sends) {
      const taken = (): void => {
        sent = branch
        withdraw()
      }
      withdrawals.push(branch.offer(taken))
    }
    try {
      await api.condition(() => sent !== undefined || this.hasPending())
    } catch (error) {
      // A value that somebody has was sent, whatever came after it.
      if (sent === undefined) throw error
    } finally {
      withdraw()
    }
    return sent
  }

  #remove(branch: Branch): void {
    this.#branches.splice(this.#branches.indexOf(branch), 1)
  }
}
