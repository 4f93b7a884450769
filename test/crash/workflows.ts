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

export const add = defineSignal<[number]>('add')
export const finish = defineSignal('finish')
export const state = defineQuery<Tally>('state')

const SIGNALS_PER_RUN = 150
const RING_MS = 3

/** What a chain of runs knows of the whole numbers that it was sent from 0 on. */
export interface Tally {
  /** The number that must come next. */
  readonly next: number
  /** Numbers for which an activity, or a timer, is still to be done. */
  readonly jobs: readonly number[]
  readonly charged: number
  readonly rung: number
  readonly runs: number
  readonly violations: readonly string[]
}

const { record } = proxyActivities<{ record(n: number): Promise<string> }>({
  startToCloseTimeout: '1 minute',
  retry: { initialInterval: 1, backoffCoefficient: 1 },
})

/** Checks that it is sent 0, 1, 2 …; for some of them it calls an activity or waits for a timer. */
export async function tally(before?: Tally): Promise<Tally> {
  let next = before?.next ?? 0
  let charged = before?.charged ?? 0
  let rung = before?.rung ?? 0
  let done = false
  const first = next
  const runs = (before?.runs ?? 0) + 1
  const jobs = [...(before?.jobs ?? [])]
  const violations = [...(before?.violations ?? [])]
  const now = (): Tally => ({ next, jobs, charged, rung, runs, violations })

  setHandler(state, now)
  setHandler(add, (n) => {
    if (n !== next) violations.push(`${n} came where ${next} was due in run ${runs}`)
    next = n + 1
    if (n % 20 === 0) jobs.push(n)
  })
  setHandler(finish, () => {
    done = true
  })
  for (;;) {
    await condition(() => done || jobs.length > 0 || next - first >= SIGNALS_PER_RUN)
    if (next - first >= SIGNALS_PER_RUN && !done) await continueAsNew<typeof tally>(now())
    const job = jobs.shift()
    if (job === undefined) return now()
    if (job % 40 === 0) {
      const receipt = await record(job)
      if (receipt !== `did ${job}`) violations.push(`${receipt} for ${job}`)
      charged++
    } else {
      const begun = Date.now()
      await sleep(RING_MS)
      if (Date.now() < begun + RING_MS) violations.push(`the timer of ${job} was early`)
      rung++
    }
  }
}

/** Closes with the first number it is sent; those that race with it are in its result. */
export async function brief(): Promise<{ readonly runId: string; readonly seen: number[] }> {
  const seen: number[] = []
  setHandler(add, (n) => {
    seen.push(n)
  })
  await condition(() => seen.length > 0)
  return { runId: workflowInfo().runId, seen }
}
