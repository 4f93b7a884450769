import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import type { TSchema } from 'typebox'
import type { ActivityTarget, WorkflowService } from '../../runtime/workflow-service.ts'
import { emptyAnswer, heartbeatAnswer } from '../answer-schemas.ts'
import { sendJson } from '../answer.ts'
import { decodeFailure } from '../decode-failure.ts'
import { invalidField } from '../invalid-field.ts'
import type { Operation } from '../operation.ts'
import { decodePayloads } from '../payload-json.ts'
import { optionalId } from '../request-ids.ts'
import { rejectQuery } from '../request-query.ts'
import {
  activityCompleteBody,
  activityDetailsBody,
  type ActivityDetailsBody,
  type ActivityCompleteBody,
  activityFailBody,
  type ActivityFailBody,
} from '../schemas.ts'

interface ActivityParams {
  readonly namespace: string
  readonly workflowId?: string
  readonly activityId?: string
}
type ActivityRequest<Body> = FastifyRequest<{ Params: ActivityParams; Body: Body }>
type Handler<Body> = (request: ActivityRequest<Body>, reply: FastifyReply) => Promise<FastifyReply>

/** Activities that complete asynchronously: by the token of an attempt, or by their ids. */
export function addActivityRoutes(app: FastifyInstance, service: WorkflowService): void {
  const byId = '/workflows/:workflowId/activities/:activityId/'

  const heartbeat: Handler<ActivityDetailsBody> = async (request, reply) => {
    const details = decodePayloads(request.body.details, 'details')
    const response = await service.heartbeatActivity({ ...targetOf(request), details })
    const cancelRequested = response.cancelRequested ? true : undefined
    return sendJson(request, reply, { cancelRequested })
  }
  const complete: Handler<ActivityCompleteBody> = async (request, reply) => {
    const results = decodePayloads(request.body.result, 'result')
    if (results.length > 1) throw invalidField('result', 'must have one value at most')
    const [result = null] = results
    await service.completeActivity({ ...targetOf(request), result })
    return sendJson(request, reply, {})
  }
  const fail: Handler<ActivityFailBody> = async (request, reply) => {
    const failure = decodeFailure(request.body.failure, 'failure')
    await service.failActivity({ ...targetOf(request), failure })
    return sendJson(request, reply, {})
  }
  const cancel: Handler<ActivityDetailsBody> = async (request, reply) => {
    const details = decodePayloads(request.body.details, 'details')
    await service.cancelActivity({ ...targetOf(request), details })
    return sendJson(request, reply, {})
  }

  for (const [prefix, suffix] of [
    ['/activity-', ''],
    [byId, 'ById'],
  ] as const) {
    const options = <Body>(body: Body, id: string, summary: string, answer: TSchema) => ({
      schema: { body },
      config: { operation: { id: `${id}${suffix}`, summary, answer, ...changes } },
    })
    app.post(
      `${prefix}heartbeat`,
      options(
        activityDetailsBody,
        'RecordActivityTaskHeartbeat',
        'Tell that an activity is alive, and learn whether it should end',
        heartbeatAnswer,
      ),
      heartbeat,
    )
    app.post(
      `${prefix}complete`,
      options(
        activityCompleteBody,
        'RespondActivityTaskCompleted',
        'Complete an activity',
        emptyAnswer,
      ),
      complete,
    )
    app.post(
      `${prefix}fail`,
      options(activityFailBody, 'RespondActivityTaskFailed', 'Fail an activity', emptyAnswer),
      fail,
    )
    app.post(
      `${prefix}resolve-as-canceled`,
      options(
        activityDetailsBody,
        'RespondActivityTaskCanceled',
        'End an activity as cancelled',
        emptyAnswer,
      ),
      cancel,
    )
  }
}

const changes: Pick<Operation, 'scopes' | 'errors'> = {
  scopes: ['signal'],
  errors: ['SIGNALBOX_ERR_ACTIVITY_NOT_FOUND'],
}

function targetOf(request: ActivityRequest<ActivityDetailsBody>): ActivityTarget {
  const { params, body, query } = request
  rejectQuery(query)
  const { namespace, workflowId, activityId } = params
  if (workflowId !== undefined && activityId !== undefined) {
    return { namespace, workflowId, activityId, runId: optionalId(body.runId, 'runId') }
  }
  const { taskToken = '' } = body
  if (taskToken === '') throw invalidField('taskToken', 'is not set on request')
  if (!/^[A-Za-z0-9+/_-]*={0,2}$/.test(taskToken)) throw invalidField('taskToken', 'must be base64')
  return { namespace, taskToken: Buffer.from(taskToken, 'base64') }
}
