import type { Input, StartedAttributes } from '../../inputs.ts'
import { InputKind } from '../../inputs.ts'
import type { Command } from '../../commands.ts'
import type { Payload, PayloadMap } from '../../payload.ts'
import { applyDefaultConverters } from '../../converters.ts'
import type { BundleExtras, QueryOutcome, TurnError } from '../../turns.ts'
import type { UpsertLimits } from '../../upsert-limits.ts'
import { Activator, isViolation, type WorkflowFunction } from '../activator.ts'
import { setActivityTypes } from '../activity-calls.ts'
import { type FrameStorage, setFrameStorage } from '../async-local-storage.ts'
import { setScopeStorage, type ScopeStorage } from '../cancellation-scope.ts'
import { setCurrentRun } from '../current-run.ts'
import { countSyncHandlers } from '../handler-table.ts'
import { composeInterceptors, makeInterceptors } from '../interceptors.ts'
import { setUpsertLimits } from '../upserts.ts'
import { setLogSink, type LogSink } from '../log.ts'
import { beginInput, setProgressListener } from '../progress.ts'
import { setSinkHost, type SinkHost } from '../sinks.ts'
import { traceWaits } from '../stack-traces.ts'
import { applyWorkflowOptions, setFailureTypeNames } from '../workflow-options.ts'
import { carryUpdateInfo } from '../update-info.ts'
import { answerQuery } from './answer-query.ts'
import { describeError } from './describe-error.ts'
import { Entry } from './entry.ts'
import { harden, hiddenIntrinsics } from './harden.ts'
import { installGlobals } from './install-globals.ts'
import { isNews, isUpdate, perform, rankOf, RANKS } from './perform-input.ts'
import { makeRunGlobal, prepareRunGlobals } from './run-global.ts'
import { readRunCode, type RunCode } from './run-code.ts'
import { nobody, requireModule, shareModules, suppliedModules } from './supplied-modules.ts'
import { setUrlParser, type UrlParser } from './url.ts'
import { warnOfUnfinished } from './warn-of-unfinished.ts'
import { warnOfUnhandled } from './warn-of-unhandled.ts'

/** What the host writes before it enters: primitives and objects of this realm, nothing else. */
export interface Inbox {
  entry: Entry
  run: number
  /** The run's state, if whoever enters still has it from the last time. */
  activator: Activator | undefined
  seq: number
  time: number
  replaying: boolean
  historyLength: number
  historySize: number
  continueAsNewSuggested: boolean
  /** Patches whose markers the journal has for this turn; undefined, as almost always, for none. */
  patches: string[] | undefined
  name: string
  args: Payload[]
  headers: PayloadMap | undefined
  /** The run is to note where it waits; read when it comes into being. */
  traced: boolean
  inputs: Input[]
  /** Of these, updates that were rejected when the turn was done first. */
  skippedSeqs: number[]
  value: unknown
}

/** What the host reads when the entry's microtasks have drained. */
export interface Outbox {
  activator: Activator | undefined
  /** Nothing has happened: the conditions are as they were. */
  idle: boolean
  unblocked: number
  query: QueryOutcome | undefined
  /** The turn's commands as interceptors left them, the terminal one included. */
  commands: readonly Command[]
  error: TurnError | undefined
  workflowTypes: string[]
}

export type Factory = (
  runGlobal: object,
  require: (name: string) => unknown,
  module: { exports: Record<string, unknown> },
  exports: object,
) => void

export interface RealmHost {
  readonly log: LogSink
  readonly scopes: ScopeStorage
  readonly urls: UrlParser
  readonly frames: FrameStorage
  readonly sinks: SinkHost
  readonly upsertLimits: UpsertLimits
  /** The activity types that the runtime has functions for, as JSON text. */
  readonly activityTypesJson: string
  /** Called before code handles each of several inputs. */
  readonly onInput: () => void
}

