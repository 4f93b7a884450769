import { CancelledFailure } from '../../actors/failures.ts'

/**
 * Why an activity is told to stop: the workflow asked for it, a timeout passed, the workflow has
 * closed, or the runtime is closing. It is the message of the `CancelledFailure`.
 */
export type ActivityCancelReason = 'CANCELLED' | 'TIMED_OUT' | 'NOT_FOUND' | 'WORKER_SHUTDOWN'

/**
 * One attempt's cancellation, as the two things by which a function can notice it: an AbortSignal
 * and a promise that rejects. Both are made when first asked for, since most activities never ask.
 */
export class ActivityCancellation {
  #failure: CancelledFailure | undefined
  #reason: ActivityCancelReason | undefined
  #controller: AbortController | undefined
  #promise: Promise<never> | undefined
  #reject: ((failure: CancelledFailure) => void) | undefined

  /** Why the attempt was cancelled first; undefined while it was not. */
  get reason(): ActivityCancelReason | undefined {
    return this.#reason
  }

  get signal(): AbortSignal {
    if (this.#controller === undefined) {
      this.#controller = new AbortController()
      if (this.#failure !== undefined) this.#controller.abort(this.#failure)
    }
    return this.#controller.signal
  }

  /** Rejects with the CancelledFailure; never resolves. Unwatched, it does no harm. */
  get promise(): Promise<never> {
    if (this.#promise === undefined) {
      this.#promise = new Promise<never>((_resolve, reject) => {
        this.#reject = reject
      })
      // A function that looked at the promise and then stopped waiting on it must not bring the
      // process down with an unhandled rejection.
      this.#promise.catch(() => undefined)
      if (this.#failure !== undefined) this.#reject?.(this.#failure)
    }
    return this.#promise
  }

  /** Tell the function. Only the first reason counts. */
  request(reason: ActivityCancelReason): void {
    if (this.#failure !== undefined) return
    this.#reason = reason
    this.#failure = new CancelledFailure(reason)
    this.#controller?.abort(this.#failure)
    this.#reject?.(this.#failure)
  }
}
