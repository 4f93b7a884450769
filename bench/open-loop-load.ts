import { openBenchRuntime } from './bench-runtime.ts'
import { runClosedLoop } from './closed-loop.ts'
import { Meter } from './meter.ts'
import type { LoadSize, Measurement } from './measurement.ts'
import { type OpenLoopResult, prepareOpenLoop } from './open-loop.ts'
import { add, counter, total } from './workflows.ts'

/** Fewer than a mailbox holds. */
const inFlightMax = 50_000
const warmUpInFlight = 256

/**
 * Signals to one workflow at a fixed rate; each latency runs from the time at which the signal was due
 * until it is processed. All must have been counted. It warms up as fast as it can: at a low rate what is
 * hot would not be compiled before it is measured.
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
    await runClosedLoop({ ...size.warmUp, inFlight: warmUpInFlight, operation })
    const run = await prepareOpenLoop({ ...size, rate, inFlightMax, operation })
    const meter = new Meter({ dataDir })
    const result = await run()
    const measurement = meter.measurement(result)
    const counted = await handle.query(total)
    if (counted !== sent) throw new Error(`${counted} of ${sent} signals were counted.`)
    return { ...measurement, figures: openLoopFigures(rate, result) }
  } finally {
    await runtime.close()
  }
}

/** The rate that was asked for, to hold against the one that was reached, and how late operations were begun. */
export function openLoopFigures(
  askedRate: number,
  { delays }: OpenLoopResult,
): Readonly<Record<string, number>> {
  const [begunLateP50Ms = Number.NaN, begunLateP99Ms = Number.NaN] = delays.percentiles(0.5, 0.99)
  return { askedRate, begunLateP50Ms, begunLateP99Ms }
}
