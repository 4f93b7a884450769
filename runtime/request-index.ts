import type { RequestLocation } from './journal.ts'

/**
 * The request hashes of one log window, in memory: hash to (run, input), in columns of numbers. A
 * hash may have many locations; which of them is meant is for the caller to verify on the record.
 */
export class RequestIndex {
  /** Entry by hash, plus one; 0 is free. Open addressing. */
  #index = new Int32Array(2_048)
  #size = 0
  hashes = new Float64Array(1_024)
  runs = new Float64Array(1_024)
  seqs = new Float64Array(1_024)

  get size(): number {
    return this.#size
  }

  add(hash: number, run: number, seq: number): void {
    if (this.#size === this.hashes.length) this.#grow()
    const entry = this.#size
    this.#size += 1
    this.hashes[entry] = hash
    this.runs[entry] = run
    this.seqs[entry] = seq
    this.#link(entry)
  }

  /** Append the locations of a hash to `found`. */
  find(hash: number, found: RequestLocation[]): void {
    if (this.#size === 0) return
    const mask = this.#index.length - 1
    for (let i = mixRequestHash(hash) & mask; ; i = (i + 1) & mask) {
      const entry = this.#index[i]! - 1
      if (entry < 0) return
      if (this.hashes[entry] === hash) {
        found.push({ run: this.runs[entry]!, seq: this.seqs[entry]! })
      }
    }
  }

  #link(entry: number): void {
    const mask = this.#index.length - 1
    let i = mixRequestHash(this.hashes[entry]!) & mask
    while (this.#index[i] !== 0) i = (i + 1) & mask
    this.#index[i] = entry + 1
  }

  #grow(): void {
    const capacity = this.hashes.length * 2
    this.hashes = grown(this.hashes, capacity)
    this.runs = grown(this.runs, capacity)
    this.seqs = grown(this.seqs, capacity)
    this.#index = new Int32Array(capacity * 2)
    for (let entry = 0; entry < this.#size; entry += 1) this.#link(entry)
  }
}

/** 32 even bits from a hash of up to 53, however the caller made it. */
export function mixRequestHash(hash: number): number {
  let mixed = (hash % 0x1_0000_0000) ^ Math.imul(hash / 0x1_0000_0000, 0x85eb_ca6b)
  mixed = Math.imul(mixed ^ (mixed >>> 16), 0x85eb_ca6b)
  mixed = Math.imul(mixed ^ (mixed >>> 13), 0xc2b2_ae35)
  return (mixed ^ (mixed >>> 16)) >>> 0
}

function grown(column: Float64Array, capacity: number): Float64Array<ArrayBuffer> {
  const result = new Float64Array(capacity)
  result.set(column)
  return result
}
