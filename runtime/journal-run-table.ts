import type { RunProgress } from './journal.ts'

/** The cells of a slot: together they are one cache line, since runs are touched at random. */
export const RunCell = {
  run: 0,
  /** The state before the first frame of the run in this window. */
  baseHead: 1,
  baseProcessed: 2,
  /** The state after the last one that is durable. */
  head: 3,
  processed: 4,
  /** Position of the run's last durable frame, which may lie in the window before; 0 if none. */
  last: 5,
  /** 1 once a frame of the run in this window is durable; until then readers skip the slot. */
  durable: 6,
  /** Its place in the commit being encoded, plus one; 0 if it is not in it. */
  pending: 7,
} as const
export const runCells = 8

/**
 * What a log window knows of its runs, in one array of numbers: a million runs are no work for the
 * garbage collector. A slot is where the cells of a run start; it stays the same for the life of the
 * table.
 */
export class RunTable {
  /** Slot by hash of the run, divided by the cells of a slot, plus one; 0 is free. Open addressing. */
  #index: Int32Array
  #end = 0
  cells: Float64Array

  constructor(expected = 0) {
    let capacity = 1_024
    while (capacity < expected) capacity *= 2
    this.#index = new Int32Array(capacity * 2)
    this.cells = new Float64Array(capacity * runCells)
  }

  get size(): number {
    return this.#end / runCells
  }

  /** After the last slot. */
  get end(): number {
    return this.#end
  }

  /** The slot of a run, or a negative number. */
  find(run: number): number {
    const mask = this.#index.length - 1
    for (let i = hash(run) & mask; ; i = (i + 1) & mask) {
      const slot = (this.#index[i]! - 1) * runCells
      if (slot < 0 || this.cells[slot] === run) return slot
    }
  }

  /** The slot of a run whose frames are durable, or a negative number. */
  findDurable(run: number): number {
    const slot = this.find(run)
    return slot >= 0 && this.cells[slot + RunCell.durable] === 1 ? slot : -1
  }

  progressAt(slot: number): RunProgress {
    return {
      head: this.cells[slot + RunCell.head]!,
      processed: this.cells[slot + RunCell.processed]!,
    }
  }

  runNumbers(): Float64Array<ArrayBuffer> {
    return Float64Array.from({ length: this.size }, (_, i) => this.cells[i * runCells]!)
  }

  /** Add a run that is not in the table. */
  add(run: number, head: number, processed: number, last: number): number {
    if (this.#end === this.cells.length) this.#grow()
    const slot = this.#end
    this.#end += runCells
    this.cells[slot] = run
    this.cells[slot + RunCell.baseHead] = head
    this.cells[slot + RunCell.baseProcessed] = processed
    this.cells[slot + RunCell.head] = head
    this.cells[slot + RunCell.processed] = processed
    this.cells[slot + RunCell.last] = last
    this.#link(run, slot)
    return slot
  }

  #link(run: number, slot: number): void {
    const mask = this.#index.length - 1
    let i = hash(run) & mask
    while (this.#index[i] !== 0) i = (i + 1) & mask
    this.#index[i] = slot / runCells + 1
  }

  #grow(): void {
    const cells = new Float64Array(this.cells.length * 2)
    cells.set(this.cells)
    this.cells = cells
    this.#index = new Int32Array((cells.length / runCells) * 2)
    for (let slot = 0; slot < this.#end; slot += runCells) this.#link(cells[slot]!, slot)
  }
}

/** Runs are numbered in order, so neighbours must not share their low bits after multiplication. */
function hash(run: number): number {
  const mixed = Math.imul((run % 0x1_0000_0000) | 0, 0x9e37_79b1) ^ (run / 0x1_0000_0000)
  return mixed ^ (mixed >>> 15)
}
