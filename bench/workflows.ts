import {
  condition,
  continueAsNew,
  defineQuery,
  defineSignal,
  proxyActivities,
  setHandler,
  sleep,
  workflowInfo,
} from 'signalbox/workflow'

export const add = defineSignal<[amount: number]>('add')
export const finish = defineSignal('finish')
export const total = defineQuery<number>('total')

/** The workflow of every benchmark: a handler, a query, and a condition that each turn tries. */
export async function counter(): Promise<number> {
  let sum = 0
  let finished = false
  setHandler(add, (amount) => {
    sum += amount
  })
  setHandler(finish, () => {
    finished = true
  })
  setHandler(total, () => sum)
  await condition(() => finished)
  return sum
}

const { echo } = proxyActivities<{ echo(n: number): Promise<number> }>({
  startToCloseTimeout: '1 minute',
})

/** Awaits `count` activities, one after the other. */
export async function activitySeries(count: number): Promise<number> {
  let sum = 0
  for (let n = 0; n < count; n++) sum += await echo(1)
  return sum
}

/** Waits for `count` timers that are all due at the same time. */
export async function timerFan(count: number): Promise<number> {
  const timers = Array.from({ length: count }, () => sleep(1).then(() => 1))
  const fired = await Promise.all(timers)
  return fired.reduce((sum, one) => sum + one, 0)
}

/** A counter that continues as new when that is suggested, with what it has counted. */
export async function rollingCounter(counted = 0): Promise<number> {
  let sum = counted
  setHandler(add, (amount) => {
    sum += amount
  })
  setHandler(total, () => sum)
  await condition(() => workflowInfo().continueAsNewSuggested)
  return continueAsNew<typeof rollingCounter>(sum)
}

/** Has `count` timers that are due in a month, and counts signals. */
export async function sleepers(count: number): Promise<number> {
  let sum = 0
  setHandler(add, (amount) => {
    sum += amount
  })
  setHandler(total, () => sum)
  await Promise.all(Array.from({ length: count }, () => sleep('30 days')))
  return sum
}