/** Functions of the API that cost something from the moment on that code may call them. */
export interface AskedFor {
  readonly allHandlersFinished: boolean
  readonly currentUpdateInfo: boolean
}

/** The context's side of a sandbox. */
export interface Realm {
  readonly inbox: Inbox
  readonly outbox: Outbox
  readonly enter: () => void
  /** Once, after {@link boot}: the user's code, and what it names of what would slow all others down. */
  install(
    factory: Factory,
    extras: BundleExtras | undefined,
    failureTypeNames: Readonly<Record<string, readonly string[]>> | undefined,
    asksFor: AskedFor,
  ): void
  /** The end of an activation that had updates. False if a validator tried to change the run. */
  concludeUpdates(activator: Activator): boolean
  /** The end of a round of such an activation: an update waits for its handler no longer. */
  rejectUnhandledUpdates(activator: Activator): void
  isViolation(thrown: unknown): boolean
  /** Before {@link install}: modules that all runs have in common. */
  share(factory: Factory, names: readonly string[]): void
  /** What only an activation's end can tell; it runs no code of the user. */
  conclude(activator: Activator): void
  forget(run: number): void
  makeArray(): unknown[]
  makeObject(): Record<string, unknown>
  makeBytes(length: number): Uint8Array
}

const inbox: Inbox = {
  entry: Entry.settle,
  run: 0,
  activator: undefined,
  seq: 0,
  time: 0,
  replaying: false,
  historyLength: 0,
  historySize: 0,
  continueAsNewSuggested: false,
  patches: undefined,
  name: '',
  args: [],
  headers: undefined,
  traced: false,
  inputs: [],
  skippedSeqs: [],
  value: undefined,
}
const outbox: Outbox = {
  activator: undefined,
  idle: false,
  unblocked: 0,
  query: undefined,
  commands: [],
  error: undefined,
  workflowTypes: [],
}
const runs = new Map<number, Activator>()
const stackTraceLimit = 10
let factory: Factory | undefined
let extras: BundleExtras | undefined

/** Set the context up. Called once, before any code of the user. */
export function boot(host: RealmHost): Realm {
  setLogSink(host.log)
  setScopeStorage(host.scopes)
  setUrlParser(host.urls)
  setFrameStorage(host.frames)
  setSinkHost(host.sinks)
  setUpsertLimits(host.upsertLimits)
  setActivityTypes(new Set(JSON.parse(host.activityTypesJson) as string[]))
  setProgressListener(host.onInput)
  installGlobals()
  prepareRunGlobals()
  Object.defineProperty(globalThis, '__enter', { value: enter })
  harden([globalThis, ...suppliedModules, ...hiddenIntrinsics()])
  return {
    inbox,
    outbox,
    enter,
    install(bundleFactory, bundleExtras, failureTypeNames, asksFor) {
      factory = bundleFactory
      extras = bundleExtras
      setFailureTypeNames(failureTypeNames)
      countSyncHandlers(asksFor.allHandlersFinished)
      carryUpdateInfo(asksFor.currentUpdateInfo)
    },
    concludeUpdates,
    rejectUnhandledUpdates: ({ updates }) => updates.rejectBuffered(),
    isViolation,
    share: shareModules,
    conclude,
    forget: (run) => void runs.delete(run),
    makeArray: () => [],
    makeObject: () => ({}),
    makeBytes: (length) => new Uint8Array(length),
  }
}

/**
 * Every way into this context. It never throws: a call that throws is not drained by Node, and its
 * microtasks would then run in the turn of whichever run comes next.
 */
function enter(): void {
  clearOutbox()
  try {
    switch (inbox.entry) {
      case Entry.signal:
        enterSignal()
        break
      case Entry.activate:
        activate()
        break
      case Entry.settle:
        outbox.unblocked = requireRun().unblockConditions()
        break
      case Entry.resolveLocally:
        resolveLocally(requireRun())
        break
      case Entry.query:
        enterQuery()
        break
      case Entry.describeError:
        setCurrentRun(undefined)
        outbox.error = describeError(inbox.value)
        break
      case Entry.conclude:
        concludeIntercepted(requireRun())
        break
      case Entry.dispose:
        dispose(requireRun())
        break
      case Entry.load:
        loadForTypes()
        break
    }
  } catch (error) {
    outbox.unblocked = 0
    if (outbox.activator) outbox.activator.failTurn(error)
    else outbox.error = describeError(error)
  }
}

