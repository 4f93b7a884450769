import { LatencyRecorder } from './latency-recorder.ts'

export interface ClosedLoop {
  /** How many operations are under way at a time. */
  readonly inFlight: number
  /** Do operation number `index`, counted from 0; one that rejects ends the run. */
  readonly operation: (index: number) => Promise<unknown>
  /** No operation with this number or a higher one is begun. */
  readonly operations: number
  /** Which operations are of another kind, whose latencies are recorded by themselves. Default: none. */
  readonly isOther?: (index: number) => boolean
  /** No operation is begun after this many seconds. */
  readonly seconds: number
}

/** What a load did, and how long that took. */
export interface LoadResult {
  readonly operations: number
  readonly seconds: number
  readonly latencies: LatencyRecorder
}

export interface ClosedLoopResult extends LoadResult {
  /** Latencies of operations of another kind. */
  readonly others: LatencyRecorder
}

/**
 * Keeps a number of operations under way: whenever one ends, the next begins in its place. The
 * generator keeps one closure and a start time per place, and nothing per operation, so that it is no
 * part of what it measures.
 */
export function runClosedLoop(loop: ClosedLoop): Promise<ClosedLoopResult> {
  const { operation, operations, isOther = () => false } = loop
  const places = Math.min(loop.inFlight, operations)
  const latencies = new LatencyRecorder()
  const others = new LatencyRecorder()
  const begunAt = new Float64Array(places)
  const started = performance.now()
  const deadline = started + loop.seconds * 1000
  let begun = 0
  let running = places
  let failed = false

  return new Promise((resolve, reject) => {
    const finish = (now: number): void =>
      resolve({ operations: begun, seconds: (now - started) / 1000, latencies, others })
    const fail = (error: unknown): void => {
      failed = true
      reject(error instanceof Error ? error : new Error(String(error)))
    }
    const startPlace = (place: number): void => {
      let recorder = latencies
      const next = (now: number): void => {
        begunAt[place] = now
        recorder = isOther(begun) ? others : latencies
        operation(begun++).then(succeed, fail)
      }
      const succeed = (): void => {
        const now = performance.now()
        recorder.record(now - (begunAt[place] ?? now))
        if (begun < operations && now < deadline && !failed) return next(now)
        running -= 1
        if (running === 0) finish(now)
      }
      next(performance.now())
    }
    if (places === 0) finish(started)
    for (let place = 0; place < places; place += 1) startPlace(place)
  })
}
