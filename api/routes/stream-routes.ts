import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import type { WorkflowService } from '../../runtime/workflow-service.ts'
import { wantsShorthand } from '../answer.ts'
import type { ApiLimits } from '../api-limits.ts'
import type { EventStreams } from '../event-streams.ts'
import { HistoryStream, parseStreamPosition } from '../history-stream.ts'
import { ListStream, parseListPosition } from '../list-stream.ts'
import { RequestQuery } from '../request-query.ts'
import { readTarget, targetNames } from './read-target.ts'
import type { NamespaceRequest, WorkflowRequest } from './workflow-params.ts'

const historyNames = [...targetNames, 'followRuns', 'lastEventId']
const listNames = ['query', 'namespace', 'lastEventId']

/** Server-sent events of one workflow's history and of a list of workflows. */
export function addStreamRoutes(
  app: FastifyInstance,
  service: WorkflowService,
  streams: EventStreams,
  { keepAliveMs }: ApiLimits,
): void {
  app.get(
    '/workflows/:workflowId/history-stream',
    {
      config: {
        operation: {
          id: 'StreamWorkflowExecutionHistory',
          summary: 'The history of a run as server-sent events',
          query: historyNames,
          answer: 'text/event-stream',
          errors: ['SIGNALBOX_ERR_WORKFLOW_NOT_FOUND', 'SIGNALBOX_ERR_JOURNAL_CORRUPT'],
          scopes: ['read'],
        },
      },
    },
    async (request: WorkflowRequest, reply): Promise<FastifyReply> => {
      const query = new RequestQuery(request.query, historyNames)
      const history = new HistoryStream(service, {
        shorthand: wantsShorthand(request),
        followRuns: query.text('followRuns') === undefined || query.flag('followRuns'),
        keepAliveMs,
      })
      const position = parseStreamPosition(lastEventId(request, query))
      const start = await history.open(readTarget(request, query), position)
      // The answer that tells a browser's EventSource not to connect again.
      if (start === undefined) return reply.code(204).send()
      return streams.send(reply, (signal) => history.events(start, signal))
    },
  )

  app.get(
    '/workflow-stream',
    {
      config: {
        operation: {
          id: 'StreamWorkflowExecutions',
          summary: 'Changes of a list as server-sent events',
          query: listNames,
          answer: 'text/event-stream',
          scopes: ['read'],
        },
      },
    },
    (request: NamespaceRequest, reply) => {
      const query = new RequestQuery(request.query, listNames)
      const list = new ListStream(service, {
        namespace: request.params.namespace,
        query: query.text('query'),
        shorthand: wantsShorthand(request),
        keepAliveMs,
      })
      const since = parseListPosition(lastEventId(request, query))
      return streams.send(reply, (signal) => list.events(since, signal))
    },
  )
}

/** The header that browsers send when they connect again, or a parameter, for other clients. */
function lastEventId(request: FastifyRequest, query: RequestQuery): string | undefined {
  const header = request.headers['last-event-id']
  return header === undefined ? query.text('lastEventId') : String(header)
}
