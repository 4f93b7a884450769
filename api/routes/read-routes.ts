import type { FastifyInstance } from 'fastify'
import type { CloseStatus, Target, WorkflowService } from '../../runtime/workflow-service.ts'
import { sendJson, wantsShorthand } from '../answer.ts'
import {
  formatEnum,
  historyEventFilterType,
  parseEnum,
  queryRejectCondition,
  workflowStatus,
} from '../enum-json.ts'
import { encodeDescription } from '../execution-json.ts'
import { encodeFailure } from '../failure-json.ts'
import type { LongPolls } from '../long-poll.ts'
import { decodePageToken, encodePageToken } from '../page-token.ts'
import {
  decodePayloadMap,
  decodePayloads,
  encodePayload,
  encodePayloads,
  shortenPayloads,
} from '../payload-json.ts'
import { optionalId } from '../request-ids.ts'
import { RequestQuery, rejectQuery } from '../request-query.ts'
import { queryBody } from '../schemas.ts'
import type { QueryBody } from '../schemas.ts'
import type { NamedWorkflowRequest, WorkflowRequest } from './workflow-params.ts'

const executionNames = ['execution.runId', 'execution.workflowId', 'runId', 'namespace']
const historyNames = [
  ...executionNames,
  'maximumPageSize',
  'nextPageToken',
  'waitNewEvent',
  'historyEventFilterType',
  'skipArchival',
  'timeout',
]
const resultNames = [...executionNames, 'followRuns', 'timeout']
const maxPageSize = 1000

/** Query, describe, history and result. */
export function addReadRoutes(
  app: FastifyInstance,
  service: WorkflowService,
  longPolls: LongPolls,
): void {
  app.post(
    '/workflows/:workflowId/query/:name',
    { schema: { body: queryBody } },
    async (request: NamedWorkflowRequest<QueryBody>, reply) => {
      const { params, body } = request
      rejectQuery(request.query)
      const response = await service.queryWorkflow({
        namespace: params.namespace,
        workflowId: params.workflowId,
        runId: optionalId(body.execution?.runId, 'execution.runId'),
        queryType: params.name,
        args: decodePayloads(body.query?.queryArgs, 'query.queryArgs'),
        headers: decodePayloadMap(body.query?.header?.fields, 'query.header.fields'),
        rejectCondition: parseEnum(
          queryRejectCondition,
          body.queryRejectCondition,
          'queryRejectCondition',
        ),
      })
      if (response.rejectedStatus !== undefined) {
        const status = formatEnum(workflowStatus, response.rejectedStatus)
        return sendJson(request, reply, { queryRejected: { status } })
      }
      const queryResult = encodePayloads([response.result], wantsShorthand(request))
      return sendJson(request, reply, { queryResult })
    },
  )

  app.get('/workflows/:workflowId', async (request: WorkflowRequest, reply) => {
    const query = new RequestQuery(request.query, executionNames)
    const description = await service.describeWorkflow(readTarget(request, query))
    return sendJson(request, reply, encodeDescription(description, wantsShorthand(request)))
  })

  app.get('/workflows/:workflowId/history', async (request: WorkflowRequest, reply) => {
    const query = new RequestQuery(request.query, historyNames)
    const filter = query.text('historyEventFilterType')
    const response = await longPolls.run(reply, (signal) =>
      service.getHistory({
        ...readTarget(request, query),
        pageSize: Math.min(query.count('maximumPageSize') ?? maxPageSize, maxPageSize),
        pageToken: decodePageToken(query.text('nextPageToken')),
        waitNewEvent: query.flag('waitNewEvent'),
        closeEventOnly:
          parseEnum(historyEventFilterType, filter, 'historyEventFilterType') === 'CLOSE_EVENT',
        timeoutMs: longPolls.waitMs(query.text('timeout'), 'timeout'),
        signal,
      }),
    )
    if (response === undefined) return reply.hijack()
    const events: unknown = response.events
    return sendJson(request, reply, {
      history: { events: wantsShorthand(request) ? shortenPayloads(events) : events },
      nextPageToken: encodePageToken(response.nextPageToken),
    })
  })

  app.get('/workflows/:workflowId/result', async (request: WorkflowRequest, reply) => {
    const query = new RequestQuery(request.query, resultNames)
    const status = await longPolls.run(reply, (signal) =>
      service.waitForClose({
        ...readTarget(request, query),
        followRuns: query.text('followRuns') === undefined || query.flag('followRuns'),
        timeoutMs: longPolls.waitMs(query.text('timeout'), 'timeout'),
        signal,
      }),
    )
    if (status === undefined) return reply.hijack()
    return sendJson(request, reply, encodeCloseStatus(status, wantsShorthand(request)))
  })
}

function encodeCloseStatus(status: CloseStatus, shorthand: boolean): unknown {
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

function readTarget(request: WorkflowRequest, query: RequestQuery): Target {
  return {
    namespace: request.params.namespace,
    workflowId: request.params.workflowId,
    runId: optionalId(query.text('execution.runId') ?? query.text('runId'), 'execution.runId'),
  }
}
