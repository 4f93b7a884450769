import type { Converters } from '../actors/converters.ts'
import type { Failure } from '../actors/failure.ts'
import { errorToFailure } from '../actors/failure-converter.ts'
import { ensureTemporalFailure } from '../actors/failures.ts'
import { ActivityCancelledError, ActivityNotFoundError } from './client-errors.ts'
import { convert } from './convert-arguments.ts'
import { SignalboxError } from './errors.ts'
import type { ActivityTarget, WorkflowService } from './workflow-service.ts'

/** An activity by its ids: whichever attempt of it is under way. */
export interface FullActivityId {
  readonly workflowId: string
  /** Default the current run. */
  readonly runId?: string
  readonly activityId: string
}

/** What an asynchronous completion was refused for; `code` is that of the reason. */
export class ActivityCompletionError extends SignalboxError {
  override name = 'ActivityCompletionError'
}

/**
 * Tells the outcome of activities from outside of their functions, in the shape of
 * `@temporalio/client`'s AsyncCompletionClient. An activity hands `activityInfo().taskToken` to whoever
 * is to complete it and throws `CompleteAsyncError`; the token is good until the attempt ends or times
 * out, across restarts. Each call resolves when what it says is durable.
 *
 * Every method may reject with ActivityNotFoundError (the attempt has ended or timed out, or its
 * workflow has closed) and with ActivityCompletionError, whose `code` says why.
 */
export class AsyncCompletionClient {
  readonly #service: WorkflowService
  readonly #namespace: string | undefined
  readonly #converters: Converters | undefined

  /** @internal */
  constructor(service: WorkflowService, namespace?: string, converters?: Converters) {
    this.#converters = converters
    this.#service = service
    this.#namespace = namespace
  }

  /** End the activity with a result. By its ids it may also be one that has not begun. */
  async complete(activity: Uint8Array | FullActivityId, result: unknown): Promise<void> {
    const [payload = null] = convert([result], this.#converters)
    const target = this.#target(activity)
    await this.#ask(() => this.#service.completeActivity({ ...target, result: payload }))
  }

  /** End the attempt with an error; the retry policy decides whether another one follows. */
  async fail(activity: Uint8Array | FullActivityId, error: unknown): Promise<void> {
    const toFailure = (): Failure => errorToFailure(ensureTemporalFailure(error))
    const failure = this.#converters === undefined ? toFailure() : this.#converters.use(toFailure)
    const target = this.#target(activity)
    await this.#ask(() => this.#service.failActivity({ ...target, failure }))
  }

  /** Heed a cancellation: the activity ends as cancelled. Refused unless one was requested. */
  async reportCancellation(
    activity: Uint8Array | FullActivityId,
    details?: unknown,
  ): Promise<void> {
    const payloads = convert([details], this.#converters)
    const target = this.#target(activity)
    await this.#ask(() => this.#service.cancelActivity({ ...target, details: payloads }))
  }

  /**
   * Say that the attempt is alive and how far it has come.
   *
   * @throws ActivityCancelledError if the workflow asks it to stop
   */
  async heartbeat(activity: Uint8Array | FullActivityId, details?: unknown): Promise<void> {
    const payloads = convert([details], this.#converters)
    const target = this.#target(activity)
    const { cancelRequested } = await this.#ask(() =>
      this.#service.heartbeatActivity({ ...target, details: payloads }),
    )
    if (cancelRequested) throw new ActivityCancelledError('cancelled')
  }

  #target(activity: Uint8Array | FullActivityId): ActivityTarget {
    const namespace = this.#namespace
    if (activity instanceof Uint8Array) return { namespace, taskToken: activity }
    const { workflowId, runId, activityId } = activity
    return { namespace, workflowId, runId, activityId }
  }

  async #ask<T>(call: () => Promise<T>): Promise<T> {
    try {
      return await call()
    } catch (error) {
      if (!(error instanceof SignalboxError)) throw error
      const { code, message, fields } = error
      if (error.status === 'NOT_FOUND')
        throw new ActivityNotFoundError('Not found', { cause: error })
      throw new ActivityCompletionError(code, message, { cause: error, fields })
    }
  }
}
