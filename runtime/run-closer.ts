import type { TerminalCommand } from '../actors/commands.ts'
import type { Failure } from '../actors/failure.ts'
import {
  type ChildResolution,
  InputKind,
  type StartedAttributes,
  type TerminatedInput,
  type TimedOutInput,
} from '../actors/inputs.ts'
import type { Acceptor } from './acceptor.ts'
import type { ActivityRunner } from './activity-runner.ts'
import type { Committer } from './committer.ts'
import type { Dispatcher } from './dispatcher.ts'
import type { RunFailures } from './run-failures.ts'
import type { RunRow } from './run-row.ts'
import {
  mayBeFollowed,
  retryOf,
  runTimeoutFailure,
  type Successor,
  successorOf,
} from './run-successor.ts'
import type { Journal } from './journal.ts'
import { activityCancelKey, activityKey } from './row-keys.ts'
import type { LinkedWorkflows } from './linked-workflows.ts'
import type { Retention } from './retention.ts'
import type { Run } from './run.ts'
import { createRunId } from './run-id.ts'
import type { ResolvedOptions } from './options.ts'
import type { RunTable } from './run-table.ts'
import { moveWaiters, readTakeover, startedOf, type Takeover } from './takeover.ts'
import type { Telemetry } from './telemetry.ts'
import type { UpdateRegistry } from './update-registry.ts'
import { closedBeforeHandled } from './workflow-target.ts'
import type { WorkflowStatus } from './workflow-service.ts'

export interface RunCloserPorts {
  readonly options: ResolvedOptions
  readonly journal: Journal
  readonly runs: RunTable
  readonly acceptor: Acceptor
  readonly committer: Committer
  readonly dispatcher: Dispatcher
  readonly failures: RunFailures
  readonly activities: ActivityRunner
  readonly links: LinkedWorkflows
  readonly updates: UpdateRegistry
  readonly retention: Retention
  readonly telemetry: Telemetry
}

const STATUS: Readonly<Record<TerminalCommand['kind'], WorkflowStatus>> = {
  completeWorkflow: 'COMPLETED',
  failWorkflow: 'FAILED',
  cancelWorkflow: 'CANCELED',
  continueAsNew: 'CONTINUED_AS_NEW',
}

/**
 * How runs end.
 *
 * Guarantee: no signal is acknowledged that its run can no longer see. From the arrival of a
 * terminal command new requests are held back; those acknowledged before it are handled by the run
 * first (the closing turn is done again together with them, as Temporal does on UNHANDLED_COMMAND),
 * or move to the run that continues it. The held requests then find the run as it has become. Since
 * the regrouped turn takes in everything accepted, and all later requests are held, no stream of
 * signals can keep a run from closing.
 */
export class RunCloser {
  readonly #ports: RunCloserPorts

  constructor(ports: RunCloserPorts) {
    this.#ports = ports
  }

  /** Hold new requests back, and go on once everything accepted has been committed. */
  settle(run: Run, seq: number, onSettled: () => void): void {
    run.closing = { phase: 'settling', seq, onSettled }
    this.settled(run)
  }

  /** Called after each commit of the run's inputs. */
  settled(run: Run): void {
    const { closing } = run
    if (closing?.phase !== 'settling') return
    if (run.pending.length > 0 || run.head > run.committed) return
    closing.onSettled()
  }

  /** Do the closing turn, from its first input on, and everything accepted after it as one activation. */
  regroup(run: Run, firstSeq: number, closingSeq: number): void {
    const { dispatcher } = this.#ports
    run.closing = { phase: 'regrouping', seq: closingSeq, onSettled: () => undefined }
    run.regroup = [firstSeq, run.head]
    dispatcher.evict(run, true)
    dispatcher.wake(run)
  }

  /** The regrouped turn has ended without closing the run. */
  endRegroup(run: Run): void {
    this.#keepGroup(run)
    run.closing = undefined
    this.#release(run)
  }

