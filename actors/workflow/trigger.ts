import { CancellationScope, type Cancellable } from './cancellation-scope.ts'
import { maybeActivator } from './current-run.ts'
import { forgetWait, noteWait } from './stack-traces.ts'

/**
 * A promise with its `resolve` and `reject` as methods. It rejects with CancelledFailure when the
 * scope in which it was made is cancelled. A rejection that nobody awaits is no error.
 */
export class Trigger<T> implements PromiseLike<T> {
  readonly resolve: (value: T | PromiseLike<T>) => void
  readonly reject: (reason?: unknown) => void
  readonly #promise: Promise<T>

  constructor() {
    const scope = CancellationScope.current()
    let resolvePromise: (value: T | PromiseLike<T>) => void = () => {}
    let rejectPromise: (reason?: unknown) => void = () => {}
    this.#promise = new Promise<T>((resolve, reject) => {
      resolvePromise = resolve
      rejectPromise = reject
    })
    this.#promise.catch(() => {})
    const activator = maybeActivator()
    if (activator?.extensions !== undefined) noteWait(activator, this)
    const end = (): void => {
      if (scope.cancellable) scope.unregister(pending)
      if (activator?.extensions !== undefined) forgetWait(activator, this)
    }
    const pending: Cancellable = {
      cancelled: (error) => {
        end()
        rejectPromise(error)
      },
    }
    if (scope.cancellable) scope.register(pending)
    this.resolve = (value) => {
      end()
      resolvePromise(value)
    }
    this.reject = (reason) => {
      end()
      rejectPromise(reason)
    }
  }

  // oxlint-disable-next-line unicorn/no-thenable -- it is a promise, as in Temporal
  then<Result1 = T, Result2 = never>(
    onFulfilled?: ((value: T) => Result1 | PromiseLike<Result1>) | null,
    onRejected?: ((reason: unknown) => Result2 | PromiseLike<Result2>) | null,
  ): PromiseLike<Result1 | Result2> {
    return this.#promise.then(onFulfilled, onRejected)
  }
}
