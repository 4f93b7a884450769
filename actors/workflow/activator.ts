import type { Command, TerminalCommand } from '../commands.ts'
import { errorToFailure } from '../failure-converter.ts'
import {
  DeterminismViolationError,
  ensureTemporalFailure,
  isCancellation,
  TemporalFailure,
} from '../failures.ts'
import type { Input, StartedAttributes } from '../inputs.ts'
import type { PayloadMap } from '../payload.ts'
import { fromPayloads } from '../payload-converter.ts'
import { ActivityCalls } from './activity-calls.ts'
import { CancellationScope } from './cancellation-scope.ts'
import { ContinueAsNew } from './continue-as-new.ts'
import { HandlerTable } from './handler-table.ts'
import {
  composeInterceptors,
  type RunInterceptors,
  toHeaders,
  type WorkflowExecuteInput,
} from './interceptors.ts'
import { LinkedWorkflows } from './linked-workflows.ts'
import { BlockedCondition } from './pending.ts'
import { type RandomState, RunRandom } from './random.ts'
import { returnedPayload } from './returned-payload.ts'
import type { RunExtensions } from './run-extensions.ts'
import { RunTimers } from './run-timers.ts'
import { UpdateTable } from './update-table.ts'
import { isFailureType } from './workflow-options.ts'
import { PatchTable } from './versioning.ts'

export type WorkflowFunction = (...args: unknown[]) => Promise<unknown>

/**
 * One run's state in its context: what it waits for, its handlers, the commands of the turn in hand.
 * The order in which it does things is Temporal's, down to the number of microtasks between them:
 * the same file must issue the same commands in the same order on either.
 */
export class Activator {
  readonly run: number
  readonly started: StartedAttributes
  readonly startTime: number
  /** The time of its first turn. */
  readonly runStartTime: number
  readonly rootScope: CancellationScope
  readonly handlers: HandlerTable
  /** Evaluated in the order in which they began to wait. */
  readonly conditions = new Set<BlockedCondition>()
  /** Of the turn in hand, without the terminal one: the first of a run wins and comes last. */
  readonly commands: Command[] = []
  terminal: TerminalCommand | undefined
  /** Converters, interceptors and what else the bundle has beside workflows. */
  extensions: RunExtensions | undefined
  /** The first error that fails the turn; boxed, since anything may be thrown. */
  taskError: { readonly value: unknown } | undefined
  /**
   * What was cancelled without waiting for it, or before it was asked for: resolved in the same turn
   * once that is quiet, as Temporal's core does.
   */
  readonly localResolutions: (() => void)[] = []
  /** The run's signal channels by name. */
  get channels(): Map<string, unknown> {
    this.#channels ??= new Map()
    return this.#channels
  }
  /** Timers, and what `setTimeout` has begun. */
  get timers(): RunTimers {
    this.#timers ??= new RunTimers(this)
    return this.#timers
  }
  /** True if code waits for this timer. */
  awaitsTimer(seq: number): boolean {
    return this.#timers?.has(seq) ?? false
  }
  /** Activities, regular and local ones. */
  get activities(): ActivityCalls {
    this.#activities ??= new ActivityCalls(this)
    return this.#activities
  }
  /** True if code waits for this activity. */
  awaitsActivity(seq: number): boolean {
    return this.#activities?.has(seq) ?? false
  }
  /** Children, and signals and cancellations of other workflows. */
  get links(): LinkedWorkflows {
    this.#links ??= new LinkedWorkflows(this)
    return this.#links
  }
  /** True if code waits for this news of another workflow. */
  awaitsLinked(input: Input): boolean {
    return this.#links?.awaits(input) ?? false
  }
  /** What the run has to do with updates; see {@link knownUpdates} for those that have nothing. */
  get updates(): UpdateTable {
    this.#updates ??= new UpdateTable(this)
    return this.#updates
  }
  /** {@link updates}, unless there never was a handler or an update. */
  get knownUpdates(): UpdateTable | undefined {
    return this.#updates
  }
  /** What the run has recorded of its patches. */
  get patches(): PatchTable {
    return (this.#patches ??= new PatchTable(this))
  }
  /** Search attributes and memo since they were first changed. */
  searchAttributes: PayloadMap | undefined
  memo: PayloadMap | undefined
  now: number
  replaying = false
  historyLength = 0
  historySize = 0
  continueAsNewSuggested = false
  /** Grows with every activation. */
  turn = 0
  /** While a query is answered or an update validated, commands and registrations are errors … */
  readOnly: false | 'query' | 'validator' = false
  /** … and whether it tried to make one. */
  violated = false
  // Made when they are first needed: a run that only waits for signals is a third smaller without.
  #timers: RunTimers | undefined
  #activities: ActivityCalls | undefined
  #channels: Map<string, unknown> | undefined
  #patches: PatchTable | undefined
  #links: LinkedWorkflows | undefined
  #updates: UpdateTable | undefined
  #cancelRequested = false
  #random: RunRandom | undefined

  constructor(run: number, started: StartedAttributes, startTime: number, time = startTime) {
    this.run = run
    this.started = started
    this.startTime = startTime
    this.runStartTime = time
    this.now = time
    this.rootScope = CancellationScope.root()
    this.handlers = new HandlerTable(this)
  }

  /** Seeded when it is first used: most workflows draw no random number. */
  get random(): RunRandom {
    const { runId, originalExecutionRunId = runId } = this.started
    return (this.#random ??= new RunRandom(originalExecutionRunId))
  }

  /** What {@link restoreRandom} takes. Nothing is seeded for it: most queries draw no number either. */
  saveRandom(): RandomState | undefined {
    return this.#random?.save()
  }

  /** A query or a validator may draw random numbers, but must not use them up. */
  restoreRandom(state: RandomState | undefined): void {
    if (state === undefined) this.#random = undefined
    else this.#random?.restore(state)
  }

  /** The run was reset here: its random numbers are its own from now on. */
  reseed(runId: string): void {
    this.#random = new RunRandom(runId)
  }

  /** Ask for something. */
  push(command: Command): void {
    this.assertWritable()
    this.commands.push(command)
  }

  /** @throws {DeterminismViolationError} in a query or validator, which must not change anything */
  assertWritable(): void {
    if (this.readOnly === false) return
    this.violated = true
    const error = new DeterminismViolationError(
      `${this.readOnly === 'query' ? 'A query handler' : 'An update validator'} must not change ` +
        'the workflow: no commands, waits, handlers or cancellation',
    )
    violations.add(error)
    throw error
  }

  /** Call the main function; how it ends becomes the run's terminal command. */
  startMain(workflow: WorkflowFunction): void {
    const args = fromPayloads(this.started.args)
    const interceptors = this.extensions?.interceptors
    const running =
      interceptors === undefined
        ? callMain(workflow, args)
        : callIntercepted(interceptors, workflow, {
            args,
            headers: toHeaders(this.started.headers),
          })
    // As many steps as there are in Temporal's chain around the function: they decide whether its
    // end comes before or after another microtask's command.
    running
      .then((result) => result)
      .then(
        (result) => this.#complete(result),
        (error: unknown) => this.fail(error),
      )
  }

  #complete(result: unknown): void {
    try {
      const payload = returnedPayload(result, 'result of workflow', this.started.workflowType)
      this.#end({ kind: 'completeWorkflow', result: payload })
    } catch (error) {
      this.failTurn(error)
    }
  }

  /** What an error of the main function or of a signal handler means for the run. */
  fail(error: unknown): void {
    try {
      if (this.#cancelRequested && isCancellation(error)) {
        this.#end({ kind: 'cancelWorkflow' })
      } else if (error instanceof ContinueAsNew) {
        this.#end({ ...error.command, kind: 'continueAsNew', carriedSeqs: [] })
      } else if (error instanceof TemporalFailure || isFailureType(this, error)) {
        this.handlers.forgetUnfinished()
        this.knownUpdates?.forgetUnfinished()
        this.#end({ kind: 'failWorkflow', failure: errorToFailure(ensureTemporalFailure(error)) })
      } else {
        this.failTurn(error)
      }
    } catch (conversionError) {
      this.failTurn(conversionError)
    }
  }

  /** Fail the turn; only the first error counts. */
  failTurn(error: unknown): void {
    this.taskError ??= { value: error }
  }

  #end(command: TerminalCommand): void {
    this.assertWritable()
    this.terminal ??= command
  }

