import { openBenchRuntime } from './bench-runtime.ts'
import { runClosedLoop } from './closed-loop.ts'
import type { LatencyRecorder } from './latency-recorder.ts'
import { Meter, percentilesOf } from './meter.ts'
import type { LoadSize, Measurement } from './measurement.ts'
import { processedEvery } from './processed-every.ts'
import { add, counter, rollingCounter, total } from './workflows.ts'

const inFlight = 4_096
const lonelySignals = 200

/**
 * One workflow is sent very many signals. What is measured: a lone signal afterwards against one before
 * (`slowdown`, of the medians), and how long it takes to open the folder again and ask for the count.
 * With `continuesAsNew` the workflow does that whenever it is suggested, so that little is to be replayed.
 * The operations are the signals; the latencies are those of the lone ones afterwards, until processed.
 */
export async function measureLongRun(
  dataDir: string,
  signals: number,
  continuesAsNew: boolean,
  size: LoadSize,
): Promise<Measurement> {
  const operations = Math.min(signals, size.operations)
  const workflowId = 'counter'
  const writing = await openBenchRuntime(dataDir)
  let measurement: Measurement
  let slowdown: number
  let sent = 0
  try {
    const client = writing.client.workflow
    const options = { workflowId, args: [] as [], taskQueue: 'bench' }
    const handle = await (continuesAsNew
      ? client.start(rollingCounter, options)
      : client.start(counter, options))
    const one = (): Promise<void> => {
      sent += 1
      return handle.signal({ signal: add, waitFor: 'processed' }, 1)
    }
    const lonely = (): Promise<{ latencies: LatencyRecorder }> =>
      runClosedLoop({ inFlight: 1, operations: lonelySignals, seconds: Infinity, operation: one })
    await lonely()
    const before = await lonely()
    const meter = new Meter({ dataDir })
    const load = await runClosedLoop({
      inFlight,
      operations,
      seconds: Infinity,
      operation: (n) => {
        if (n % processedEvery === 0) return one()
        sent += 1
        return handle.signal(add, 1)
      },
    })
    await one()
    const loaded = meter.measurement(load)
    const { latencies } = await lonely()
    measurement = { ...loaded, ...percentilesOf(latencies) }
    slowdown = p50(latencies) / p50(before.latencies)
  } finally {
    await writing.close()
  }
  const began = performance.now()
  const reading = await openBenchRuntime(dataDir)
  try {
    const openMs = performance.now() - began
    const counted = await reading.client.workflow.getHandle(workflowId).query(total)
    const reopenAndQueryMs = performance.now() - began
    if (counted !== sent) throw new Error(`${counted} of ${sent} signals were counted.`)
    return {
      ...measurement,
      figures: { slowdown, openMs, queryMs: reopenAndQueryMs - openMs, reopenAndQueryMs },
    }
  } finally {
    await reading.close()
  }
}

function p50(latencies: LatencyRecorder): number {
  return latencies.percentiles(0.5)[0] ?? Number.NaN
}
