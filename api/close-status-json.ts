import type { CloseStatus } from '../runtime/workflow-service.ts'
import { formatEnum, workflowStatus } from './enum-json.ts'
import { encodeFailure } from './failure-json.ts'
import type { JsonValue } from './json-text.ts'
import { encodePayload } from './payload-json.ts'
import { encodeStandstill } from './standstill-json.ts'

/** How a run ended, or that it is still running, and why it does not advance if it does not. */
export function encodeCloseStatus(status: CloseStatus, shorthand: boolean): JsonValue {
  if (!status.closed) {
    const stands = status.parked !== undefined || status.quarantined !== undefined
    return {
      status: formatEnum(workflowStatus, 'RUNNING'),
      signalbox: stands ? encodeStandstill(status) : undefined,
    }
  }
  const { result, failure } = status
  return {
    status: formatEnum(workflowStatus, status.status),
    runId: status.runId,
    result: result === undefined ? undefined : encodePayload(result, shorthand),
    failure: failure === undefined ? undefined : encodeFailure(failure, shorthand),
    newRunId: status.newRunId,
  }
}
