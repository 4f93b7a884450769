import { openBenchRuntime } from './bench-runtime.ts'
import { runClosedLoop } from './closed-loop.ts'
import { Meter } from './meter.ts'
import type { LoadBounds, LoadSize, Measurement } from './measurement.ts'

const stepsPerWorkflow = 20

/**
 * Activities or timers: `inFlight` workflows at a time take twenty of them each and end, and the next
 * begin in their place. What is counted are the steps; each workflow's result must be their number.
 * Starts and ends are part of it. Latencies are those of a workflow, divided by its steps.
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
    const of = meter.measurement(result)
    return {
      ...of,
      operations: of.operations * stepsPerWorkflow,
      rate: of.rate * stepsPerWorkflow,
      p50Ms: of.p50Ms / stepsPerWorkflow,
      p90Ms: of.p90Ms / stepsPerWorkflow,
      p99Ms: of.p99Ms / stepsPerWorkflow,
      p999Ms: of.p999Ms / stepsPerWorkflow,
      cpuMicros: of.cpuMicros / stepsPerWorkflow,
      diskBytes: of.diskBytes / stepsPerWorkflow,
    }
  } finally {
    await runtime.close()
  }
}
