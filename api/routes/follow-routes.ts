import type { FastifyInstance } from 'fastify'
import type { WorkflowService } from '../../runtime/workflow-service.ts'
import { historyAnswer, resultAnswer } from '../answer-schemas.ts'
import { sendJson, wantsShorthand } from '../answer.ts'
import type { ApiLimits } from '../api-limits.ts'
import { encodeCloseStatus } from '../close-status-json.ts'
import { historyEventFilterType, parseEnum } from '../enum-json.ts'
import type { LongPolls } from '../long-poll.ts'
import { decodePageToken, encodePageToken } from '../page-token.ts'
import { shortenPayloads } from '../payload-json.ts'
import { RequestQuery } from '../request-query.ts'
import { readTarget, targetNames } from './read-target.ts'
import type { WorkflowRequest } from './workflow-params.ts'

const historyNames = [
  ...targetNames,
  'maximumPageSize',
  'nextPageToken',
  'waitNewEvent',
  'historyEventFilterType',
  'skipArchival',
  'timeout',
]
const reverseNames = [...targetNames, 'maximumPageSize', 'nextPageToken']
const resultNames = [...targetNames, 'followRuns', 'timeout']

/** History and result: what may wait for something to happen. */
export function addFollowRoutes(
  app: FastifyInstance,
  service: WorkflowService,
  longPolls: LongPolls,
  { maxPageSize }: ApiLimits,
): void {
  app.get(
    '/workflows/:workflowId/history',
    {
      config: {
        operation: {
          id: 'GetWorkflowExecutionHistory',
          summary: 'The history of a run',
          query: historyNames,
          answer: historyAnswer,
          errors: ['SIGNALBOX_ERR_WORKFLOW_NOT_FOUND', 'SIGNALBOX_ERR_JOURNAL_CORRUPT'],
          scopes: ['read'],
        },
      },
    },
    async (request: WorkflowRequest, reply) => {
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
    },
  )

  app.get(
    '/workflows/:workflowId/history-reverse',
    {
      config: {
        operation: {
          id: 'GetWorkflowExecutionHistoryReverse',
          summary: 'The history of a run, newest first',
          query: reverseNames,
          answer: historyAnswer,
          errors: ['SIGNALBOX_ERR_WORKFLOW_NOT_FOUND', 'SIGNALBOX_ERR_JOURNAL_CORRUPT'],
          scopes: ['read'],
        },
      },
    },
    async (request: WorkflowRequest, reply) => {
      const query = new RequestQuery(request.query, reverseNames)
      const response = await service.getHistory({
        ...readTarget(request, query),
        pageSize: Math.min(query.count('maximumPageSize') ?? maxPageSize, maxPageSize),
        pageToken: decodePageToken(query.text('nextPageToken')),
        reverse: true,
      })
      const events: unknown = response.events
      return sendJson(request, reply, {
        history: { events: wantsShorthand(request) ? shortenPayloads(events) : events },
        nextPageToken: encodePageToken(response.nextPageToken),
      })
    },
  )

  app.get(
    '/workflows/:workflowId/result',
    {
      config: {
        operation: {
          id: 'GetWorkflowResult',
          summary: 'Wait for the result of a workflow',
          query: resultNames,
          answer: resultAnswer,
          errors: ['SIGNALBOX_ERR_WORKFLOW_NOT_FOUND', 'SIGNALBOX_ERR_JOURNAL_CORRUPT'],
          scopes: ['read'],
        },
      },
    },
    async (request: WorkflowRequest, reply) => {
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
    },
  )
}
