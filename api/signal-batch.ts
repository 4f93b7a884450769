import { setTimeout as delay } from 'node:timers/promises'
import type { Payload } from '../actors/payload.ts'
import { SignalboxError } from '../runtime/errors.ts'
import type { IntakeService, SignalWithStartRequest } from '../runtime/workflow-service.ts'
import type { ApiLimits } from './api-limits.ts'
import { BatchAnswers } from './batch-answers.ts'
import {
  type BatchRequest,
  type BatchWait,
  decodeBatchRequest,
  signalRequest,
} from './batch-request.ts'
import type { BatchLine, LineBlock } from './ndjson-lines.ts'
import { WorkSlices } from './work-slices.ts'

/** How often a line asks again for room in a full mailbox. */
const roomPollMs = 20

export interface BatchOptions {
  readonly namespace: string
  /** Of each line; a bound counts from when the line is taken. */
  readonly wait: BatchWait
  /** Line n without a request id of its own has this key, a slash, and n. */
  readonly idempotencyKey: string | undefined
  /** By which the server's log has what went wrong inside. */
  readonly logId: string
  /** Whether the sender may start this workflow: throws if not. */
  readonly checkStart: (start: SignalWithStartRequest) => void
  /** The trace context that all lines have which have none of their own. */
  readonly trace: Payload | undefined
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
 * - other requests are answered in between, also while no line waits for anything: those that are
 *   refused have their answer at once
 * - once it is stopped no line is taken, and all that were taken are answered
 */
export class SignalBatch {
  readonly #service: IntakeService
  readonly #limits: ApiLimits
  readonly #options: BatchOptions
  readonly #answers: BatchAnswers
  /** Workflows that had no room for too long, with the error. */
  readonly #refused = new Map<string, unknown>()
  #isStopped = false

  constructor(service: IntakeService, limits: ApiLimits, options: BatchOptions) {
    this.#service = service
    this.#limits = limits
    this.#options = options
    this.#answers = new BatchAnswers(limits.batchInFlight, options.logId)
  }

  /** Take no more lines. Without effect if all have been taken. */
  stop(): void {
    if (this.#answers.isEnded) return
    this.#isStopped = true
    this.#answers.end()
  }

  /**
   * The lines of the answer, many at a time.
   *
   * @throws SignalboxError SIGNALBOX_ERR_RUNTIME_CLOSED after the last of them, if the batch was stopped
   */
  async *answers(blocks: AsyncIterable<LineBlock>): AsyncGenerator<string, void, void> {
    const reading = this.#read(blocks)
    // Awaited below; until then a failure is not one that nobody handles.
    reading.catch(() => undefined)
    try {
      for (;;) {
        const text = await this.#answers.take()
        if (text === undefined) break
        yield text
      }
      if (this.#isStopped) throw stopped()
      await reading
    } finally {
      // Whoever reads the answers has gone: nothing more is read for them.
      this.#answers.end()
    }
  }

  /**
   * A line costs no promise of its own here: it is taken in the same slice of work as those that came
   * with it, and lines that are written by the same commit share the promise of that.
   */
  async #read(blocks: AsyncIterable<LineBlock>): Promise<void> {
    const answers = this.#answers
    const slices = new WorkSlices()
    try {
      for await (const block of blocks) {
        // What comes after a stop is read all the same: see `closeAfterAnswer`.
        if (this.#isStopped) continue
        for (let line = block.next(); line !== undefined; line = block.next()) {
          if (answers.isFull) await answers.room()
          if (slices.step()) {
            answers.flush()
            await slices.next()
          }
          if (answers.isEnded) break
          const unsent = this.#take(line)
          if (unsent !== undefined) await this.#waitForRoom(line.number, unsent)
        }
        answers.flush()
        if (answers.isEnded && !this.#isStopped) return
      }
    } finally {
      answers.end()
    }
  }

  /** @returns what was on the line, if there is no room for it now */
  #take(line: BatchLine): BatchRequest | undefined {
    const { number } = line
    try {
      const batch = this.#decode(line)
      if (this.#refused.size > 0) {
        const refusal = this.#refused.get(batch.request.workflowId)
        if (refusal !== undefined) throw refusal
      }
      return this.#submit(number, batch) === undefined ? undefined : batch
    } catch (error) {
      this.#answers.fail(number, error)
      return undefined
    }
  }

  /** @returns the error if there is no room @throws what else is wrong */
  #submit(number: number, batch: BatchRequest): SignalboxError | undefined {
    try {
      if (batch.starts) {
        this.#answers.addStart(number, this.#service.submitSignalWithStart(batch.request))
      } else {
        this.#answers.addSignal(number, this.#service.submitSignal(batch.request))
      }
    } catch (error) {
      if (isFull(error)) return error
      throw error
    }
    return undefined
  }

  async #waitForRoom(number: number, batch: BatchRequest): Promise<void> {
    // What is in hand is answered in the meantime.
    this.#answers.flush()
    const until = performance.now() + this.#limits.batchWaitMs
    try {
      for (;;) {
        await delay(roomPollMs)
        // Nothing would tell that it was taken.
        if (this.#answers.isEnded) return
        const refusal = this.#submit(number, batch)
        if (refusal === undefined) return
        if (performance.now() < until) continue
        this.#refused.set(batch.request.workflowId, refusal)
        throw refusal
      }
    } catch (error) {
      this.#answers.fail(number, error)
    }
  }

  #decode({ value, number, error, signal }: BatchLine): BatchRequest {
    if (error !== undefined) throw error
    const { namespace, idempotencyKey, wait, checkStart, trace } = this.#options
    const requestId = idempotencyKey === undefined ? undefined : `${idempotencyKey}/${number}`
    const context = { namespace, requestId, wait, trace }
    if (signal !== undefined) return signalRequest(signal, context)
    const batch = decodeBatchRequest(value, context)
    if (batch.starts) checkStart(batch.request)
    return batch
  }
}

function stopped(): SignalboxError {
  return new SignalboxError(
    'SIGNALBOX_ERR_RUNTIME_CLOSED',
    'The server is stopping: lines without an answer were not taken',
  )
}

function isFull(error: unknown): error is SignalboxError {
  return error instanceof SignalboxError && error.code === 'SIGNALBOX_ERR_MAILBOX_FULL'
}
