import { InputKind, type ResetAttributes } from '../actors/inputs.ts'
import { encode } from '../actors/records.ts'
import { newActivityTask } from './activity-task.ts'
import { attempt } from './attempt.ts'
import type { EngineParts } from './engine-parts.ts'
import { SignalboxError } from './errors.ts'
import { holdRequest } from './held-requests.ts'
import { checkIdentifier, checkText } from './identifiers.ts'
import { adoptChild, childrenKept, type KeptChild } from './reset-children.ts'
import { resetTooLarge, takeHistory, type TakenHistory } from './reset-history.ts'
import { findResetPoint, inputsAnew, type ResetPoint } from './reset-point.ts'
import { readAllTurns, ReappliedInputs, type ReappliedInput } from './reset-reapply.ts'
import { ResetState } from './reset-state.ts'
import { activityCancelKey, activityKey } from './row-keys.ts'
import { createRunId } from './run-id.ts'
import type { RunRow } from './run-row.ts'
import type { Closing, Run } from './run.ts'
import { DEFAULT_NAMESPACE } from './visibility.ts'
import { findRun, notFound } from './workflow-target.ts'
import type { ResetReapplyExcludeType, ResetRequest, ResetResponse } from './workflow-service.ts'

/** All that a reset writes, read and checked before anything is written. */
interface Plan {
  readonly key: number
  readonly runId: string
  readonly now: number
  readonly point: ResetPoint
  readonly firstRedone: number
  readonly history: TakenHistory
  readonly state: ResetState
  readonly reapplied: readonly ReappliedInput[]
  readonly children: readonly KeptChild[]
}

const EXCLUDE_TYPES: readonly ResetReapplyExcludeType[] = ['SIGNAL', 'UPDATE']

/**
 * Reset: another run of the workflow id begins with what a run had before one of its workflow tasks,
 * does that task anew, and is given what came after it.
 *
 * Guarantees: the new run with its copied history, timers, activities and reapplied inputs, and the end
 * of the run whose place it takes, are one commit: after a crash there is all of it or nothing. What was
 * acknowledged before the reset is in the new run, in its order, unless it is excluded; what comes
 * meanwhile waits and is for the new run. The new run's replay needs its own records alone.
 */
export class WorkflowResets {
  readonly #parts: EngineParts

  constructor(parts: EngineParts) {
    this.#parts = parts
  }

  resetWorkflow(request: ResetRequest): Promise<ResetResponse> {
    return attempt(() => this.#reset(request))
  }

  #reset(request: ResetRequest): Promise<ResetResponse> {
    const { committer, requests, runs } = this.#parts
    this.#parts.checkOpen()
    checkReset(request)
    const base = findRun(runs, request)
    const { workflowId, requestId } = request
    const namespace = request.namespace ?? DEFAULT_NAMESPACE
    if (requestId !== undefined) {
      const earlier = requests.find('reset', namespace, workflowId, requestId)
      if (earlier?.input[0] === InputKind.reset) {
        const { newRunId: runId } = earlier.input[2]
        return committer.allDurable.then(() => ({ runId }))
      }
    }
    const current = runs.current(namespace, workflowId)
    if (base === undefined || current === undefined) throw notFound(request)
    if (current.closing !== undefined) {
      return holdRequest(this.#parts, current, () => this.resetWorkflow(request))
    }
    // While it settles the workflow id may get another run.
    return this.#settle({ ...request, runId: base.row.runId }, current)
  }

  /** Let everything that the current run has accepted or done be in the journal, then go on. */
  async #settle(request: ResetRequest, current: Run): Promise<ResetResponse> {
    const { committer, closer, dispatcher, runs } = this.#parts
    const { namespace, workflowId } = current.row
    const closing: Closing = {
      phase: 'settling',
      seq: current.processed,
      onSettled: () => undefined,
    }
    if (current.isOpen) current.closing = closing
    try {
      for (let round = 0; ; round++) {
        // It may go on meanwhile, as it does if the reset is refused; but not for long.
        if (round === 1 && current.closing === closing) dispatcher.evict(current, true)
        if (isUnsettled(current)) {
          await committer.allDurable
          continue
        }
        // Terminated, or out of its time, meanwhile.
        if (current.isOpen && current.closing !== closing) break
        if (!current.isOpen && current.closing !== undefined) break
        // Anew in each round: the object of a closed run may be forgotten while it is waited for.
        const last = runs.current(namespace, workflowId)
        // It has closed, and the workflow was started or reset by somebody else.
        if (last?.key !== current.key) break
        this.#parts.checkOpen()
        const base = last.row.runId === request.runId ? last : findRun(runs, request)
        if (base === undefined) throw notFound(request)
        const plan = this.#plan(request, base)
        if (plan !== undefined) {
          this.#perform(request, base, last, plan)
          return await committer.durable.then(() => ({ runId: plan.runId }))
        }
        // The end of a child is being written.
        await committer.allDurable
      }
    } catch (error) {
      if (current.closing === closing) {
        closer.abandon(current)
        dispatcher.wake(current)
      }
      throw error
    }
    return this.resetWorkflow(request)
  }

