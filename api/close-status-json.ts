import type { CloseStatus } from '../runtime/workflow-service.ts'
import { formatEnum, workflowStatus } from './enum-json.ts'
import { encodeFailure } from './failure-json.ts'
import type { JsonValue } from './json-text.ts'
import { encodePayload } from './payload-json.ts'

/** How a run ended, or that it is still running. */
export function encodeCloseStatus(status: CloseStatus, shorthand: boolean): JsonValue {
  if (!status.closed) return { status: formatEnum(workflowStatus, 'RUNNING') }
  const { result, failure } = status
  return {
    status: formatEnum(workflowStatus, status.status),
    runId: status.runId,
    result: result === undefined ? undefined : encodePayload(result, shorthand),
    failure: failure === undefined ? undefined : encodeFailure(failure, shorthand),
    newRunId: status.newRunId,
  }
}
