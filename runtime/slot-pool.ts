import type { SlotEnd, SlotStart } from '../actors/protocol.ts'
import type { ResolvedOptions } from './options.ts'
import { WorkerPool } from './worker-pool.ts'

/** The threads of the slots. */
export type SlotPool = WorkerPool<SlotStart, SlotEnd>

/**
 * Begin to start the slots' threads. They take about as long as all else that an opening does, and need
 * none of it before their first task, so it is called first.
 */
export function openSlotPool({
  slots,
  limits,
}: Pick<ResolvedOptions, 'slots' | 'limits'>): SlotPool {
  return new WorkerPool({
    entry: new URL('../actors/worker.js', import.meta.url),
    threads: slots,
    heapMb: limits.slotHeapMb,
  })
}
