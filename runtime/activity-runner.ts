import { hostname } from 'node:os'
import { setImmediate as nextMacrotask } from 'node:timers/promises'
import type { Failure } from '../actors/failure.ts'
import type { LocalActivityResolution } from '../actors/inputs.ts'
import type { Payload } from '../actors/payload.ts'
import { Deadlines } from './activity-deadlines.ts'
import {
  type ActivityExecution,
  describeExecutions,
  isUnderWay,
  lostAttemptFailure,
  nextDeadline,
  scheduleToStartTime,
} from './activity-execution.ts'
import type { ActivityExecutor, AttemptEvents, AttemptOutcome } from './activity-executor.ts'
import {
  type ActivityPolicyLimits,
  decideRetry,
  defaultActivityLimits,
  heartbeatThrottle,
} from './activity-policy.ts'
import type { ActivityLimits, ActivityPorts, Settled } from './activity-ports.ts'
import {
  resolveBackoff,
  resolveCancelled,
  resolveCancelledIdle,
  resolveFailed,
  timeoutOf,
} from './activity-resolution.ts'
import { ActivityStartQueue } from './activity-start-queue.ts'
import { ActivitySaves } from './activity-saves.ts'
import { ActivityTable } from './activity-table.ts'
import { type ActivityTask, isLocal, logFailure } from './activity-task.ts'
import type { ActivityCancelReason } from './activity/cancellation.ts'
import type { PendingActivity } from './workflow-service.ts'

/**
 * Runs activities, regular and local ones: attempts, timeouts, retries, heartbeats, cancellation, as Temporal's
 * server and worker do between them.
 *
 * Guarantees, for every task that was scheduled or recovered:
 * - exactly one outcome is resolved, unless its run is abandoned or the runner closes first;
 * - attempt n > 1 does not begin before its number is durable, so that after a crash no attempt is
 *   given twice and none beyond the retry policy's last;
 * - an attempt's function is told when it must stop, and what it still returns then is dropped.
 */
export class ActivityRunner {
  readonly #executor: ActivityExecutor
  readonly #ports: ActivityPorts
  readonly #limits: ActivityPolicyLimits
  readonly #identity: string
  readonly #table = new ActivityTable()
  readonly #deadlines: Deadlines<ActivityExecution>
  readonly #queue: ActivityStartQueue
  /** Local activities keep no place of the others': a turn may wait for them. */
  readonly #localQueue: ActivityStartQueue
  readonly #saves: ActivitySaves
  // Work for the next pump: user code and ports are never called from within a method.
  readonly #newlyQueued: ActivityExecution[] = []
  readonly #lost: ActivityExecution[] = []
  readonly #cancelled: ActivityExecution[] = []
  readonly #stopped: (() => void)[] = []
  #pumping = false
  #state: 'open' | 'closing' | 'closed' = 'open'
  #closed: Promise<void> | undefined

