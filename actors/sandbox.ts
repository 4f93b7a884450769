import { AsyncLocalStorage } from 'node:async_hooks'
import { serialize } from 'node:v8'
import vm from 'node:vm'
import type { Command } from './commands.ts'
import { InputKind } from './inputs.ts'
import { drains, findMicrotaskCheckpoint } from './microtask-checkpoint.ts'
import { apiFileName, sharedFileName, workflowFileName } from './sandbox-file-names.ts'
import { RejectionWatch } from './sandbox-rejections.ts'
import { copyIn, copyOut } from './sandbox-transfer.ts'
import { hostUrlParser } from './sandbox-urls.ts'
import type {
  Activation,
  QueryOutcome,
  QueryRequest,
  SandboxSettings,
  SinkCall,
  Sandbox,
  TurnError,
  TurnOutcome,
  WorkflowBundle,
  WorkflowLogEntry,
} from './turns.ts'
import { defaultUpsertLimits } from './upsert-limits.ts'
import type { Activator } from './workflow/activator.ts'
import type { Factory, Realm, RealmHost } from './workflow/realm/realm.ts'
import { Entry } from './workflow/realm/entry.ts'

export interface SandboxOptions {
  readonly bundle: WorkflowBundle
  /** Called with the run that is about to be entered, for whoever must know the culprit of a hang. */
  readonly onTurn?: ((run: number) => void) | undefined
  /**
   * Called before each input of a turn that has several. All that was accepted before a run closes is one
   * turn, and a hundred thousand signals in it are not a hang.
   */
  readonly onInput?: (() => void) | undefined
  readonly log: (run: number, entry: WorkflowLogEntry) => void
  readonly settings?: SandboxSettings | undefined
  /** A call of a sink of the host. */
  readonly sink?: ((run: number, call: SinkCall) => void) | undefined
}

const nothing: TurnOutcome = Object.freeze({ commands: Object.freeze([]) })

/**
 * A vm context with the runs that live in it.
 *
 * @throws {Error} what the top level of the workflow code throws
 */
export function createSandbox(options: SandboxOptions): Sandbox {
  return new ContextSandbox(options)
}

class ContextSandbox implements Sandbox {
  readonly workflowTypes: readonly string[]
  readonly loadMs: number
  readonly #hasInterceptors: boolean
  readonly #onTurn: ((run: number) => void) | undefined
  readonly #checkpoint = findMicrotaskCheckpoint()
  readonly #context: vm.Context
  /** Call into the context. Its microtasks have drained when this returns. */
  readonly #enter: () => void
  readonly #realm: Realm
  readonly #rejections = new RejectionWatch()

