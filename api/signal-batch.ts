import { setTimeout as delay } from 'node:timers/promises'
import { SignalboxError } from '../runtime/errors.ts'
import type { WaitFor, WorkflowService } from '../runtime/workflow-service.ts'
import type { ApiLimits } from './api-limits.ts'
import { type BatchRequest, decodeBatchRequest } from './batch-request.ts'
import { parseJsonBody } from './json-body.ts'
import { writeJson } from './json-text.ts'
import type { BatchLine } from './ndjson-lines.ts'
import { statusAnswer } from './rpc-status.ts'

/** How often a line asks again for room in a full mailbox. */
const roomPollMs = 20
/** Answers are sent in pieces of about this size. */
const pieceChars = 32 * 1024

export interface BatchOptions {
  readonly namespace: string
  readonly waitFor: WaitFor | undefined
  /** Line n without a request id of its own has this key, a slash, and n. */
  readonly idempotencyKey: string | undefined
  /** By which the server's log has what went wrong inside. */
  readonly logId: string
  /** Whether the sender may start workflows too: throws if not. */
  readonly checkStart: () => void
}

interface Entry {
  readonly number: number
  /** The line of the answer, once it is known. */
  answer: string | undefined
  done: Promise<void>
}

/**
 * Many signals from one stream, each acknowledged by a line of its own.
 *
 * Guarantees:
 * - lines are taken in order, so that those for one workflow reach it in that order, and answered in
 *   order
 * - at most `batchInFlight` lines are in hand: no more are read while they wait for the journal or
 *   while the answers are not read
 * - a line that finds a mailbox full waits for room, and the lines behind it wait too; if there is
 *   none for `batchWaitMs`, it and all later lines for the same workflow are refused, so that none
 *   of them overtakes another
 */
export class SignalBatch {
  readonly #service: WorkflowService
  readonly #limits: ApiLimits
  readonly #options: BatchOptions
  readonly #inHand: Entry[] = []
  /** Workflows that had no room for too long, with the error. */
  readonly #refused = new Map<string, unknown>()
  #ended = false
  #cause: unknown
  #wakeReader: () => void = nothing
  #wakeWriter: () => void = nothing

  constructor(service: WorkflowService, limits: ApiLimits, options: BatchOptions) {
    this.#service = service
    this.#limits = limits
    this.#options = options
  }

  /** The lines of the answer, several at a time. */
  async *answers(lines: AsyncIterable<BatchLine>): AsyncGenerator<string, void, void> {
    const reading = this.#read(lines)
    try {
      for (;;) {
        const [head] = this.#inHand
        if (head === undefined) {
          if (this.#ended) break
          await new Promise<void>((resolve) => {
            this.#wakeWriter = resolve
          })
          continue
        }
        await head.done
        yield this.#takeAnswers()
      }
      await reading
      if (this.#cause !== undefined) throw this.#cause
    } finally {
      // Whoever reads the answers has gone: nothing more is read for them.
      this.#ended = true
      this.#wakeReader()
    }
  }

  #takeAnswers(): string {
    let text = ''
    let taken = 0
    for (const { answer } of this.#inHand) {
      if (answer === undefined || text.length >= pieceChars) break
      text += answer
      taken++
    }
    this.#inHand.splice(0, taken)
    this.#wakeReader()
    return text
  }

  async #read(lines: AsyncIterable<BatchLine>): Promise<void> {
    try {
      for await (const line of lines) {
        while (this.#inHand.length >= this.#limits.batchInFlight && !this.#ended) {
          await new Promise<void>((resolve) => {
            this.#wakeReader = resolve
          })
        }
        if (this.#ended) return
        await this.#take(line)
      }
    } catch (error) {
      this.#cause = error
    } finally {
      this.#ended = true
      this.#wakeWriter()
    }
  }

  async #take(line: BatchLine): Promise<void> {
    const entry: Entry = { number: line.number, answer: undefined, done: Promise.resolve() }
    this.#inHand.push(entry)
    this.#wakeWriter()
    let batch: BatchRequest
    try {
      batch = this.#decode(line)
    } catch (error) {
      this.#fail(entry, error)
      return
    }
    const { workflowId } = batch.request
    const refusal = this.#refused.get(workflowId)
    if (refusal !== undefined) {
      this.#fail(entry, refusal)
      return
    }
    await this.#submit(entry, batch)
  }

  /** Hand the line in; wait for room if there is none. */
  async #submit(entry: Entry, batch: BatchRequest): Promise<void> {
    const until = performance.now() + this.#limits.batchWaitMs
    const { promise, resolve } = deferred()
    entry.done = promise
    for (;;) {
      const attempt: { refusal?: unknown; isAccepted: boolean } = { isAccepted: false }
      this.#call(batch).then(
        (answer) => {
          entry.answer = `{"line":${entry.number}${answer}}\n`
          resolve()
        },
        (error: unknown) => {
          if (isFull(error) && !attempt.isAccepted) {
            attempt.refusal = error
            return
          }
          this.#fail(entry, error)
          resolve()
        },
      )
      // What has no room is refused in the call itself: two promises later that is known.
      await Promise.resolve()
      await Promise.resolve()
      if (attempt.refusal === undefined) {
        attempt.isAccepted = true
        return
      }
      if (this.#ended || performance.now() >= until) {
        this.#refused.set(batch.request.workflowId, attempt.refusal)
        this.#fail(entry, attempt.refusal)
        resolve()
        return
      }
      await delay(roomPollMs)
    }
  }

  /** @returns the fields of the answer */
  #call(batch: BatchRequest): Promise<string> {
    const { waitFor } = this.#options
    if (!batch.starts) {
      return this.#service.signalWorkflow({ ...batch.request, waitFor }).then(() => '')
    }
    return this.#service
      .signalWithStart({ ...batch.request, waitFor })
      .then(({ runId, started }) => `,${writeJson({ runId, started }).slice(1, -1)}`)
  }

  #decode(line: BatchLine): BatchRequest {
    if (line.error !== undefined) throw line.error
    const { namespace, idempotencyKey, checkStart } = this.#options
    const value =
      line.bytes === undefined ? line.value : parseJsonBody(line.bytes, this.#limits.jsonDepth)
    const requestId = idempotencyKey === undefined ? undefined : `${idempotencyKey}/${line.number}`
    const batch = decodeBatchRequest(value, namespace, requestId)
    if (batch.starts) checkStart()
    return batch
  }

  #fail(entry: Entry, error: unknown): void {
    const { body } = statusAnswer(error, this.#options.logId)
    entry.answer = `{"line":${entry.number},"error":${body}}\n`
  }
}

function isFull(error: unknown): boolean {
  return error instanceof SignalboxError && error.code === 'SIGNALBOX_ERR_MAILBOX_FULL'
}

function nothing(): void {}

function deferred(): { readonly promise: Promise<void>; readonly resolve: () => void } {
  let resolve = nothing
  const promise = new Promise<void>((settle) => {
    resolve = settle
  })
  return { promise, resolve }
}
