import { hostname } from 'node:os'
import type { Failure } from '../actors/failure.ts'
import type { ActivityResolution } from '../actors/inputs.ts'
import type { Payload } from '../actors/payload.ts'
import { ActivityAttempt, type ActivityFunction, type AttemptOutcome } from './activity-attempt.ts'
import { Deadlines } from './activity-deadlines.ts'
import {
  type ActivityExecution,
  describeExecution,
  lostAttemptFailure,
  nextDeadline,
  outOfTimeFailure,
  scheduleToStartTime,
} from './activity-execution.ts'
import {
  cancelledResolution,
  failedResolution,
  NOT_STARTED_DETAILS,
  timeoutFailure,
} from './activity-failure.ts'
import { decideRetry, heartbeatThrottle } from './activity-policy.ts'
import type { ActivityLimits, ActivityPorts } from './activity-ports.ts'
import { ActivityStartQueue } from './activity-start-queue.ts'
import { ActivitySaves } from './activity-saves.ts'
import { ActivityTable } from './activity-table.ts'
import { type ActivityTask, logFailure } from './activity-task.ts'
import type { ActivityCancellation, ActivityCancelReason } from './activity/cancellation.ts'
import type { PendingActivity } from './workflow-service.ts'

/**
 * Runs activities on the host: attempts, timeouts, retries, heartbeats, cancellation, as Temporal's
 * server and worker do between them.
 *
 * Guarantees, for every task that was scheduled or recovered:
 * - exactly one outcome is resolved, unless its run is abandoned or the runner closes first;
 * - attempt n > 1 does not begin before its number is durable, so that after a crash no attempt is
 *   given twice and none beyond the retry policy's last;
 * - an attempt's function is told when it must stop, and what it still returns then is dropped.
 */
export class ActivityRunner {
  readonly #activities: ReadonlyMap<string, ActivityFunction>
  readonly #ports: ActivityPorts
  readonly #maxPayloadBytes: number
  readonly #identity: string
  readonly #table = new ActivityTable()
  readonly #deadlines: Deadlines<ActivityExecution>
  readonly #queue: ActivityStartQueue
  readonly #saves: ActivitySaves
  // Work for the next pump: user code and ports are never called from within a method.
  readonly #newlyQueued: ActivityExecution[] = []
  readonly #lost: ActivityExecution[] = []
  readonly #cancelled: ActivityExecution[] = []
  readonly #stopped: (readonly [ActivityCancellation, ActivityCancelReason])[] = []
  #pumping = false
  #state: 'open' | 'closing' | 'closed' = 'open'
  #closed: Promise<void> | undefined

