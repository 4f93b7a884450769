import type { MessagePort } from 'node:worker_threads'
import { fileURLToPath } from 'node:url'
import { Piscina } from 'piscina'

const YOUNG_MB = 96

export interface WorkerPoolOptions {
  /** The module whose default export a thread runs. */
  readonly entry: URL
  readonly threads: number
  /** V8 heap of one thread, in MiB. */
  readonly heapMb: number
}

/**
 * Worker threads, each occupied by one long task for as long as the runtime is open. The pool only
 * owns threads; it starts one anew when one dies. What a task is told and tells goes over its own port.
 */
export class WorkerPool<Start extends { readonly port: MessagePort }, End> {
  readonly #options: ConstructorParameters<typeof Piscina>[0]
  #pool: Piscina<Start, End> | undefined

  constructor({ entry, threads, heapMb }: WorkerPoolOptions) {
    this.#options = {
      filename: fileURLToPath(entry),
      minThreads: threads,
      maxThreads: threads,
      concurrentTasksPerWorker: 1,
      idleTimeout: Number.POSITIVE_INFINITY,
      // The default lets an idle worker sleep in Atomics.wait, deaf to its port.
      atomics: 'disabled',
      // Most of what a turn allocates dies with it: a young generation of this size lets it.
      resourceLimits: { maxOldGenerationSizeMb: heapMb, maxYoungGenerationSizeMb: YOUNG_MB },
      recordTiming: false,
    }
  }

  /** Occupy a thread. Settles when the task ends or its thread dies. `signal` kills the thread. */
  run(start: Start, signal: AbortSignal): Promise<End> {
    this.#pool ??= this.#open()
    return this.#pool.run(start, { transferList: [start.port], signal })
  }

  async destroy(): Promise<void> {
    await this.#pool?.destroy()
  }

  /**
   * Threads begin with the first task and not before: Node 20 ends the process if a thread is ended while
   * it loads its modules, as those of an open that fails at once would be.
   */
  #open(): Piscina<Start, End> {
    const pool = new Piscina<Start, End>(this.#options)
    // A worker that dies rejects its task, which is where it is handled.
    pool.on('error', () => undefined)
    return pool
  }
}
