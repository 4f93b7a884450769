import type { FastifyInstance } from 'fastify'
import type { WorkflowService } from '../../runtime/workflow-service.ts'
import { emptyAnswer, startAnswer } from '../answer-schemas.ts'
import { answerStarted } from '../answer-started.ts'
import { sendJson } from '../answer.ts'
import { checkReplacement } from '../grant.ts'
import type { LongPolls } from '../long-poll.ts'
import { decodePayloads } from '../payload-json.ts'
import { optionalId, requestIdOf } from '../request-ids.ts'
import { rejectQuery } from '../request-query.ts'
import { cancelBody, releaseBody, startBody, terminateBody } from '../schemas.ts'
import type { CancelBody, ReleaseBody, StartBody, TerminateBody } from '../schemas.ts'
import { traceContextOf } from '../trace-context.ts'
import { decodeStart, startErrors } from '../start-request.ts'
import { waitNames } from '../wait-for.ts'
import type { WorkflowRequest } from './workflow-params.ts'

/** Start, cancel, terminate, and release from quarantine. */
export function addStartRoutes(
  app: FastifyInstance,
  service: WorkflowService,
  longPolls: LongPolls,
): void {
  app.post(
    '/workflows/:workflowId',
    {
      schema: { body: startBody },
      config: {
        operation: {
          id: 'StartWorkflowExecution',
          summary: 'Start a workflow',
          query: waitNames,
          answer: startAnswer,
          errors: startErrors,
          scopes: ['start'],
        },
      },
    },
    async (request: WorkflowRequest<StartBody>, reply) => {
      const { params, body, headers } = request
      const start = {
        ...decodeStart(params.namespace, params.workflowId, body, traceContextOf(headers)),
        requestId: requestIdOf(body, headers),
      }
      checkReplacement(request, start)
      return answerStarted(request, reply, longPolls, (wait) =>
        service.startWorkflow({ ...start, ...wait }),
      )
    },
  )

  app.post(
    '/workflows/:workflowId/cancel',
    {
      schema: { body: cancelBody },
      config: {
        operation: {
          id: 'RequestCancelWorkflowExecution',
          summary: 'Ask a workflow to cancel itself',
          answer: emptyAnswer,
          errors: ['SIGNALBOX_ERR_WORKFLOW_NOT_FOUND', 'SIGNALBOX_ERR_INDETERMINATE'],
          scopes: ['signal'],
        },
      },
    },
    async (request: WorkflowRequest<CancelBody>, reply) => {
      const { body } = request
      await service.cancelWorkflow({
        ...decodeTarget(request),
        requestId: requestIdOf(body, request.headers),
        reason: body.reason,
      })
      return sendJson(request, reply, {})
    },
  )

  app.post(
    '/workflows/:workflowId/terminate',
    {
      schema: { body: terminateBody },
      config: {
        operation: {
          id: 'TerminateWorkflowExecution',
          summary: 'End a workflow at once',
          answer: emptyAnswer,
          errors: [
            'SIGNALBOX_ERR_WORKFLOW_NOT_FOUND',
            'SIGNALBOX_ERR_PAYLOAD_TOO_LARGE',
            'SIGNALBOX_ERR_INDETERMINATE',
          ],
          scopes: ['admin'],
        },
      },
    },
    async (request: WorkflowRequest<TerminateBody>, reply) => {
      const { body } = request
      await service.terminateWorkflow({
        ...decodeTarget(request),
        reason: body.reason,
        details: decodePayloads(body.details, 'details'),
      })
      return sendJson(request, reply, {})
    },
  )

  app.post(
    '/workflows/:workflowId/release',
    {
      schema: { body: releaseBody },
      config: {
        operation: {
          id: 'ReleaseWorkflowExecution',
          summary: 'Let a parked or quarantined run try again',
          answer: emptyAnswer,
          errors: ['SIGNALBOX_ERR_WORKFLOW_NOT_FOUND', 'SIGNALBOX_ERR_INDETERMINATE'],
          scopes: ['admin'],
        },
      },
    },
    async (request: WorkflowRequest<ReleaseBody>, reply) => {
      const { params, body, query } = request
      rejectQuery(query)
      await service.releaseWorkflow({
        namespace: params.namespace,
        workflowId: params.workflowId,
        runId: optionalId(body.workflowExecution?.runId, 'workflowExecution.runId'),
      })
      return sendJson(request, reply, {})
    },
  )
}

function decodeTarget(request: WorkflowRequest<CancelBody | TerminateBody>) {
  const { params, body, query } = request
  rejectQuery(query)
  return {
    namespace: params.namespace,
    workflowId: params.workflowId,
    runId: optionalId(body.workflowExecution?.runId, 'workflowExecution.runId'),
    firstExecutionRunId: optionalId(body.firstExecutionRunId, 'firstExecutionRunId'),
    identity: optionalId(body.identity, 'identity'),
  }
}
