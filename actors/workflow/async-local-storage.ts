import { assertInWorkflowContext } from './current-run.ts'

type Frame = ReadonlyMap<AsyncLocalStorage<unknown>, unknown>

/** What carries values across awaits; the host gives it to each context. */
export interface FrameStorage {
  run<T>(frame: Frame | undefined, body: () => T): T
  current(): Frame | undefined
}

let storage: FrameStorage | undefined

export function setFrameStorage(frameStorage: FrameStorage): void {
  storage = frameStorage
}

/**
 * Node's AsyncLocalStorage for workflows: a value that code finds again wherever `run` has led, also
 * after awaits. Its first use makes every await of the context's runs slower, for good.
 */
export class AsyncLocalStorage<T> {
  #enabled = true

  /** Run `body` with the value. */
  run<R, Args extends unknown[]>(store: T, body: (...args: Args) => R, ...args: Args): R {
    this.#enabled = true
    const frame = new Map(current())
    frame.set(this, store)
    return inFrame(frame, () => body(...args))
  }

  /** The value of the innermost `run`; undefined outside of it. */
  getStore(): T | undefined {
    if (!this.#enabled) return undefined
    return current()?.get(this) as T | undefined
  }

  /** Run `body` without a value. */
  exit<R, Args extends unknown[]>(body: (...args: Args) => R, ...args: Args): R {
    const frame = new Map(current())
    frame.delete(this)
    return inFrame(frame, () => body(...args))
  }

  /** No value any more, until the next `run`. */
  disable(): void {
    this.#enabled = false
  }

  /** A function that runs with the values of now. */
  static bind<F extends (...args: never[]) => unknown>(fn: F): F {
    const frame = current()
    return ((...args: Parameters<F>) => inFrame(frame, () => fn(...args))) as F
  }

  /** A function that runs others with the values of now. */
  static snapshot(): <R, Args extends unknown[]>(fn: (...args: Args) => R, ...args: Args) => R {
    const frame = current()
    return (fn, ...args) => inFrame(frame, () => fn(...args))
  }
}

function current(): Frame | undefined {
  return storage?.current()
}

function inFrame<R>(frame: Frame | undefined, body: () => R): R {
  if (storage === undefined) {
    assertInWorkflowContext('AsyncLocalStorage may only be used from a Workflow Execution.')
    return body()
  }
  return storage.run(frame, body)
}
