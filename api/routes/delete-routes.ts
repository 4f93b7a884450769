import type { FastifyInstance } from 'fastify'
import type { WorkflowService } from '../../runtime/workflow-service.ts'
import { emptyAnswer } from '../answer-schemas.ts'
import { sendJson } from '../answer.ts'
import { optionalId } from '../request-ids.ts'
import { RequestQuery } from '../request-query.ts'
import { readTarget, targetNames } from './read-target.ts'
import type { WorkflowRequest } from './workflow-params.ts'

const names = [...targetNames, 'firstExecutionRunId', 'reason']

/** Deletion, which Temporal has in gRPC alone. */
export function addDeleteRoutes(app: FastifyInstance, service: WorkflowService): void {
  app.delete(
    '/workflows/:workflowId',
    {
      config: {
        operation: {
          id: 'DeleteWorkflowExecution',
          summary: 'Delete a run with its history; a running one is terminated first',
          query: names,
          answer: emptyAnswer,
          errors: ['SIGNALBOX_ERR_WORKFLOW_NOT_FOUND', 'SIGNALBOX_ERR_INDETERMINATE'],
          scopes: ['admin'],
        },
      },
    },
    async (request: WorkflowRequest, reply) => {
      const query = new RequestQuery(request.query, names)
      await service.deleteWorkflow({
        ...readTarget(request, query),
        firstExecutionRunId: optionalId(query.text('firstExecutionRunId'), 'firstExecutionRunId'),
        reason: query.text('reason'),
      })
      return sendJson(request, reply, {})
    },
  )
}
