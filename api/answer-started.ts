import type { FastifyReply, FastifyRequest } from 'fastify'
import type { ProcessedWait, StartResponse, WaitFor } from '../runtime/workflow-service.ts'
import { sendJson } from './answer.ts'
import type { LongPolls } from './long-poll.ts'
import { callWaiting, decodeWaitFor } from './wait-for.ts'

type Wait = ProcessedWait & { readonly waitFor: WaitFor | undefined }

/** Make a call that starts a workflow, with the wait that the request asks for, and answer with its run. */
export async function answerStarted(
  request: FastifyRequest,
  reply: FastifyReply,
  longPolls: LongPolls,
  start: (wait: Wait) => Promise<StartResponse>,
): Promise<FastifyReply> {
  const wait = decodeWaitFor(request.query, longPolls)
  const response = await callWaiting(wait, longPolls, reply, start)
  if (response === undefined) return reply.hijack()
  const { runId, firstExecutionRunId, started, processed } = response
  const answer = { runId, firstExecutionRunId, started: started ? true : undefined, processed }
  return sendJson(request, reply, answer)
}
