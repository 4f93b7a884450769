import { CancelledFailure } from '../failures.ts'
import { assertInWorkflowContext } from './current-run.ts'
import { durationToMs, type Duration } from './duration.ts'

/** Something pending that a scope cancels: a timer, an activity, a condition, a child scope. */
export interface Cancellable {
  /** Its place among what its scope cancels, given when it is first registered. */
  place?: number | undefined
  cancelled(error: CancelledFailure): void
}

/** What carries the current scope across awaits; the host gives it to each context. */
export interface ScopeStorage {
  run<T>(scope: CancellationScope, body: () => T): T
  current(): CancellationScope | undefined
}

let storage: ScopeStorage | undefined
// Async context tracking slows every await of the context once it is on, so it goes on with the first
// scope that is not a root. Before that every current scope is the root scope of its run.
let storageUsed = false

export function setScopeStorage(scopeStorage: ScopeStorage): void {
  storage = scopeStorage
}

export interface CancellationScopeOptions {
  /** After this time the scope cancels itself. Default never. */
  timeout?: Duration
  /** False: the scope keeps cancellation of its parents from what runs in it. */
  cancellable: boolean
  /** Default the current scope. */
  parent?: CancellationScope | typeof noParent
}

/** The parent of root scopes, which nobody else can name. */
declare const noParentBrand: unique symbol
const noParent = Symbol('noParent') as typeof noParentBrand

/**
 * Cancel a scope of the API's own, once what it was for is over. Nobody can see the error then, and
 * an error with a stack of its own is most of what such a scope costs.
 */
export let endScope: (scope: CancellationScope) => void

/**
 * A scope of cancellation, as in Temporal: timers, activities, conditions and triggers that are begun
 * while it runs are cancelled with it, and so are the scopes inside it.
 */
export class CancellationScope {
  readonly cancellable: boolean
  readonly parent?: CancellationScope
  readonly #timeoutMs: number | undefined
  #cancelRequested = false
  #error: CancelledFailure | undefined
  // A scope that is over lets go of its parent. How many generations below have done so, and how many
  // of them the cancellation has reached by now: one in each microtask, as if they had stayed.
  #reach = 0
  #reached = 0
  // Pending things and child scopes in the order in which they began. They leave it when they end: a
  // run may live for years and must not keep a trace of every timer it ever had.
  readonly #pending = new Set<Cancellable>()
  #places = 0
  // A child scope that had let go is back, behind what began after it.
  #disordered = false
  #promise: Promise<never> | undefined
  #promisePlace = 0
  #link: Cancellable | undefined
  #attached = false
  #over = false

  constructor(options?: CancellationScopeOptions) {
    const timeout = options?.timeout
    this.#timeoutMs = timeout === undefined ? undefined : durationToMs(timeout)
    this.cancellable = options?.cancellable ?? true
    const given = options?.parent
    if (given === noParent) return
    const parent = (given as CancellationScope | undefined) ?? CancellationScope.current()
    this.parent = parent
    if (!parent.cancellable) return
    this.#cancelRequested = parent.#cancelRequested || parent.#inherited() !== undefined
    this.#attach()
  }

  /** The scope that the whole run is in; cancelled when the workflow is. */
  static root(): CancellationScope {
    return new RootScope({ cancellable: true, parent: noParent })
  }

