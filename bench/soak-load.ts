import { openBenchRuntime } from './bench-runtime.ts'
import { type ClosedLoopResult, runClosedLoop } from './closed-loop.ts'
import { LatencyRecorder } from './latency-recorder.ts'
import { anonymousMiB, folderBytes, Meter, percentilesOf } from './meter.ts'
import type { LoadSize, Measurement, Sample } from './measurement.ts'
import { median } from './median.ts'
import {
  activitySeries,
  add,
  finish,
  rollingCounter,
  counter,
  timerFan,
  total,
} from './workflows.ts'

const inFlight = 64
/** The run is told in so many stretches. */
const stretches = 60
const mebi = 2 ** 20
/** Closed workflows are kept for so much of the run: what is on the disk must be bounded by that. */
const retained = 1 / 20
/** And at least so long that whoever waits for a result finds it. */
const retainedMsAtLeast = 1_000

/**
 * What a service does all day, for as long as is asked for: signals to workflows that continue as new,
 * queries, and workflows that begin, take activities, timers or signals, and end; closed ones are kept for
 * a twentieth of the time. Memory, latency and the size of the folder are noted sixty times; the figures
 * say by how much each was larger in the last third than in the middle one, and how many closed workflows
 * were there still after one and a half times what they are kept for. The memory is the process's own:
 * pages of the data file are the system's to keep or drop. In the end every counter must have counted what
 * it was sent.
 */
export async function measureSoak(
  dataDir: string,
  workflows: number,
  size: LoadSize,
): Promise<Measurement> {
  const retention = Math.max(retainedMsAtLeast, Math.ceil(size.seconds * retained * 1000))
  const runtime = await openBenchRuntime(dataDir, {
    activities: { echo: (n: number) => Promise.resolve(n) },
    retention,
  })
  try {
    const client = runtime.client.workflow
    const sent = new Uint32Array(workflows)
    const handles = await Promise.all(
      Array.from({ length: workflows }, (_, n) =>
        client.start(rollingCounter, { workflowId: `rolling-${n}`, args: [], taskQueue: 'bench' }),
      ),
    )
    const handleAt = (n: number) => {
      const handle = handles[n % workflows]
      if (handle === undefined) throw new Error(`There is no counter ${n}.`)
      return handle
    }
    let begun = 0
    const once = () => ({ workflowId: `once-${begun++}`, taskQueue: 'bench' })
    const signal = (n: number): Promise<void> => {
      sent[n % workflows] = (sent[n % workflows] ?? 0) + 1
      return handleAt(n).signal({ signal: add, waitFor: 'processed' }, 1)
    }
    const operation = async (n: number): Promise<void> => {
      const kind = n % 16
      if (kind < 11) return signal(n)
      if (kind < 13) return void (await handleAt(n).query(total))
      if (kind === 13) return void (await client.execute(activitySeries, { ...once(), args: [2] }))
      if (kind === 14) return void (await client.execute(timerFan, { ...once(), args: [2] }))
      const started = { ...once(), args: [], signal: add, signalArgs: [1] as [number] }
      const handle = await client.signalWithStart(counter, started)
      await handle.signal(finish)
      const counted = await handle.result()
      if (counted !== 1) throw new Error(`A workflow ended with ${counted} instead of 1.`)
    }
    let index = 0
    const stretch = (seconds: number, operations: number): Promise<ClosedLoopResult> =>
      runClosedLoop({ inFlight, operations, seconds, operation: () => operation(index++) })
    await stretch(size.warmUp.seconds, size.warmUp.operations)

    const meter = new Meter({ dataDir })
    const samples: Sample[] = []
    const started = performance.now()
    let operations = 0
    const isOver = (): boolean => performance.now() - started >= size.seconds * 1000
    while (!isOver() && operations < size.operations) {
      const remaining = size.operations - operations
      const done = await stretch(size.seconds / stretches, remaining)
      operations += done.operations
      samples.push({
        seconds: (performance.now() - started) / 1000,
        rate: done.operations / done.seconds,
        ...percentilesOf(done.latencies),
        rssMiB: process.memoryUsage().rss / mebi,
        memoryMiB: anonymousMiB(),
        diskMiB: folderBytes(dataDir) / mebi,
      })
    }
    const seconds = (performance.now() - started) / 1000
    const overdueSince = new Date(Date.now() - 1.5 * retention).toISOString()
    const overdue = await client.count(`CloseTime < "${overdueSince}"`)
    // All latencies of an hour would be what fills the memory: medians of the stretches stand for them,
    // and the largest of all, since no pause may be hidden by that.
    const middle = (figure: keyof Sample): number => medianOf(samples, figure)
    const measurement = {
      ...meter.measurement({ operations, seconds, latencies: new LatencyRecorder() }),
      p50Ms: middle('p50Ms'),
      p90Ms: middle('p90Ms'),
      p99Ms: middle('p99Ms'),
      p999Ms: middle('p999Ms'),
      maxMs: Math.max(...samples.map(({ maxMs = 0 }) => maxMs)),
    }
    for (let n = 0; n < workflows; n += 1) {
      const counted = await handleAt(n).query(total)
      if (counted === sent[n]) continue
      throw new Error(`Counter ${n} counted ${counted} of ${sent[n]} signals.`)
    }
    const growth = growthOf(samples)
    const figures = {
      memoryGrowth: growth('memoryMiB'),
      p50Growth: growth('p50Ms'),
      p99Growth: growth('p99Ms'),
      diskGrowth: growth('diskMiB'),
      overdueRuns: overdue.count,
    }
    return { ...measurement, figures, samples }
  } finally {
    await runtime.close()
  }
}

/** How many times its median of the middle third of the samples a figure has in the last third. */
function growthOf(samples: readonly Sample[]): (figure: keyof Sample) => number {
  const third = Math.floor(samples.length / 3)
  const middle = samples.slice(third, samples.length - third)
  const last = samples.slice(samples.length - Math.max(1, third))
  return (figure) => medianOf(last, figure) / medianOf(middle, figure)
}

function medianOf(samples: readonly Sample[], figure: keyof Sample): number {
  return median(samples.map((sample) => sample[figure] ?? Number.NaN))
}
