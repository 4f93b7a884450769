import type { WorkflowHandle } from '../runtime/workflow-handle.ts'
import { openBenchRuntime } from './bench-runtime.ts'
import { runClosedLoop } from './closed-loop.ts'
import { Meter } from './meter.ts'
import type { LoadSize, Measurement } from './measurement.ts'
import { processedEvery } from './processed-every.ts'
import { shuffled } from './shuffled.ts'
import { add, counter, total } from './workflows.ts'

export interface SignalLoad {
  readonly workflows: number
  readonly inFlight: number
}

const preparationInFlight = 4_096
const unbounded = { operations: Infinity, seconds: Infinity }

/**
 * Signals in process, over workflows that run already. Each is durable when its promise resolves.
 * The last signal to each workflow waits until it is processed, and so until all before it are, and
 * the clock runs until then. One at a time, every signal waits for that. Afterwards each workflow
 * must have counted exactly the signals that it was sent.
 */
export async function measureSignals(
  dataDir: string,
  { workflows, inFlight }: SignalLoad,
  size: LoadSize,
): Promise<Measurement> {
  const runtime = await openBenchRuntime(dataDir)
  try {
    const client = runtime.client.workflow
    const handleOf = (n: number): WorkflowHandle => client.getHandle(`counter-${n}`)
    const handles = Array.from({ length: workflows }, (_, n) => handleOf(n))
    const sent = new Uint32Array(workflows)
    const order = shuffled(workflows)
    const handleAt = (index: number): WorkflowHandle => {
      const workflow = order[index % workflows] ?? 0
      sent[workflow] = (sent[workflow] ?? 0) + 1
      return handles[workflow] ?? handleOf(workflow)
    }
    const processed = (index: number): Promise<void> =>
      handleAt(index).signal({ signal: add, waitFor: 'processed' }, 1)
    const signal = (index: number): Promise<void> =>
      index % processedEvery === 0 ? processed(index) : handleAt(index).signal(add, 1)
    const finish = { ...unbounded, operations: workflows, inFlight, operation: processed }

    await runClosedLoop({
      ...unbounded,
      operations: workflows,
      inFlight: preparationInFlight,
      operation: (n) =>
        client.start(counter, { workflowId: `counter-${n}`, args: [], taskQueue: 'bench' }),
    })
    const operation = inFlight === 1 ? processed : signal
    await runClosedLoop({ ...size.warmUp, inFlight, operation })
    await runClosedLoop(finish)

    const meter = new Meter({ dataDir })
    const started = performance.now()
    const load = await runClosedLoop({ ...size, inFlight, operation })
    const last = await runClosedLoop(finish)
    const seconds = (performance.now() - started) / 1000
    const operations = load.operations + last.operations
    const measurement = meter.measurement({ operations, seconds, latencies: load.latencies })

    await runClosedLoop({
      ...unbounded,
      operations: workflows,
      inFlight: preparationInFlight,
      operation: async (n) => {
        const counted = await handleOf(n).query(total)
        if (counted === sent[n]) return
        throw new Error(`Workflow ${n} counted ${counted} of ${sent[n]} signals.`)
      },
    })
    return measurement
  } finally {
    await runtime.close()
  }
}
