import type { FastifyInstance, FastifyReply } from 'fastify'
import type { SignalRequest, WorkflowService } from '../../runtime/workflow-service.ts'
import { signalAnswer, startAnswer } from '../answer-schemas.ts'
import { answerStarted } from '../answer-started.ts'
import { jsonType, sendJson } from '../answer.ts'
import { checkReplacement } from '../grant.ts'
import type { LongPolls } from '../long-poll.ts'
import { decodePayloadMap, decodePayloads } from '../payload-json.ts'
import { optionalId, requestIdOf } from '../request-ids.ts'
import { signalBody, signalWithStartBody } from '../schemas.ts'
import type { SignalBody, SignalWithStartBody } from '../schemas.ts'
import { traceContextOf, withTraceContext } from '../trace-context.ts'
import { decodeStart, startErrors } from '../start-request.ts'
import { callWaiting, decodeWaitFor, waitNames } from '../wait-for.ts'
import type { NamedWorkflowRequest } from './workflow-params.ts'

/** Signal and signal-with-start. */
export function addSignalRoutes(
  app: FastifyInstance,
  service: WorkflowService,
  longPolls: LongPolls,
): void {
  // The hottest route: no async function, no serialiser, and one answer for all.
  app.post(
    '/workflows/:workflowId/signal/:name',
    {
      schema: { body: signalBody },
      config: {
        operation: {
          id: 'SignalWorkflowExecution',
          summary: 'Signal a workflow',
          query: waitNames,
          answer: signalAnswer,
          errors: [
            'SIGNALBOX_ERR_WORKFLOW_NOT_FOUND',
            'SIGNALBOX_ERR_MAILBOX_FULL',
            'SIGNALBOX_ERR_PAYLOAD_TOO_LARGE',
            'SIGNALBOX_ERR_REQUEST_ID_REUSED',
            'SIGNALBOX_ERR_INDETERMINATE',
          ],
          scopes: ['signal'],
        },
      },
    },
    (request: NamedWorkflowRequest<SignalBody>, reply: FastifyReply) => {
      const wait = decodeWaitFor(request.query, longPolls)
      const signal = decodeSignal(request)
      if (wait.waitFor !== 'processed') {
        service.signalWorkflow(signal).then(
          () => reply.header('content-type', jsonType).send('{}'),
          (error: unknown) => reply.send(error),
        )
        return
      }
      callWaiting(wait, longPolls, reply, (bounds) =>
        service.signalWorkflow({ ...signal, ...bounds }),
      ).then(
        (response) => {
          if (response === undefined) return reply.hijack()
          return sendJson(request, reply, { processed: response.processed })
        },
        (error: unknown) => reply.send(error),
      )
    },
  )

  app.post(
    '/workflows/:workflowId/signal-with-start/:name',
    {
      schema: { body: signalWithStartBody },
      config: {
        operation: {
          id: 'SignalWithStartWorkflowExecution',
          summary: 'Signal a workflow, and start it if it does not run',
          query: waitNames,
          answer: startAnswer,
          errors: startErrors,
          scopes: ['signal', 'start'],
        },
      },
    },
    async (request: NamedWorkflowRequest<SignalWithStartBody>, reply) => {
      const { params, body, headers } = request
      const start = {
        ...decodeStart(params.namespace, params.workflowId, body, traceContextOf(headers)),
        signalName: params.name,
        signalArgs: decodePayloads(body.signalInput, 'signalInput'),
        requestId: requestIdOf(body, headers),
      }
      checkReplacement(request, start)
      return answerStarted(request, reply, longPolls, (wait) =>
        service.signalWithStart({ ...start, ...wait }),
      )
    },
  )
}

function decodeSignal(request: NamedWorkflowRequest<SignalBody>): SignalRequest {
  const { params, body } = request
  return {
    namespace: params.namespace,
    workflowId: params.workflowId,
    runId: optionalId(body.workflowExecution?.runId, 'workflowExecution.runId'),
    signalName: params.name,
    args: decodePayloads(body.input, 'input'),
    requestId: requestIdOf(body, request.headers),
    identity: optionalId(body.identity, 'identity'),
    headers: withTraceContext(
      decodePayloadMap(body.header?.fields, 'header.fields'),
      traceContextOf(request.headers),
    ),
  }
}
