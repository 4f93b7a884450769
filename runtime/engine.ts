import { type Frame, FrameFlag, FrameKind } from '../actors/frames.ts'
import type { SlotEnd, SlotStart } from '../actors/protocol.ts'
import { decode } from '../actors/records.ts'
import type { TurnError, WorkflowBundle } from '../actors/turns.ts'
import { Acceptor } from './acceptor.ts'
import { ActivityRunner } from './activity-runner.ts'
import type { LogWriter } from './activity/logger.ts'
import type { Client } from './client.ts'
import { Committer } from './committer.ts'
import { CodecStages } from './codec-stages.ts'
import { collectStats } from './collect-stats.ts'
import { createActivityExecutor } from './create-activity-executor.ts'
import { Dispatcher } from './dispatcher.ts'
import { EffectOutcomes } from './effect-outcomes.ts'
import type { EngineParts, EngineState } from './engine-parts.ts'
import { SignalboxError } from './errors.ts'
import type { Journal } from './journal.ts'
import { LinkedWorkflows } from './linked-workflows.ts'
import { logAt } from './log-at.ts'
import { isStackTraceQuery, readAnswer } from './read-answer.ts'
import { recoverActivities, saveActivity } from './recover-activities.ts'
import { SinkCaller } from './sink-caller.ts'
import { sandboxSettings } from './options.ts'
import type { ResolvedOptions } from './options.ts'
import type { CodecChain } from './payload-codec.ts'
import { rejectWaiters } from './reject-waiters.ts'
import { RequestLedger } from './request-ledger.ts'
import type { Run } from './run.ts'
import { RunCloser } from './run-closer.ts'
import { Retention } from './retention.ts'
import { RunFailures } from './run-failures.ts'
import { RunTable } from './run-table.ts'
import { SlotSupervisor, type Suspect } from './slot-supervisor.ts'
import { SlotWatchdog } from './slot-watchdog.ts'
import { mapStack } from './source-map.ts'
import { Telemetry } from './telemetry.ts'
import { Timers } from './timers.ts'
import type { TurnMarks } from './turn-marks.ts'
import { TurnResults } from './turn-results.ts'
import { UpdateRegistry } from './update-registry.ts'
import { buildVisibilityIndex } from './visibility-build.ts'
import { VisibilityIndex } from './visibility-index.ts'
import { Visibility } from './visibility.ts'
import { WorkerPool } from './worker-pool.ts'
import { writeWorkflowLog } from './workflow-log.ts'

const DRAIN_POLL_MS = 2

/**
 * The engine on the host thread: its parts, and the way between them. Data flows one way: accept,
 * journal, deliver, turn, commands, effects; an effect's outcome is accepted as the next input.
 */
export class Engine implements EngineParts {
  readonly options: ResolvedOptions
  readonly journal: Journal
  readonly runs: RunTable
  readonly requests: RequestLedger
  readonly committer: Committer
  readonly acceptor: Acceptor
  readonly dispatcher: Dispatcher
  readonly closer: RunCloser
  readonly links: LinkedWorkflows
  readonly retention: Retention
  readonly failures: RunFailures
  readonly activities: ActivityRunner
  readonly updates: UpdateRegistry
  readonly visibility: Visibility
  readonly telemetry: Telemetry
  /** Undefined without payload codecs: then nothing is asked of it anywhere. */
  readonly #codecs: CodecStages | undefined
  readonly #bundle: WorkflowBundle
  readonly #marks: TurnMarks | undefined
  readonly #sinks: SinkCaller
  readonly #pool: WorkerPool<SlotStart, SlotEnd>
  readonly #openActivities: () => Promise<void>
  readonly #slots: readonly SlotSupervisor[]
  readonly #watchdog: SlotWatchdog
  readonly #timers: Timers
  readonly #results: TurnResults
  readonly #outcomes: EffectOutcomes
  #workflowTypes: ReadonlySet<string> = new Set()
  #state: EngineState = 'recovering'
  #client: Client | undefined
  #firstReady: { resolve: () => void; reject: (error: Error) => void } | undefined