function clearOutbox(): void {
  outbox.activator = undefined
  outbox.error = undefined
  outbox.idle = false
}

function requireRun(): Activator {
  const activator = inbox.activator ?? runs.get(inbox.run)
  if (activator === undefined) throw new Error(`Run ${inbox.run} is not in this context`)
  activator.readOnly = false
  outbox.activator = activator
  giveFloor(activator)
  return activator
}

/** From now on the run's code is what runs, with the converters that its instance of the code has. */
function giveFloor(activator: Activator): void {
  setCurrentRun(activator)
  if (extras === undefined) return
  const converters = activator.extensions?.converters
  if (converters === undefined) applyDefaultConverters()
  else converters.apply()
}

function begin(activator: Activator, time = inbox.time): void {
  Error.stackTraceLimit = stackTraceLimit
  activator.turn++
  activator.now = time
  activator.replaying = inbox.replaying
  activator.historyLength = inbox.historyLength
  activator.historySize = inbox.historySize
  activator.continueAsNewSuggested = inbox.continueAsNewSuggested
  if (inbox.patches !== undefined) activator.patches.record(inbox.patches)
}

/** One signal, the most frequent activation by far. */
function enterSignal(): void {
  const activator = requireRun()
  begin(activator)
  activator.handlers.dispatch({ name: inbox.name, args: inbox.args, seq: inbox.seq })
  activator.unblockConditions()
}

/**
 * The inputs of one activation: signals first, then updates, then the others, each followed by a look
 * at the conditions; in the first activation the main function comes last.
 */
function activate(): void {
  const { inputs, seq } = inbox
  const started = inputs.find((input) => input[0] === InputKind.started)
  const main = started ? create(started[2], started[1]) : undefined
  const activator = requireRun()
  // Before anything else of its activation, as on Temporal.
  const reset = inputs.find((input) => input[0] === InputKind.reset)
  if (reset) activator.reseed(reset[2].newRunId)
  // What Temporal has no event for, such as a timer that was cancelled before it fired, is as if it
  // had not been: neither time nor conditions move.
  const news = inputs.map((input, at) => isNews(activator, input, seq + at, inbox.skippedSeqs))
  let begun = started !== undefined
  if (!started && inputs.some((input, at) => news[at] && !isUpdate(input))) {
    begin(activator)
    begun = true
  }
  if (!begun && !news.includes(true)) {
    outbox.idle = true
    return
  }
  if (inputs.some(isUpdate)) {
    activator.replaying = inbox.replaying
    // Updates alone: nothing has happened before one of them is accepted.
    activator.updates.beforeAccept = (time) => {
      if (!begun) begin(activator, Math.max(inbox.time, time))
      begun = true
    }
  }
  const performAll = (): void => {
    for (const rank of RANKS) {
      inputs.forEach((input, at) => {
        if (!news[at] || rankOf(input) !== rank) return
        if (inputs.length > 1) beginInput()
        perform(activator, input, seq + at)
        if (begun) activator.unblockConditions()
      })
    }
    outbox.idle = !begun
    if (main) {
      activator.startMain(main)
      activator.unblockConditions()
    }
  }
  const internals = activator.extensions?.interceptors?.internals
  if (internals === undefined) performAll()
  else {
    const { now: timestamp, replaying: isReplaying, historyLength } = activator
    const { runId } = activator.started
    const activation = { runId, timestamp, isReplaying, historyLength, jobs: inputs }
    composeInterceptors(internals, 'activate', performAll)({ activation, batchIndex: 0 })
  }
}

