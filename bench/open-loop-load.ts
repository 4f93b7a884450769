import { openBenchRuntime } from './bench-runtime.ts'
import { Meter } from './meter.ts'
import type { LoadSize, Measurement } from './measurement.ts'
import { runOpenLoop } from './open-loop.ts'
import { add, counter, total } from './workflows.ts'

/** Fewer than a mailbox holds. */
const inFlightMax = 50_000

/**
 * Signals to one workflow at a fixed rate; each latency runs from the time at which the signal was due
 * until it is processed. All must have been counted.
 */
export async function measureOpenLoop(
  dataDir: string,
  rate: number,
  size: LoadSize,
): Promise<Measurement> {
  const runtime = await openBenchRuntime(dataDir)
  try {
    const options = { workflowId: 'counter', args: [], taskQueue: 'bench' } as const
    const handle = await runtime.client.workflow.start(counter, options)
    let sent = 0
    const operation = (): Promise<void> => {
      sent += 1
      return handle.signal({ signal: add, waitFor: 'processed' }, 1)
    }
    const loop = { rate, operation, inFlightMax }
    await runOpenLoop({ ...loop, ...size.warmUp })
    const meter = new Meter({ dataDir })
    const result = await runOpenLoop({ ...loop, ...size })
    const measurement = meter.measurement(result)
    const counted = await handle.query(total)
    if (counted !== sent) throw new Error(`${counted} of ${sent} signals were counted.`)
    return measurement
  } finally {
    await runtime.close()
  }
}
