import { CancelledFailure } from '../failures.ts'
import { assertInWorkflowContext } from './current-run.ts'
import { durationToMs, type Duration } from './duration.ts'

/** Something pending that a scope cancels: a timer, an activity, a condition, a child scope. */
export interface Cancellable {
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
let rejectScope: (scope: CancellationScope, error: CancelledFailure) => void

// Workflow code does not have it: what it tells depends on the garbage collector.
const WeakReference = WeakRef
/** As many idle scopes may lie about in a parent before it looks which of them are gone. */
const SWEEP_FROM = 64

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
  // Pending things and child scopes in the order in which they began, which is the order in which a
  // cancellation reaches them. They leave it when they end: a run may live for years and must not keep a
  // trace of every timer it ever had. (Those who listen to `cancelRequested`, and cancellations of external
  // workflows, stay, as on Temporal: nobody can tell when they have ended.)
  readonly #pending = new Set<Cancellable>()
  /** Of these, all but the scopes that are held weakly, and how many those were after the last sweep. */
  #held = 0
  #weakAfterSweep = 0
  /** How much has ever begun in it. */
  #begun = 0
  #running = 0
  #promise: Promise<never> | undefined
  #promiseAfter = 0
  /** Its place in its parent. */
  #link: ScopeLink | undefined

  constructor(options?: CancellationScopeOptions) {
    const timeout = options?.timeout
    this.#timeoutMs = timeout === undefined ? undefined : durationToMs(timeout)
    this.cancellable = options?.cancellable ?? true
    const given = options?.parent
    if (given === noParent) return
    const parent = (given as CancellationScope | undefined) ?? CancellationScope.current()
    this.parent = parent
    if (!parent.cancellable) return
    this.#cancelRequested = parent.#cancelRequested
    this.#link = new ScopeLink(this)
    parent.register(this.#link)
  }

  /** The scope that the whole run is in; cancelled when the workflow is. */
  static root(): CancellationScope {
    return new RootScope({ cancellable: true, parent: noParent })
  }

  /** Rejects with a CancelledFailure when this scope or a parent is cancelled; nobody has to handle it. */
  get cancelRequested(): Promise<never> {
    // Who listens is told in turn with what began before and after, so there is one for each place.
    if (this.#promise && (this.#error || this.#promiseAfter === this.#begun)) return this.#promise
    const promise = new Promise<never>((_, reject) => {
      if (this.#error) reject(this.#error)
      else this.register(new PromiseRejection(reject))
    })
    promise.catch(() => {})
    this.#promise = promise
    this.#promiseAfter = this.#begun
    return promise
  }

  /** True if the scope was cancelled and can be: what it begins now fails with CancelledFailure. */
  get consideredCancelled(): boolean {
    return this.cancellable && this.#cancelRequested
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
    if (this.#error) return
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
    if (this.#error) {
      notify(pending, this.#error)
      return
    }
    this.#begun++
    this.#pending.add(pending)
    this.#hold()
  }

  /** `pending` has ended by itself. */
  unregister(pending: Cancellable): void {
    if (this.#pending.delete(pending)) this.#letGo()
  }

  static {
    const over = new CancelledFailure('Cancellation scope cancelled')
    endScope = (scope) => scope.#reject(over)
    rejectScope = (scope, error) => scope.#reject(error)
  }

  async #runInside<T>(body: () => Promise<T>): Promise<T> {
    let timerScope: CancellationScope | undefined
    if (this.#timeoutMs) {
      const scope = new CancellationScope({ cancellable: true, parent: this })
      timerScope = scope
      const timeoutMs = this.#timeoutMs
      settled(() => assertInWorkflowContext().timers.start(scope, timeoutMs)).then(
        () => this.cancel(),
        // The scope was cancelled before its time was over.
        () => {},
      )
    }
    this.#running++
    try {
      return await body()
    } finally {
      if (timerScope && !timerScope.consideredCancelled) endScope(timerScope)
      this.#running--
      this.#weakenIfIdle()
    }
  }

  #reject(error: CancelledFailure): void {
    this.#cancelRequested = true
    if (this.#error) return
    this.#error = error
    if (this.#link && this.parent) this.parent.#forget(this.#link)
    for (const one of this.#pending) {
      // The promise's reactions are microtasks by themselves.
      if (one instanceof PromiseRejection) one.cancelled(error)
      else notify(one, error)
    }
    this.#pending.clear()
  }

  #forget(link: ScopeLink): void {
    if (this.#pending.delete(link) && !link.isWeak) this.#letGo()
  }

  #hold(): void {
    this.#held++
    const { parent } = this
    if (!parent || this.#link?.isWeak !== true) return
    this.#link.strengthen(this)
    parent.#hold()
  }

  #letGo(): void {
    this.#held--
    this.#weakenIfIdle()
  }

  /**
   * Guarantee: a scope keeps its place in its parent for as long as code can begin something in it, and
   * so hears of a cancellation in the same microtask as on Temporal, whose scopes are never let go. One
   * in which nothing waits is held weakly: what nobody can reach cannot tell the difference.
   */
  #weakenIfIdle(): void {
    const { parent } = this
    if (this.#held > 0 || this.#running > 0 || this.#error || !parent || !this.#link) return
    if (this.#link.isWeak) return
    this.#link.weaken(this)
    parent.#letGo()
    parent.#sweep()
  }

  /** Leave out scopes that are no more, once there may be many. */
  #sweep(): void {
    if (this.#pending.size - this.#held <= 2 * this.#weakAfterSweep + SWEEP_FROM) return
    for (const one of this.#pending) {
      if (one instanceof ScopeLink && one.isGone) this.#pending.delete(one)
    }
    this.#weakAfterSweep = this.#pending.size - this.#held
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

/** A scope's place in its parent. */
class ScopeLink implements Cancellable {
  #scope: CancellationScope | undefined
  #weak: WeakRef<CancellationScope> | undefined

  constructor(scope: CancellationScope) {
    this.#scope = scope
  }

  get isWeak(): boolean {
    return this.#scope === undefined
  }

  get isGone(): boolean {
    return this.isWeak && this.#weak?.deref() === undefined
  }

  strengthen(scope: CancellationScope): void {
    this.#scope = scope
  }

  weaken(scope: CancellationScope): void {
    this.#weak ??= new WeakReference(scope)
    this.#scope = undefined
  }

  cancelled(error: CancelledFailure): void {
    const scope = this.#scope ?? this.#weak?.deref()
    if (scope) rejectScope(scope, error)
  }
}

class PromiseRejection implements Cancellable {
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
