import {
  type CancelLocalActivityCommand,
  type Command,
  isTerminal,
  type TerminalCommand,
} from '../actors/commands.ts'
import { type Frame, FrameFlag } from '../actors/frames.ts'
import {
  type CommandsRecord,
  decodeCommands,
  encode,
  encodeCommands,
  type TurnCommands,
} from '../actors/records.ts'
import type { TurnError } from '../actors/turns.ts'
import { eventsOfCommand } from '../actors/history-length.ts'
import type { PayloadMap } from '../actors/payload.ts'
import { mergeMemo, mergeSearchAttributes } from '../actors/search-attribute-payloads.ts'
import type { Acceptor } from './acceptor.ts'
import type { ActivityRunner } from './activity-runner.ts'
import { newActivityTask } from './activity-task.ts'
import type { Clock } from './clock.ts'
import type { Committer } from './committer.ts'
import type { Dispatcher } from './dispatcher.ts'
import type { LinkedWorkflows } from './linked-workflows.ts'
import { hasFailure, withMappedStacks } from './map-failure.ts'
import type { Limits } from './options.ts'
import { firstRefusedTurn, type RefusedTurn } from './pending-limits.ts'
import { activityCancelKey, activityKey, timerKey } from './row-keys.ts'
import { PROCESSED } from './processed-wait.ts'
import type { Run } from './run.ts'
import type { RunCloser } from './run-closer.ts'
import type { UpdateRegistry } from './update-registry.ts'
import type { Timers } from './timers.ts'

/** What the results of turns set in motion. */
export interface TurnResultsPorts {
  readonly clock: Clock
  readonly acceptor: Acceptor
  readonly committer: Committer
  readonly dispatcher: Dispatcher
  readonly closer: RunCloser
  readonly activities: ActivityRunner
  readonly updates: UpdateRegistry
  readonly timers: Timers
  readonly links: LinkedWorkflows
  readonly limits: Limits
  /** A turn cannot be accepted: its actor is to be given up, and the run to be parked. */
  readonly refuse: (run: Run, error: TurnError) => void
  /** Error stacks name lines of the bundle; this names the user's. */
  readonly mapStack: (stack: string) => string
}

/**
 * What comes back from slots: progress and commands. Commands are journaled, and their effects are
 * released when, and only when, the journal has them.
 */
export class TurnResults {
  readonly #ports: TurnResultsPorts

  constructor(ports: TurnResultsPorts) {
    this.#ports = ports
  }

  /** All turns of the run up to `frame.seq` have ended without commands since the last report. */
  progress(run: Run, frame: Frame): void {
    if (!run.isOpen) return
    run.historyLength = frame.count
    this.#advance(run, frame.seq)
    this.#endRegroup(run)
    this.#ports.committer.noteProgress(run)
    run.notify()
  }

  /** Turns from `frame.seq` on have ended, some of them with commands. */
  commands(run: Run, frame: Frame): void {
    // Closed past its mailbox while the slot was at work: those turns never happened.
    if (!run.isOpen) return
    const lastSeq = frame.seq + frame.count - 1
    const record = decodeCommands(frame.body)
    const refused = this.#firstRefused(run, record.turns)
    if (refused !== undefined) return this.#refuse(run, frame, record, refused)
    if ((frame.flags & FrameFlag.terminal) === 0) {
      run.historyLength = record.historyLength
      const turns = this.#withMappedStacks(record.turns)
      const body = turns === record.turns ? frame.body : encodeCommands(record.historyLength, turns)
      this.#commit(run, frame.seq, lastSeq, body, turns)
      this.#advance(run, lastSeq)
      this.#endRegroup(run)
      return
    }
    this.#closingTurn(run, frame, record)
  }

