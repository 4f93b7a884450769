import { Readable } from 'node:stream'
import type { FastifyInstance, FastifyReply } from 'fastify'
import { SignalboxError } from '../../runtime/errors.ts'
import type { IntakeService } from '../../runtime/workflow-service.ts'
import { jsonType } from '../answer.ts'
import type { ApiLimits } from '../api-limits.ts'
import { checkBodyHeaders } from '../body-headers.ts'
import { checkReplacement, checkScope } from '../grant.ts'
import { invalidField } from '../invalid-field.ts'
import type { LongPolls } from '../long-poll.ts'
import { blockOfValues, type LineBlock, ndjsonBlocks, StreamIdleError } from '../ndjson-lines.ts'
import { idempotencyKey } from '../request-ids.ts'
import { httpAnswer, type StatusAnswer, statusAnswer } from '../rpc-status.ts'
import { type BatchOptions, SignalBatch } from '../signal-batch.ts'
import { closeAfterAnswer, withoutRequestTimeout } from '../streamed-sockets.ts'
import { decodeWaitFor, waitNames } from '../wait-for.ts'
import { traceContextOf } from '../trace-context.ts'
import type { NamespaceRequest } from './workflow-params.ts'

const ndjsonType = 'application/x-ndjson; charset=utf-8'
/** How batches as lines are named; there is no registered type. */
const ndjsonTypes = ['application/x-ndjson', 'application/ndjson', 'application/jsonl']
/** A short answer is sent in one piece: as a stream it takes a third more processor time. */
const wholeChars = 64 * 1024

/** Signals to many workflows in one request. */
export function addBatchRoutes(
  app: FastifyInstance,
  service: IntakeService,
  longPolls: LongPolls,
  limits: ApiLimits,
): void {
  app.addContentTypeParser(ndjsonTypes, (request, payload, done) => {
    checkBodyHeaders(request.headers)
    done(null, payload)
  })
  app.post(
    '/signals',
    {
      config: {
        operation: {
          id: 'SignalWorkflowExecutions',
          summary: 'Many signals to many workflows',
          description:
            'A line is answered by a line. Lines with a workflowType need the scope start too.',
          query: waitNames,
          answer: 'application/x-ndjson',
          scopes: ['signal'],
        },
      },
    },
    async (request: NamespaceRequest, reply) => {
      const wait = decodeWaitFor(request.query, longPolls)
      const options: BatchOptions = {
        namespace: request.params.namespace,
        wait: wait.waitFor === 'processed' ? { ...wait, signal: longPolls.signalOf(reply) } : wait,
        idempotencyKey: idempotencyKey(request.headers),
        logId: request.id,
        checkStart: (start) => {
          checkScope(request, 'start')
          checkReplacement(request, start)
        },
        trace: traceContextOf(request.headers),
      }
      const batch = new SignalBatch(service, limits, options)
      const { body } = request
      if (!(body instanceof Readable)) {
        return sendResults(reply, batch.answers(Readable.from([valuesOf(body)])))
      }
      const blocks = ndjsonBlocks(body, {
        maxLineBytes: limits.bodyBytes,
        maxDepth: limits.jsonDepth,
        idleMs: limits.batchIdleMs,
      })
      longPolls.signalOf(reply).addEventListener('abort', () => batch.stop(), { once: true })
      const answers = Readable.from(answerLines(batch, blocks, reply), { objectMode: false })
      void withoutRequestTimeout(
        request.raw.socket,
        new Promise<void>((resolve) => reply.raw.once('close', resolve)),
      )
      return reply.header('content-type', ndjsonType).send(answers)
    },
  )
}

/** The answer to a stream that is not read to its end says so in its last line, and is the last. */
async function* answerLines(
  batch: SignalBatch,
  blocks: AsyncIterable<LineBlock>,
  reply: FastifyReply,
): AsyncGenerator<string, void, void> {
  try {
    yield* batch.answers(blocks)
  } catch (error) {
    const reason = cutOff(error, reply.request.id)
    if (reason === undefined) throw error
    closeAfterAnswer(reply)
    yield `{"error":${reason.body}}\n`
  }
}

function cutOff(error: unknown, requestId: string): StatusAnswer | undefined {
  if (error instanceof SignalboxError) return statusAnswer(error, requestId)
  if (!(error instanceof StreamIdleError)) return undefined
  return httpAnswer(408, `The batch is cut off: ${error.message}`)
}

function valuesOf(body: unknown): LineBlock {
  if (!Array.isArray(body)) {
    throw invalidField('', 'the body must be an array of signals, or lines as application/x-ndjson')
  }
  return blockOfValues(body)
}

/**
 * The answers as one JSON value. The answer to a short request may be a hundred times as long, so that no
 * more than its beginning is held.
 */
async function sendResults(
  reply: FastifyReply,
  lines: AsyncIterable<string>,
): Promise<FastifyReply> {
  const pieces = resultPieces(lines)
  reply.header('content-type', jsonType)
  let text = ''
  while (text.length < wholeChars) {
    const { value, done } = await pieces.next()
    if (done === true) return reply.send(text)
    text += value
  }
  return reply.send(Readable.from(startingWith(text, pieces), { objectMode: false }))
}

async function* resultPieces(lines: AsyncIterable<string>): AsyncGenerator<string, void, void> {
  yield '{"results":['
  let comma = ''
  for await (const text of lines) {
    yield comma + text.slice(0, -1).replaceAll('\n', ',')
    comma = ','
  }
  yield ']}'
}

async function* startingWith(
  text: string,
  rest: AsyncIterable<string>,
): AsyncGenerator<string, void, void> {
  yield text
  yield* rest
}
