import { fileURLToPath } from 'node:url'
import { Piscina } from 'piscina'
import type { SlotEnd, SlotStart } from '../actors/protocol.ts'

const YOUNG_MB = 96

/**
 * The worker threads: one per slot, for as long as the runtime is open. The pool only owns threads;
 * it starts one anew when one dies. What a slot is told and tells goes over its own port.
 */
export class WorkerPool {
  readonly #pool: Piscina<SlotStart, SlotEnd>

  constructor(slots: number, heapMb: number) {
    this.#pool = new Piscina<SlotStart, SlotEnd>({
      filename: fileURLToPath(new URL('../actors/worker.js', import.meta.url)),
      minThreads: slots,
      maxThreads: slots,
      concurrentTasksPerWorker: 1,
      idleTimeout: Number.POSITIVE_INFINITY,
      // The default lets an idle worker sleep in Atomics.wait, deaf to its port.
      atomics: 'disabled',
      // Most of what a turn allocates dies with it: a young generation of this size lets it.
      resourceLimits: { maxOldGenerationSizeMb: heapMb, maxYoungGenerationSizeMb: YOUNG_MB },
      recordTiming: false,
    })
    // A worker that dies rejects its slot's task, which is where it is handled.
    this.#pool.on('error', () => undefined)
  }

  /** Occupy a thread with a slot. Settles when the slot ends or dies. `signal` kills the thread. */
  run(start: SlotStart, signal: AbortSignal): Promise<SlotEnd> {
    return this.#pool.run(start, { transferList: [start.port], signal })
  }

  destroy(): Promise<void> {
    return this.#pool.destroy()
  }
}