  constructor(executor: ActivityExecutor, ports: ActivityPorts, limits: ActivityLimits = {}) {
    this.#executor = executor
    this.#ports = ports
    this.#saves = new ActivitySaves(ports)
    this.#limits = { ...defaultActivityLimits, ...limits }
    this.#queue = new ActivityStartQueue(this.#limits.maxConcurrentActivities)
    this.#localQueue = new ActivityStartQueue(this.#limits.maxConcurrentLocalActivities)
    this.#identity = limits.identity ?? `${process.pid}@${hostname()}`
    this.#deadlines = new Deadlines(ports.clock, (execution, now) =>
      this.#onDeadline(execution, now),
    )
  }

  /** What there are functions for. */
  get activityTypes(): readonly string[] {
    return this.#executor.activityTypes
  }

  /** How many tasks have no outcome yet. */
  get size(): number {
    return this.#table.size
  }

  /** For counts of what waits and runs. */
  get queues(): readonly ActivityStartQueue[] {
    return [this.#localQueue, this.#queue]
  }

  /** How many tasks can go on without the clock: all but those that wait for their next attempt's time. */
  get active(): number {
    return this.#table.all().filter(({ phase }) => phase !== 'waiting').length
  }

  /**
   * A task whose schedule command was committed; that commit counts as the start of attempt 1. Too
   * late for that, it is journaled as not begun, so that the next open runs attempt 1 after all.
   */
  schedule(task: ActivityTask): void {
    if (this.#state !== 'closed') this.#enqueue(this.#table.add(task))
    else queueMicrotask(() => this.#save({ ...task, started: false }))
  }

  /**
   * A task found in the journal at open. An attempt that had begun is lost with the process that
   * ran it: it counts as timed out, and another one follows only if the retry policy allows one. One
   * that somebody else completes goes on, with its heartbeat's time starting anew, since nobody could
   * be heard in between. A local activity begins again, as it does on Temporal: its attempts are
   * nothing but its workflow's turn.
   */
  recover(task: ActivityTask): void {
    if (this.#state === 'closed') return
    const execution = this.#table.add(task)
    if (isLocal(task) && task.cancelRequested !== true) this.#enqueue(execution)
    else if (isLocal(task)) this.#cancelled.push(execution)
    else if (task.started && task.completesAsync === true) this.#resume(execution)
    else if (task.started) this.#lost.push(execution)
    else if (task.cancelRequested === true) this.#cancelled.push(execution)
    else this.#wait(execution)
    this.#pumpSoon()
  }

  /**
   * The workflow asked for cancellation. A running function is told through its signal and decides;
   * without one the activity ends as cancelled. With ABANDON nobody is told.
   */
  requestCancel(run: number, seq: number): void {
    const execution = this.#table.get(run, seq)
    if (execution === undefined || execution.task.cancelRequested === true) return
    if (execution.task.command.cancellationType === 'ABANDON') return
    execution.task = { ...execution.task, cancelRequested: true }
    this.#cancelled.push(execution)
    this.#pumpSoon()
  }

  /**
   * The workflow has an outcome of its own for this activity, and no other one is to be reported. Its
   * function is told to stop, unless it is abandoned.
   */
  drop(run: number, seq: number, abandoned: boolean): void {
    const execution = this.#table.get(run, seq)
    if (execution === undefined) return
    if (abandoned) execution.attempt?.detach()
    else this.#stop(execution, 'CANCELLED')
    this.#forget(execution)
  }

  /** The activity with this number, or this id, if it has no outcome. */
  find(run: number, by: { readonly seq: number } | { readonly activityId: string }) {
    return this.#table.find(run, by)
  }

  /**
   * An attempt's outcome, told by somebody else than its function. A function that is still under way
   * is told to stop, and whatever it says is dropped.
   */
  conclude(execution: ActivityExecution, outcome: AttemptOutcome, settled: Settled): void {
    this.#stop(execution, 'NOT_FOUND')
    this.#onOutcome(execution, outcome, settled)
  }

  /** A heartbeat from elsewhere, journaled at once: whoever sends it waits for that. */
  beat(execution: ActivityExecution, details: readonly Payload[], settled: Settled): void {
    const now = this.#ports.clock.now()
    execution.lastHeartbeatTime = now
    if (details.length > 0) execution.task = { ...execution.task, heartbeatDetails: details }
    this.#flushHeartbeat(execution, now, settled)
    this.#setDeadline(execution)
  }

  /** While a run is held none of its attempts begins; what is under way goes on, and timeouts do. */
  hold(run: number, held: boolean): void {
    if (!this.#queue.hold(run, held)) this.#pumpSoon()
  }

  /** The run closed: its functions are told to stop, and no outcome is reported. */
  abandonRun(run: number): void {
    this.hold(run, false)
    for (const execution of this.#table.ofRun(run)) {
      this.#stop(execution, 'NOT_FOUND')
      this.#forget(execution)
    }
  }

  /** For describe: the run's activities without an outcome, in the order of scheduling. */
  pending(run: number): PendingActivity[] {
    return describeExecutions(this.#table.ofRun(run), this.#identity)
  }

  /**
   * Begin nothing more, let functions under way finish for up to `graceMs` milliseconds, then tell
   * them to stop. What has no outcome then stays in the journal, to be recovered at the next open; an
   * attempt that never began is journaled as such. The engine calls this when no more commands come
   * and before it closes the journal, and handles `save` and `resolve` until it resolves. Idempotent.
   */
  close(graceMs: number): Promise<void> {
    this.#closed ??= this.#close(graceMs)
    return this.#closed
  }

  async #close(graceMs: number): Promise<void> {
    this.#state = 'closing'
    this.#pumpSoon()
    await nextMacrotask()
    if (graceMs > 0) {
      const { clock } = this.#ports
      await Promise.all([this.#queue.idle(clock, graceMs), this.#localQueue.idle(clock, graceMs)])
    }
    for (const execution of this.#table.all()) {
      execution.attempt?.cancel('WORKER_SHUTDOWN')
    }
    // Functions that heed their signal reject by now, and their next attempt is journaled.
    await nextMacrotask()
    await this.#saves.settled()
    this.#state = 'closed'
    for (const execution of this.#table.all()) {
      execution.attempt?.detach()
      this.#forget(execution)
    }
    this.#deadlines.close()
    await this.#executor.close()
  }

  #queueOf({ task }: ActivityExecution): ActivityStartQueue {
    return isLocal(task) ? this.#localQueue : this.#queue
  }

  #enqueue(execution: ActivityExecution): void {
    execution.phase = 'queued'
    this.#queueOf(execution).add(execution)
    this.#newlyQueued.push(execution)
    this.#pumpSoon()
  }

  #resume(execution: ActivityExecution): void {
    const now = this.#ports.clock.now()
    execution.phase = 'async'
    execution.startedTime = execution.task.startedTime ?? now
    execution.lastHeartbeatTime = now
    this.#setDeadline(execution)
  }

  #wait(execution: ActivityExecution): void {
    execution.phase = 'waiting'
    this.#setDeadline(execution)
  }

  #pumpSoon(): void {
    if (this.#pumping) return
    this.#pumping = true
    queueMicrotask(() => this.#pump())
  }

  #pump(): void {
    for (const stop of this.#stopped.splice(0)) stop()
    for (const execution of this.#lost.splice(0)) {
      if (execution.phase !== 'over') {
        this.#failAttempt(execution, lostAttemptFailure(execution.task))
      }
    }
    for (const execution of this.#cancelled.splice(0)) this.#cancel(execution)
    for (const queue of this.queues) {
      if (this.#state === 'open') queue.start((due) => this.#begin(due), this.#putBack)
      else queue.drain().forEach(this.#putBack)
    }
    for (const execution of this.#newlyQueued.splice(0)) {
      if (execution.phase === 'queued') this.#setDeadline(execution)
    }
    this.#pumping = false
    if (this.#stopped.length + this.#lost.length + this.#cancelled.length > 0) this.#pumpSoon()
    else if (this.#queue.ready || this.#localQueue.ready) {
      // A slice of a long queue is done, or a place became free: the event loop has its turn first.
      this.#pumping = true
      setImmediate(() => this.#pump())
    }
  }

  /** It does not begin, since the runner closes or its run is held: the journal must not take it for begun. */
  readonly #putBack = (execution: ActivityExecution): void => {
    execution.phase = 'queued'
    this.#release(execution)
    if (!execution.task.started) return
    execution.task = { ...execution.task, started: false }
    this.#save(execution.task)
  }

  #begin(execution: ActivityExecution): void {
    if (execution.task.started) return this.#run(execution)
    execution.phase = 'saving'
    execution.task = { ...execution.task, started: true }
    this.#setDeadline(execution)
    this.#save(execution.task, (error) => {
      if (execution.phase !== 'saving') return
      if (error !== undefined) this.#release(execution)
      else if (this.#state === 'open') this.#run(execution)
      else this.#putBack(execution)
    })
  }

  #run(execution: ActivityExecution): void {
    const now = this.#ports.clock.now()
    execution.phase = 'running'
    execution.startedTime = now
    execution.lastHeartbeatTime = now
    const events: AttemptEvents = {
      ended: (outcome) => {
        if (execution.events === events) this.#onOutcome(execution, outcome)
      },
      heartbeat: (details) => {
        if (execution.events === events) this.#onHeartbeat(execution, details)
      },
    }
    execution.events = events
    const attempt = this.#executor.start(execution.task, execution.timeouts, events)
    if (execution.events !== events) return
    execution.attempt = attempt
    this.#setDeadline(execution)
  }

  #onOutcome(execution: ActivityExecution, outcome: AttemptOutcome, settled?: Settled): void {
    const { task } = execution
    execution.attempt = undefined
    execution.events = undefined
    if (outcome.status === 'completed') {
      const { result } = outcome
      this.#finish(execution, { status: 'completed', result, attempt: task.attempt }, settled)
    } else if (outcome.status === 'cancelled') {
      const resolution = resolveCancelled(task, this.#identity, outcome.details)
      this.#finish(execution, resolution, settled)
    } else if (outcome.status === 'failed') this.#failAttempt(execution, outcome.failure, settled)
    else this.#leaveToOthers(execution)
  }

  /** Journaled, so that the attempt outlives the process: all that it needs is its token. */
  #leaveToOthers(execution: ActivityExecution): void {
    const { startedTime } = execution
    execution.phase = 'async'
    execution.task = { ...execution.task, completesAsync: true, startedTime }
    this.#save(execution.task)
    this.#release(execution)
    this.#setDeadline(execution)
  }

  /** An attempt failed or timed out: the next one is journaled, or the activity ends. */
  #failAttempt(execution: ActivityExecution, failure: Failure, settled?: Settled): void {
    const { task, expirationTime } = execution
    const now = this.#ports.clock.now()
    const decision = decideRetry({
      policy: task.command.retryPolicy,
      attempt: task.attempt,
      failure,
      cancelRequested: task.cancelRequested === true,
      now,
      expirationTime,
    })
    logFailure(this.#ports.log, task, failure, decision.retry)
    if (!decision.retry) {
      const resolution = resolveFailed(task, this.#identity, failure, decision.state)
      return this.#finish(execution, resolution, settled)
    }
    const { delayMs } = decision
    if (isLocal(task) && delayMs > task.command.localRetryThresholdMs) {
      this.#finish(execution, resolveBackoff(task, failure, delayMs))
      return
    }
    this.#ports.onRetry?.(task)
    execution.attempt = undefined
    execution.events = undefined
    execution.flushTime = Infinity
    const { completesAsync: _, startedTime: __, ...rest } = task
    execution.task = {
      ...rest,
      attempt: task.attempt + 1,
      started: false,
      dueTime: now + delayMs,
      lastFailure: failure,
      lastAttemptEndTime: now,
      retryDelayMs: delayMs,
    }
    this.#wait(execution)
    this.#save(execution.task, settled)
    this.#release(execution)
  }

  #cancel(execution: ActivityExecution): void {
    if (execution.phase === 'over') return
    if (isUnderWay(execution)) {
      // Durable, so that the request outlives a crash of the attempt that has not heeded it yet.
      this.#save(execution.task)
      execution.attempt?.cancel('CANCELLED')
      return
    }
    this.#finish(execution, resolveCancelledIdle(execution.task, this.#identity))
  }

  #onHeartbeat(execution: ActivityExecution, details: readonly Payload[]): void {
    const { task } = execution
    const now = this.#ports.clock.now()
    execution.lastHeartbeatTime = now
    // A bare sign of life leaves nothing to be saved.
    if (details[0] === null && task.heartbeatDetails === undefined) return
    execution.task = { ...task, heartbeatDetails: details }
    if (now >= execution.nextFlushTime) this.#flushHeartbeat(execution, now)
    else if (execution.flushTime === Infinity) {
      execution.flushTime = execution.nextFlushTime
      this.#setDeadline(execution)
    }
  }

  #flushHeartbeat(execution: ActivityExecution, now: number, settled?: Settled): void {
    const { task, timeouts } = execution
    execution.flushTime = Infinity
    execution.nextFlushTime = now + heartbeatThrottle(task.command, timeouts, this.#limits)
    this.#save(task, settled)
  }

  /** Of a local activity nothing is journaled between its command and its outcome. */
  #save(task: ActivityTask, settled?: Settled): void {
    if (isLocal(task)) queueMicrotask(() => settled?.())
    else this.#saves.save(task, settled)
  }

  #setDeadline(execution: ActivityExecution): void {
    this.#deadlines.set(execution, nextDeadline(execution))
  }

  /** The earliest of an activity's deadlines may have come; a heartbeat may have moved it since. */
  #onDeadline(execution: ActivityExecution, now: number): void {
    const { phase, task, timeouts } = execution
    const underWay = isUnderWay(execution)
    if (execution.expirationTime <= now) this.#expire(execution, 'SCHEDULE_TO_CLOSE')
    else if (phase === 'waiting' && task.dueTime <= now) this.#enqueue(execution)
    else if (phase === 'queued' && scheduleToStartTime(execution) <= now) {
      this.#expire(execution, 'SCHEDULE_TO_START')
    } else if (underWay && execution.startedTime + timeouts.startToCloseMs <= now) {
      this.#stop(execution, 'TIMED_OUT')
      this.#failAttempt(execution, timeoutOf(task, 'START_TO_CLOSE'))
    } else if (underWay && execution.lastHeartbeatTime + timeouts.heartbeatMs <= now) {
      this.#stop(execution, 'TIMED_OUT')
      this.#failAttempt(execution, timeoutOf(task, 'HEARTBEAT'))
    } else {
      if (execution.flushTime <= now) this.#flushHeartbeat(execution, now)
      this.#setDeadline(execution)
    }
  }

  /** A timeout after which there is no other attempt. */
  #expire(execution: ActivityExecution, type: 'SCHEDULE_TO_CLOSE' | 'SCHEDULE_TO_START'): void {
    const { task } = execution
    const failure = timeoutOf(task, type, task.lastFailure)
    logFailure(this.#ports.log, task, failure, false)
    this.#stop(execution, 'TIMED_OUT')
    const state = task.cancelRequested === true ? 'CANCEL_REQUESTED' : 'NON_RETRYABLE_FAILURE'
    this.#finish(execution, resolveFailed(task, this.#identity, failure, state))
  }

  /**
   * The attempt is over for the runner, whatever its function goes on doing. Its permit is given
   * back with it: functions that ignore their signal must not keep all other activities waiting.
   */
  #stop(execution: ActivityExecution, reason: ActivityCancelReason): void {
    const { attempt } = execution
    execution.attempt = undefined
    execution.events = undefined
    if (attempt === undefined) return
    attempt.detach()
    this.#stopped.push(() => attempt.cancel(reason))
    this.#pumpSoon()
  }

  #finish(
    execution: ActivityExecution,
    resolution: LocalActivityResolution,
    settled?: Settled,
  ): void {
    this.#forget(execution)
    this.#ports.resolve(execution.task, resolution, settled)
  }

  #forget(execution: ActivityExecution): void {
    execution.phase = 'over'
    execution.attempt = undefined
    execution.events = undefined
    this.#deadlines.remove(execution)
    this.#queueOf(execution).remove(execution)
    this.#release(execution)
    this.#table.delete(execution)
  }

  #release(execution: ActivityExecution): void {
    const queue = this.#queueOf(execution)
    queue.release(execution)
    if (queue.ready) this.#pumpSoon()
  }
}
