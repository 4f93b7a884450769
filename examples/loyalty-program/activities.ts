import { activityInfo, log } from 'signalbox/activity'
import type { Level, LoyaltyStatus } from './workflows.ts'

/** Tells the rewards service that a customer has reached a level. */
export async function tellLevelReached(customerId: string, level: Level): Promise<void> {
  log.info('level reached', { customerId, level, idempotencyKey: idempotencyKey() })
}

/** Writes to the customer where they stand. */
export async function sendStatus(customerId: string, status: LoyaltyStatus): Promise<void> {
  log.info('status sent', { customerId, ...status, idempotencyKey: idempotencyKey() })
}

/**
 * The same for every attempt of one call, and for no other call. An activity may run more than once,
 * so pass a key like this to the service that is called and let it drop what it has seen.
 */
function idempotencyKey(): string {
  const { workflowExecution, activityId } = activityInfo()
  return `${workflowExecution?.workflowId}/${workflowExecution?.runId}/${activityId}`
}
