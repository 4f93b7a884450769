import type { FastifyInstance } from 'fastify'
import type { WorkflowService } from '../../runtime/workflow-service.ts'
import { countAnswer, listAnswer } from '../answer-schemas.ts'
import { sendJson, wantsShorthand } from '../answer.ts'
import type { ApiLimits } from '../api-limits.ts'
import { pascalName } from '../enum-json.ts'
import { encodeExecutionInfo } from '../execution-json.ts'
import { decodePageToken, encodePageToken } from '../page-token.ts'
import { encodePayload } from '../payload-json.ts'
import { RequestQuery } from '../request-query.ts'
import type { NamespaceRequest } from './workflow-params.ts'

const listNames = ['query', 'pageSize', 'nextPageToken', 'namespace']
/** As docs/http-api.md and the OpenAPI document say. */
const defaultPageSize = 100
const countNames = ['query', 'namespace']

/** List and count. */
export function addListRoutes(
  app: FastifyInstance,
  service: WorkflowService,
  { maxPageSize }: ApiLimits,
): void {
  app.get(
    '/workflows',
    {
      config: {
        operation: {
          id: 'ListWorkflowExecutions',
          summary: 'List workflows, newest first',
          query: listNames,
          answer: listAnswer,
          scopes: ['read'],
        },
      },
    },
    async (request: NamespaceRequest, reply) => {
      const query = new RequestQuery(request.query, listNames)
      const pageSize = query.count('pageSize')
      const response = await service.listWorkflows({
        namespace: request.params.namespace,
        query: query.text('query'),
        pageSize: Math.min(pageSize ?? defaultPageSize, maxPageSize),
        pageToken: decodePageToken(query.text('nextPageToken')),
      })
      const shorthand = wantsShorthand(request)
      return sendJson(request, reply, {
        executions:
          response.executions.length === 0
            ? undefined
            : response.executions.map((summary) => encodeExecutionInfo(summary, shorthand)),
        nextPageToken: encodePageToken(response.nextPageToken),
      })
    },
  )

  app.get(
    '/workflow-count',
    {
      config: {
        operation: {
          id: 'CountWorkflowExecutions',
          summary: 'Count workflows',
          query: countNames,
          answer: countAnswer,
          scopes: ['read'],
        },
      },
    },
    async (request: NamespaceRequest, reply) => {
      const query = new RequestQuery(request.query, countNames)
      const response = await service.countWorkflows({
        namespace: request.params.namespace,
        query: query.text('query'),
      })
      const shorthand = wantsShorthand(request)
      return sendJson(request, reply, {
        count: count(response.count),
        groups: response.groups?.map((group) => {
          const value = JSON.stringify(pascalName(group.status))
          // A repeated Payload and not Payloads, so the long form has no wrapper.
          return { groupValues: [encodePayload(value, shorthand)], count: count(group.count) }
        }),
      })
    },
  )
}

/** int64 in proto3 JSON is text; 0 is the default and left out. */
function count(value: number): string | undefined {
  return value === 0 ? undefined : String(value)
}
