import type { FastifyReply } from 'fastify'
import { SignalboxError } from '../runtime/errors.ts'
import { invalidField } from './invalid-field.ts'
import { parseDuration } from './time-json.ts'

const defaultWaitMs = 20_000

/**
 * Requests that wait for something to happen. A wait ends early when its client hangs up, so that
 * nothing is kept for nobody, and when the server stops, so that stopping does not take as long as
 * the longest wait.
 */
export class LongPolls {
  readonly #maxWaitMs: number
  readonly #waiting = new Set<AbortController>()
  #stopping = false

  constructor(maxWaitMs: number) {
    this.#maxWaitMs = maxWaitMs
  }

  /** A wait in milliseconds from a query parameter such as "30s"; 20 s if it is not given. */
  waitMs(value: string | undefined, field: string): number {
    const wait = parseDuration(value, field)
    if (wait === undefined) return Math.min(defaultWaitMs, this.#maxWaitMs)
    if (wait > this.#maxWaitMs) throw invalidField(field, `must be at most ${this.#maxWaitMs} ms`)
    return wait
  }

  /**
   * Run `call`, which ends early when its signal aborts. Undefined if the client has hung up.
   *
   * @throws SignalboxError SIGNALBOX_ERR_RUNTIME_CLOSED if the server is stopping
   */
  async run<Result>(
    reply: FastifyReply,
    call: (signal: AbortSignal) => Promise<Result>,
  ): Promise<Result | undefined> {
    if (this.#stopping) throw stopped()
    const controller = new AbortController()
    const onClose = () => controller.abort()
    reply.raw.once('close', onClose)
    this.#waiting.add(controller)
    try {
      return await call(controller.signal)
    } catch (error) {
      // What a call that the server's stop has ended says of itself, that it was written say, is true.
      if (!controller.signal.aborted || this.#stopping) throw error
      return undefined
    } finally {
      this.#waiting.delete(controller)
      reply.raw.off('close', onClose)
    }
  }

  /**
   * A signal for all waits of a request whose answer is a stream: it aborts when the client hangs up or
   * the server stops.
   *
   * @throws SignalboxError SIGNALBOX_ERR_RUNTIME_CLOSED if the server is stopping
   */
  signalOf(reply: FastifyReply): AbortSignal {
    if (this.#stopping) throw stopped()
    const controller = new AbortController()
    this.#waiting.add(controller)
    reply.raw.once('close', () => {
      this.#waiting.delete(controller)
      controller.abort()
    })
    return controller.signal
  }

  /** End all waits; later ones are refused. */
  stop(): void {
    this.#stopping = true
    for (const controller of this.#waiting) controller.abort()
  }
}

function stopped(): SignalboxError {
  return new SignalboxError('SIGNALBOX_ERR_RUNTIME_CLOSED', 'The server is stopping')
}