  constructor({ bundle, onTurn, onInput, log, sink, settings = {} }: SandboxOptions) {
    this.#onTurn = onTurn
    this.#hasInterceptors = (bundle.extras?.interceptorModules ?? 0) > 0
    const replayedSinks = new Set(settings.replayedSinks)
    const checkpoint = this.#checkpoint
    // Being no contextified object, its globals can be frozen and are found fast.
    this.#context = vm.createContext(
      vm.constants.DONT_CONTEXTIFY,
      checkpoint === undefined ? { microtaskMode: 'afterEvaluate' } : {},
    )
    const api = new vm.Script(bundle.apiCode, { filename: apiFileName })
    const { boot } = api.runInContext(this.#context) as { boot: (host: RealmHost) => Realm }
    const scopes = new AsyncLocalStorage<never>()
    const frames = new AsyncLocalStorage<never>()
    this.#realm = boot({
      log: (run, level, message, attributesJson, time) =>
        log(run, { level, message, attributesJson, time }),
      scopes: {
        run: (scope, body) => scopes.run(scope as never, body),
        current: () => scopes.getStore(),
      },
      urls: hostUrlParser,
      activityTypesJson: JSON.stringify(settings.activityTypes ?? []),
      onInput: () => onInput?.(),
      frames: {
        run: (frame, body) => frames.run(frame as never, body),
        current: () => frames.getStore(),
      },
      sinks: {
        duringReplay: (sinkName, functionName) => replayedSinks.has(`${sinkName}.${functionName}`),
        call: (run, sinkName, functionName, infoAndArgs) =>
          // A copy that structuredClone has made: no code of the user runs while it is read.
          sink?.(run, { sinkName, functionName, infoAndArgs: serialize(infoAndArgs) }),
      },
      upsertLimits: settings.upsertLimits ?? defaultUpsertLimits,
    })
    this.#enter = this.#entrance(checkpoint)
    if (bundle.shared !== undefined) {
      const { code, names } = bundle.shared
      const shared = new vm.Script(code, { filename: sharedFileName })
      this.#realm.share(shared.runInContext(this.#context) as Factory, copyIn(this.#realm, names))
    }
    const script = new vm.Script(bundle.workflowCode, { filename: workflowFileName })
    const { workflowCode, extras } = bundle
    this.#realm.install(
      script.runInContext(this.#context) as Factory,
      extras && copyIn(this.#realm, [extras])[0],
      settings.failureErrorTypes && copyIn(this.#realm, [settings.failureErrorTypes])[0],
      {
        allHandlersFinished: workflowCode.includes('allHandlersFinished'),
        currentUpdateInfo: workflowCode.includes('currentUpdateInfo'),
      },
    )
    this.workflowTypes = this.#load()
    this.loadMs = this.#timeLoad()
  }

  #entrance(checkpoint: (() => void) | undefined): () => void {
    const { enter } = this.#realm
    if (checkpoint === undefined) {
      const script = new vm.Script('__enter()', { filename: apiFileName })
      return () => void script.runInContext(this.#context)
    }
    return () => {
      enter()
      checkpoint()
    }
  }

  get sharesQueue(): boolean {
    return this.#checkpoint !== undefined
  }

  get canEnter(): boolean {
    return this.#checkpoint === undefined || drains(this.#checkpoint)
  }

  #load(): readonly string[] {
    const { inbox, outbox } = this.#realm
    inbox.entry = Entry.load
    this.#rejections.ignored(() => this.#enter())
    if (outbox.error) throw loadError(outbox.error)
    return outbox.workflowTypes.map(String)
  }

  /** As long as it takes a run, once the code is compiled. */
  #timeLoad(): number {
    const before = performance.now()
    this.#load()
    return performance.now() - before
  }

  activate(run: number, activation: Activation): TurnOutcome {
    this.#onTurn?.(run)
    this.#write(run, activation)
    const outer = this.#rejections.begin(run)
    try {
      this.#enter()
      const { activator, idle } = this.#realm.outbox
      if (activator === undefined) return this.#failed(this.#realm.outbox.error)
      activation.instance = activator
      if (!idle) this.#settle(activator)
      // Only what a turn cancels without waiting for makes another round of the same turn.
      while (activator.localResolutions.length > 0 && !activator.taskError && !activator.terminal) {
        if (activation.hasUpdates) this.#realm.rejectUnhandledUpdates(activator)
        this.#realm.inbox.entry = Entry.resolveLocally
        this.#enter()
        this.#settle(activator)
      }
      return activation.hasUpdates
        ? this.#concludeUpdates(activator, activation)
        : this.#conclude(activator)
    } finally {
      this.#rejections.end(outer)
    }
  }

  #concludeUpdates(activator: Activator, { inputs }: Activation): TurnOutcome {
    if (this.#realm.concludeUpdates(activator)) return this.#conclude(activator)
    // What the validator did may show in what the turn went on to do, and replay would not have it.
    if (inputs.length > 1) return this.#failed(validatorViolation)
    return { ...this.#conclude(activator), dirty: true }
  }

  #write(run: number, activation: Activation): void {
    const { inbox } = this.#realm
    const { inputs } = activation
    inbox.run = run
    inbox.activator = activation.instance as Activator | undefined
    inbox.seq = activation.firstSeq
    inbox.time = activation.time
    inbox.replaying = activation.replaying
    inbox.historyLength = activation.historyLength
    inbox.historySize = activation.historySize
    inbox.continueAsNewSuggested = activation.continueAsNewSuggested
    inbox.patches =
      activation.patches === undefined ? undefined : copyIn(this.#realm, activation.patches)
    const [first] = inputs
    if (
      inputs.length === 1 &&
      first !== undefined &&
      first[0] === InputKind.signaled &&
      !this.#hasInterceptors
    ) {
      inbox.entry = Entry.signal
      inbox.name = first[2]
      inbox.args = copyIn(this.#realm, first[3])
      return
    }
    inbox.entry = Entry.activate
    inbox.traced = activation.traced === true
    inbox.inputs = copyIn(this.#realm, inputs)
    if (activation.hasUpdates) {
      inbox.skippedSeqs = copyIn(this.#realm, activation.skippedSeqs ?? [])
    }
  }

  /** Conditions again and again while that unblocks code; microtasks drain after each round. */
  #settle(activator: Activator): void {
    const { inbox, outbox } = this.#realm
    inbox.entry = Entry.settle
    do {
      if (activator.conditions.size === 0 || activator.taskError) return
      this.#enter()
    } while (outbox.unblocked > 0)
  }

  #conclude(activator: Activator): TurnOutcome {
    if (activator.taskError) return this.#failed(this.#describe(activator.taskError.value))
    if (this.#hasInterceptors) return this.#concludeIntercepted(activator)
    const { commands } = activator
    if (activator.terminal === undefined) {
      if (commands.length === 0) return nothing
      const issued = copyOut(commands) as Command[]
      commands.length = 0
      return { commands: issued }
    }
    this.#realm.conclude(activator)
    const issued = copyOut([...commands, activator.terminal]) as Command[]
    commands.length = 0
    return { commands: issued }
  }

  #concludeIntercepted(activator: Activator): TurnOutcome {
    this.#realm.inbox.entry = Entry.conclude
    this.#enter()
    if (activator.taskError) return this.#failed(this.#describe(activator.taskError.value))
    const issued = copyOut(this.#realm.outbox.commands) as Command[]
    activator.commands.length = 0
    this.#realm.outbox.commands = []
    return issued.length === 0 ? nothing : { commands: issued }
  }

  #failed(error: TurnError | undefined): TurnOutcome {
    return {
      commands: [],
      error: copyOut(error ?? { name: 'Error', message: 'The turn failed' }) as TurnError,
    }
  }

  /** Errors are read inside the context too: their fields may be the user's getters. */
  #describe(value: unknown): TurnError {
    const { inbox, outbox } = this.#realm
    inbox.entry = Entry.describeError
    inbox.value = value
    this.#enter()
    inbox.value = undefined
    return copyOut(outbox.error) as TurnError
  }

  query(run: number, request: QueryRequest): QueryOutcome & { readonly dirty?: boolean } {
    this.#onTurn?.(run)
    const { inbox, outbox } = this.#realm
    inbox.entry = Entry.query
    inbox.run = run
    inbox.activator = undefined
    inbox.name = request.queryType
    inbox.args = copyIn(this.#realm, request.args)
    inbox.headers = request.headers && copyIn(this.#realm, [request.headers])[0]
    outbox.query = undefined
    this.#rejections.ignored(() => this.#enter())
    const { activator } = outbox
    const outcome = copyOut(outbox.query) as QueryOutcome | undefined
    if (activator === undefined || outcome === undefined) {
      throw new Error(`Run ${run} is not in this sandbox`)
    }
    if (!activator.violated) return outcome
    return 'failure' in outcome ? { ...outcome, dirty: true } : { failure: violation, dirty: true }
  }

  dispose(run: number): void {
    if (this.#hasInterceptors) {
      const { inbox } = this.#realm
      inbox.entry = Entry.dispose
      inbox.run = run
      inbox.activator = undefined
      this.#rejections.ignored(() => this.#enter())
    }
    this.#realm.forget(run)
  }

  takeFloatingRejections(
    beforeRead?: (run: number) => void,
  ): readonly (readonly [run: number, error: TurnError])[] {
    return this.#rejections
      .take()
      .filter(([, reason]) => !this.#realm.isViolation(reason))
      .map(([run, reason]) => {
        beforeRead?.(run)
        // Its getters may leave rejections of their own: those must not end the worker.
        return [run, this.#rejections.ignored(() => this.#describe(reason))] as const
      })
  }
}

const validatorViolation = {
  name: 'DeterminismViolationError',
  message: 'An update validator must not change the workflow',
} as const

const violation = {
  message: 'A query handler must not change the workflow',
  applicationFailureInfo: { type: 'DeterminismViolationError', nonRetryable: true },
} as const

/** The error of the context as one of this realm. */
function loadError({ name, message, stack }: TurnError): Error {
  const loading = new Error(message)
  loading.name = name
  // Its own would be that of this module.
  loading.stack = stack ?? `${name}: ${message}`
  return loading
}
