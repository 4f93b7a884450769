import type { FastifyInstance } from 'fastify'
import type {
  UpdateRequest,
  UpdateResponse,
  WorkflowService,
} from '../../runtime/workflow-service.ts'
import { updateAnswer } from '../answer-schemas.ts'
import { sendJson, wantsShorthand } from '../answer.ts'
import { formatEnum, parseEnum, updateStage } from '../enum-json.ts'
import { encodeFailure } from '../failure-json.ts'
import type { JsonValue } from '../json-text.ts'
import type { LongPolls } from '../long-poll.ts'
import { decodePayloadMap, decodePayloads, encodePayloads } from '../payload-json.ts'
import { optionalId, requestIdOf } from '../request-ids.ts'
import { RequestQuery } from '../request-query.ts'
import { traceContextOf, withTraceContext } from '../trace-context.ts'
import { updateBody } from '../schemas.ts'
import type { UpdateBody } from '../schemas.ts'
import { readTarget, targetNames } from './read-target.ts'
import type { NamedWorkflowRequest, UpdateRequestById } from './workflow-params.ts'

const queryNames = ['timeout']
const pollNames = [...targetNames, 'lifecycleStage', 'timeout']

/** Updates. The answer has the stage that was reached; the same update id again asks how it went on. */
export function addUpdateRoutes(
  app: FastifyInstance,
  service: WorkflowService,
  longPolls: LongPolls,
): void {
  app.post(
    '/workflows/:workflowId/update/:name',
    {
      schema: { body: updateBody },
      config: {
        operation: {
          id: 'UpdateWorkflowExecution',
          summary: 'Update a workflow, and wait for the outcome',
          query: queryNames,
          answer: updateAnswer,
          errors: ['SIGNALBOX_ERR_WORKFLOW_NOT_FOUND', 'SIGNALBOX_ERR_PAYLOAD_TOO_LARGE'],
          scopes: ['signal'],
        },
      },
    },
    async (request: NamedWorkflowRequest<UpdateBody>, reply) => {
      const query = new RequestQuery(request.query, queryNames)
      const update = decodeUpdate(request)
      const response = await longPolls.run(reply, (signal) =>
        service.updateWorkflow({
          ...update,
          timeoutMs: longPolls.waitMs(query.text('timeout'), 'timeout'),
          signal,
        }),
      )
      if (response === undefined) return reply.hijack()
      return sendJson(request, reply, encodeUpdate(response, wantsShorthand(request)))
    },
  )

  app.get(
    '/workflows/:workflowId/updates/:updateId',
    {
      config: {
        operation: {
          id: 'PollWorkflowExecutionUpdate',
          summary: 'How far an update is, or its outcome once it has one',
          query: pollNames,
          answer: updateAnswer,
          errors: ['SIGNALBOX_ERR_WORKFLOW_NOT_FOUND', 'SIGNALBOX_ERR_JOURNAL_CORRUPT'],
          scopes: ['read'],
        },
      },
    },
    async (request: UpdateRequestById, reply) => {
      const query = new RequestQuery(request.query, pollNames)
      const { updateId } = request.params
      const stage = query.text('lifecycleStage')
      const response = await longPolls.run(reply, (signal) =>
        service.pollUpdate({
          ...readTarget(request, query),
          updateId,
          waitForStage: parseEnum(updateStage, stage, 'lifecycleStage') ?? 'ADMITTED',
          timeoutMs: longPolls.waitMs(query.text('timeout'), 'timeout'),
          signal,
        }),
      )
      if (response === undefined) return reply.hijack()
      return sendJson(request, reply, encodeUpdate(response, wantsShorthand(request)))
    },
  )
}

function decodeUpdate({ params, body, headers }: NamedWorkflowRequest<UpdateBody>): UpdateRequest {
  const { meta, input } = body.request ?? {}
  const stage = body.waitPolicy?.lifecycleStage
  return {
    namespace: params.namespace,
    workflowId: params.workflowId,
    runId: optionalId(body.workflowExecution?.runId, 'workflowExecution.runId'),
    firstExecutionRunId: optionalId(body.firstExecutionRunId, 'firstExecutionRunId'),
    updateName: params.name,
    args: decodePayloads(input?.args, 'request.input.args'),
    updateId:
      optionalId(meta?.updateId, 'request.meta.updateId') ??
      requestIdOf({ requestId: body.request?.requestId ?? '' }, headers),
    identity: optionalId(meta?.identity, 'request.meta.identity'),
    headers: withTraceContext(
      decodePayloadMap(input?.header?.fields, 'request.input.header.fields'),
      traceContextOf(headers),
    ),
    waitForStage: parseEnum(updateStage, stage, 'waitPolicy.lifecycleStage'),
  }
}

function encodeUpdate(response: UpdateResponse, shorthand: boolean): JsonValue {
  const { workflowId, runId, updateId, outcome } = response
  return {
    updateRef: { workflowExecution: { workflowId, runId }, updateId },
    outcome:
      outcome === undefined
        ? undefined
        : 'result' in outcome
          ? { success: encodePayloads([outcome.result], shorthand) }
          : { failure: encodeFailure(outcome.failure, shorthand) },
    stage: formatEnum(updateStage, response.stage),
  }
}