/** Bring a run into being: its state, then its own instance of the user's modules. */
function create(started: StartedAttributes, startTime: number): WorkflowFunction {
  const activator = new Activator(inbox.run, started, startTime, inbox.time)
  runs.set(inbox.run, activator)
  inbox.activator = activator
  outbox.activator = activator
  giveFloor(activator)
  begin(activator)
  const code = load()
  if (extras !== undefined) {
    activator.extensions = { converters: code.converters }
    giveFloor(activator)
    activator.extensions.interceptors = makeInterceptors(code.interceptorModules)
  }
  if (inbox.traced) traceWaits(activator)
  const exported = code.workflows
  const name = started.workflowType
  const own = Object.hasOwn(exported, name) ? exported[name] : undefined
  const workflow = typeof own === 'function' ? own : exported['default']
  if (typeof workflow === 'function') {
    applyWorkflowOptions(activator, workflow)
    return workflow as WorkflowFunction
  }
  throw new TypeError(
    `Failed to initialize workflow of type '${name}': ${
      own === undefined
        ? `no such function is exported by the workflow bundle; it has ${typesOf(code).join(', ') || 'none'}`
        : `expected a function, but got: '${typeof own}'`
    }`,
  )
}

function load(): RunCode {
  if (factory === undefined) throw new Error('The context has no workflow code')
  const module: { exports: Record<string, unknown> } = { exports: {} }
  factory(makeRunGlobal(), requireModule, module, module.exports)
  return readRunCode(module.exports, extras)
}

/** Run the top level of the user's code as no run's, to learn which functions it exports. */
function loadForTypes(): void {
  setCurrentRun(new Activator(-1, nobody, 0))
  outbox.workflowTypes = typesOf(load())
}

function typesOf({ workflows }: RunCode): string[] {
  return Object.entries(workflows)
    .filter(([, value]) => typeof value === 'function')
    .map(([name]) => name)
}

function resolveLocally(activator: Activator): void {
  for (const resolve of activator.localResolutions.splice(0)) {
    resolve()
    activator.unblockConditions()
  }
}

function enterQuery(): void {
  const activator = requireRun()
  activator.readOnly = 'query'
  activator.violated = false
  const { name, args, headers } = inbox
  const answer = answerQuery(activator, { name, args, headers })
  if (!(answer instanceof Promise)) {
    outbox.query = answer
    return
  }
  outbox.query = unanswered
  void answer.then((outcome) => {
    outbox.query = outcome
  })
}

/** An interceptor that waits for something in a query would wait for ever. */
const unanswered: QueryOutcome = Object.freeze({
  failure: { message: 'An interceptor of handleQuery did not give an answer in the same turn' },
})

/** The end of an activation, with interceptors around it. */
function concludeIntercepted(activator: Activator): void {
  conclude(activator)
  const { commands, terminal, extensions } = activator
  const all = terminal === undefined ? [...commands] : [...commands, terminal]
  const internals = extensions?.interceptors?.internals ?? []
  const concluding = composeInterceptors(internals, 'concludeActivation', (input) => input)
  outbox.commands = concluding({ commands: all }).commands
}

function dispose(activator: Activator): void {
  const internals = activator.extensions?.interceptors?.internals ?? []
  composeInterceptors(internals, 'dispose', () => undefined)({})
}

/** An activation does not leave an update without an answer to whether it is accepted. */
function concludeUpdates(activator: Activator): boolean {
  const { updates } = activator
  updates.rejectBuffered()
  updates.beforeAccept = undefined
  const { violated } = updates
  updates.violated = false
  return !violated
}

function conclude(activator: Activator): void {
  const { terminal, handlers } = activator
  if (terminal === undefined) return
  if (terminal.kind === 'continueAsNew') {
    activator.terminal = { ...terminal, carriedSeqs: handlers.carriedSeqs() }
  } else {
    warnOfUnhandled(activator)
  }
  warnOfUnfinished(activator)
}
