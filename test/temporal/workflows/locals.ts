import {
  ActivityFailure,
  CancellationScope,
  condition,
  isCancellation,
  proxyActivities,
  proxyLocalActivities,
  rootCause,
  scheduleLocalActivity,
  setHandler,
  sleep,
} from '@temporalio/workflow'
import { add, say } from './signals.ts'

interface Activities {
  echo(value: unknown): Promise<unknown>
  sum(...numbers: number[]): Promise<number>
  fail(how: string): Promise<never>
  flaky(name: string, failures: number): Promise<string>
}

const local = proxyLocalActivities<Activities>({
  startToCloseTimeout: '10 s',
  retry: { maximumAttempts: 3, initialInterval: 1 },
})
const { echo } = proxyActivities<Activities>({ startToCloseTimeout: '1 minute' })

/** Local activities among others, in sequence and in parallel, retried, and failing. */
export async function locals(): Promise<unknown> {
  const log: unknown[] = []
  setHandler(say, (word) => void log.push(['say', word]))
  log.push(await local.echo({ a: 1 }), await local.sum(1, 2, 3))
  log.push(await Promise.all([local.echo('x'), echo('y'), local.echo('z'), sleep(3)]))
  log.push(await local.flaky('local', 2))
  try {
    await local.fail('nonRetryable')
  } catch (error) {
    log.push([error instanceof ActivityFailure, rootCause(error)])
  }
  log.push(await scheduleLocalActivity('echo', ['by its name'], { startToCloseTimeout: 1_000 }))
  return log
}

/** Local activities in handlers, and one that is cancelled before it is sent. */
export async function localsInHandlers(): Promise<unknown> {
  const log: unknown[] = []
  setHandler(add, async (n) => {
    log.push(await local.sum(n, n))
  })
  try {
    await CancellationScope.cancellable(async () => {
      const running = local.echo('never')
      CancellationScope.current().cancel()
      await running
    })
  } catch (error) {
    log.push(['cancelled', isCancellation(error)])
  }
  await condition(() => log.length === 3)
  return log
}
