import { openBenchRuntime } from './bench-runtime.ts'
import { runClosedLoop } from './closed-loop.ts'
import { Meter } from './meter.ts'
import type { LoadSize, Measurement } from './measurement.ts'
import { shuffled } from './shuffled.ts'
import { add, counter, total } from './workflows.ts'

const signalsEach = 100
const inFlight = 4_096
/** Fewer than there are workflows, so that each one asked has left memory since it was last asked. */
const cachedAtMost = 10

/**
 * Queries of workflows that are not in memory, one at a time: each is read from the journal and built by
 * replay of its hundred signals before it answers.
 */
export async function measureColdQueries(
  dataDir: string,
  workflows: number,
  size: LoadSize,
): Promise<Measurement> {
  const runtime = await openBenchRuntime(dataDir, { limits: { maxCachedWorkflows: cachedAtMost } })
  try {
    const client = runtime.client.workflow
    const handles = Array.from({ length: workflows }, (_, n) => client.getHandle(`counter-${n}`))
    await runClosedLoop({
      inFlight,
      operations: workflows,
      seconds: Infinity,
      operation: async (n) => {
        const workflowId = `counter-${n}`
        const handle = await client.start(counter, { workflowId, args: [], taskQueue: 'bench' })
        const signals = Array.from({ length: signalsEach - 1 }, () => handle.signal(add, 1))
        await Promise.all([...signals, handle.signal({ signal: add, waitFor: 'processed' }, 1)])
      },
    })
    const order = shuffled(workflows)
    const operation = async (n: number): Promise<void> => {
      const counted = await handles[order[n % workflows] ?? 0]?.query(total)
      if (counted !== signalsEach) throw new Error(`${counted} of ${signalsEach} were counted.`)
    }
    await runClosedLoop({ ...size.warmUp, inFlight: 1, operation })
    const meter = new Meter({ dataDir })
    return meter.measurement(await runClosedLoop({ ...size, inFlight: 1, operation }))
  } finally {
    await runtime.close()
  }
}
