import type { LocalActivityResolution } from '../actors/inputs.ts'
import { type ActivityTask, isLocal } from './activity-task.ts'
import { type ActivityOutcomeName, diagnostics, type DiagnosticsSource } from './diagnostics.ts'
import { type ErrorCode, SignalboxError } from './errors.ts'
import type { Journal } from './journal.ts'
import { quarantineKey, runKey, runOfKey, RowTable, tableRange } from './row-keys.ts'
import type { Run } from './run.ts'
import type { RejectableOperation, RuntimeStats } from './runtime-stats.ts'
import type { WorkflowStatus } from './workflow-service.ts'

/** Activity types that are counted one by one: names of functions, but somebody may have very many. */
const MAX_ACTIVITY_TYPES = 200
/** Runs that were parked once are looked through when there are this many, or twice those that still are. */
const SWEEP_PARKED = 1_024
const NO_VALUE = new Uint8Array(0)

/** What a batch was, once it is durable. Times are of performance.now(). */
export interface CommittedBatch {
  readonly inputs: number
  readonly records: number
  readonly acceptedAt: number
  readonly writtenAt: number
  readonly durableAt: number
}

/**
 * What an engine counts, and what it tells on its diagnostics channels. Counts are kept where something
 * happens once a batch or less often; messages are made for listeners alone.
 */
export class Telemetry {
  readonly source: DiagnosticsSource
  /** By the numbers of their kinds. */
  readonly acceptedInputs = new Float64Array(32)
  processedInputs = 0
  commits = 0
  committedRecords = 0
  committedInputs = 0
  replays = 0
  replayedInputs = 0
  parks = 0
  quarantines = 0
  activityRetries = 0
  readonly closed: Partial<Record<WorkflowStatus, number>> = {}
  /** Numbers of the runs that are quarantined. */
  readonly quarantined = new Set<number>()
  readonly #activityTypes: () => readonly string[]
  readonly #rejections = new Map<string, { -readonly [K in keyof Rejection]: Rejection[K] }>()
  readonly #outcomes = new Map<string, { -readonly [K in keyof Outcome]: Outcome[K] }>()
  readonly #countedTypes = new Set<string>()
  readonly #everParked = new Set<Run>()
  #sweepParkedAt = SWEEP_PARKED
  #samples = 0

  constructor(journal: Journal, dataDir: string, activityTypes: () => readonly string[]) {
    this.source = { dataDir }
    this.#activityTypes = activityTypes
    for (const [key] of journal.rows(tableRange(RowTable.quarantined))) {
      const run = runOfKey(key)
      // Earlier versions left this row of a run that was deleted.
      if (journal.getRow(runKey(run)) !== undefined) this.quarantined.add(run)
    }
    this.stateChanged('recovering')
  }

  committed({ inputs, records, acceptedAt, writtenAt, durableAt }: CommittedBatch): void {
    this.commits++
    this.committedRecords += records
    this.committedInputs += inputs
    if (!diagnostics.commit.hasSubscribers) return
    const durationMs = durableAt - writtenAt
    const ackMs = inputs === 0 ? 0 : durableAt - acceptedAt
    diagnostics.commit.publish({ source: this.source, inputs, records, durationMs, ackMs })
  }