  /** @param activities functions by activity type; what is not a function is left out */
  constructor(
    activities: Readonly<Record<string, unknown>>,
    ports: ActivityPorts,
    limits: ActivityLimits = {},
  ) {
    const functions = Object.entries(activities).filter(isFunctionEntry)
    this.#activities = new Map(functions)
    this.#ports = ports
    this.#saves = new ActivitySaves(ports)
    this.#queue = new ActivityStartQueue(limits.maxConcurrentActivities ?? 1_000)
    this.#maxPayloadBytes = limits.maxPayloadBytes ?? 2 * 1024 * 1024
    this.#identity = limits.identity ?? `${process.pid}@${hostname()}`
    this.#deadlines = new Deadlines(ports.clock, (execution, now) =>
      this.#onDeadline(execution, now),
    )
  }

  /** How many tasks have no outcome yet. */
  get size(): number {
    return this.#table.size
  }

  /**
   * A task whose schedule command was committed; that commit counts as the start of attempt 1. Too
   * late for that, it is journaled as not begun, so that the next open runs attempt 1 after all.
   */
  schedule(task: ActivityTask): void {
    if (this.#state !== 'closed') this.#enqueue(this.#table.add(task))
    else queueMicrotask(() => this.#saves.save({ ...task, started: false }))
  }

  /**
   * A task found in the journal at open. An attempt that had begun is lost with the process that
   * ran it: it counts as timed out, and another one follows only if the retry policy allows one.
   */
  recover(task: ActivityTask): void {
    if (this.#state === 'closed') return
    const execution = this.#table.add(task)
    if (task.started) this.#lost.push(execution)
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

  /** The run closed: its functions are told to stop, and no outcome is reported. */
  abandonRun(run: number): void {
    for (const execution of this.#table.ofRun(run)) {
      this.#stop(execution, 'NOT_FOUND')
      this.#forget(execution)
    }
  }

  /** For describe: the run's activities without an outcome, in the order of scheduling. */
  pending(run: number): PendingActivity[] {
    return this.#table.ofRun(run).map(describeExecution)
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
    if (graceMs > 0) await this.#queue.idle(this.#ports.clock, graceMs)
    for (const execution of this.#table.all()) {
      execution.attempt?.cancellation.request('WORKER_SHUTDOWN')
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
  }

  #enqueue(execution: ActivityExecution): void {
    execution.phase = 'queued'
    this.#queue.add(execution)
    this.#newlyQueued.push(execution)
    this.#pumpSoon()
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
    for (const [cancellation, reason] of this.#stopped.splice(0)) cancellation.request(reason)
    for (const execution of this.#lost.splice(0)) {
      if (execution.phase !== 'over') {
        this.#failAttempt(execution, lostAttemptFailure(execution.task))
      }
    }
    for (const execution of this.#cancelled.splice(0)) this.#cancel(execution)
    if (this.#state === 'open') this.#queue.start((execution) => this.#begin(execution))
    else for (const execution of this.#queue.drain()) this.#putBack(execution)
    for (const execution of this.#newlyQueued.splice(0)) {
      if (execution.phase === 'queued') this.#setDeadline(execution)
    }
    this.#pumping = false
    if (this.#stopped.length + this.#lost.length + this.#cancelled.length > 0) this.#pumpSoon()
    else if (this.#queue.ready) {
      // A slice of a long queue is done, or a place became free: the event loop has its turn first.
      this.#pumping = true
      setImmediate(() => this.#pump())
    }
  }

  /** While closing nothing begins, and what the journal takes for begun is put right. */
  #putBack(execution: ActivityExecution): void {
    execution.phase = 'queued'
    this.#release(execution)
    if (!execution.task.started) return
    execution.task = { ...execution.task, started: false }
    this.#saves.save(execution.task)
  }

  #begin(execution: ActivityExecution): void {
    if (execution.task.started) {
      this.#run(execution)
      return
    }
    execution.phase = 'saving'
    execution.task = { ...execution.task, started: true }
    this.#setDeadline(execution)
    this.#saves.save(execution.task, (saved) => {
      if (execution.phase !== 'saving') return
      if (!saved) this.#release(execution)
      else if (this.#state === 'open') this.#run(execution)
      else this.#putBack(execution)
    })
  }

  #run(execution: ActivityExecution): void {
    execution.phase = 'running'
    const { clock, log } = this.#ports
    const attempt = new ActivityAttempt(execution.task, execution.timeouts, {
      clock,
      log,
      maxPayloadBytes: this.#maxPayloadBytes,
      ended: (outcome) => this.#onOutcome(execution, outcome),
      heartbeat: (details) => this.#onHeartbeat(execution, details),
    })
    execution.attempt = attempt
    attempt.run(this.#activities)
    if (execution.attempt === attempt) this.#setDeadline(execution)
  }

  #onOutcome(execution: ActivityExecution, outcome: AttemptOutcome): void {
    const { task } = execution
    if (outcome.status === 'completed') {
      const { result } = outcome
      this.#finish(execution, { status: 'completed', result, attempt: task.attempt })
    } else if (outcome.status === 'cancelled') {
      this.#finish(execution, cancelledResolution(this.#ending(task), outcome.details))
    } else this.#failAttempt(execution, outcome.failure)
  }

  /** An attempt failed or timed out: the next one is journaled, or the activity ends. */
  #failAttempt(execution: ActivityExecution, failure: Failure): void {
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
      const cause = decision.state === 'TIMEOUT' ? outOfTimeFailure(task, failure) : failure
      this.#finish(execution, failedResolution(this.#ending(task), cause, decision.state))
      return
    }
    execution.attempt = undefined
    execution.flushTime = Infinity
    const dueTime = now + decision.delayMs
    const attempt = task.attempt + 1
    execution.task = { ...task, attempt, started: false, dueTime, lastFailure: failure }
    this.#wait(execution)
    this.#saves.save(execution.task)
    this.#release(execution)
  }

  #cancel(execution: ActivityExecution): void {
    if (execution.phase === 'over') return
    if (execution.phase === 'running') {
      // Durable, so that the request outlives a crash of the attempt that has not heeded it yet.
      this.#saves.save(execution.task)
      execution.attempt?.cancellation.request('CANCELLED')
      return
    }
    const resolution = cancelledResolution(this.#ending(execution.task), NOT_STARTED_DETAILS)
    this.#finish(execution, resolution)
  }

  #onHeartbeat(execution: ActivityExecution, details: readonly Payload[]): void {
    const { attempt, task } = execution
    if (attempt === undefined) return
    const now = this.#ports.clock.now()
    attempt.lastHeartbeatTime = now
    // A bare sign of life leaves nothing to be saved.
    if (details[0] === null && task.heartbeatDetails === undefined) return
    execution.task = { ...task, heartbeatDetails: details }
    if (now >= execution.nextFlushTime) this.#flushHeartbeat(execution, now)
    else if (execution.flushTime === Infinity) {
      execution.flushTime = execution.nextFlushTime
      this.#setDeadline(execution)
    }
  }

  #flushHeartbeat(execution: ActivityExecution, now: number): void {
    execution.flushTime = Infinity
    execution.nextFlushTime = now + heartbeatThrottle(execution.timeouts)
    this.#saves.save(execution.task)
  }

  #setDeadline(execution: ActivityExecution): void {
    this.#deadlines.set(execution, nextDeadline(execution))
  }

  /** The earliest of an activity's deadlines may have come; a heartbeat may have moved it since. */
  #onDeadline(execution: ActivityExecution, now: number): void {
    const { phase, attempt, task, timeouts } = execution
    if (execution.expirationTime <= now) this.#expire(execution, 'SCHEDULE_TO_CLOSE')
    else if (phase === 'waiting' && task.dueTime <= now) this.#enqueue(execution)
    else if (phase === 'queued' && scheduleToStartTime(execution) <= now) {
      this.#expire(execution, 'SCHEDULE_TO_START')
    } else if (attempt !== undefined && attempt.startedTime + timeouts.startToCloseMs <= now) {
      this.#timeOutAttempt(execution, 'START_TO_CLOSE')
    } else if (attempt !== undefined && attempt.lastHeartbeatTime + timeouts.heartbeatMs <= now) {
      this.#timeOutAttempt(execution, 'HEARTBEAT')
    } else {
      if (execution.flushTime <= now) this.#flushHeartbeat(execution, now)
      this.#setDeadline(execution)
    }
  }

  /** A timeout after which there is no other attempt. */
  #expire(execution: ActivityExecution, type: 'SCHEDULE_TO_CLOSE' | 'SCHEDULE_TO_START'): void {
    const { task } = execution
    const failure = timeoutFailure(type, {
      lastHeartbeatDetails: task.heartbeatDetails,
      cause: task.lastFailure,
    })
    logFailure(this.#ports.log, task, failure, false)
    this.#stop(execution, 'TIMED_OUT')
    const state = task.cancelRequested === true ? 'CANCEL_REQUESTED' : 'NON_RETRYABLE_FAILURE'
    this.#finish(execution, failedResolution(this.#ending(task), failure, state))
  }

  #timeOutAttempt(execution: ActivityExecution, type: 'START_TO_CLOSE' | 'HEARTBEAT'): void {
    this.#stop(execution, 'TIMED_OUT')
    const { heartbeatDetails } = execution.task
    this.#failAttempt(execution, timeoutFailure(type, { lastHeartbeatDetails: heartbeatDetails }))
  }

  /**
   * The attempt is over for the runner, whatever its function goes on doing. Its permit is given
   * back with it: functions that ignore their signal must not keep all other activities waiting.
   */
  #stop(execution: ActivityExecution, reason: ActivityCancelReason): void {
    const { attempt } = execution
    if (attempt === undefined) return
    attempt.detach()
    execution.attempt = undefined
    this.#stopped.push([attempt.cancellation, reason])
    this.#pumpSoon()
  }

  #finish(execution: ActivityExecution, resolution: ActivityResolution): void {
    const { run, command } = execution.task
    this.#forget(execution)
    this.#ports.resolve(run, command.seq, resolution)
  }

  #forget(execution: ActivityExecution): void {
    execution.phase = 'over'
    execution.attempt = undefined
    this.#deadlines.remove(execution)
    this.#queue.remove(execution)
    this.#release(execution)
    this.#table.delete(execution)
  }

  #release(execution: ActivityExecution): void {
    this.#queue.release(execution)
    if (this.#queue.ready) this.#pumpSoon()
  }

  #ending({ command, attempt }: ActivityTask): Parameters<typeof failedResolution>[0] {
    return { command, attempt, identity: this.#identity }
  }
}

function isFunctionEntry(entry: [string, unknown]): entry is [string, ActivityFunction] {
  return typeof entry[1] === 'function'
}

function nextMacrotask(): Promise<void> {
  return new Promise((resolve) => {
    setImmediate(resolve)
  })
}
