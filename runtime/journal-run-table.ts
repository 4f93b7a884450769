/**
 * What a log window knows of its runs, in columns of numbers: a million runs are a few flat arrays
 * and no work for the garbage collector. Rows of the table are called slots; a slot stays what it is
 * for the life of the table.
 */
export class RunTable {
  /** Slot by hash of the run, plus one; 0 is free. Open addressing. */
  #index: Int32Array
  #size = 0
  runs: Float64Array
  /** The state before the first frame of the run in this window. */
  baseHead: Float64Array
  baseProcessed: Float64Array
  /** The state after the last one that is durable. */
  head: Float64Array
  processed: Float64Array
  /** Position of the run's last durable frame, which may lie in the window before; 0 if none. */
  last: Float64Array
  /** 1 once a frame of the run in this window is durable; until then readers skip the slot. */
  durable: Uint8Array
  /** Place in the commit being encoded, or −1. */
  pending: Int32Array

  constructor(expected = 0) {
    let capacity = 1_024
    while (capacity < expected) capacity *= 2
    this.#index = new Int32Array(capacity * 2)
    this.runs = new Float64Array(capacity)
    this.baseHead = new Float64Array(capacity)
    this.baseProcessed = new Float64Array(capacity)
    this.head = new Float64Array(capacity)
    this.processed = new Float64Array(capacity)
    this.last = new Float64Array(capacity)
    this.durable = new Uint8Array(capacity)
    this.pending = new Int32Array(capacity).fill(-1)
  }

  get size(): number {
    return this.#size
  }

  /** The slot of a run, or −1. */
  find(run: number): number {
    const mask = this.#index.length - 1
    for (let i = hash(run) & mask; ; i = (i + 1) & mask) {
      const slot = this.#index[i]! - 1
      if (slot < 0 || this.runs[slot] === run) return slot
    }
  }

  /** The slot of a run whose frames are durable, or −1. */
  findDurable(run: number): number {
    const slot = this.find(run)
    return slot >= 0 && this.durable[slot] === 1 ? slot : -1
  }

  /** Add a run that is not in the table. */
  add(run: number, head: number, processed: number, last: number): number {
    if (this.#size === this.runs.length) this.#grow()
    const slot = this.#size
    this.#size += 1
    this.runs[slot] = run
    this.baseHead[slot] = head
    this.baseProcessed[slot] = processed
    this.head[slot] = head
    this.processed[slot] = processed
    this.last[slot] = last
    this.#link(run, slot)
    return slot
  }

  #link(run: number, slot: number): void {
    const mask = this.#index.length - 1
    let i = hash(run) & mask
    while (this.#index[i] !== 0) i = (i + 1) & mask
    this.#index[i] = slot + 1
  }

  #grow(): void {
    const capacity = this.runs.length * 2
    this.runs = grown(this.runs, capacity)
    this.baseHead = grown(this.baseHead, capacity)
    this.baseProcessed = grown(this.baseProcessed, capacity)
    this.head = grown(this.head, capacity)
    this.processed = grown(this.processed, capacity)
    this.last = grown(this.last, capacity)
    const durable = new Uint8Array(capacity)
    durable.set(this.durable)
    this.durable = durable
    const pending = new Int32Array(capacity).fill(-1)
    pending.set(this.pending)
    this.pending = pending
    this.#index = new Int32Array(capacity * 2)
    for (let slot = 0; slot < this.#size; slot += 1) this.#link(this.runs[slot]!, slot)
  }
}

function grown(column: Float64Array, capacity: number): Float64Array {
  const result = new Float64Array(capacity)
  result.set(column)
  return result
}

/** Runs are numbered in order, so neighbours must not share their low bits after multiplication. */
function hash(run: number): number {
  const mixed = Math.imul((run % 0x1_0000_0000) | 0, 0x9e37_79b1) ^ (run / 0x1_0000_0000)
  return mixed ^ (mixed >>> 15)
}