  /**
   * Measure how long one input of a batch takes until its turn has ended: the last of one of its runs,
   * each in turn. It waits as a sender does that wants to know, so nothing is asked of other turns.
   */
  sample(
    owners: readonly Run[],
    { inputs, acceptedAt }: Pick<CommittedBatch, 'inputs' | 'acceptedAt'>,
  ): void {
    if (owners.length === 0 || !diagnostics.processed.hasSubscribers) return
    const run = owners[this.#samples++ % owners.length] as Run
    // What a parked or closed run still gets is not on its way to a turn.
    if (!run.isOpen || !run.isReady || run.processed >= run.committed) return
    const resolve = (): void => {
      const durationMs = performance.now() - acceptedAt
      diagnostics.processed.publish({ source: this.source, durationMs, inputs })
    }
    run.addWaiter({ run, seq: run.committed, resolve, reject: () => undefined })
  }

  /** Make a call of the service, and count it if it is refused before anything is written. */
  attempt<T>(operation: RejectableOperation, call: () => Promise<T>): Promise<T> {
    try {
      return call()
    } catch (error) {
      this.rejected(operation, error)
      return Promise.reject(error)
    }
  }

  rejected(operation: RejectableOperation, error: unknown): void {
    const code: ErrorCode = error instanceof SignalboxError ? error.code : 'SIGNALBOX_ERR_INTERNAL'
    const key = `${operation} ${code}`
    const known = this.#rejections.get(key)
    if (known === undefined) this.#rejections.set(key, { operation, code, count: 1 })
    else known.count++
    if (!diagnostics.reject.hasSubscribers) return
    diagnostics.reject.publish({ source: this.source, operation, code })
  }

  /** An actor is built; of a run that has a history, by doing it again. */
  opening(run: Run): void {
    const inputs = run.replayTo
    if (inputs === 0) return
    this.replays++
    this.replayedInputs += inputs
    if (diagnostics.replay.hasSubscribers) diagnostics.replay.publish({ ...this.#of(run), inputs })
  }

  parked(run: Run, reason: string, attempts: number, nextAttemptTime: number): void {
    this.parks++
    this.#everParked.add(run)
    if (this.#everParked.size >= this.#sweepParkedAt) this.parkedRuns()
    if (!diagnostics.park.hasSubscribers) return
    diagnostics.park.publish({ ...this.#of(run), reason, attempts, nextAttemptTime })
  }

  /** How many runs are parked now. */
  parkedRuns(): number {
    for (const run of this.#everParked) {
      if (run.parked === undefined || !run.isOpen) this.#everParked.delete(run)
    }
    this.#sweepParkedAt = Math.max(SWEEP_PARKED, 2 * this.#everParked.size)
    return this.#everParked.size
  }

  quarantine(run: Run, reason: string): void {
    this.quarantines++
    if (diagnostics.quarantine.hasSubscribers) {
      diagnostics.quarantine.publish({ ...this.#of(run), reason })
    }
  }

  /** A row of its own, in the commit of the run's, so that an open knows of all without reading every run. */
  noteQuarantine(
    run: number,
    isQuarantined: boolean,
    rows: { putRow(key: Uint8Array, value: Uint8Array): void; deleteRow(key: Uint8Array): void },
  ): void {
    if (isQuarantined) {
      this.quarantined.add(run)
      rows.putRow(quarantineKey(run), NO_VALUE)
    } else {
      this.quarantined.delete(run)
      rows.deleteRow(quarantineKey(run))
    }
  }

  close(run: Run, status: WorkflowStatus): void {
    this.closed[status] = (this.closed[status] ?? 0) + 1
    if (diagnostics.close.hasSubscribers) diagnostics.close.publish({ ...this.#of(run), status })
  }

  slotDied(slot: number, reason: string): void {
    if (!diagnostics.slotDeath.hasSubscribers) return
    diagnostics.slotDeath.publish({ source: this.source, slot, reason })
  }

  timersFired(fired: number, lateMs: number): void {
    if (!diagnostics.timers.hasSubscribers) return
    diagnostics.timers.publish({ source: this.source, fired, lateMs })
  }

  /** @param now the engine's time */
  activityEnded(task: ActivityTask, resolution: LocalActivityResolution, now: number): void {
    // The workflow waits for the next attempt by a timer of its own.
    if (resolution.status === 'backoff') {
      this.activityRetries++
      return
    }
    const { activityType } = task.command
    const outcome = outcomeOf(resolution)
    const key = `${outcome} ${activityType}`
    const known = this.#outcomes.get(key)
    if (known === undefined) this.#countNew(activityType, outcome)
    else known.count++
    if (!diagnostics.activity.hasSubscribers) return
    const { run: _run, workflow, attempt, scheduledTime } = task
    const { namespace, workflowId, runId, workflowType } = workflow
    diagnostics.activity.publish({
      source: this.source,
      namespace,
      workflowId,
      runId,
      workflowType,
      activityType,
      outcome,
      attempt,
      isLocal: isLocal(task),
      durationMs: Math.max(0, now - scheduledTime),
    })
  }

  stateChanged(state: string, error?: Error): void {
    if (!diagnostics.state.hasSubscribers) return
    diagnostics.state.publish({
      source: this.source,
      state,
      ...(error === undefined ? {} : { error }),
    })
  }

  get rejections(): RuntimeStats['rejected'] {
    return Array.from(this.#rejections.values(), (rejection) => ({ ...rejection }))
  }

  get outcomes(): RuntimeStats['activities']['outcomes'] {
    return Array.from(this.#outcomes.values(), (outcome) => ({ ...outcome }))
  }

  /**
   * Guarantee: there are at most {@link MAX_ACTIVITY_TYPES} names, all of them of functions, though
   * workflows may ask for any: whatever they are sent cannot fill memory or a monitoring system.
   */
  #countNew(activityType: string, outcome: ActivityOutcomeName): void {
    const isCounted =
      this.#countedTypes.has(activityType) ||
      (this.#countedTypes.size < MAX_ACTIVITY_TYPES && this.#activityTypes().includes(activityType))
    if (isCounted) this.#countedTypes.add(activityType)
    const name = isCounted ? activityType : 'other'
    const key = `${outcome} ${name}`
    const known = this.#outcomes.get(key)
    if (known === undefined) this.#outcomes.set(key, { activityType: name, outcome, count: 1 })
    else known.count++
  }

  #of({ row }: Run) {
    const { namespace, workflowId, runId, workflowType } = row
    return { source: this.source, namespace, workflowId, runId, workflowType }
  }
}

type Rejection = RuntimeStats['rejected'][number]
type Outcome = RuntimeStats['activities']['outcomes'][number]

function outcomeOf(
  resolution: Exclude<LocalActivityResolution, { readonly status: 'backoff' }>,
): ActivityOutcomeName {
  if (resolution.status !== 'failed') return resolution.status
  return resolution.failure.cause?.timeoutFailureInfo === undefined ? 'failed' : 'timed_out'
}
