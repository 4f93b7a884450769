import { setTimeout } from 'node:timers/promises'
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import { openBenchRuntime } from './bench-runtime.ts'
import { runClosedLoop } from './closed-loop.ts'
import { fillAndKill, type WriterTask } from './killed-writer.ts'
import { middleTime } from './middle-time.ts'
import { anonymousMiB, folderBytes, Meter } from './meter.ts'
import type { LoadSize, Measurement } from './measurement.ts'
import { add, counter, timerFan, total } from './workflows.ts'

const inFlight = 256
const listPageSize = 100
const pagesListed = 20
const lastSignalsAtMost = 10_000
const mebi = 2 ** 20
/** In which the journal moves what the crash left in its log, as it does when nothing is written. */
const restMsAtMost = 12_000
/** To try a scenario out with a few operations takes less. */
const restMsPerOperation = 10

export interface Leftovers extends Pick<WriterTask, 'workflows' | 'signalsEach' | 'timersEach'> {
  /** The process had nothing to do for a while, before its last lone signals. */
  readonly hasRested: boolean
}

/**
 * A process is killed that has left workflows, signals or timers behind, and then a few lone signals, and the
 * folder is opened again.
 * What is measured: how long opening takes, until a new timer has fired and a first signal is processed,
 * how long a page of the list takes, the process's own memory then and after a rest in which the log is moved
 * (pages of the data file are the system's), and the disk. The operations are
 * signals to one workflow afterwards, beside all the others, which do nothing.
 */
export async function measureRestart(
  dataDir: string,
  { hasRested, ...leftovers }: Leftovers,
  size: LoadSize,
): Promise<Measurement> {
  const lastSignals = Math.min(lastSignalsAtMost, size.operations)
  const restMs = Math.min(restMsAtMost, size.seconds * 4_000, size.operations * restMsPerOperation)
  await fillAndKill({ ...leftovers, dataDir, idleMs: hasRested ? restMs : 0, lastSignals })
  const bytes = folderBytes(dataDir)
  const began = performance.now()
  const runtime = await openBenchRuntime(dataDir)
  const openMs = performance.now() - began
  try {
    const client = runtime.client.workflow
    const start = { args: [], taskQueue: 'bench' } as const
    const handle = await client.start(counter, { ...start, workflowId: 'another' })
    let sent = 1
    await handle.signal({ signal: add, waitFor: 'processed' }, 1)
    const firstSignalMs = performance.now() - began
    await client.execute(timerFan, { ...start, workflowId: 'a-timer', args: [1] })
    const firstTimerMs = performance.now() - began
    const memoryAtOpenMiB = anonymousMiB()
    const pageMs = await middleTime(pagesListed, () =>
      runtime.service.listWorkflows({ pageSize: listPageSize }),
    )
    await checkCounts(leftovers, (workflowId) => client.getHandle(workflowId).query(total))
    await setTimeout(restMs)
    collectGarbage()
    // Pages are given back by other threads.
    await setTimeout(Math.min(1_000, size.seconds * 300))
    const memoryMiB = anonymousMiB()

    const signal = (): Promise<void> => {
      sent += 1
      return handle.signal(add, 1)
    }
    const loop = { ...size, inFlight, operation: signal }
    await runClosedLoop({ ...loop, ...size.warmUp })
    const meter = new Meter({ dataDir })
    const measurement = meter.measurement(await runClosedLoop(loop))
    sent += 1
    await handle.signal({ signal: add, waitFor: 'processed' }, 1)
    const counted = await handle.query(total)
    if (counted !== sent) throw new Error(`${counted} of ${sent} signals were counted.`)
    const figures = {
      openMs,
      firstSignalMs,
      firstTimerMs,
      pageMs,
      memoryAtOpenMiB,
      memoryMiB,
      dataMiB: bytes / mebi,
      eachBytes: bytes / leftovers.workflows,
    }
    return { ...measurement, figures }
  } finally {
    await runtime.close()
  }
}

/** What is garbage is no memory that anything takes: V8 of an idle process just has not looked for it. */
function collectGarbage(): void {
  setFlagsFromString('--expose-gc')
  const gc: unknown = runInNewContext('gc')
  if (typeof gc !== 'function') throw new Error('V8 does not give its garbage collector.')
  gc()
}

/** Of the first and the last workflow that was left behind. */
async function checkCounts(
  { workflows, signalsEach, timersEach }: Omit<Leftovers, 'hasRested'>,
  count: (workflowId: string) => Promise<number>,
): Promise<void> {
  const name = timersEach > 0 ? 'sleepers' : 'counter'
  for (const n of [0, workflows - 1]) {
    const counted = await count(`${name}-${n}`)
    if (counted === signalsEach) continue
    throw new Error(`${name}-${n} counted ${counted} of ${signalsEach} signals after the crash.`)
  }
}
