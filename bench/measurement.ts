/** What one run of a scenario measured. */
export interface Measurement {
  /** Operations that were done and checked; warm-up is not counted. */
  readonly operations: number
  /** From the first operation until the last one's turn had ended (of a ceiling: until its answer). */
  readonly seconds: number
  /** Operations a second. */
  readonly rate: number
  /** From the call until its promise resolved, or until the answer came, in milliseconds. */
  readonly p50Ms: number
  readonly p90Ms: number
  readonly p99Ms: number
  readonly p999Ms: number
  /** Processors that the loading process kept busy, on average; in process that includes the runtime. */
  readonly cpus: number
  /** Largest resident memory of that process, in MiB. */
  readonly rssMiB: number
}

/** How much a run does: it ends when either bound is reached. The warm-up has the same bounds. */
export interface LoadSize {
  readonly seconds: number
  readonly operations: number
  readonly warmUpSeconds: number
}
