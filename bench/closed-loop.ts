import { LatencyRecorder } from './latency-recorder.ts'

export interface ClosedLoop {
  /** How many operations are under way at a time. */
  readonly inFlight: number
  /** Do operation number `index`, counted from 0. */
  readonly operation: (index: number) => Promise<unknown>
  /** No operation with this number or a higher one is begun. */
  readonly operations: number
  /** No operation is begun after this many seconds. */
  readonly seconds: number
  /** True for an error that only says to come back later; any other one ends the run. Default: none does. */
  readonly isBusy?: (error: unknown) => boolean
}

export interface ClosedLoopResult {
  readonly operations: number
  readonly seconds: number
  readonly latencies: LatencyRecorder
}

const busyDelayMs = 1

/**
 * Keeps a number of operations under way: whenever one ends, the next begins in its place. An
 * operation that was refused because too much is waiting is done again a little later, and its
 * latency counts from its first try. The generator keeps two closures and a start time per place,
 * and nothing per operation, so that it is no part of what it measures.
 */
export function runClosedLoop(loop: ClosedLoop): Promise<ClosedLoopResult> {
  const { operation, operations, isBusy } = loop
  const places = Math.min(loop.inFlight, operations)
  const latencies = new LatencyRecorder()
  const begunAt = new Float64Array(places)
  const indexOf = new Float64Array(places)
  const started = performance.now()
  const deadline = started + loop.seconds * 1000
  let begun = 0
  let running = places
  let failed = false

  return new Promise((resolve, reject) => {
    const finish = (now: number): void =>
      resolve({ operations: begun, seconds: (now - started) / 1000, latencies })

    const startPlace = (place: number): void => {
      const attempt = (): void => {
        operation(indexOf[place] ?? 0).then(succeed, fail)
      }
      const next = (now: number): void => {
        begunAt[place] = now
        indexOf[place] = begun
        begun += 1
        attempt()
      }
      const succeed = (): void => {
        const now = performance.now()
        latencies.record(now - (begunAt[place] ?? now))
        if (begun < operations && now < deadline && !failed) return next(now)
        running -= 1
        if (running === 0) finish(now)
      }
      const fail = (error: unknown): void => {
        if (!failed && isBusy?.(error) === true) {
          setTimeout(attempt, busyDelayMs)
          return
        }
        failed = true
        reject(error instanceof Error ? error : new Error(String(error)))
      }
      next(performance.now())
    }
    if (places === 0) finish(started)
    for (let place = 0; place < places; place += 1) startPlace(place)
  })
}