  /** Read and check all that is to be done; nothing is changed. Undefined: it has to wait a moment. */
  #plan(request: ResetRequest, base: Run): Plan | undefined {
    const { runs, journal, acceptor, options } = this.#parts
    const excluded = new Set(request.reapplyExcludeTypes)
    const turns = readAllTurns(journal, base)
    const point = findResetPoint(request, turns, base.row)
    const past = turns.slice(0, point.at)
    const turn = turns[point.at]
    if (turn === undefined) throw new Error('a reset point is the place of a turn')
    const redone = inputsAnew(turn, !excluded.has('UPDATE'))
    const state = new ResetState(past, redone)
    const { maxResetBytes } = options.limits
    const reapplied = new ReappliedInputs(this.#parts, base, state, excluded, maxResetBytes)
    reapplied.collect(turns, (seq) => seq <= turn.lastSeq)
    const children = childrenKept(this.#parts, base, state.children.values())
    if (children === undefined) return undefined
    const { now } = acceptor
    const key = runs.allocateKey()
    const runId = createRunId(key, now)
    const { namespace, workflowId } = base.row
    const taker = { key, namespace, workflowId, runId }
    const history = takeHistory(taker, past, point.places, redone)
    const bytes = history.bytes + reapplied.bytes
    if (bytes > maxResetBytes) throw resetTooLarge(bytes, maxResetBytes)
    return {
      key,
      runId,
      now,
      point,
      history,
      state,
      children,
      firstRedone: turn.firstSeq,
      reapplied: reapplied.inputs,
    }
  }

  /** Guarantee: all of it is put into the open batch within this call, so it is one commit. */
  #perform(request: ResetRequest, base: Run, current: Run, plan: Plan): void {
    const { acceptor, closer, updates } = this.#parts
    const { key, runId, now, history, state } = plan
    const next = acceptor.createRunFrom(
      key,
      this.#rowOf(request, base, plan),
      history.records,
      history,
    )
    updates.adopt(next, state.updates)
    const { reason, identity, requestId } = request
    const attributes: ResetAttributes = {
      baseRunId: base.row.runId,
      newRunId: runId,
      ...(reason === undefined ? {} : { reason }),
      ...(identity === undefined ? {} : { identity }),
      ...(requestId === undefined ? {} : { requestId }),
    }
    acceptor.takeRequest(next, 'reset', requestId, [InputKind.reset, now, attributes])
    const dropsSignals = request.reapplyExcludeTypes?.includes('SIGNAL') === true
    this.#reapply(next, current, plan.reapplied)
    if (!dropsSignals) moveOtherWaiters(current, next)
    for (const child of plan.children) {
      if (child.run === undefined) acceptor.carry(next, child.input)
      else adoptChild(this.#parts, next, child)
    }
    for (const [seq, dueTime] of state.timers) acceptor.startTimer({ dueTime, run: key, seq })
    this.#restartActivities(next, state, now)
    // The end of the current run, if it is open, writes its row.
    if (base !== current || !current.isOpen) {
      acceptor.saveRow(base, { ...base.row, resetRunId: runId })
    }
    if (!current.isOpen) return
    const ended = {
      reason: reason ?? 'reset',
      ...(identity === undefined ? {} : { identity }),
    }
    closer.reset(current, [InputKind.terminated, now, ended], next)
  }

  #rowOf({ reason }: ResetRequest, base: Run, plan: Plan): RunRow {
    const { row } = base
    const { runId, now, point, firstRedone, history, state, reapplied, children } = plan
    const { executionTimeoutMs } = row
    // The turn at the point, and the reset itself behind what it is given.
    const redone = [firstRedone, history.head + 1] as const
    const copied = children.filter((child) => child.run === undefined).length
    return {
      ...row,
      runId,
      startTime: now,
      // As on Temporal it has all of its time again.
      executionExpirationTime:
        executionTimeoutMs === undefined ? undefined : now + executionTimeoutMs,
      memo: state.memo,
      searchAttributes: state.searchAttributes,
      status: 'RUNNING',
      closeTime: undefined,
      closeSeq: 0,
      historyLength: 0,
      newRunId: undefined,
      groups: [
        ...row.groups.filter(([, last]) => last < firstRedone),
        ...(redone[0] < redone[1] ? [redone] : []),
      ],
      cancelRequested: state.cancelRequested,
      quarantined: undefined,
      patches: row.patches?.filter(([, seq]) => seq < firstRedone),
      strikes: 0,
      delayed: undefined,
      pause: undefined,
      resetRunId: undefined,
      reset: {
        baseRunId: row.runId,
        eventId: point.eventId,
        resetTime: now,
        originalStartTime: row.reset?.originalStartTime ?? row.startTime,
        ...(reason === undefined ? {} : { reason }),
      },
      resetTaken: {
        turns: history.processed,
        inputs: history.head + 1 + reapplied.length + copied,
      },
    }
  }

