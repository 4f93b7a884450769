import {
  ApplicationFailure,
  condition,
  defineQuery,
  defineSignal,
  defineUpdate,
  proxyActivities,
  setHandler,
  sleep,
  workflowInfo,
} from 'signalbox/workflow'

const { send, flaky, slow } = proxyActivities<{
  send(text: string): Promise<string>
  flaky(): Promise<number>
  slow(): Promise<string>
}>({ startToCloseTimeout: '1 minute', retry: { initialInterval: '1 hour', maximumAttempts: 5 } })

export const cancelTrial = defineSignal('cancelTrial')
export const state = defineQuery<string>('state')

/** A subscription's trial of 30 days, with a reminder on the way. */
export async function trial(name: string): Promise<string> {
  let current = 'running'
  let cancelled = false
  setHandler(state, () => current)
  setHandler(cancelTrial, () => {
    cancelled = true
  })
  if (await condition(() => cancelled, '25 days')) return 'cancelled'
  current = 'reminded'
  await send(`${name}: 5 days left`)
  if (await condition(() => cancelled, '5 days')) return 'cancelled late'
  await send(`${name}: over`)
  current = 'over'
  return 'paid'
}

/** Steps of an hour; the workflow's time says how long they took. */
export async function ticks(count: number): Promise<number> {
  const start = Date.now()
  for (let i = 0; i < count; i++) await sleep('1 hour')
  return Math.round((Date.now() - start) / 3_600_000)
}

export async function retried(): Promise<{ result: number; hours: number }> {
  const start = Date.now()
  const result = await flaky()
  return { result, hours: Math.floor((Date.now() - start) / 3_600_000) }
}

/** An activity that takes time and a timer, whichever is first. */
export async function race(timerMs: number): Promise<string> {
  return Promise.race([sleep(timerMs).then(() => 'timer'), slow()])
}

export async function waitForEver(): Promise<void> {
  await condition(() => false)
}

export async function broken(): Promise<void> {
  await sleep('1 day')
  throw new TypeError('not a failure of the workflow')
}

export async function failing(): Promise<void> {
  await sleep('1 day')
  throw ApplicationFailure.create({ message: 'no', type: 'Refused' })
}

export const renew = defineUpdate<string, [days: number]>('renew')

/** An update whose handler waits. */
export async function renewable(): Promise<number> {
  let renewed = 0
  setHandler(
    renew,
    async (days) => {
      await sleep(`${days} days`)
      renewed++
      return `after ${days} days`
    },
    {
      validator: (days) => {
        if (days < 1) throw new RangeError('too short')
      },
    },
  )
  await condition(() => renewed === 2)
  return renewed
}

export async function startTime(): Promise<number> {
  await sleep('100 years')
  return workflowInfo().startTime.getTime()
}