  /** @param marks where slots name their turns after an unclean exit; without them none are named */
  constructor(
    options: ResolvedOptions,
    journal: Journal,
    bundle: WorkflowBundle,
    marks?: TurnMarks,
  ) {
    const { limits, logger } = options
    this.options = options
    this.journal = journal
    this.#bundle = bundle
    this.#marks = marks
    this.#sinks = new SinkCaller(options.sinks, logger)
    const { payloadCodecs } = options.dataConverter
    if (payloadCodecs !== undefined) {
      this.#codecs = new CodecStages(payloadCodecs, limits.codecTimeoutMs, {
        onFrame: (frame) => this.#hearInOrder(frame),
        mapStack: (stack) => mapStack(stack, bundle),
        onFailed: (run, actor, error) => this.#codecFailed(run, actor, error),
        onRoom: () => this.dispatcher.flush(),
      })
    }
    this.runs = new RunTable(journal, limits.maxCachedWorkflows)
    this.requests = new RequestLedger(journal, this.runs)
    this.visibility = new Visibility(journal, limits.maxScannedRuns, () => this.checkOpen())
    this.telemetry = new Telemetry(journal, options.dataDir, () => this.activities.activityTypes)
    const { telemetry } = this
    this.#outcomes = new EffectOutcomes(this, {
      readRun: (key) => this.#readRun(key),
      guard: (run, step) => this.#guard(run, step),
    })
    this.#timers = new Timers(journal, options.clock, telemetry, (timer) =>
      this.#outcomes.fireTimer(timer),
    )
    this.committer = new Committer(journal, {
      telemetry,
      onInputs: (run, seq, count, bytes) => this.#deliver(run, seq, count, bytes),
      onCommitted: (records) => {
        this.dispatcher.flush()
        this.runs.forgetIdle(records)
      },
      onPoisoned: (error, indeterminate) => this.#poison(error, indeterminate),
    })
    const index = new VisibilityIndex(journal, this.committer)
    this.acceptor = new Acceptor(this, index, (timer) => this.#timers.add(timer))
    const log: LogWriter = (level, message, attributes) =>
      logAt(options.codeLogger, level, attributes, message)
    this.updates = new UpdateRegistry(journal, this.committer, limits)
    const { executor, open } = createActivityExecutor(options, log, () => this.#client)
    this.#openActivities = open
    this.activities = new ActivityRunner(
      this.#codecs?.activities(executor, log) ?? executor,
      {
        clock: options.clock,
        log,
        save: (task) => saveActivity(this, task),
        resolve: (task, resolution, settled) =>
          this.#outcomes.resolveActivity(task, resolution, settled),
        onRetry: () => telemetry.activityRetries++,
      },
      limits,
    )
    this.#pool = new WorkerPool({
      entry: new URL('../actors/worker.js', import.meta.url),
      threads: options.slots,
      heapMb: limits.slotHeapMb,
    })
    this.#slots = Array.from({ length: options.slots }, (_, index) => this.#createSlot(index))
    this.#watchdog = new SlotWatchdog(this.#slots, limits, logger, (key) => this.#identify(key))
    this.dispatcher = new Dispatcher(
      journal,
      this.#codecs?.feeds(this.#slots) ?? this.#slots,
      limits,
      {
        onOpen: (run) => telemetry.opening(run),
        onCorrupt: (run, error) => this.failures.quarantine(run, error.message),
      },
    )
    this.failures = new RunFailures({
      acceptor: this.acceptor,
      dispatcher: this.dispatcher,
      clock: options.clock,
      logger,
      limits,
      telemetry,
      mapStack: (stack) => mapStack(stack, bundle),
      abandonClose: (run) => this.closer.abandon(run),
    })
    this.links = new LinkedWorkflows({
      journal,
      runs: this.runs,
      acceptor: this.acceptor,
      committer: this.committer,
      logger,
      terminate: (run, input) => this.closer.closePastMailbox(run, input, 'TERMINATED'),
    })
    this.retention = new Retention(this, this.#timers, index)
    this.closer = new RunCloser(this)
    this.#results = new TurnResults({
      clock: options.clock,
      acceptor: this.acceptor,
      committer: this.committer,
      dispatcher: this.dispatcher,
      closer: this.closer,
      activities: this.activities,
      updates: this.updates,
      timers: this.#timers,
      links: this.links,
      limits,
      refuse: (run, error) => {
        this.dispatcher.evict(run, true)
        this.failures.park(run, error)
      },
      mapStack: (stack) => mapStack(stack, bundle),
    })
  }

  /** What activities get for `getClient()`. Given before {@link start}, since activities may run then. */
  useClient(client: Client): void {
    this.#client = client
  }

  get state(): EngineState {
    return this.#state
  }

  get codec(): CodecChain | undefined {
    return this.#codecs?.chain
  }

  hasWorkflowType(workflowType: string): boolean {
    // A default export serves every type that has no function of its own, as in Temporal.
    return this.#workflowTypes.has(workflowType) || this.#workflowTypes.has('default')
  }

  workflowTypes(): readonly string[] {
    return [...this.#workflowTypes]
  }

  stats(): ReturnType<typeof collectStats> {
    return collectStats(this, this.#state, this.#slots, this.#timers)
  }

  checkOpen(): void {
    if (this.#state === 'serving' || this.#state === 'recovering') return
    throw (
      this.committer.poisoned ??
      new SignalboxError('SIGNALBOX_ERR_RUNTIME_CLOSED', `the runtime is ${this.#state}`)
    )
  }

  /** Start the slots and take up what was unfinished. */
  async start(): Promise<void> {
    const ready = new Promise<void>((resolve, reject) => {
      this.#firstReady = { resolve, reject }
    })
    await buildVisibilityIndex(this.journal, this.options.logger)
    // Slots are told which activities there are.
    await this.#openActivities()
    for (const slot of this.#slots) slot.start()
    await ready
    this.#checkWorkflows()
    for (const [key, { head, processed }] of this.journal.unfinishedRuns()) {
      const run = this.#readRun(key)
      if (run?.isOpen !== true || !run.awaitsTurns) continue
      this.acceptor.recovered(head - processed)
      this.dispatcher.wake(run)
    }
    recoverActivities(this, (run) => this.#readRun(run))
    this.links.recover()
    for (const suspect of this.#marks?.suspects ?? []) {
      const run = this.#readRun(suspect)
      if (run?.isOpen === true) this.failures.suspect(run, 'the process ended in one of its turns')
    }
    this.#timers.start()
    this.retention.start()
    this.#enter('serving')
  }

  /** Stop accepting, finish the turns in hand, commit, and end the slots. */
  async close(): Promise<void> {
    const { closeTimeoutMs } = this.options.limits
    if (this.#state !== 'poisoned') this.#enter('draining')
    const until = performance.now() + closeTimeoutMs
    this.#timers.stop()
    this.links.stop()
    this.retention.stop()
    this.dispatcher.pause()
    await this.committer.drain()
    while (
      this.committer.poisoned === undefined &&
      performance.now() < until &&
      (this.#codecs?.idle === false ||
        this.#slots.some((slot) => slot.ready && slot.outstandingBytes > 0))
    ) {
      await new Promise((resolve) => setTimeout(resolve, DRAIN_POLL_MS))
    }
    await this.activities.close(Math.max(0, until - performance.now()))
    await this.committer.drain()
    this.#watchdog.stop()
    await Promise.all(this.#slots.map((slot) => slot.close(1_000)))
    await this.#pool.destroy()
    for (const run of this.runs.values()) clearTimeout(run.parkTimer)
    const closed = new SignalboxError('SIGNALBOX_ERR_RUNTIME_CLOSED', 'the runtime was closed')
    rejectWaiters(this.runs.values(), this.updates, this.committer.poisoned ?? closed)
    await this.committer.drain()
    if (this.#state !== 'poisoned') this.#enter('closed')
  }

  /** @throws SIGNALBOX_ERR_BUNDLE_FAILED if there is no workflow: with none, nothing can ever be started */
  #checkWorkflows(): void {
    if (this.#workflowTypes.size > 0) return
    const { workflowsPath: file } = this.options
    throw new SignalboxError(
      'SIGNALBOX_ERR_BUNDLE_FAILED',
      `${file ?? 'The workflow bundle'} exports no workflow functions`,
      { fields: file === undefined ? {} : { file } },
    )
  }

  #enter(state: EngineState, error?: Error): void {
    this.#state = state
    this.telemetry.stateChanged(state, error)
  }

  #createSlot(index: number): SlotSupervisor {
    return new SlotSupervisor(
      index,
      this.#pool,
      this.#bundle,
      {
        onReady: (_slot, workflowTypes) => {
          this.#workflowTypes = new Set(workflowTypes)
          if (this.#slots.every((slot) => slot.ready)) this.#firstReady?.resolve()
          this.dispatcher.flush()
        },
        onFrame: (_slot, frame) => this.#hear(frame),
        onReport: () => this.dispatcher.flush(),
        onUnusable: (error) => this.#firstReady?.reject(error),
        onDeath: (slot, suspect, reason) => this.#slotDied(slot, suspect, reason),
        identify: (key) => this.#identify(key),
      },
      this.options.logger,
      {
        markerPath: this.#marks?.afterUncleanExit === true ? this.#marks.path : undefined,
        startTimeoutMs: this.options.limits.slotStartTimeoutMs,
        settings: sandboxSettings(this.options),
        activityTypes: () => this.activities.activityTypes,
        telemetry: this.telemetry,
      },
    )
  }

  #deliver(run: Run, seq: number, count: number, bytes: Uint8Array): void {
    this.dispatcher.deliver(run, seq, count, bytes)
    if (run.closing !== undefined) this.#guard(run, () => this.closer.settled(run))
    run.notify()
  }

  /** The actor cannot go on without what the codec was to give: it is tried again later, as a whole. */
  #codecFailed(key: number, actor: number, error: unknown): void {
    const run = this.#readRun(key)
    if (run === undefined || run.residency === 'absent' || run.actorNumber !== actor) return
    this.dispatcher.evict(run, true)
    const { name, message } = error instanceof Error ? error : new Error(String(error))
    this.failures.park(run, { name, message })
  }

  #hear(frame: Frame): void {
    if (this.#codecs === undefined) this.#hearInOrder(frame)
    else this.#codecs.hear(frame)
  }

  #hearInOrder(frame: Frame): void {
    const run = this.#readRun(frame.run)
    if (run === undefined) return
    if (frame.kind === FrameKind.log) {
      return writeWorkflowLog(this.options.codeLogger, run.row, frame.body)
    }
    if (frame.kind === FrameKind.sinks) return this.#sinks.call(run.row, frame.body)
    // What an earlier actor of the run still says is void: its turns are done again by this one.
    if (run.residency === 'absent' || frame.actor !== run.actorNumber) return
    // As #guard() does, without a closure: this is the way of every turn's result.
    try {
      this.#hearActor(run, frame)
    } catch (error) {
      this.#failed(run, error)
    }
  }

  #hearActor(run: Run, frame: Frame): void {
    switch (frame.kind) {
      case FrameKind.progress:
        return this.#results.progress(run, frame)
      case FrameKind.commands:
        return this.#results.commands(run, frame)
      case FrameKind.parked:
        if ((frame.flags & FrameFlag.rebuild) !== 0) return this.failures.rebuild(run)
        return this.failures.park(run, decode<TurnError>(frame.body))
      case FrameKind.answer:
        return this.#answer(run, frame)
      default:
        throw new RangeError(`the host cannot handle frames of kind ${frame.kind}`)
    }
  }

  /**
   * Guarantee: what goes wrong with one run, a corrupt record above all, quarantines that run. It ends
   * neither the host nor the batch that others are in.
   */
  #guard(run: Run, step: () => void): void {
    try {
      step()
    } catch (error) {
      this.#failed(run, error)
    }
  }

  #failed(run: Run, error: unknown): void {
    const { workflowId, runId } = run.row
    this.options.logger.error({ workflowId, runId, err: error }, 'a step of the run failed')
    this.failures.quarantine(run, error instanceof Error ? error.message : String(error))
  }

  /** A run by its number; one whose records cannot be read is left alone. */
  #readRun(key: number): Run | undefined {
    try {
      return this.runs.byKey(key)
    } catch (error) {
      this.options.logger.error({ run: key, err: error }, 'a run cannot be read')
      return undefined
    }
  }

  /** A run in words that a user knows, for a line of the log; its number says nothing to anybody else. */
  #identify(key: number): object {
    if (key === 0) return {}
    const row = this.#readRun(key)?.row
    return row === undefined ? { run: key } : { workflowId: row.workflowId, runId: row.runId }
  }

  #answer(run: Run, frame: Frame): void {
    const query = run.takeOutstandingQuery(frame.seq)
    if (query === undefined) return
    if (run.retrying && run.processed === run.committed) {
      run.parked = undefined
      run.retrying = false
    }
    const { queryType } = query.request
    query.resolve(readAnswer(queryType, frame.body, (stack) => mapStack(stack, this.#bundle)))
    // An actor that notes where it waits is a slow one.
    if (isStackTraceQuery(queryType)) this.failures.rebuild(run, true)
  }

  /** Its runs go on in the slot's next worker; the one whose code it was in gets a strike. */
  #slotDied(slot: SlotSupervisor, suspect: Suspect, reason: string): void {
    for (const run of this.dispatcher.lose(slot)) {
      if (run.key !== suspect.run) this.dispatcher.wake(run)
      else if (suspect.inQuery) this.failures.strikeQuery(run, reason)
      else this.failures.strike(run, reason)
    }
  }

  /** A delayed run has its first turn once that is on disk. */
  beginTurns(run: Run): void {
    this.acceptor.beginTurns(run)
    this.committer.afterCommit(() => this.dispatcher.wake(run))
  }

  #poison(error: SignalboxError, indeterminate: SignalboxError): void {
    this.#enter('poisoned', error)
    this.options.logger.error({ err: error }, 'the journal failed; the runtime has stopped')
    this.#timers.stop()
    this.dispatcher.pause()
    rejectWaiters(this.runs.values(), this.updates, error, indeterminate)
    this.options.onPoisoned?.(error)
  }
}
