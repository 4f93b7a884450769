import type { FastifyInstance } from 'fastify'
import type {
  PauseRequest,
  ResetReapplyExcludeType,
  ResetRequest,
  WorkflowService,
} from '../../runtime/workflow-service.ts'
import { emptyAnswer, resetAnswer } from '../answer-schemas.ts'
import { sendJson } from '../answer.ts'
import { parseEnum, resetReapplyExcludeType, resetReapplyType } from '../enum-json.ts'
import { invalidField } from '../invalid-field.ts'
import { optionalId, requestIdOf } from '../request-ids.ts'
import { rejectQuery } from '../request-query.ts'
import { pauseBody, resetBody } from '../schemas.ts'
import type { PauseBody, ResetBody } from '../schemas.ts'
import type { WorkflowRequest } from './workflow-params.ts'

/** What operators do to a run: reset, pause and unpause. */
export function addControlRoutes(app: FastifyInstance, service: WorkflowService): void {
  app.post(
    '/workflows/:workflowId/reset',
    {
      schema: { body: resetBody },
      config: {
        operation: {
          id: 'ResetWorkflowExecution',
          summary: 'Let a workflow begin anew at one of its workflow tasks',
          answer: resetAnswer,
          errors: [
            'SIGNALBOX_ERR_WORKFLOW_NOT_FOUND',
            'SIGNALBOX_ERR_RESET_TOO_LARGE',
            'SIGNALBOX_ERR_INDETERMINATE',
          ],
          scopes: ['admin'],
        },
      },
    },
    async (request: WorkflowRequest<ResetBody>, reply) =>
      sendJson(request, reply, { ...(await service.resetWorkflow(decodeReset(request))) }),
  )

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

function decodeReset(request: WorkflowRequest<ResetBody>): ResetRequest {
  const { params, body, query, headers } = request
  rejectQuery(query)
  return {
    namespace: params.namespace,
    workflowId: params.workflowId,
    runId: optionalId(body.workflowExecution?.runId, 'workflowExecution.runId'),
    eventId: decodeEventId(body.workflowTaskFinishEventId),
    reapplyExcludeTypes: decodeExcludeTypes(body),
    reason: body.reason,
    identity: optionalId(body.identity, 'identity'),
    requestId: requestIdOf(body, headers),
  }
}

function decodeEventId(value: string | number | undefined): number {
  if (value === undefined || value === '' || value === 0 || value === '0') {
    throw invalidField('workflowTaskFinishEventId', 'must be the id of a WORKFLOW_TASK_COMPLETED')
  }
  const number = Number(value)
  if (/^\d{1,15}$/.test(String(value))) return number
  throw invalidField('workflowTaskFinishEventId', 'must be the id of an event')
}

/** There is no Nexus here, and requests to cancel are never reapplied: to leave them out changes nothing. */
function decodeExcludeTypes(body: ResetBody): readonly ResetReapplyExcludeType[] {
  const excluded = new Set<ResetReapplyExcludeType>()
  const reapply = parseEnum(resetReapplyType, body.resetReapplyType, 'resetReapplyType')
  if (reapply === 'NONE') excluded.add('SIGNAL')
  if (reapply === 'NONE' || reapply === 'SIGNAL') excluded.add('UPDATE')
  for (const value of body.resetReapplyExcludeTypes ?? []) {
    const type = parseEnum(resetReapplyExcludeType, value, 'resetReapplyExcludeTypes')
    if (type === 'SIGNAL' || type === 'UPDATE') excluded.add(type)
  }
  return [...excluded]
}