  /** Those who wait until the current run has handled an input wait for the new one. */
  #reapply(next: Run, current: Run, reapplied: readonly ReappliedInput[]): void {
    const { acceptor, updates } = this.#parts
    const { waiters } = current
    const waitedFor = new Set(waiters.map(({ seq }) => seq))
    for (const { from, seq, input } of reapplied) {
      const index = next.pending.length
      acceptor.carry(next, input)
      if (input[0] === InputKind.updateRequested) updates.admit(next, input[2])
      if (from !== current || !waitedFor.has(seq)) continue
      for (const waiter of waiters) {
        if (waiter.run === current && waiter.seq === seq) next.addPendingWaiter(waiter, index)
      }
    }
    current.waiters = waiters.filter(({ run }) => run === current)
  }

  /** Attempts begin anew: those of the old run are told to stop, and what they say is dropped. */
  #restartActivities(next: Run, state: ResetState, now: number): void {
    const { committer, activities } = this.#parts
    for (const [seq, { command, cancelRequested }] of state.activities) {
      const task = newActivityTask(next, command, now)
      next.setActivity(seq, cancelRequested)
      committer.putRow(activityKey(next.key, seq), encode(task))
      if (cancelRequested) committer.putRow(activityCancelKey(next.key, seq), NO_VALUE)
      committer.afterCommit(() => {
        activities.schedule(task)
        if (cancelRequested) activities.requestCancel(next.key, seq)
      })
    }
  }
}

const NO_VALUE = new Uint8Array(0)

/**
 * The others wait for an input of the current run that is not taken from it: it is in the history that
 * the new run begins with, or is a copy that an earlier reset of the base made, and is taken from there.
 * The new run has handled it when it has handled all that it begins with.
 */
function moveOtherWaiters(current: Run, next: Run): void {
  const last = next.pending.length - 1
  for (const waiter of current.waiters) next.addPendingWaiter(waiter, last)
  current.waiters = []
}

/** Is anything of the run on its way into the journal? */
function isUnsettled(run: Run): boolean {
  return run.pending.length > 0 || run.head > run.committed || run.resultsInFlight > 0
}

function checkReset({ eventId, resetType, ...request }: ResetRequest): void {
  checkText('reason', request.reason)
  checkText('identity', request.identity)
  if (request.requestId !== undefined) checkIdentifier('requestId', request.requestId)
  if ((eventId === undefined) === (resetType === undefined)) {
    throw invalid(
      'eventId',
      'give the event to reset to: the id of a WORKFLOW_TASK_COMPLETED, or a type such as LastWorkflowTask',
    )
  }
  if (eventId !== undefined && (!Number.isSafeInteger(eventId) || eventId < 1)) {
    throw invalid('eventId', 'eventId must be the id of an event: a whole number from 1')
  }
  if (
    resetType !== undefined &&
    !['FIRST_WORKFLOW_TASK', 'LAST_WORKFLOW_TASK'].includes(resetType)
  ) {
    throw invalid('resetType', 'resetType must be FIRST_WORKFLOW_TASK or LAST_WORKFLOW_TASK')
  }
  const types = request.reapplyExcludeTypes ?? []
  if (Array.isArray(types) && types.every((type) => EXCLUDE_TYPES.includes(type))) return
  throw invalid('reapplyExcludeTypes', `reapplyExcludeTypes may have ${EXCLUDE_TYPES.join(', ')}`)
}

function invalid(field: string, message: string): SignalboxError {
  return new SignalboxError('SIGNALBOX_ERR_INVALID_ARGUMENT', message, { fields: { field } })
}
