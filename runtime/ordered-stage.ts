interface Entry<T> {
  item: T | undefined
  failure: { readonly error: unknown } | undefined
}

export interface OrderedStagePorts<T> {
  /** In the order of the calls, per key. */
  readonly deliver: (key: number, item: T) => void
  /** What was held cannot be delivered, and so nothing that came behind it. */
  readonly failed: (key: number, error: unknown) => void
}

/**
 * A stage that takes time, such as decoding, on a way that has an order.
 *
 * Guarantee: items of a key are delivered in the order in which they were passed or held, whatever
 * time each takes; if one fails, none behind it is delivered.
 */
export class OrderedStage<T> {
  readonly #ports: OrderedStagePorts<T>
  readonly #lanes = new Map<number, Entry<T>[]>()

  constructor(ports: OrderedStagePorts<T>) {
    this.#ports = ports
  }

  /** True if nothing is under way. */
  get idle(): boolean {
    return this.#lanes.size === 0
  }

  /** Something that is ready. False if nothing of its key is under way: then the caller delivers it. */
  pass(key: number, item: T): boolean {
    const lane = this.#lanes.get(key)
    if (lane === undefined) return false
    lane.push({ item, failure: undefined })
    return true
  }

  /** Something that will be ready. */
  hold(key: number, item: Promise<T>): void {
    let lane = this.#lanes.get(key)
    if (lane === undefined) this.#lanes.set(key, (lane = []))
    const entry: Entry<T> = { item: undefined, failure: undefined }
    const place = lane
    place.push(entry)
    item.then(
      (ready) => {
        entry.item = ready
        this.#drain(key, place)
      },
      (error: unknown) => {
        entry.failure = { error }
        this.#drain(key, place)
      },
    )
  }

  /** Forget what is under way of a key. */
  drop(key: number): void {
    this.#lanes.delete(key)
  }

  #drain(key: number, lane: Entry<T>[]): void {
    // Dropped, and perhaps begun anew, while this was under way.
    while (this.#lanes.get(key) === lane) {
      const [first] = lane
      if (first === undefined) {
        this.#lanes.delete(key)
        return
      }
      if (first.failure !== undefined) {
        this.#lanes.delete(key)
        this.#ports.failed(key, first.failure.error)
        return
      }
      if (first.item === undefined) return
      lane.shift()
      this.#ports.deliver(key, first.item)
    }
  }
}
