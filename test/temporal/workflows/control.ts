import { condition, defineQuery, proxyActivities, setHandler, sleep } from '@temporalio/workflow'
import type * as activities from '../fixtures/activities.ts'
import { add, say } from './signals.ts'

const { echo, sum } = proxyActivities<typeof activities>({ startToCloseTimeout: '1 minute' })

export const phase = defineQuery<number>('phase')

/** A bit of everything in a fixed order, for histories that are tampered with afterwards. */
export async function controlled(name: string): Promise<unknown> {
  const trace: unknown[] = []
  setHandler(say, (word) => void trace.push(word))
  setHandler(add, async (n) => void trace.push(await sum(n, 1)))
  let begun = 0
  setHandler(phase, () => begun + trace.length)
  await Promise.all([echo(name), sleep(5), echo('other')])
  begun = 1
  await condition(() => trace.length >= 3)
  await sleep(1)
  return trace
}
