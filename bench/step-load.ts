import { openBenchRuntime } from './bench-runtime.ts'
import { runClosedLoop } from './closed-loop.ts'
import { LatencyRecorder } from './latency-recorder.ts'
import { Meter } from './meter.ts'
import type { LoadBounds, LoadSize, Measurement } from './measurement.ts'

const stepsPerWorkflow = 20

/**
 * Activities or timers: `inFlight` workflows at a time take twenty of them each and end, and the next
 * begin in their place. What is counted are the steps; each workflow's result must be their number.
 * Starts and ends are part of it. What is timed is no step but a workflow, from its begin until its result.
 */
export async function measureSteps(
  dataDir: string,
  workflow: (steps: number) => Promise<number>,
  inFlight: number,
  size: LoadSize,
): Promise<Measurement> {
  const runtime = await openBenchRuntime(dataDir, {
    // As many as there are workflows, so that none waits for another's.
    limits: { maxConcurrentActivities: Math.max(1_000, inFlight) },
    activities: { echo: (n: number) => Promise.resolve(n) },
  })
  try {
    const client = runtime.client.workflow
    let begun = 0
    const operation = async (): Promise<void> => {
      const args = [stepsPerWorkflow] as [number]
      const options = { workflowId: `steps-${begun++}`, args, taskQueue: 'bench' }
      const done = await client.execute(workflow, options)
      if (done !== stepsPerWorkflow) throw new Error(`${done} of ${stepsPerWorkflow} steps ended.`)
    }
    const boundsOf = ({ seconds, operations }: LoadBounds): LoadBounds => ({
      seconds,
      operations: Math.ceil(operations / stepsPerWorkflow),
    })
    const loop = { inFlight, operation }
    await runClosedLoop({ ...loop, ...boundsOf(size.warmUp) })
    const meter = new Meter({ dataDir })
    const result = await runClosedLoop({ ...loop, ...boundsOf(size) })
    const untimed = { ...result, latencies: new LatencyRecorder() }
    const of = meter.measurement(untimed)
    const [p50 = Number.NaN, p99 = Number.NaN] = result.latencies.percentiles(0.5, 0.99)
    return {
      ...of,
      operations: of.operations * stepsPerWorkflow,
      rate: of.rate * stepsPerWorkflow,
      cpuMicros: of.cpuMicros / stepsPerWorkflow,
      diskBytes: of.diskBytes / stepsPerWorkflow,
      figures: { workflowP50Ms: p50, workflowP99Ms: p99, workflowMaxMs: result.latencies.max },
    }
  } finally {
    await runtime.close()
  }
}
