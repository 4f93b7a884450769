import { openBenchRuntime } from './bench-runtime.ts'
import { runClosedLoop } from './closed-loop.ts'
import { LatencyRecorder } from './latency-recorder.ts'
import { Meter } from './meter.ts'
import type { LoadSize, Measurement } from './measurement.ts'
import { add, counter, total } from './workflows.ts'

/** A history that takes a second or so to replay. */
const signalsAtMost = 400_000
const inFlight = 4_096

/**
 * One workflow is sent signals, the runtime is closed and opened again, and the workflow is asked for
 * its count: the answer needs all of them replayed. What is counted are the inputs of that replay. One
 * query has no percentiles: how long it took is a figure.
 */
export async function measureReplay(dataDir: string, size: LoadSize): Promise<Measurement> {
  const operations = Math.min(size.operations, signalsAtMost)
  const workflowId = 'counter'
  const writing = await openBenchRuntime(dataDir)
  try {
    const client = writing.client.workflow
    const handle = await client.start(counter, { workflowId, args: [], taskQueue: 'bench' })
    const operation = (): Promise<void> => handle.signal(add, 1)
    await runClosedLoop({ inFlight, operations: operations - 1, seconds: Infinity, operation })
    await handle.signal({ signal: add, waitFor: 'processed' }, 1)
  } finally {
    await writing.close()
  }
  const reading = await openBenchRuntime(dataDir)
  try {
    const meter = new Meter({ dataDir })
    const started = performance.now()
    const counted = await reading.client.workflow.getHandle(workflowId).query(total)
    const ms = performance.now() - started
    if (counted !== operations)
      throw new Error(`${counted} of ${operations} signals were replayed.`)
    const latencies = new LatencyRecorder()
    const measurement = meter.measurement({ operations, seconds: ms / 1000, latencies })
    return { ...measurement, figures: { queryMs: ms } }
  } finally {
    await reading.close()
  }
}
