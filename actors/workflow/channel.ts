import { api } from './compatible-api.ts'
import type { Duration } from './duration.ts'
import { Queue } from './queue.ts'

/**
 * What a receive that may come back without a value has got. `more` is false when the channel is closed
 * and empty: no value will ever come.
 */
export type Received<T> =
  | { readonly ok: true; readonly value: T; readonly more: true }
  | { readonly ok: false; readonly value?: undefined; readonly more: boolean }

/** Sent to a closed channel, or received from one that is closed and empty. */
export class ChannelClosedError extends Error {
  override name = 'ChannelClosedError'
}

/** The end of a channel that values come out of. */
export interface ReceiveChannel<T> extends AsyncIterable<T> {
  readonly name: string
  /** How many values can be received without waiting. */
  readonly length: number
  readonly isClosed: boolean
  receive(): Promise<T>
  receiveWithMoreFlag(): Promise<Received<T>>
  receiveAsync(): Received<T>
  receiveWithTimeout(timeout: Duration): Promise<Received<T>>
}

/** The end of a channel that values go into. */
export interface SendChannel<T> {
  readonly name: string
  readonly isClosed: boolean
  send(value: T): Promise<void>
  sendAsync(value: T): boolean
  close(): void
}

export interface ChannelOptions {
  /** For messages. Default none. */
  readonly name?: string
  /** How many values it holds that nobody has received yet. Default 0: a send waits for a receive. */
  readonly capacity?: number
}

/** A value that waits for room in a channel. */
export interface Offer<T> {
  readonly value: T
  /** Called when a receiver has taken it. */
  taken(): void
}

interface Item<T> {
  readonly value: T
  /** The input number of the signal that it came with. */
  readonly seq: number | undefined
}

interface Receiver<T> {
  item: Item<T> | undefined
  readonly isDone: () => boolean
}

const nothing: Received<never> = Object.freeze({ ok: false, more: true })
const closed: Received<never> = Object.freeze({ ok: false, more: false })

/** Put the value of a signal into a channel. */
export let putSignal: <T>(channel: Channel<T>, value: T, seq: number | undefined) => void
/** The input numbers of the signals whose values nobody has received. */
export let waitingSeqs: (channel: Channel<unknown>) => number[]
/** Whether a send would not wait. */
export let hasRoom: <T>(channel: Channel<T>) => boolean
/** Let receivers take `offer` until it is withdrawn. */
export let placeOffer: <T>(channel: Channel<T>, offer: Offer<T>) => void
export let withdrawOffer: <T>(channel: Channel<T>, offer: Offer<T>) => void

/**
 * A queue between parts of one workflow, as in Temporal's Go SDK: values come out in the order in which
 * they were sent; senders and receivers that wait are served in the order in which they began to.
 *
 * It belongs to the run: continue-as-new does not carry its values over (those of signal channels are).
 *
 * Waiting ends with CancelledFailure when the scope is cancelled, and no value is lost by that. A receive
 * that lost a `Promise.race` still takes the next value: use {@link Channel.receiveWithTimeout} or a
 * `Selector`, or cancel its scope.
 */
export class Channel<T> implements ReceiveChannel<T>, SendChannel<T> {
  readonly name: string
  readonly capacity: number
  readonly #values = new Queue<Item<T>>()
  readonly #receivers = new Set<Receiver<T>>()
  readonly #offers = new Set<Offer<T>>()
  #closed = false

  /** @throws {RangeError} for a capacity that is not a whole number from 0, or Infinity */
  constructor(options: ChannelOptions = {}) {
    const { name = '', capacity = 0 } = options
    if (!(capacity === Infinity || (Number.isSafeInteger(capacity) && capacity >= 0))) {
      throw new RangeError(`The capacity of a channel must be a whole number from 0: ${capacity}`)
    }
    this.name = name
    this.capacity = capacity
  }

  /** Values that can be received without waiting: those it holds and those whose senders wait. */
  get length(): number {
    return this.#values.length + this.#offers.size
  }

  /** True after {@link close}, also while there are values left to receive. */
  get isClosed(): boolean {
    return this.#closed
  }

