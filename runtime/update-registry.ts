import type { UpdateCommand, UpdateOutcome } from '../actors/commands.ts'
import { decode, decodeCommands, encode } from '../actors/records.ts'
import { WorkflowNotFoundError } from './client-errors.ts'
import type { Committer } from './committer.ts'
import { SignalboxError } from './errors.ts'
import { type Journal, RecordKind } from './journal.ts'
import type { Limits } from './options.ts'
import { RowTable, runKey, tableRange, updateIdOfKey, updateKey } from './row-keys.ts'
import type { Run } from './run.ts'
import {
  hasReached,
  type LiveUpdate,
  RunUpdates,
  stageNumber,
  stageOf,
  type UpdateState,
  type UpdateWaiter,
} from './run-updates.ts'

/** An update's row: how far it is, the number of its input, and the turn that completed or rejected it. */
type UpdateRow = readonly [stage: number, seq: number, turn: number]

/** An update of a run's history: how far it is, and by which input and turn. */
export interface AdoptedUpdate {
  readonly updateId: string
  readonly stage: UpdateState['stage']
  readonly seq: number
  readonly turn: number
}

/** How an update ends whose handler was still running when its run closed, as in Temporal. */
const ABANDONED: UpdateOutcome = {
  failure: {
    message: 'Workflow Update failed because the Workflow completed before the Update completed.',
    applicationFailureInfo: { type: 'AcceptedUpdateCompletedWorkflow', nonRetryable: true },
  },
}

/**
 * What became of updates: each has a row by run and update id, and its outcome is in the commands of the
 * turn that gave it. Only those without an outcome are in memory.
 *
 * Guarantees: an update id stands for one update of a run, for ever: whoever asks again gets the same
 * outcome, after a crash and after the close too. A stage is told when, and only when, the journal has
 * it. An update that was admitted is never silently gone: it gets an outcome, or, if its run closes
 * before accepting it, an error.
 */
export class UpdateRegistry {
  readonly #journal: Journal
  readonly #committer: Committer
  readonly #limits: Pick<Limits, 'maxUpdatesInFlight' | 'maxUpdatesPerRun'>

  constructor(
    journal: Journal,
    committer: Committer,
    limits: Pick<Limits, 'maxUpdatesInFlight' | 'maxUpdatesPerRun'>,
  ) {
    this.#journal = journal
    this.#committer = committer
    this.#limits = limits
  }

