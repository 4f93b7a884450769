import type { FastifyInstance } from 'fastify'
import type { PauseRequest, WorkflowService } from '../../runtime/workflow-service.ts'
import { emptyAnswer } from '../answer-schemas.ts'
import { sendJson } from '../answer.ts'
import { optionalId, requestIdOf } from '../request-ids.ts'
import { rejectQuery } from '../request-query.ts'
import { pauseBody } from '../schemas.ts'
import type { PauseBody } from '../schemas.ts'
import type { WorkflowRequest } from './workflow-params.ts'

/** What operators do to a run: pause and unpause. */
export function addControlRoutes(app: FastifyInstance, service: WorkflowService): void {
  app.post(
    '/workflows/:workflowId/pause',
    {
      schema: { body: pauseBody },
      config: {
        operation: {
          id: 'PauseWorkflowExecution',
          summary: 'Let a workflow take no turns until it is unpaused',
          answer: emptyAnswer,
          errors: [
            'SIGNALBOX_ERR_WORKFLOW_NOT_FOUND',
            'SIGNALBOX_ERR_WORKFLOW_PAUSED',
            'SIGNALBOX_ERR_INDETERMINATE',
          ],
          scopes: ['admin'],
        },
      },
    },
    async (request: WorkflowRequest<PauseBody>, reply) => {
      await service.pauseWorkflow(decodePause(request))
      return sendJson(request, reply, {})
    },
  )

  app.post(
    '/workflows/:workflowId/unpause',
    {
      schema: { body: pauseBody },
      config: {
        operation: {
          id: 'UnpauseWorkflowExecution',
          summary: 'Let a paused workflow go on',
          answer: emptyAnswer,
          errors: [
            'SIGNALBOX_ERR_WORKFLOW_NOT_FOUND',
            'SIGNALBOX_ERR_WORKFLOW_NOT_PAUSED',
            'SIGNALBOX_ERR_INDETERMINATE',
          ],
          scopes: ['admin'],
        },
      },
    },
    async (request: WorkflowRequest<PauseBody>, reply) => {
      await service.unpauseWorkflow(decodePause(request))
      return sendJson(request, reply, {})
    },
  )
}

function decodePause(request: WorkflowRequest<PauseBody>): PauseRequest {
  const { params, body, query, headers } = request
  rejectQuery(query)
  return {
    namespace: params.namespace,
    workflowId: params.workflowId,
    runId: optionalId(body.runId, 'runId'),
    identity: optionalId(body.identity, 'identity'),
    reason: body.reason,
    requestId: requestIdOf(body, headers),
  }
}