  /**
   * Put a value in; waits while the channel is full, without capacity until a receiver takes it.
   *
   * @throws {ChannelClosedError} if the channel is closed, or is while this waits: then nobody gets the value
   * @throws {CancelledFailure} when the scope is cancelled while it waits: then nobody gets the value
   */
  async send(value: T): Promise<void> {
    if (this.sendAsync(value)) return
    let isTaken = false
    const offer: Offer<T> = {
      value,
      taken: () => {
        isTaken = true
      },
    }
    this.#offers.add(offer)
    try {
      await api.condition(() => isTaken || this.#closed)
    } catch (error) {
      // A value that somebody has was sent, whatever came after it.
      if (!isTaken) throw error
    } finally {
      this.#offers.delete(offer)
    }
    if (!isTaken) throw this.#sendError()
  }

  /**
   * Put a value in if there is room for it, or a receiver that waits; false if not.
   *
   * @throws {ChannelClosedError} if the channel is closed
   */
  sendAsync(value: T): boolean {
    if (this.#closed) throw this.#sendError()
    return this.#put({ value, seq: undefined })
  }

  /**
   * No more sends. What is in the channel can still be received; receivers that wait are told at once,
   * and sends that wait fail. Closing again does nothing.
   */
  close(): void {
    this.#closed = true
    this.#offers.clear()
  }

  /**
   * The next value; waits for one.
   *
   * @throws {ChannelClosedError} if the channel is closed and empty; see {@link receiveWithMoreFlag}
   * @throws {CancelledFailure} when the scope is cancelled while it waits
   */
  async receive(): Promise<T> {
    let item = this.#take()
    if (item === undefined && !this.#closed) {
      const receiver = this.#enlist()
      try {
        await api.condition(receiver.isDone)
      } catch (error) {
        if (receiver.item === undefined) throw error
      } finally {
        this.#receivers.delete(receiver)
      }
      item = receiver.item
    }
    if (item !== undefined) return item.value
    throw new ChannelClosedError(`Received from ${this.#label()}, which is closed and empty`)
  }

  /**
   * The next value, or `more: false` once the channel is closed and empty; waits for either.
   *
   * @throws {CancelledFailure} when the scope is cancelled while it waits
   */
  async receiveWithMoreFlag(): Promise<Received<T>> {
    const received = this.receiveAsync()
    return received.ok || !received.more ? received : this.#receiveLater()
  }

  /** The next value if there is one now. */
  receiveAsync(): Received<T> {
    return this.#received(this.#take())
  }

  /**
   * The next value if there is one within `timeout`.
   *
   * @throws {CancelledFailure} when the scope is cancelled while it waits
   */
  async receiveWithTimeout(timeout: Duration): Promise<Received<T>> {
    const received = this.receiveAsync()
    return received.ok || !received.more ? received : this.#receiveLater(timeout)
  }

  /** Values until the channel is closed and empty. */
  [Symbol.asyncIterator](): AsyncIterableIterator<T> {
    const iterator: AsyncIterableIterator<T> = {
      next: async () => {
        const received = await this.receiveWithMoreFlag()
        return received.ok
          ? { done: false, value: received.value }
          : { done: true, value: undefined }
      },
      [Symbol.asyncIterator]: () => iterator,
    }
    return iterator
  }

  static {
    putSignal = (channel, value, seq) => void channel.#put({ value, seq })
    waitingSeqs = (channel) => channel.#values.toArray().flatMap(({ seq }) => seq ?? [])
    hasRoom = (channel) => channel.#receivers.size > 0 || channel.#values.length < channel.capacity
    placeOffer = (channel, offer) => void channel.#offers.add(offer)
    withdrawOffer = (channel, offer) => void channel.#offers.delete(offer)
  }

  async #receiveLater(timeout?: Duration): Promise<Received<T>> {
    const receiver = this.#enlist()
    try {
      if (timeout === undefined) await api.condition(receiver.isDone)
      else await api.condition(receiver.isDone, timeout)
    } catch (error) {
      if (receiver.item === undefined) throw error
    } finally {
      this.#receivers.delete(receiver)
    }
    return this.#received(receiver.item)
  }

  #enlist(): Receiver<T> {
    const receiver: Receiver<T> = {
      item: undefined,
      isDone: () => receiver.item !== undefined || this.#closed,
    }
    this.#receivers.add(receiver)
    return receiver
  }

  /** False if there is no room. Receivers only wait while there is nothing in the channel. */
  #put(item: Item<T>): boolean {
    for (const receiver of this.#receivers) {
      this.#receivers.delete(receiver)
      receiver.item = item
      return true
    }
    if (this.#values.length >= this.capacity) return false
    this.#values.push(item)
    return true
  }

  #take(): Item<T> | undefined {
    const item = this.#values.shift()
    for (const offer of this.#offers) {
      this.#offers.delete(offer)
      const offered: Item<T> = { value: offer.value, seq: undefined }
      offer.taken()
      // The oldest offer moves into the room that its predecessor has left.
      if (item === undefined) return offered
      this.#values.push(offered)
      break
    }
    return item
  }

  #received(item: Item<T> | undefined): Received<T> {
    if (item !== undefined) return { ok: true, value: item.value, more: true }
    return this.#closed ? closed : nothing
  }

  #sendError(): ChannelClosedError {
    return new ChannelClosedError(`Sent to ${this.#label()}, which is closed`)
  }

  #label(): string {
    return this.name === '' ? 'a channel' : `channel '${this.name}'`
  }
}