  /** The first of these turns that asks for what the run cannot have. */
  #firstRefused(run: Run, turns: readonly TurnCommands[]): RefusedTurn | undefined {
    const { links, limits } = this.#ports
    return firstRefusedTurn(
      turns,
      () => ({ ...links.pending(run), activities: run.activityCount }),
      limits,
    )
  }

  /** Park the run at that turn, as Temporal fails such a workflow task; the turns before it count. */
  #refuse(
    run: Run,
    frame: Frame,
    { historyLength, turns }: CommandsRecord,
    { index, error }: RefusedTurn,
  ): void {
    const [seq] = turns[index] as TurnCommands
    const before = firstOfTurn(run, seq) - 1
    const earlier = turns.slice(0, index)
    if (earlier.length > 0) {
      this.#commit(run, frame.seq, before, encodeCommands(historyLength, earlier), earlier)
    } else if (before > run.processed) this.#ports.committer.noteProgress(run)
    this.#advance(run, before)
    this.#ports.refuse(run, error)
  }

  /**
   * The last turn closes the run. If more inputs were accepted in the meantime, they must be seen
   * before the run closes (or be carried over): the closing turn is set aside, and the ones before
   * it are committed as usual.
   */
  #closingTurn(
    run: Run,
    frame: Frame,
    record: { readonly historyLength: number; readonly turns: readonly TurnCommands[] },
  ): void {
    const { closer } = this.#ports
    const { historyLength } = record
    const turns = this.#withMappedStacks(record.turns)
    const [closingSeq, closingCommands] = turns[turns.length - 1] as TurnCommands
    const terminal = closingCommands.find(isTerminal) as TerminalCommand
    const commitAll = (): void => {
      run.historyLength = historyLength
      const body = turns === record.turns ? frame.body : encodeCommands(historyLength, turns)
      this.#commit(run, frame.seq, closingSeq, body, turns, true)
      this.#advance(run, closingSeq)
    }
    const waiting = run.head > closingSeq || run.pending.length > 0
    if (!waiting) {
      closer.close(run, closingSeq, terminal, commitAll)
      return
    }
    if (terminal.kind === 'continueAsNew') {
      closer.settle(run, closingSeq, () => {
        closer.close(run, closingSeq, terminal, commitAll)
      })
      return
    }
    const earlier = turns.slice(0, -1)
    const firstSeq = firstOfTurn(run, closingSeq)
    const before = firstSeq - 1
    if (earlier.length > 0) {
      const body = encodeCommands(historyLength, earlier)
      this.#commit(run, frame.seq, before, body, earlier)
    } else if (before > run.processed) {
      this.#ports.committer.noteProgress(run)
    }
    this.#advance(run, before)
    closer.settle(run, closingSeq, () => closer.regroup(run, firstSeq, closingSeq))
  }

  /** Error stacks name lines of the bundle of today, and the journal is to name those of the user. */
  #withMappedStacks(turns: readonly TurnCommands[]): readonly TurnCommands[] {
    if (!turns.some(([, commands]) => commands.some(hasFailure))) return turns
    return turns.map((turn) => withMappedStacks(turn, this.#ports.mapStack))
  }

  #commit(
    run: Run,
    firstSeq: number,
    lastSeq: number,
    body: Uint8Array,
    turns: readonly TurnCommands[],
    closes = false,
  ): void {
    const { committer, dispatcher } = this.#ports
    committer.addCommands(run, firstSeq, lastSeq - firstSeq + 1, body)
    for (const [seq, commands] of turns) {
      for (const command of commands) this.#apply(run, command, seq, commands, closes)
    }
    committer.afterCommit(() => {
      // A load waits until the journal has everything that the actor before it issued.
      if (run.resultsInFlight === 0 && run.residency === 'absent') dispatcher.wake(run)
      run.notify()
    })
  }

  /** Rows of the same commit, and the effect that follows it. */
  #apply(run: Run, command: Command, seq: number, turn: readonly Command[], closes: boolean): void {
    const { acceptor, committer, timers, activities, links, updates } = this.#ports
    switch (command.kind) {
      case 'startTimer': {
        const timer = { dueTime: command.dueTime ?? 0, run: run.key, seq: command.seq }
        committer.putRow(timerKey(timer.dueTime, timer.run, timer.seq), NO_VALUE)
        committer.afterCommit(() => timers.add(timer))
        return
      }
      case 'cancelTimer': {
        if (command.dueTime === undefined) return
        const timer = { dueTime: command.dueTime, run: run.key, seq: command.seq }
        committer.deleteRow(timerKey(timer.dueTime, timer.run, timer.seq))
        committer.afterCommit(() => timers.cancel(timer))
        return
      }
      case 'scheduleActivity':
      case 'scheduleLocalActivity': {
        const task = newActivityTask(run, command, this.#ports.clock.now())
        run.setActivity(command.seq, false)
        committer.putRow(activityKey(run.key, command.seq), encode(task))
        committer.afterCommit(() => activities.schedule(task))
        return
      }
      case 'requestCancelActivity':
        if (!run.hasActivity(command.seq)) return
        run.setActivity(command.seq, true)
        // Journaled with its command: a crash before the activity hears of it must not lose it.
        committer.putRow(activityCancelKey(run.key, command.seq), NO_VALUE)
        committer.afterCommit(() => activities.requestCancel(run.key, command.seq))
        return
      case 'cancelLocalActivity':
        return this.#cancelLocalActivity(run, command)
      case 'startChildWorkflow':
        // A child that would be terminated as soon as it is there is not started, as in Temporal.
        if (command.parentClosePolicy !== 'ABANDON' && closes && turn.some(isTerminal)) return
        links.apply(run, command, closes)
        return
      case 'cancelChildWorkflow':
      case 'signalExternalWorkflow':
      case 'cancelExternalWorkflow':
        links.apply(run, command, closes)
        return
      case 'acceptUpdate':
      case 'completeUpdate':
      case 'rejectUpdate':
        updates.apply(run, command, seq)
        return
      case 'setPatchMarker': {
        const { patchId, deprecated } = command
        const mark = [patchId, seq, deprecated, eventsOfCommand(command)] as const
        acceptor.saveRow(run, { ...run.row, patches: [...(run.row.patches ?? []), mark] })
        return
      }
      case 'upsertSearchAttributes': {
        const { row } = run
        const merged = mergeSearchAttributes(row.searchAttributes, command.searchAttributes)
        acceptor.saveRow(run, { ...row, searchAttributes: unlessEmpty(merged) })
        return
      }
      case 'upsertMemo':
        acceptor.saveRow(run, {
          ...run.row,
          memo: unlessEmpty(mergeMemo(run.row.memo, command.memo)),
        })
        return
      default:
        // The terminal commands are the closer's.
        return
    }
  }

  #cancelLocalActivity(run: Run, { seq, resolved }: CancelLocalActivityCommand): void {
    const { acceptor, committer, activities } = this.#ports
    if (!run.hasActivity(seq)) return
    if (resolved !== undefined) {
      acceptor.forgetActivity(run, seq)
      committer.afterCommit(() => activities.drop(run.key, seq, resolved.abandoned))
      return
    }
    run.setActivity(seq, true)
    committer.putRow(activityCancelKey(run.key, seq), NO_VALUE)
    committer.afterCommit(() => activities.requestCancel(run.key, seq))
  }

  #advance(run: Run, seq: number): void {
    if (seq <= run.processed) return
    this.#ports.acceptor.handled(seq - run.processed)
    run.processed = seq
    run.parked = undefined
    run.retrying = false
    if (run.hasStrikes) this.#ports.acceptor.saveRow(run, { ...run.row, strikes: 0 })
    if (run.waiters.length === 0) return
    for (const waiter of run.takeWaiters(seq)) waiter.resolve(PROCESSED)
  }

  /** The regrouped turn has ended and the run is still open: what was held back comes in now. */
  #endRegroup(run: Run): void {
    if (run.regroup === undefined || run.processed < run.regroup[1]) return
    this.#ports.closer.endRegroup(run)
  }
}

/** The first input of the turn whose last one is `lastSeq`: most turns have only one. */
function firstOfTurn(run: Run, lastSeq: number): number {
  if (run.regroup?.[1] === lastSeq) return run.regroup[0]
  const group = run.row.groups.find(([, last]) => last === lastSeq)
  return group === undefined ? lastSeq : group[0]
}

function unlessEmpty(map: PayloadMap): PayloadMap | undefined {
  return Object.keys(map).length === 0 ? undefined : map
}

const NO_VALUE = new Uint8Array(0)
