import { openBenchRuntime } from './bench-runtime.ts'
import { runClosedLoop } from './closed-loop.ts'
import { Meter } from './meter.ts'
import type { LoadSize, Measurement } from './measurement.ts'
import { add, counter, total } from './workflows.ts'

const warmUpStarts = 20_000

/**
 * signalWithStart of workflows that do not exist yet, each until its first turn has ended. Afterwards
 * every one of them must be there once and have counted its signal.
 */
export async function measureStarts(
  dataDir: string,
  inFlight: number,
  size: LoadSize,
): Promise<Measurement> {
  const runtime = await openBenchRuntime(dataDir)
  try {
    const client = runtime.client.workflow
    let started = 0
    const operation = (): Promise<unknown> =>
      client.signalWithStart(counter, {
        workflowId: `counter-${started++}`,
        args: [],
        taskQueue: 'bench',
        signal: add,
        signalArgs: [1],
        waitFor: 'processed',
      })
    const loop = { inFlight, operation }
    const operations = Math.min(warmUpStarts, size.warmUp.operations)
    await runClosedLoop({ ...loop, ...size.warmUp, operations })
    const meter = new Meter({ dataDir })
    const result = await runClosedLoop({ ...loop, ...size })
    const measurement = meter.measurement(result)

    const { count } = await client.count()
    if (count !== started) throw new Error(`${count} workflows exist instead of ${started}.`)
    await runClosedLoop({
      inFlight,
      operations: started,
      seconds: Infinity,
      operation: async (n) => {
        const counted = await client.getHandle(`counter-${n}`).query(total)
        if (counted !== 1) throw new Error(`Workflow ${n} counted ${counted} instead of 1.`)
      },
    })
    return measurement
  } finally {
    await runtime.close()
  }
}
