import { once } from 'node:events'
import { Worker } from 'node:worker_threads'
import { Arrivals } from './arrivals.ts'
import type { LoadResult } from './closed-loop.ts'
import { LatencyRecorder } from './latency-recorder.ts'

export interface OpenLoop {
  /** Operations a second. */
  readonly rate: number
  /** Do operation number `index`, counted from 0; one that rejects ends the run. */
  readonly operation: (index: number) => Promise<unknown>
  readonly operations: number
  /** No operation is due after this many seconds. */
  readonly seconds: number
  /** So many may be under way; those that are due meanwhile begin late, and their latency counts that. */
  readonly inFlightMax: number
}

export interface OpenLoopResult extends LoadResult {
  /** How long after its time each operation was begun, which is part of its latency. */
  readonly delays: LatencyRecorder
}

/** What the thread that wakes the loop is given. */
export interface Alarm {
  readonly rate: number
  readonly total: number
  /** At {@link rung}: 1 from an alarm until the loop begins to look at what is due. */
  readonly shared: SharedArrayBuffer
}

export const rung = 0

const alarmUrl = new URL(
  import.meta.url.endsWith('.ts') ? './open-loop-alarm.ts' : './open-loop-alarm.js',
  import.meta.url,
)

/**
 * Begins operations at times that were fixed beforehand, whether or not those before have ended, as the
 * outside world does. A latency runs from the time at which an operation was due: when everything
 * stands still for a while, all that were due in that time have waited, and are counted so. (A closed
 * loop would not even have begun them: "coordinated omission".)
 *
 * The thread sleeps until another one's message wakes it, as it does in a service, which a socket wakes.
 *
 * @returns what runs it, once, when that other thread is ready: its beginning is no part of the load
 */
export async function prepareOpenLoop(loop: OpenLoop): Promise<() => Promise<OpenLoopResult>> {
  const { rate } = loop
  const total = Math.min(loop.operations, Math.max(1, Math.floor(loop.seconds * rate)))
  const alarm: Alarm = { rate, total, shared: new SharedArrayBuffer(8) }
  const worker = new Worker(alarmUrl, { workerData: alarm })
  await once(worker, 'message')
  return async () => {
    try {
      return await begin(loop, total, worker, new Int32Array(alarm.shared))
    } finally {
      await worker.terminate()
    }
  }
}

function begin(
  { operation, rate, inFlightMax }: OpenLoop,
  total: number,
  worker: Worker,
  cells: Int32Array,
): Promise<OpenLoopResult> {
  const latencies = new LatencyRecorder()
  const delays = new LatencyRecorder()
  // As in the closed loop: a closure a place, and nothing for an operation.
  const dueAt = new Float64Array(Math.min(inFlightMax, total))
  const free = Array.from(dueAt, (_, place) => place)
  const arrivals = new Arrivals(rate, total)
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
        resolve({ operations: total, seconds: (now - started) / 1000, latencies, delays })
      } else if (free.length === 1) beginDue()
    })
    const beginDue = (): void => {
      // Before the clock is read: an alarm for what is due after that must come.
      Atomics.store(cells, rung, 0)
      const now = performance.now()
      const isDue = (): boolean => !failed && started + arrivals.dueMs <= now
      while (isDue()) {
        const place = free.pop()
        if (place === undefined) return
        dueAt[place] = started + arrivals.dueMs
        delays.record(now - started - arrivals.dueMs)
        arrivals.pass()
        operation(begun++).then(places[place], fail)
      }
    }
    worker.on('message', beginDue)
    worker.once('error', fail)
    const started = performance.now()
    // The other one's clock begins after that: an alarm that came too early would find nothing due, and be lost.
    worker.postMessage(process.hrtime.bigint(), [])
  })
}
