import { join } from 'node:path'
import type { WorkflowHandle } from '../runtime/workflow-handle.ts'
import { openBenchRuntime } from './bench-runtime.ts'
import { type ClosedLoopResult, runClosedLoop } from './closed-loop.ts'
import type { LatencyRecorder } from './latency-recorder.ts'
import { withLmdb } from './lmdb-ceiling.ts'
import { Meter } from './meter.ts'
import type { LoadBounds, LoadSize, Measurement } from './measurement.ts'
import { processedEvery } from './processed-every.ts'
import { shuffled } from './shuffled.ts'
import { compareSideBySide } from './side-by-side.ts'
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
 * the clock runs until then. One at a time, every signal waits for that; with more in flight one of some
 * does, and has its latency told by itself. Afterwards each workflow
 * must have counted exactly the signals that it was sent. Then it runs in turns with LMDB's own puts of
 * as many records, which are its ceiling.
 */
export function measureSignals(
  dataDir: string,
  load: SignalLoad,
  size: LoadSize,
): Promise<Measurement> {
  const signalsDir = join(dataDir, 'signalbox')
  return withSignals(signalsDir, load, async (signals) => {
    await signals(size.warmUp)
    const meter = new Meter({ dataDir: signalsDir })
    const result = await signals(size)
    const measurement = {
      ...meter.measurement(result),
      ...(result.others.count > 0 && { figures: processedFigures(result.others) }),
    }
    if (size.isAlone === true) return measurement
    // Not before: what LMDB maps is memory of this process too.
    const ceiling = { runs: 1, inFlight: load.inFlight }
    return withLmdb(join(dataDir, 'lmdb'), ceiling, async (puts) => {
      await puts(size.warmUp)
      const compared = { bounds: size, workflows: load.workflows, rate: measurement.rate }
      const ofCeiling = await compareSideBySide({ own: signals, ceiling: puts, ...compared })
      return { ...measurement, ofCeiling }
    })
  })
}

/** Of those signals that waited until they were processed, where the others waited until they were durable. */
function processedFigures(latencies: LatencyRecorder): Readonly<Record<string, number>> {
  const [p50 = Number.NaN, p99 = Number.NaN] = latencies.percentiles(0.5, 0.99)
  return { processedP50Ms: p50, processedP99Ms: p99 }
}

/** Runs such a load as often as `use` does, each time until all is processed. */
export async function withSignals<Result>(
  dataDir: string,
  { workflows, inFlight }: SignalLoad,
  use: (run: (bounds: LoadBounds) => Promise<ClosedLoopResult>) => Promise<Result>,
): Promise<Result> {
  const runtime = await openBenchRuntime(dataDir)
  try {
    const client = runtime.client.workflow
    const handleOf = (n: number): WorkflowHandle => client.getHandle(`counter-${n}`)
    const handles = Array.from({ length: workflows }, (_, n) => handleOf(n))
    const sent = new Uint32Array(workflows)
    const order = shuffled(workflows)
    // Through all of them, however short a run is: those at the beginning would be in the caches.
    let begun = 0
    const nextHandle = (): WorkflowHandle => {
      const workflow = order[begun++ % workflows] ?? 0
      sent[workflow] = (sent[workflow] ?? 0) + 1
      return handles[workflow] ?? handleOf(workflow)
    }
    const processed = (): Promise<void> =>
      nextHandle().signal({ signal: add, waitFor: 'processed' }, 1)
    const isProcessed = (index: number): boolean => index % processedEvery === 0
    const signal = (index: number): Promise<void> =>
      isProcessed(index) ? processed() : nextHandle().signal(add, 1)
    const loop =
      inFlight === 1
        ? { inFlight, operation: processed }
        : { inFlight, operation: signal, isOther: isProcessed }
    const every = { ...unbounded, operations: workflows }

    await runClosedLoop({
      ...every,
      inFlight: preparationInFlight,
      operation: (n) =>
        client.start(counter, { workflowId: `counter-${n}`, args: [], taskQueue: 'bench' }),
    })
    const result = await use(async (bounds) => {
      const started = performance.now()
      const { operations, latencies, others } = await runClosedLoop({ ...loop, ...bounds })
      const last = await runClosedLoop({ ...every, inFlight, operation: processed })
      const seconds = (performance.now() - started) / 1000
      return { operations: operations + last.operations, seconds, latencies, others }
    })
    await runClosedLoop({
      ...every,
      inFlight: preparationInFlight,
      operation: async (n) => {
        const counted = await handleOf(n).query(total)
        if (counted === sent[n]) return
        throw new Error(`Workflow ${n} counted ${counted} of ${sent[n]} signals.`)
      },
    })
    return result
  } finally {
    await runtime.close()
  }
}
