/**
 * A process that fills a data folder and then waits to be killed: what a crash leaves behind. It takes its
 * task as a message and answers when everything is durable, every turn has ended, and some seconds went by in
 * which nothing happened, and then a few lone signals: what is unfinished is little, as it is most of the time.
 */
import { setTimeout } from 'node:timers/promises'
import { openBenchRuntime } from './bench-runtime.ts'
import { runClosedLoop } from './closed-loop.ts'
import type { WriterTask } from './killed-writer.ts'
import { add, counter, sleepers } from './workflows.ts'

const inFlight = 4_096
const quietSeconds = 3

process.once('disconnect', () => process.exit(1))

process.once('message', (task: WriterTask) => {
  fill(task).then(
    () => process.send?.('filled'),
    (error: unknown) => {
      console.error(error)
      process.exit(1)
    },
  )
})

async function fill(task: WriterTask): Promise<void> {
  const { dataDir, workflows, signalsEach, timersEach, idleMs, lastSignals } = task
  const runtime = await openBenchRuntime(dataDir)
  const client = runtime.client.workflow
  const unbounded = { seconds: Infinity, inFlight }
  await runClosedLoop({
    ...unbounded,
    operations: workflows,
    operation: (n) =>
      timersEach > 0
        ? client
            .start(sleepers, {
              workflowId: `sleepers-${n}`,
              args: [timersEach],
              taskQueue: 'bench',
            })
            .then((handle) => handle.signal({ signal: add, waitFor: 'processed' }, 1))
        : client.signalWithStart(counter, {
            workflowId: `counter-${n}`,
            args: [],
            taskQueue: 'bench',
            signal: add,
            signalArgs: [1],
            waitFor: 'processed',
          }),
  })
  const signals = workflows * (signalsEach - 1)
  const handles = Array.from({ length: signals > 0 ? workflows : 0 }, (_, n) =>
    client.getHandle(`counter-${n}`),
  )
  const send = (n: number): Promise<unknown> =>
    handles[n % workflows]?.signal(add, 1) ?? Promise.resolve()
  await runClosedLoop({ ...unbounded, operations: signals - handles.length, operation: send })
  await runClosedLoop({
    ...unbounded,
    operations: handles.length,
    operation: (n) =>
      handles[n]?.signal({ signal: add, waitFor: 'processed' }, 1) ?? Promise.resolve(),
  })
  await setTimeout(idleMs)
  const start = { workflowId: 'last', args: [], taskQueue: 'bench' } as const
  const last = await client.start(counter, start)
  await runClosedLoop({
    inFlight: 1,
    operations: lastSignals,
    seconds: quietSeconds,
    operation: () => last.signal({ signal: add, waitFor: 'processed' }, 1),
  })
}