  /**
   * The run is parked or quarantined before its close was decided: nothing of the close stands. The
   * closing turn is done again when the run goes on; what was held back is accepted meanwhile.
   */
  abandon(run: Run): void {
    if (run.closing === undefined || run.closing.phase === 'committing') return
    run.regroup = undefined
    run.closing = undefined
    this.#release(run)
  }

  /** The grouping is journaled with the results of its turn: replay must group the same inputs. */
  #keepGroup(run: Run): void {
    const { regroup } = run
    if (regroup === undefined) return
    run.regroup = undefined
    // It may take in a group that there was: the first turn's, of a start and its signal.
    const others = run.row.groups.filter(([first]) => first !== regroup[0])
    this.#ports.acceptor.saveRow(run, { ...run.row, groups: [...others, regroup] })
  }

  /**
   * Write the close. `commitTurns` puts the turns up to `seq` into the same commit; what the next run
   * takes over is read before it, so that a corrupt record leaves the close wholly undone.
   */
  close(run: Run, seq: number, command: TerminalCommand, commitTurns: () => void): void {
    const takeover =
      command.kind === 'continueAsNew'
        ? readTakeover(this.#ports.journal, run, seq, command)
        : undefined
    const next = this.#followedBy(run, command)
    commitTurns()
    this.#keepGroup(run)
    const successor =
      takeover !== undefined
        ? this.#continueAsNew(run, takeover)
        : next && this.#follow(run, next.started, next.successor)
    const now = this.#ports.acceptor.now
    this.#end(run, STATUS[command.kind], seq, successor, () =>
      childResolution(command, run.row, now),
    )
  }

  /** The run of a retry policy or a cron schedule that follows a run which ends so, if there is one. */
  #followedBy(
    run: Run,
    end: TerminalCommand | { readonly kind: 'timedOut'; readonly failure: Failure },
  ): { readonly started: StartedAttributes; readonly successor: Successor } | undefined {
    if (!mayBeFollowed(run.row)) return undefined
    if (end.kind === 'cancelWorkflow' || end.kind === 'continueAsNew') return undefined
    const started = startedOf(this.#ports.journal, run)
    const successor = successorOf(run.row, started, end, this.#ports.acceptor.now)
    return successor && { started, successor }
  }

  /** The time of the run, or of its whole chain, is over. */
  timeOut(run: Run): void {
    const { now } = this.#ports.acceptor
    const { executionExpirationTime } = run.row
    const isLast = executionExpirationTime !== undefined && executionExpirationTime <= now
    const retryState =
      isLast || run.row.retryPolicy === undefined
        ? 'TIMEOUT'
        : retryOf(run.row, runTimeoutFailure, now).state
    const next = isLast
      ? undefined
      : this.#followedBy(run, { kind: 'timedOut', failure: runTimeoutFailure })
    this.closePastMailbox(run, [InputKind.timedOut, now, { retryState }], 'TIMED_OUT', next)
  }

  /** Close the run at once, past its mailbox: terminate and timeouts. */
  closePastMailbox(
    run: Run,
    input: TerminatedInput | TimedOutInput,
    status: 'TERMINATED' | 'TIMED_OUT',
    next?: { readonly started: StartedAttributes; readonly successor: Successor },
  ): void {
    const { acceptor, dispatcher } = this.#ports
    acceptor.beginTurns(run)
    acceptor.appendClosing(run, input)
    run.regroup = undefined
    dispatcher.evict(run, true)
    const successor = next && this.#follow(run, next.started, next.successor)
    this.#end(run, status, run.processed, successor, () =>
      input[0] === InputKind.terminated
        ? { status: 'terminated' }
        : { status: 'timedOut', retryState: input[2].retryState },
    )
  }

  /** Close the run at once, in the commit that makes `successor`, a run that takes its place by a reset. */
  reset(run: Run, input: TerminatedInput, successor: Run): void {
    const { acceptor, dispatcher } = this.#ports
    acceptor.beginTurns(run)
    acceptor.appendClosing(run, input)
    run.regroup = undefined
    dispatcher.evict(run, true)
    successor.closing = { phase: 'committing', seq: 0, onSettled: () => undefined }
    this.#end(run, 'TERMINATED', run.processed, successor, () => ({ status: 'terminated' }), true)
  }

  #end(
    run: Run,
    status: WorkflowStatus,
    closeSeq: number,
    successor: Run | undefined,
    resolution: () => ChildResolution,
    isReset = false,
  ): void {
    const { acceptor, committer, dispatcher, activities, updates, retention } = this.#ports
    run.closing = { phase: 'committing', seq: closeSeq, onSettled: () => undefined }
    acceptor.saveRow(run, {
      ...run.row,
      status,
      closeTime: this.#ports.options.clock.now(),
      closeSeq,
      historyLength: run.historyLength,
      ...(isReset ? { resetRunId: successor?.row.runId } : { newRunId: successor?.row.runId }),
      pause: undefined,
      quarantined: undefined,
    })
    retention.noteClose(run)
    for (const [activity, cancelRequested] of run.activities) {
      committer.deleteRow(activityKey(run.key, activity))
      if (cancelRequested) committer.deleteRow(activityCancelKey(run.key, activity))
    }
    run.forgetActivities()
    clearTimeout(run.parkTimer)
    run.parked = undefined
    // Its parent hears only of the end of the chain.
    if (run.row.parent !== undefined && successor === undefined) {
      this.#ports.links.ended(run, resolution())
    }
    this.#ports.links.closed(run)
    committer.afterCommit(() => {
      activities.abandonRun(run.key)
      run.closing = undefined
      dispatcher.evict(run, true)
      acceptor.dropped(run.head - run.processed)
      this.#ports.telemetry.close(run, status)
      // Nothing of a closed run is unfinished; what it never handled is told by row.closeSeq.
      run.processed = run.head
      committer.noteProgress(run)
      this.#tellWaiters(run)
      updates.closed(run, successor)
      run.notify()
      if (successor !== undefined) {
        successor.closing = undefined
        this.#moveQueries(run, successor)
        // Before its first turn it cannot answer.
        this.#ports.failures.rejectQueries(successor)
      }
      if (run.queries.length > 0) dispatcher.wake(run)
      if (successor === undefined) return this.#release(run)
      // One line of all that waits: a request that holds the successor up holds up those of either.
      successor.held = run.held.concat(successor.held)
      run.held = []
      this.#release(successor)
    })
  }

  /** What the workflow id was asked is for the run that has the signals acknowledged before. */
  #moveQueries(run: Run, successor: Run): void {
    successor.queries.push(...run.queries.filter((query) => query.followsRuns))
    run.queries = run.queries.filter((query) => !query.followsRuns)
    if (successor.queries.length > 0) this.#ports.dispatcher.wake(successor)
  }

  #tellWaiters(run: Run): void {
    const { closeWaiters, waiters } = run
    run.closeWaiters = undefined
    run.waiters = []
    for (const waiter of closeWaiters ?? []) waiter.resolve()
    for (const waiter of waiters) waiter.reject(closedBeforeHandled(run))
  }

  /** Make the held requests again, in their order: each finds the run as it is now. */
  #release(run: Run): void {
    const { held } = run
    run.held = []
    for (const request of held) request()
  }

  /**
   * Guarantee: the run that follows by retry or cron is written in the commit that closes this one, with
   * the timer of its first turn: however often the process is killed, there is one.
   */
  #follow(run: Run, started: StartedAttributes, successor: Successor): Run {
    const { runs, acceptor } = this.#ports
    const { now } = acceptor
    const { initiator, attempt, backoffMs, continuedFailure, lastCompletionResult } = successor
    const key = runs.allocateKey()
    const {
      requestId: _requestId,
      continuedFailure: _failure,
      lastCompletionResult: _result,
      firstTaskBackoffMs: _backoff,
      originalExecutionRunId: _original,
      ...kept
    } = started
    const next = acceptor.createRun(key, 0, now, [], {
      ...kept,
      runId: createRunId(key, now),
      continuedFromExecutionRunId: run.row.runId,
      attempt,
      initiator,
      // A reset may have given it to another run, and itself a new deadline.
      ...optional('parent', run.row.parent),
      ...optional('executionExpirationTime', run.row.executionExpirationTime),
      ...optional('firstTaskBackoffMs', backoffMs > 0 ? backoffMs : undefined),
      ...optional('continuedFailure', continuedFailure),
      ...optional('lastCompletionResult', lastCompletionResult),
    })
    next.closing = { phase: 'committing', seq: 0, onSettled: () => undefined }
    return next
  }

  /**
   * The next run of the chain, in the same commit: its start, then what this run was sent and never
   * took, in order. Late results and timers concern commands of the old run and are dropped.
   */
  #continueAsNew(run: Run, { command, started, moved }: Takeover): Run {
    const { runs, acceptor } = this.#ports
    const { row } = run
    const now = this.#ports.options.clock.now()
    const key = runs.allocateKey()
    const next = acceptor.createRun(key, 0, now, [], {
      namespace: row.namespace,
      workflowId: row.workflowId,
      runId: createRunId(key, now),
      workflowType: command.workflowType,
      taskQueue: command.taskQueue ?? row.taskQueue,
      args: command.args,
      firstExecutionRunId: row.firstExecutionRunId,
      continuedFromExecutionRunId: row.runId,
      attempt: 1,
      initiator: 'WORKFLOW',
      taskTimeoutMs: command.taskTimeoutMs ?? row.taskTimeoutMs,
      ...optional('identity', started.identity),
      ...optional('executionTimeoutMs', row.executionTimeoutMs),
      ...optional('executionExpirationTime', row.executionExpirationTime),
      ...optional('runTimeoutMs', command.runTimeoutMs ?? row.runTimeoutMs),
      ...optional('retryPolicy', started.retryPolicy),
      ...optional('cronSchedule', started.cronSchedule),
      ...optional('lastCompletionResult', started.lastCompletionResult),
      ...optional('firstTaskBackoffMs', command.backoffMs),
      ...optional('memo', command.memo ?? row.memo),
      ...optional('searchAttributes', command.searchAttributes ?? row.searchAttributes),
      ...optional('headers', command.headers ?? started.headers),
      ...optional('parent', row.parent),
      ...optional('root', started.root),
    })
    // What comes for the new run waits behind what is held for the old one, or it would overtake it.
    next.closing = { phase: 'committing', seq: 0, onSettled: () => undefined }
    const first = next.pending.length
    for (const input of moved.inputs) acceptor.carry(next, input)
    moveWaiters(run, next, moved.seqs, first)
    if (
      row.cancelRequested &&
      moved.inputs.some(({ kind }) => kind === InputKind.cancelRequested)
    ) {
      acceptor.saveRow(next, { ...next.row, cancelRequested: true })
    }
    return next
  }
}

/** What the parent of a run is told of its end. */
function childResolution(command: TerminalCommand, row: RunRow, now: number): ChildResolution {
  switch (command.kind) {
    case 'completeWorkflow':
      return { status: 'completed', result: command.result }
    case 'failWorkflow':
      return {
        status: 'failed',
        failure: command.failure,
        retryState: retryOf(row, command.failure, now).state,
      }
    case 'cancelWorkflow':
      return { status: 'cancelled', ...optional('details', command.details) }
    case 'continueAsNew':
      throw new Error('a run that continues as new has a successor')
    default:
      return command satisfies never
  }
}

function optional<K extends string, V>(key: K, value: V | undefined): { [P in K]?: V } {
  return value === undefined ? {} : ({ [key]: value } as { [P in K]?: V })
}
