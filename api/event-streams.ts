import { Readable } from 'node:stream'
import type { FastifyReply } from 'fastify'
import { SignalboxError } from '../runtime/errors.ts'
import { statusAnswer } from './rpc-status.ts'

/** One server-sent event. `data` is JSON on one line. */
export function formatEvent(event: string, id: string | undefined, data: string): string {
  return `event: ${event}\n${id === undefined ? '' : `id: ${id}\n`}data: ${data}\n\n`
}

/** Keeps proxies and browsers from giving up on a stream on which nothing happens. */
export const keepAliveComment = ': nothing new\n\n'
/** Browsers connect again after a second. */
const opening = 'retry: 1000\n\n'

/**
 * Streams of server-sent events: a bounded number, each of which ends when its client hangs up or
 * the server stops. A client that does not read what it is sent is waited for, with one piece of
 * the stream in memory, until the connection's timeout ends it.
 */
export class EventStreams {
  readonly #max: number
  readonly #open = new Set<AbortController>()
  #stopping = false

  constructor(max: number) {
    this.#max = max
  }

  /**
   * Answer with the pieces of `events`, whose signal says when to end.
   *
   * @throws SignalboxError SIGNALBOX_ERR_MAILBOX_FULL if there are too many streams,
   *   SIGNALBOX_ERR_RUNTIME_CLOSED if the server stops
   */
  send(
    reply: FastifyReply,
    events: (signal: AbortSignal) => AsyncGenerator<string, void, void>,
  ): FastifyReply {
    if (this.#stopping) {
      throw new SignalboxError('SIGNALBOX_ERR_RUNTIME_CLOSED', 'The server is stopping')
    }
    if (this.#open.size >= this.#max) {
      throw new SignalboxError(
        'SIGNALBOX_ERR_TOO_MANY_REQUESTS',
        `eventStreams = ${this.#max} streams of events are open; close one, or retry later`,
      )
    }
    const controller = new AbortController()
    this.#open.add(controller)
    reply.raw.once('close', () => {
      this.#open.delete(controller)
      controller.abort()
    })
    const pieces = withOpening(events(controller.signal), reply)
    return reply
      .header('content-type', 'text/event-stream; charset=utf-8')
      .header('cache-control', 'no-store')
      .header('x-accel-buffering', 'no')
      .send(Readable.from(pieces, { objectMode: false }))
  }

  /** End all streams; later ones are refused. */
  stop(): void {
    this.#stopping = true
    for (const controller of this.#open) controller.abort()
  }
}

async function* withOpening(
  events: AsyncGenerator<string, void, void>,
  reply: FastifyReply,
): AsyncGenerator<string, void, void> {
  yield opening
  try {
    yield* events
  } catch (error) {
    // The status was sent long ago: what went wrong is the stream's last event.
    const { body, http } = statusAnswer(error, reply.request.id)
    if (http === 500) reply.log.error({ err: error }, 'a stream of events failed')
    yield formatEvent('error', undefined, body)
  }
}
