import type { Standstill } from '../runtime/workflow-service.ts'
import type { JsonValue } from './json-text.ts'
import { formatTimestamp } from './time-json.ts'

/** Why a run does not advance; without values if it does. */
export function encodeStandstill({
  parked,
  quarantined,
}: Standstill): Record<string, JsonValue | undefined> {
  return {
    parked: parked && {
      reason: parked.reason,
      stack: parked.stack,
      attempts: parked.attempts,
      nextAttemptTime: formatTimestamp(parked.nextAttemptTime),
    },
    quarantined: quarantined && {
      reason: quarantined.reason,
      since: formatTimestamp(quarantined.since),
    },
  }
}
