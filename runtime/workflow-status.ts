import type { WorkflowStatus } from './workflow-service.ts'

/** Whether a run with this status has not ended. */
export function isOpenStatus(status: WorkflowStatus): boolean {
  return status === 'RUNNING' || status === 'PAUSED'
}
