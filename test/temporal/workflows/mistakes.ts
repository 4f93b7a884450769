import {
  condition,
  continueAsNew,
  defineQuery,
  defineSignal,
  proxyActivities,
  setHandler,
  sleep,
  Trigger,
  workflowInfo,
  type ActivityOptions,
} from '@temporalio/workflow'
import type * as activities from '../fixtures/activities.ts'
import { counts } from './lifecycle.ts'

const { echo, sum } = proxyActivities<typeof activities>({ startToCloseTimeout: '1 minute' })
const say = defineSignal<[string]>('say')
const heard = defineQuery<number, [string]>('heard')

/** What a compiler must find. Never run: each line after a comment is wrong for both packages. */
export async function mistakes(): Promise<void> {
  // @ts-expect-error -- a signal's argument
  setHandler(say, (word: number) => void word)
  // @ts-expect-error -- a query's answer
  setHandler(heard, (name: string) => name)
  // @ts-expect-error -- a query's answer is no promise
  setHandler(heard, async (name: string) => name.length)
  // @ts-expect-error -- an activity's argument
  await sum('one')
  // @ts-expect-error -- an activity's result
  const total: string = await sum(1)
  // @ts-expect-error -- an activity that is not there
  proxyActivities<typeof activities>({ startToCloseTimeout: 1 }).noSuchActivity()
  // @ts-expect-error -- a duration
  await sleep('1 fortnight of days')
  // @ts-expect-error -- what a condition without a timeout gives
  const held: boolean = await condition(() => true)
  // @ts-expect-error -- what a trigger takes
  new Trigger<number>().resolve('one')
  // @ts-expect-error -- the arguments of the next run
  await continueAsNew<typeof counts>('three')
  // @ts-expect-error -- an option
  const options: ActivityOptions = { startToClose: '1 minute' }
  // @ts-expect-error -- information that there is not
  const { workflowName } = workflowInfo()
  void [total, held, options, workflowName, echo]
}
