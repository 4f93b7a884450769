import {
  channelHook,
  condition,
  defineSignal,
  setHandler,
  type Duration,
  type SignalDefinition,
} from './compatible-api.ts'

/** What a receive that does not wait for ever has got. */
export type Received<T> =
  { readonly ok: true; readonly value: T } | { readonly ok: false; readonly value?: undefined }

interface Item<T> {
  readonly value: T
  readonly seq: number | undefined
}

interface Waiter<T> {
  item: Item<T> | undefined
}

const nothing: Received<never> = Object.freeze({ ok: false })

/**
 * A signal as a queue that workflow code takes from when it likes, as in Temporal's Go SDK. Values
 * come out in the order in which the signals were accepted; receivers that wait are served in the
 * order in which they began to. Values that nobody has received when the workflow continues as new go
 * to the new run.
 *
 * A receive that lost a `Promise.race` still takes the next value: use
 * {@link SignalChannel.receiveWithTimeout} or a `Selector`, or cancel its scope.
 */
export class SignalChannel<T> {
  readonly name: string
  readonly #values: Item<T>[] = []
  readonly #waiters: Waiter<T>[] = []

  /** Prefer {@link getSignalChannel}. */
  constructor(name: string) {
    this.name = name
    channelHook?.carry(() => this.#values.flatMap(({ seq }) => seq ?? []))
    setHandler(defineSignal<[T]>(name), (value) => {
      this.#accept({ value, seq: channelHook?.currentSignalSeq() })
    })
  }

  /** How many values wait to be received. */
  get length(): number {
    return this.#values.length
  }

  /**
   * The next value; waits for one.
   *
   * @throws {CancelledFailure} when the scope is cancelled while it waits; no value is lost by that
   */
  async receive(): Promise<T> {
    const item = this.#values.shift()
    if (item) return item.value
    const waiter = this.#wait()
    try {
      await condition(() => waiter.item !== undefined)
    } catch (error) {
      if (waiter.item === undefined) throw error
    } finally {
      this.#leave(waiter)
    }
    return (waiter.item as Item<T>).value
  }

  /** The next value if there is one now. */
  receiveAsync(): Received<T> {
    const item = this.#values.shift()
    return item ? { ok: true, value: item.value } : nothing
  }

  /**
   * The next value if there is one within `timeout`.
   *
   * @throws {CancelledFailure} when the scope is cancelled while it waits
   */
  async receiveWithTimeout(timeout: Duration): Promise<Received<T>> {
    const item = this.#values.shift()
    if (item) return { ok: true, value: item.value }
    const waiter = this.#wait()
    try {
      await condition(() => waiter.item !== undefined, timeout)
    } catch (error) {
      if (waiter.item === undefined) throw error
    } finally {
      this.#leave(waiter)
    }
    return waiter.item ? { ok: true, value: waiter.item.value } : nothing
  }

  #wait(): Waiter<T> {
    const waiter: Waiter<T> = { item: undefined }
    this.#waiters.push(waiter)
    return waiter
  }

  #leave(waiter: Waiter<T>): void {
    const at = this.#waiters.indexOf(waiter)
    if (at >= 0) this.#waiters.splice(at, 1)
  }

  #accept(item: Item<T>): void {
    const waiter = this.#waiters.shift()
    if (waiter) waiter.item = item
    else this.#values.push(item)
  }
}

const channels = new Map<string, unknown>()

/**
 * The channel of a signal: one for each name. It takes the signals that came before it was asked for,
 * and from then on all of that name. A channel carries a signal's first argument.
 */
export function getSignalChannel<Args extends unknown[]>(
  signal: SignalDefinition<Args>,
): SignalChannel<Args[0]>
export function getSignalChannel<T = unknown>(signal: string): SignalChannel<T>
export function getSignalChannel(
  signal: string | { readonly name: string },
): SignalChannel<unknown> {
  const name = typeof signal === 'string' ? signal : signal.name
  const known = channelHook?.channels() ?? channels
  const existing = known.get(name) as SignalChannel<unknown> | undefined
  if (existing) return existing
  const channel = new SignalChannel<unknown>(name)
  known.set(name, channel)
  return channel
}
