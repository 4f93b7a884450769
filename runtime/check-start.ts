import { checkSchedule } from './check-schedule.ts'
import type { EngineParts } from './engine-parts.ts'
import { SignalboxError } from './errors.ts'
import { checkIdentifier, checkNamespace, checkText } from './identifiers.ts'
import { checkTimeoutMs } from './processed-wait.ts'
import { DEFAULT_NAMESPACE } from './visibility.ts'
import type { StartRequest } from './workflow-service.ts'

/**
 * Check a start as far as that can be told without looking at the workflow.
 *
 * @returns the namespace
 * @throws SignalboxError SIGNALBOX_ERR_INVALID_ARGUMENT, SIGNALBOX_ERR_WORKFLOW_TYPE_UNKNOWN, and what says that
 *   the runtime is not open
 */
export function checkStart(parts: EngineParts, request: StartRequest): string {
  parts.checkOpen()
  if (request.timeoutMs !== undefined) checkTimeoutMs(request.timeoutMs)
  checkIdentifier('WorkflowId', request.workflowId)
  checkIdentifier('WorkflowType', request.workflowType)
  checkNamespace(request.namespace)
  checkText('identity', request.identity)
  if (request.requestId !== undefined) checkIdentifier('requestId', request.requestId)
  if (request.taskQueue !== undefined) checkIdentifier('taskQueue', request.taskQueue)
  for (const field of ['executionTimeoutMs', 'runTimeoutMs', 'taskTimeoutMs'] as const) {
    const value = request[field]
    if (value === undefined || (Number.isFinite(value) && value > 0)) continue
    throw new SignalboxError(
      'SIGNALBOX_ERR_INVALID_ARGUMENT',
      `${field} must be a number of milliseconds above 0`,
      { fields: { field } },
    )
  }
  checkSchedule(request)
  if (!parts.hasWorkflowType(request.workflowType)) {
    throw new SignalboxError(
      'SIGNALBOX_ERR_WORKFLOW_TYPE_UNKNOWN',
      `the workflow bundle exports no function ${request.workflowType}; ` +
        `it has ${parts.workflowTypes().join(', ') || 'none'}`,
      { fields: { workflowType: request.workflowType } },
    )
  }
  return request.namespace ?? DEFAULT_NAMESPACE
}