  /**
   * How far an update of the run is; undefined if the run was never asked for it. While the run's close is
   * being written this cannot be told.
   *
   * @throws WorkflowNotFoundError if the run closed before it accepted the update
   */
  find(run: Run, updateId: string): UpdateState | undefined {
    const live = this.#of(run).live.get(updateId)
    if (live !== undefined && run.isOpen) return { stage: live.stage }
    const value = this.#journal.getRow(updateKey(run.key, updateId))
    if (value === undefined) return undefined
    const [number, seq, turn] = decode<UpdateRow>(value)
    const stage = stageOf(number)
    if (stage === 'COMPLETED') return { stage, outcome: this.#readOutcome(run, seq, turn) }
    if (run.isOpen) return { stage }
    if (stage === 'ACCEPTED') return { stage: 'COMPLETED', outcome: ABANDONED }
    throw aborted(run)
  }

  /** @throws SIGNALBOX_ERR_MAILBOX_FULL, SIGNALBOX_ERR_UPDATE_LIMIT */
  checkRoom(run: Run): void {
    const { live, total } = this.#of(run)
    const { maxUpdatesInFlight, maxUpdatesPerRun } = this.#limits
    const { workflowId } = run.row
    if (live.size >= maxUpdatesInFlight) {
      throw new SignalboxError(
        'SIGNALBOX_ERR_MAILBOX_FULL',
        `maxUpdatesInFlight = ${maxUpdatesInFlight} updates of workflow ${workflowId} have no ` +
          'outcome yet; nothing was written, retry later.',
        { fields: { retryAfterMs: 1_000 } },
      )
    }
    if (total < maxUpdatesPerRun) return
    throw new SignalboxError(
      'SIGNALBOX_ERR_UPDATE_LIMIT',
      `this run of workflow ${workflowId} has had maxUpdatesPerRun = ${maxUpdatesPerRun} updates; ` +
        'let it continue as new. Retries with the same update id count once.',
      { fields: { workflowId, runId: run.row.runId } },
    )
  }

  /** The run is asked for a new update, whose input is in the open batch. */
  admit(run: Run, updateId: string): void {
    const updates = this.#of(run)
    updates.total++
    const update: LiveUpdate = { id: updateId, stage: 'ADMITTED', durable: false, waiters: [] }
    updates.live.set(updateId, update)
    this.#put(run, updateId, ['ADMITTED', 0, 0])
    this.#committer.afterCommit(() => {
      update.durable = true
      settle(update, { stage: 'ADMITTED' })
    })
  }

  /** The updates of the history that a run begins with, as its turns have left them. */
  adopt(run: Run, updates: readonly AdoptedUpdate[]): void {
    const own = new RunUpdates()
    own.total = updates.length
    run.updates = own
    for (const { updateId: id, stage, seq, turn } of updates) {
      this.#put(run, id, [stage, seq, turn])
      if (stage === 'COMPLETED') continue
      const update: LiveUpdate = { id, stage, durable: false, waiters: [] }
      own.live.set(id, update)
      this.#committer.afterCommit(() => {
        update.durable = true
        settle(update, { stage })
      })
    }
  }

  /** Tell `waiter` when a live update is as far as it wants. False if it is over or there is none. */
  wait(run: Run, updateId: string, waiter: UpdateWaiter): boolean {
    const live = this.#of(run).live.get(updateId)
    if (live === undefined || !run.isOpen) return false
    if (live.durable && hasReached(live.stage, waiter.stage)) waiter.resolve({ stage: live.stage })
    else live.waiters.push(waiter)
    return true
  }

  /** It no longer waits. */
  leave(run: Run, updateId: string, waiter: UpdateWaiter): void {
    const live = run.updates?.live.get(updateId)
    if (live !== undefined) live.waiters = live.waiters.filter((other) => other !== waiter)
  }

  /** A turn accepted, rejected or completed an update: rows of the commit that has the turn's commands. */
  apply(run: Run, command: UpdateCommand, turn: number): void {
    const { seq, updateId } = command
    const { live } = this.#of(run)
    const update = live.get(updateId)
    if (command.kind === 'acceptUpdate') {
      this.#put(run, updateId, ['ACCEPTED', seq, 0])
      this.#committer.afterCommit(() => {
        if (update === undefined) return
        update.stage = 'ACCEPTED'
        settle(update, { stage: 'ACCEPTED' })
      })
      return
    }
    this.#put(run, updateId, ['COMPLETED', seq, turn])
    const outcome =
      command.kind === 'completeUpdate' ? command.outcome : { failure: command.failure }
    this.#committer.afterCommit(() => {
      if (update === undefined) return
      live.delete(updateId)
      settle(update, { stage: 'COMPLETED', outcome })
    })
  }

  /**
   * The run has closed. With a successor, requests of the workflow id that it has not accepted are made
   * again there, as Temporal's clients do; so are those of updates that a reset has given to the successor.
   */
  closed(run: Run, successor: Run | undefined): void {
    if (run.updates === undefined) return
    const again: (() => void)[] = []
    for (const update of run.updates.live.values()) {
      const isMoved = successor?.updates?.live.has(update.id) ?? false
      for (const waiter of update.waiters) {
        const isToBeMade = isMoved || (successor !== undefined && update.stage === 'ADMITTED')
        if (isToBeMade && waiter.again !== undefined) again.push(waiter.again)
        else if (update.stage === 'ADMITTED') waiter.reject(aborted(run))
        else waiter.resolve({ stage: 'COMPLETED', outcome: ABANDONED })
      }
    }
    run.updates.live.clear()
    run.held.unshift(...again)
  }

  /** @param ofUndurable for those whose request is not in the journal as far as is known */
  rejectWaiters(run: Run, error: SignalboxError, ofUndurable: SignalboxError | undefined): void {
    for (const update of run.updates?.live.values() ?? []) {
      const reason = update.durable ? error : ofUndurable
      if (reason === undefined) continue
      for (const waiter of update.waiters.splice(0)) waiter.reject(reason)
    }
  }

  #of(run: Run): RunUpdates {
    if (run.updates !== undefined) return run.updates
    const updates = new RunUpdates()
    const prefix = runKey(run.key).subarray(1)
    for (const [key, value] of this.#journal.rows(tableRange(RowTable.update, prefix))) {
      updates.total++
      const stage = stageOf(decode<UpdateRow>(value)[0])
      if (stage === 'COMPLETED') continue
      const id = updateIdOfKey(key)
      updates.live.set(id, { id, stage, durable: true, waiters: [] })
    }
    run.updates = updates
    return updates
  }

  #put(
    run: Run,
    updateId: string,
    [stage, seq, turn]: readonly [UpdateState['stage'], number, number],
  ): void {
    const row: UpdateRow = [stageNumber(stage), seq, turn]
    this.#committer.putRow(updateKey(run.key, updateId), encode(row))
  }

  #readOutcome(run: Run, seq: number, turn: number): UpdateOutcome {
    for (const record of this.#journal.readRun(run.key, turn)) {
      if (record.kind !== RecordKind.commands) continue
      for (const [lastSeq, commands] of decodeCommands(record.bytes).turns) {
        if (lastSeq !== turn) continue
        for (const command of commands) {
          if (command.kind === 'completeUpdate' && command.seq === seq) return command.outcome
          if (command.kind === 'rejectUpdate' && command.seq === seq) {
            return { failure: command.failure }
          }
        }
      }
    }
    throw new SignalboxError(
      'SIGNALBOX_ERR_JOURNAL_CORRUPT',
      `run ${run.row.runId} has no outcome of update ${seq}, which it completed`,
      { fields: { run: run.key } },
    )
  }
}

function settle(update: LiveUpdate, state: UpdateState): void {
  const { waiters } = update
  if (waiters.length === 0) return
  update.waiters = waiters.filter(({ stage }) => !hasReached(state.stage, stage))
  for (const waiter of waiters) if (hasReached(state.stage, waiter.stage)) waiter.resolve(state)
}

function aborted(run: Run): WorkflowNotFoundError {
  const { workflowId, runId } = run.row
  const message = 'workflow update was aborted by closing workflow'
  return new WorkflowNotFoundError(message, workflowId, runId)
}
