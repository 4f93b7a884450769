/** What one run of a scenario measured. */
export interface Measurement {
  /** Operations that were done and checked; warm-up is not counted. */
  readonly operations: number
  /** From the first operation until the last one's turn had ended (of a ceiling: until its answer). */
  readonly seconds: number
  /** Operations a second. */
  readonly rate: number
  /** From the call until its promise resolved, or until the answer came, in milliseconds; absent where nothing was timed. */
  readonly p50Ms?: number
  readonly p90Ms?: number
  readonly p99Ms?: number
  readonly p999Ms?: number
  /** The largest latency: percentiles know nothing of a pause. */
  readonly maxMs?: number
  /** Processors that were kept busy on average, by the loading process and the server it measured. */
  readonly cpus: number
  /** Processor time an operation took, in microseconds: `cpus` over the rate. */
  readonly cpuMicros: number
  /** Largest resident memory in MiB: of the server if there is one, else of the loading process. */
  readonly rssMiB: number
  /** Bytes by which the data folder grew for each operation; 0 without one. */
  readonly diskBytes: number
  /** What else was measured, by names that end in their unit: `openMs`, `memoryMiB`, `eachBytes`. */
  readonly figures?: Readonly<Record<string, number>>
  /** From when to when, in microseconds of the system's clock that profiles have too. */
  readonly during?: readonly [from: number, to: number]
  /** The course of a long run. */
  readonly samples?: readonly Sample[]
  /** Beside its ceiling, in the same moments; without it, runs of the same round are compared. */
  readonly ofCeiling?: RatioToCeiling
}

/** How many times its ceiling's figures a scenario has. */
export interface RatioToCeiling {
  readonly rate: number
  readonly p50Ms: number
  readonly p99Ms: number
  /** Rates a second, medians over the pairs of stretches that were compared, and how many there were. */
  readonly ownRate?: number
  readonly ceilingRate?: number
  readonly pairs?: number
}

/** A stretch of a long run. */
export interface Sample {
  /** When it ended, from the beginning of the run. */
  readonly seconds: number
  readonly rate: number
  readonly p50Ms?: number
  readonly p90Ms?: number
  readonly p99Ms?: number
  readonly p999Ms?: number
  readonly maxMs?: number
  readonly rssMiB: number
  /** Of it, what is no page of a file. */
  readonly memoryMiB: number
  readonly diskMiB: number
}

/** How much is done: it ends when either bound is reached. */
export interface LoadBounds {
  readonly seconds: number
  readonly operations: number
}

/** What a run measures, and what it does before that. */
export interface LoadSize extends LoadBounds {
  readonly warmUp: LoadBounds
  /** Nothing but the load runs: it is not compared with its ceiling, which a profile would see too. */
  readonly isAlone?: boolean
}