  cancelWorkflow(): void {
    this.#cancelRequested = true
    this.rootScope.cancel()
  }

  /** Take back a command of the turn in hand; false if it was in an earlier turn. */
  withdraw(kind: Command['kind'], seq: number): boolean {
    this.assertWritable()
    const { commands } = this
    for (let at = commands.length - 1; at >= 0; at--) {
      const command = commands[at] as Command
      if (command.kind === kind && 'seq' in command && command.seq === seq) {
        commands.splice(at, 1)
        return true
      }
    }
    return false
  }

  /** Wait until `predicate` holds. */
  block(scope: CancellationScope, predicate: () => boolean): Promise<void> {
    return new Promise((resolve, reject) => {
      const condition = new BlockedCondition(this, scope, predicate, resolve, reject)
      if (!condition.begin()) return
      if (predicate()) {
        condition.resolve()
        return
      }
      this.assertWritable()
      this.conditions.add(condition)
    })
  }

  /**
   * Resolve what waits for a condition that holds now, again and again until nothing changes.
   *
   * @returns how many were resolved; their code runs with the next microtasks
   */
  unblockConditions(): number {
    const { conditions } = this
    let unblocked = 0
    for (;;) {
      if (this.taskError) throw this.taskError.value
      const before = unblocked
      for (const condition of conditions) {
        if (condition.predicate()) {
          conditions.delete(condition)
          condition.resolve()
          unblocked++
        }
      }
      if (unblocked === before) return unblocked
    }
  }
}

async function callIntercepted(
  { inbound }: RunInterceptors,
  workflow: WorkflowFunction,
  input: WorkflowExecuteInput,
): Promise<unknown> {
  const execute = composeInterceptors(inbound, 'execute', ({ args }) => callMain(workflow, args))
  return execute(input)
}

const violations = new WeakSet<object>()

/**
 * Whether something was thrown by {@link Activator.assertWritable}. Where it made a promise reject that
 * nobody awaits, the read-only code has failed for it already.
 */
export function isViolation(thrown: unknown): boolean {
  return typeof thrown === 'object' && thrown !== null && violations.has(thrown)
}

async function callMain(workflow: WorkflowFunction, args: unknown[]): Promise<unknown> {
  return await workflow(...args)
}