  /** Rejects with a CancelledFailure when this scope or a parent is cancelled; nobody has to handle it. */
  get cancelRequested(): Promise<never> {
    // Who listens is told in turn with what began before and after, so there is one for each place.
    if (this.#promise && (this.#error || this.#promisePlace === this.#places)) return this.#promise
    const promise = new Promise<never>((_, reject) => {
      const error = this.#error ?? this.#inherited()
      if (error) reject(error)
      else this.register(new PromiseRejection(reject))
    })
    promise.catch(() => {})
    this.#promise = promise
    this.#promisePlace = this.#places
    return promise
  }

  /** True if the scope was cancelled and can be: what it begins now fails with CancelledFailure. */
  get consideredCancelled(): boolean {
    return this.cancellable && (this.#cancelRequested || this.#inherited() !== undefined)
  }

  /** Run `body` in this scope. Its promise is the result; cancelling does not settle it by itself. */
  run<T>(body: () => Promise<T>): Promise<T> {
    const inside = () => this.#runInside(body)
    if (storage === undefined) {
      assertInWorkflowContext()
      return inside()
    }
    storageUsed = true
    return storage.run(this, inside)
  }

  /** Cancel the scope, what is pending in it and the cancellable scopes inside it. Idempotent. */
  cancel(): void {
    if (this.#error ?? this.#inherited()) return
    this.#reject(new CancelledFailure(this.cancelMessage()))
  }

  protected cancelMessage(): string {
    return 'Cancellation scope cancelled'
  }

  /**
   * Tell `pending` of a cancellation, in a microtask of its own as if it listened to
   * `cancelRequested`; at once if it has happened.
   */
  register(pending: Cancellable): void {
    const error = this.#error ?? this.#inherited()
    if (error) notify(pending, error)
    else {
      this.#attach()
      if (pending.place === undefined) pending.place = ++this.#places
      else if (pending.place < this.#places) this.#disordered = true
      this.#pending.add(pending)
    }
  }

  /** `pending` has ended by itself. */
  unregister(pending: Cancellable): void {
    this.#pending.delete(pending)
    if (this.#over) this.#detachIfIdle()
  }

  static {
    const over = new CancelledFailure('Cancellation scope cancelled')
    endScope = (scope) => scope.#reject(over)
  }

  async #runInside<T>(body: () => Promise<T>): Promise<T> {
    let timerScope: CancellationScope | undefined
    if (this.#timeoutMs) {
      const scope = new CancellationScope({ cancellable: true, parent: this })
      timerScope = scope
      const timeoutMs = this.#timeoutMs
      settled(() => assertInWorkflowContext().startTimer(scope, timeoutMs)).then(
        () => this.cancel(),
        // The scope was cancelled before its time was over.
        () => {},
      )
    }
    try {
      return await body()
    } finally {
      if (timerScope && !timerScope.consideredCancelled) endScope(timerScope)
      this.#over = true
      this.#detachIfIdle()
    }
  }

  #reject(error: CancelledFailure): void {
    this.#cancelRequested = true
    if (this.#error) return
    this.#error = error
    this.#detach()
    const pending = this.#disordered
      ? [...this.#pending].toSorted((a, b) => (a.place ?? 0) - (b.place ?? 0))
      : this.#pending
    for (const one of pending) {
      // The promise's reactions are microtasks by themselves.
      if (one instanceof PromiseRejection) one.cancelled(error)
      else notify(one, error)
    }
    this.#pending.clear()
    if (this.#reach > 0) void this.#reachOut()
  }

  async #reachOut(): Promise<void> {
    while (this.#reached < this.#reach) {
      await resolved
      this.#reached++
    }
  }

  #attach(): void {
    if (this.#attached || this.#error || !this.parent?.cancellable) return
    this.#attached = true
    this.#link ??= { cancelled: (error) => this.#reject(error) }
    this.parent.register(this.#link)
  }

  #detach(): void {
    if (this.#link) this.parent?.unregister(this.#link)
    this.#attached = false
  }

  #detachIfIdle(): void {
    if (!this.#attached || this.#pending.size > 0) return
    // First, since the parent may let go of its own when it is let go.
    const { parent } = this
    if (parent) parent.#reach = Math.max(parent.#reach, this.#reach + 1)
    this.#detach()
  }

  /** What it was cancelled with since it let go of its parent: then it is not told, and looks. */
  #inherited(): CancelledFailure | undefined {
    if (this.#error) return undefined
    // oxlint-disable-next-line typescript/no-this-alias -- where the way up begins
    let scope: CancellationScope = this
    for (let distance = 1; !scope.#attached && scope.parent?.cancellable; distance++) {
      scope = scope.parent
      if (scope.#error) return distance <= scope.#reached ? scope.#error : undefined
    }
    return undefined
  }

  /** The scope that the code that asks runs in. */
  static current(): CancellationScope {
    const inner = storageUsed ? storage?.current() : undefined
    return inner ?? assertInWorkflowContext().rootScope
  }

  /** Run `body` in a new scope that is cancelled with its parent. */
  static cancellable<T>(body: () => Promise<T>): Promise<T> {
    return new this({ cancellable: true }).run(body)
  }

  /** Run `body` shielded from cancellation of the scopes around it. */
  static nonCancellable<T>(body: () => Promise<T>): Promise<T> {
    return new this({ cancellable: false }).run(body)
  }

  /** Run `body` in a new scope that cancels itself after `timeout`. */
  static withTimeout<T>(timeout: Duration, body: () => Promise<T>): Promise<T> {
    return new this({ cancellable: true, timeout }).run(body)
  }
}

class PromiseRejection implements Cancellable {
  place: number | undefined
  readonly cancelled: (error: CancelledFailure) => void

  constructor(reject: (error: CancelledFailure) => void) {
    this.cancelled = reject
  }
}

class RootScope extends CancellationScope {
  protected override cancelMessage(): string {
    return 'Workflow cancelled'
  }
}

const resolved = Promise.resolve()

function notify(pending: Cancellable, error: CancelledFailure): void {
  void resolved.then(() => pending.cancelled(error))
}

async function settled<T>(body: () => Promise<T>): Promise<T> {
  return await body()
}
