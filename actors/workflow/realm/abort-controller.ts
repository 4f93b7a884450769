import { CancellationScope } from '../cancellation-scope.ts'
import { assertInWorkflowContext } from '../current-run.ts'

/** `DOMException`, as far as aborting and cloning need it. */
export class WorkflowDOMException extends Error {
  constructor(message = '', name = 'Error') {
    super(message)
    Object.defineProperty(this, 'name', { value: name, configurable: true, writable: true })
  }
}

export class WorkflowEvent {
  readonly type: string
  readonly cancelable: boolean
  defaultPrevented = false
  target: WorkflowEventTarget | null = null
  stopped = false

  constructor(type: unknown, options: { readonly cancelable?: boolean } = {}) {
    this.type = String(type)
    this.cancelable = options.cancelable ?? false
  }

  preventDefault(): void {
    if (this.cancelable) this.defaultPrevented = true
  }

  stopImmediatePropagation(): void {
    this.stopped = true
  }
}

type Listener = ((event: WorkflowEvent) => unknown) | { handleEvent(event: WorkflowEvent): unknown }

interface ListenerEntry {
  readonly type: string
  readonly listener: Listener
  readonly once: boolean
}

/** `EventTarget` without a tree: listeners are called in the order in which they were added. */
export class WorkflowEventTarget {
  #listeners: ListenerEntry[] = []

  addEventListener(
    type: string,
    listener: Listener | null,
    options?: boolean | { readonly once?: boolean; readonly signal?: WorkflowAbortSignal },
  ): void {
    if (listener === null) return
    const { once = false, signal } = typeof options === 'object' ? options : {}
    if (signal?.aborted) return
    if (this.#listeners.some((entry) => entry.type === type && entry.listener === listener)) return
    this.#listeners.push({ type, listener, once })
    signal?.addEventListener('abort', () => this.removeEventListener(type, listener), {
      once: true,
    })
  }

  removeEventListener(type: string, listener: Listener | null): void {
    this.#listeners = this.#listeners.filter(
      (entry) => entry.type !== type || entry.listener !== listener,
    )
  }

  /** A listener that throws does not keep the others from hearing; its error becomes a floating rejection. */
  dispatchEvent(event: WorkflowEvent): boolean {
    event.target = this
    for (const entry of this.#listeners.slice()) {
      if (entry.type !== event.type || !this.#listeners.includes(entry)) continue
      if (entry.once) this.removeEventListener(entry.type, entry.listener)
      const { listener } = entry
      try {
        if (typeof listener === 'function') listener.call(this, event)
        else listener.handleEvent(event)
      } catch (error) {
        void Promise.reject(error)
      }
      if (event.stopped) break
    }
    return !event.defaultPrevented
  }
}

const create = Symbol('create')

export class WorkflowAbortSignal extends WorkflowEventTarget {
  onabort: ((event: WorkflowEvent) => unknown) | null = null
  #aborted = false
  #reason: unknown

  constructor(token?: typeof create) {
    super()
    if (token !== create) throw new TypeError('Illegal constructor')
  }

  get aborted(): boolean {
    return this.#aborted
  }

  get reason(): unknown {
    return this.#reason
  }

  throwIfAborted(): void {
    if (this.#aborted) throw this.#reason
  }

  static make(): WorkflowAbortSignal {
    return new WorkflowAbortSignal(create)
  }

  static abort(reason?: unknown): WorkflowAbortSignal {
    const signal = WorkflowAbortSignal.make()
    abortSignal(signal, reason)
    return signal
  }

  /** Aborts after a durable timer. */
  static timeout(delayMs: number): WorkflowAbortSignal {
    const signal = WorkflowAbortSignal.make()
    const activator = assertInWorkflowContext()
    activator.timers.start(CancellationScope.current(), delayMs).then(
      () =>
        abortSignal(signal, new WorkflowDOMException('The operation timed out', 'TimeoutError')),
      (error: unknown) => abortSignal(signal, error),
    )
    return signal
  }

  static any(signals: Iterable<WorkflowAbortSignal>): WorkflowAbortSignal {
    const all = [...signals]
    const joined = WorkflowAbortSignal.make()
    const first = all.find((signal) => signal.aborted)
    if (first) abortSignal(joined, first.reason)
    else {
      for (const signal of all) {
        signal.addEventListener('abort', () => abortSignal(joined, signal.reason), { once: true })
      }
    }
    return joined
  }

  /** For the controller alone. */
  abortWith(token: typeof create, reason: unknown): void {
    if (token !== create || this.#aborted) return
    this.#aborted = true
    this.#reason = reason
    const event = new WorkflowEvent('abort')
    try {
      this.onabort?.(event)
    } catch (error) {
      void Promise.reject(error)
    }
    this.dispatchEvent(event)
  }
}

function abortSignal(signal: WorkflowAbortSignal, reason?: unknown): void {
  signal.abortWith(
    create,
    reason ?? new WorkflowDOMException('This operation was aborted', 'AbortError'),
  )
}

export class WorkflowAbortController {
  readonly signal = WorkflowAbortSignal.make()

  abort(reason?: unknown): void {
    abortSignal(this.signal, reason)
  }
}
