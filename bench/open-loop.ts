import type { LoadResult } from './closed-loop.ts'
import { LatencyRecorder } from './latency-recorder.ts'

export interface OpenLoop {
  /** Operations a second, at even distances. */
  readonly rate: number
  /** Do operation number `index`, counted from 0; one that rejects ends the run. */
  readonly operation: (index: number) => Promise<unknown>
  readonly operations: number
  /** No operation is due after this many seconds. */
  readonly seconds: number
  /** So many may be under way; those that are due meanwhile begin late, and their latency counts that. */
  readonly inFlightMax: number
}

/** Until something is due for longer than this, the event loop is gone round instead of sleeping: a timer may be late. */
const spinMs = 2

/**
 * Begins operations at times that were fixed beforehand, whether or not those before have ended, as the
 * outside world does. A latency runs from the time at which an operation was due: when everything
 * stands still for a while, all that were due in that time have waited, and are counted so. (A closed
 * loop would not even have begun them: "coordinated omission".)
 */
export function runOpenLoop(loop: OpenLoop): Promise<LoadResult> {
  const { operation, rate } = loop
  const total = Math.min(loop.operations, Math.max(1, Math.floor(loop.seconds * rate)))
  const latencies = new LatencyRecorder()
  // As in the closed loop: a closure a place, and nothing for an operation.
  const dueAt = new Float64Array(Math.min(loop.inFlightMax, total))
  const free = Array.from(dueAt, (_, place) => place)
  const msEach = 1000 / rate
  const started = performance.now()
  let begun = 0
  let ended = 0

  return new Promise((resolve, reject) => {
    let failed = false
    const fail = (error: unknown): void => {
      failed = true
      reject(error instanceof Error ? error : new Error(String(error)))
    }
    const places = free.map((place) => (): void => {
      const now = performance.now()
      latencies.record(now - (dueAt[place] ?? now))
      free.push(place)
      ended += 1
      if (ended === total) {
        resolve({ operations: total, seconds: (now - started) / 1000, latencies })
      }
    })
    const beginDue = (): void => {
      if (failed) return
      const now = performance.now()
      for (; begun < total; begun += 1) {
        const due = started + begun * msEach
        const place = due <= now ? free.pop() : undefined
        if (place === undefined) break
        dueAt[place] = due
        operation(begun).then(places[place], fail)
      }
      if (begun === total) return
      const waitMs = started + begun * msEach - performance.now()
      if (waitMs > spinMs) setTimeout(beginDue, waitMs - spinMs)
      else setImmediate(beginDue)
    }
    beginDue()
  })
}
