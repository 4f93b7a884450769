import {
  condition,
  continueAsNew,
  defineQuery,
  defineSignal,
  proxyActivities,
  setHandler,
  workflowInfo,
} from 'signalbox/workflow'
import type * as activities from './activities.ts'

export type Level = 'member' | 'silver' | 'gold'

export interface Purchase {
  readonly orderId: string
  readonly cents: number
}

export interface LoyaltyStatus {
  readonly level: Level
  readonly purchases: number
  readonly cents: number
}

export interface LoyaltyOptions {
  /** How often the customer is told the status, in milliseconds. Default 30 days. */
  readonly statusEveryMs?: number
  /** What an earlier run of the same customer hands over. */
  readonly carried?: { readonly status: LoyaltyStatus; readonly nextStatusTime: number }
}

export const purchased = defineSignal<[Purchase]>('purchased')
export const leave = defineSignal('leave')
export const loyaltyStatus = defineQuery<LoyaltyStatus>('loyaltyStatus')

const silverPurchases = 10
const goldPurchases = 50
const defaultStatusEveryMs = 30 * 24 * 60 * 60 * 1000

const { tellLevelReached, sendStatus } = proxyActivities<typeof activities>({
  startToCloseTimeout: '30 seconds',
})

/** One run per customer: counts purchases, tells of each level that is reached, and reports now and then. */
export async function loyaltyProgram(
  customerId: string,
  options: LoyaltyOptions = {},
): Promise<LoyaltyStatus> {
  const { statusEveryMs = defaultStatusEveryMs } = options
  let { level, purchases, cents }: LoyaltyStatus = options.carried?.status ?? {
    level: 'member',
    purchases: 0,
    cents: 0,
  }
  let left = false
  const reached: Level[] = []

  // Handlers only change state and never wait, so two purchases cannot get in each other's way. What
  // takes time is the loop's business.
  setHandler(purchased, (purchase) => {
    purchases += 1
    cents += purchase.cents
    const earned = levelFor(purchases)
    if (earned === level) return
    level = earned
    reached.push(earned)
  })
  setHandler(leave, () => {
    left = true
  })
  setHandler(loyaltyStatus, () => ({ level, purchases, cents }))

  let nextStatusTime = options.carried?.nextStatusTime ?? Date.now() + statusEveryMs
  const hasWork = (): boolean => left || reached.length > 0 || workflowInfo().continueAsNewSuggested
  const isOver = (): boolean => left && reached.length === 0

  while (!isOver()) {
    const untilStatusMs = Math.max(1, nextStatusTime - Date.now())
    await condition(hasWork, untilStatusMs)

    for (const next of reached.splice(0)) await tellLevelReached(customerId, next)

    if (Date.now() >= nextStatusTime) {
      await sendStatus(customerId, { level, purchases, cents })
      nextStatusTime = Date.now() + statusEveryMs
    }

    // A customer stays for years and a history should not. Purchases that wait move to the new run.
    if (workflowInfo().continueAsNewSuggested && !left && reached.length === 0) {
      await continueAsNew<typeof loyaltyProgram>(customerId, {
        statusEveryMs,
        carried: { status: { level, purchases, cents }, nextStatusTime },
      })
    }
  }
  return { level, purchases, cents }
}

function levelFor(purchases: number): Level {
  if (purchases >= goldPurchases) return 'gold'
  return purchases >= silverPurchases ? 'silver' : 'member'
}
