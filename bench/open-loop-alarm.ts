/**
 * The thread that tells an open loop when its next operation is due. It sleeps until then, and so leaves
 * both the processors and the loop's own thread alone, which would not sleep if it waited for itself.
 */
import { parentPort, workerData } from 'node:worker_threads'
import { Arrivals } from './arrivals.ts'
import { type Alarm, rung } from './open-loop.ts'

/** Nobody ever wakes who waits for this one: it only sleeps. */
const never = 1
/** Alarms that are closer than that are one: each costs both threads some microseconds. */
const leastMs = 0.2

/** Rings until there is nothing more to be due. */
function ring({ rate, total, shared }: Alarm, startedNanos: bigint): void {
  const arrivals = new Arrivals(rate, total)
  const cells = new Int32Array(shared)
  const elapsedMs = (): number => Number(process.hrtime.bigint() - startedNanos) / 1e6
  while (arrivals.dueMs < Infinity) {
    Atomics.wait(cells, never, 0, Math.max(arrivals.dueMs - elapsedMs(), leastMs))
    const now = elapsedMs()
    if (arrivals.dueMs > now) continue
    while (arrivals.dueMs <= now) arrivals.pass()
    if (Atomics.exchange(cells, rung, 1) === 0) parentPort?.postMessage('due', [])
  }
}

parentPort?.once('message', (startedNanos: bigint) => ring(workerData as Alarm, startedNanos))
parentPort?.postMessage('ready', [])
