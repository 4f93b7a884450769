/** Half a megabyte: the system takes it from its zeroes page by page, as it is written. */
const chunkSamples = 1 << 16

/**
 * Durations of a run, all of them: recording one is a store into a Float64Array, and what is recorded is
 * never moved, so that what records is no part of what is measured. Who asks for percentiles gathers them.
 */
export class LatencyRecorder {
  readonly #full: Float64Array[] = []
  #chunk = new Float64Array(chunkSamples)
  #used = 0
  #max = 0

  get count(): number {
    return this.#full.length * chunkSamples + this.#used
  }

  /** The largest duration; 0 without any. */
  get max(): number {
    return this.#max
  }

  record(ms: number): void {
    if (this.#used === chunkSamples) {
      this.#full.push(this.#chunk)
      this.#chunk = new Float64Array(chunkSamples)
      this.#used = 0
    }
    this.#chunk[this.#used] = ms
    this.#used += 1
    if (ms > this.#max) this.#max = ms
  }

  /** The smallest duration that at least `share` (0 … 1) of all do not exceed; nothing without any. */
  percentiles(...shares: readonly number[]): number[] {
    const sorted = this.#gathered().sort()
    return shares.flatMap((share) => {
      const index = Math.max(0, Math.ceil(share * sorted.length) - 1)
      return sorted[index] ?? []
    })
  }

  #gathered(): Float64Array {
    const all = new Float64Array(this.count)
    for (const [index, chunk] of this.#full.entries()) all.set(chunk, index * chunkSamples)
    all.set(this.#chunk.subarray(0, this.#used), this.#full.length * chunkSamples)
    return all
  }
}
