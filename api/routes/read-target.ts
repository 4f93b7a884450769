import type { Target } from '../../runtime/workflow-service.ts'
import { optionalId } from '../request-ids.ts'
import type { RequestQuery } from '../request-query.ts'
import type { WorkflowParams } from './workflow-params.ts'

/** The query parameters that {@link readTarget} looks at or, since the path has them, ignores. */
export const targetNames = ['execution.runId', 'execution.workflowId', 'runId', 'namespace']

/** Which run a GET request is about. */
export function readTarget(
  request: { readonly params: WorkflowParams },
  query: RequestQuery,
): Target {
  return {
    namespace: request.params.namespace,
    workflowId: request.params.workflowId,
    runId: optionalId(query.text('execution.runId') ?? query.text('runId'), 'execution.runId'),
  }
}
