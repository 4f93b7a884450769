import type { UpsertLimits } from './upsert-limits.ts'
import type { Command } from './commands.ts'
import type { Failure } from './failure.ts'
import type { Input } from './inputs.ts'
import type { Payload, PayloadMap } from './payload.ts'

/** What a sandbox is asked to do with a run: one activation, usually of one input. */
export interface Activation {
  /** The number of the first input. */
  readonly firstSeq: number
  /**
   * Usually one. The first activation of a run has the started input and, after a signal-with-start,
   * its signal; a regrouped closing turn has several. They are given to the workflow as one
   * Temporal activation: signals (and updates) first, then the others, then the main function on.
   */
  readonly inputs: readonly Input[]
  /** The workflow's `Date.now()`, in milliseconds since the epoch; never smaller than before. */
  readonly time: number
  /** True while the turn is done again from the journal: log and sinks are silent. */
  readonly replaying: boolean
  /** As `workflowInfo()` shows them: counted in events of the exported history. */
  readonly historyLength: number
  readonly historySize: number
  readonly continueAsNewSuggested: boolean
  /** Where the code begins to wait is noted, for a query of stack traces. */
  readonly traced?: boolean
  /** Whether there are updates among the inputs. */
  readonly hasUpdates?: boolean
  /** The numbers of updates that were rejected then: a replay is not shown them. */
  readonly skippedSeqs?: readonly number[]
  /** Patches whose markers the journal has for this turn. */
  readonly patches?: readonly string[] | undefined
  /** The sandbox's own, to be given back with the run's next activation: it spares a look among all runs. */
  instance?: object | undefined
}

/** What came of an activation. */
export interface TurnOutcome {
  /** In the order in which the code issued them; a terminal one is the last. */
  readonly commands: readonly Command[]
  /**
   * Set when the turn failed as Temporal fails a workflow task: the run is parked, its commands of
   * this turn are void and its state must be built anew.
   */
  readonly error?: TurnError
  /** A validator tried to change the run: nothing of it shows, but the run must be built anew. */
  readonly dirty?: boolean
}

export interface TurnError {
  readonly name: string
  readonly message: string
  readonly stack?: string
  /** True for an error of kind DeterminismViolationError. */
  readonly nonDeterministic?: boolean
}

export interface QueryRequest {
  readonly queryType: string
  readonly args: readonly Payload[]
  readonly headers?: PayloadMap
}

export type QueryOutcome =
  | { readonly result: Payload }
  /** The handler threw, is missing or returned a promise. */
  | { readonly failure: Failure; readonly notRegistered?: boolean }

export type LogLevel = 'TRACE' | 'DEBUG' | 'INFO' | 'WARN' | 'ERROR'

/** A line that workflow code logged with `log` or `console`. */
export interface WorkflowLogEntry {
  readonly level: LogLevel
  readonly message: string
  /** Attributes as JSON text: the workflow's own and what the call gave. */
  readonly attributesJson: string
  readonly time: number
}

/** The code a slot runs: made by `bundleWorkflowCode`, plain data so that it can be stored. */
export interface WorkflowBundle {
  /** The signalbox version that made it; a bundle of another version is refused. */
  readonly version: string
  /** The authoring API as one script, evaluated once per context. */
  readonly apiCode: string
  /** The user's workflows as one strict factory script, evaluated once per run. */
  readonly workflowCode: string
  /** Modules that are evaluated once a context, and are the same objects for all runs. */
  readonly shared?: SharedModules
  /** What the bundle has beside the workflows; undefined without any of it. */
  readonly extras?: BundleExtras
  /** Source map (JSON text) of `workflowCode`, for the stacks of workflow errors. */
  readonly sourceMap: string
}

/** Options of the runtime that workflows' contexts must know. */
export interface SandboxSettings {
  /** Sinks' functions that are called during replay too, as `sink.function`. */
  readonly replayedSinks?: readonly string[]
  /** Names of error classes that fail workflows, by workflow type; `*` for all. */
  readonly failureErrorTypes?: Readonly<Record<string, readonly string[]>>
  /** The bounds of search attributes and memo; default Temporal's. */
  readonly upsertLimits?: UpsertLimits
  /** The activities that workflows may run as local ones. Default none. */
  readonly activityTypes?: readonly string[]
}

/** A call of a sink of the host. */
export interface SinkCall {
  readonly sinkName: string
  readonly functionName: string
  /** WorkflowInfo and arguments, serialized by V8. */
  readonly infoAndArgs: Uint8Array
}

export interface SharedModules {
  /** As workflow code imports them: module i is what `code` exports as `m` and i. */
  readonly names: readonly string[]
  /** One strict factory script. */
  readonly code: string
}

/** What was bundled together with the workflows, whose code then exports it under these names. */
export interface BundleExtras {
  readonly payloadConverter: boolean
  readonly failureConverter: boolean
  /** How many modules of interceptors: `interceptors0`, `interceptors1` … */
  readonly interceptorModules: number
}

/**
 * One vm context with the runs that live in it. Everything is synchronous; nothing here throws for
 * an error of user code, which comes back as data. A run is known by its number.
 */
export interface Sandbox {
  /** The names of the functions that the bundle exports as workflows. */
  readonly workflowTypes: readonly string[]
  /** How long the top level of the code takes, in milliseconds: each run does it once. */
  readonly loadMs?: number
  /** Whether its microtasks are the thread's; see microtask-checkpoint.ts. If not, it costs more. */
  readonly sharesQueue: boolean
  /**
   * Whether it may be entered now. Not while a microtask of this thread runs: what a turn leaves to
   * microtasks would then run after the turn.
   */
  readonly canEnter: boolean
  /** Run one activation; the run comes into being with the activation that holds its started input. */
  activate(run: number, activation: Activation): TurnOutcome
  /** Answer a query without changing anything. `dirty` says that the run must be built anew. */
  query(run: number, request: QueryRequest): QueryOutcome & { readonly dirty?: boolean }
  /** Forget a run. */
  dispose(run: number): void
  /** Errors of promises that user code left floating, since the last call, by run. Call it a macrotask after the turns. */
  takeFloatingRejections(
    /** Called before an error is read, which may run code of the run it is of. */
    beforeRead?: (run: number) => void,
  ): readonly (readonly [run: number, error: TurnError])[]
}
