const initialCapacity = 1 << 16

/**
 * Durations of a run, all of them: recording one is a store into a Float64Array, so that what
 * records is no part of what is measured.
 */
export class LatencyRecorder {
  #samples = new Float64Array(initialCapacity)
  #count = 0

  get count(): number {
    return this.#count
  }

  record(ms: number): void {
    if (this.#count === this.#samples.length) {
      const larger = new Float64Array(this.#samples.length * 2)
      larger.set(this.#samples)
      this.#samples = larger
    }
    this.#samples[this.#count] = ms
    this.#count += 1
  }

  /** The smallest duration that at least `share` (0 … 1) of all do not exceed; 0 without any. */
  percentiles(...shares: readonly number[]): number[] {
    const sorted = this.#samples.slice(0, this.#count).sort()
    return shares.map((share) => {
      const index = Math.max(0, Math.ceil(share * sorted.length) - 1)
      return sorted[index] ?? 0
    })
  }
}
