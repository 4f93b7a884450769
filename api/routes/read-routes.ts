import type { FastifyInstance } from 'fastify'
import type { WorkflowService } from '../../runtime/workflow-service.ts'
import { describeAnswer, queryAnswer } from '../answer-schemas.ts'
import { sendJson, wantsShorthand } from '../answer.ts'
import { formatEnum, parseEnum, queryRejectCondition, workflowStatus } from '../enum-json.ts'
import { encodeDescription } from '../execution-json.ts'
import { decodePayloadMap, decodePayloads, encodePayloads } from '../payload-json.ts'
import { optionalId } from '../request-ids.ts'
import { RequestQuery, rejectQuery } from '../request-query.ts'
import { queryBody } from '../schemas.ts'
import type { QueryBody } from '../schemas.ts'
import { readTarget, targetNames } from './read-target.ts'
import type { NamedWorkflowRequest, WorkflowRequest } from './workflow-params.ts'

/** Query and describe. */
export function addReadRoutes(app: FastifyInstance, service: WorkflowService): void {
  app.post(
    '/workflows/:workflowId/query/:name',
    {
      schema: { body: queryBody },
      config: {
        operation: {
          id: 'QueryWorkflow',
          summary: 'Query a workflow',
          answer: queryAnswer,
          errors: [
            'SIGNALBOX_ERR_WORKFLOW_NOT_FOUND',
            'SIGNALBOX_ERR_QUERY_NOT_REGISTERED',
            'SIGNALBOX_ERR_QUERY_FAILED',
            'SIGNALBOX_ERR_WORKFLOW_NOT_READY',
            'SIGNALBOX_ERR_MAILBOX_FULL',
            'SIGNALBOX_ERR_PAYLOAD_TOO_LARGE',
          ],
          scopes: ['read'],
        },
      },
    },
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

  app.get(
    '/workflows/:workflowId',
    {
      config: {
        operation: {
          id: 'DescribeWorkflowExecution',
          summary: 'Describe a workflow',
          query: targetNames,
          answer: describeAnswer,
          errors: ['SIGNALBOX_ERR_WORKFLOW_NOT_FOUND'],
          scopes: ['read'],
        },
      },
    },
    async (request: WorkflowRequest, reply) => {
      const query = new RequestQuery(request.query, targetNames)
      const description = await service.describeWorkflow(readTarget(request, query))
      return sendJson(request, reply, encodeDescription(description, wantsShorthand(request)))
    },
  )
}
