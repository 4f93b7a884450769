import type {
  Command,
  ScheduleActivityCommand,
  ScheduleLocalActivityCommand,
  StartChildCommand,
} from '../actors/commands.ts'
import { type Input, InputKind } from '../actors/inputs.ts'
import type { PayloadMap } from '../actors/payload.ts'
import { mergeMemo, mergeSearchAttributes } from '../actors/search-attribute-payloads.ts'
import type { HistoryTurn } from './history-view.ts'
import type { LinkedInput } from './linked-effect.ts'
import type { AdoptedUpdate } from './update-registry.ts'

export interface ActivityUnderWay {
  readonly command: ScheduleActivityCommand | ScheduleLocalActivityCommand
  cancelRequested: boolean
}

export interface ChildUnderWay {
  readonly command: StartChildCommand
  /** Undefined as long as it is not known to have been started. */
  runId: string | undefined
}

/**
 * What a run has under way, and what it has made of itself, at a point of its history: after the turns
 * before it, and with the inputs that the turn at the point is given.
 */
export class ResetState {
  readonly activities = new Map<number, ActivityUnderWay>()
  /** When they are due, by their numbers. */
  readonly timers = new Map<number, number>()
  readonly children = new Map<number, ChildUnderWay>()
  /** Signals and cancellations of other workflows whose outcome is not known, by number. */
  readonly #signals = new Set<number>()
  readonly #cancels = new Set<number>()
  readonly #childCancels = new Set<number>()
  readonly #updates = new Map<string, AdoptedUpdate>()
  memo: PayloadMap | undefined
  searchAttributes: PayloadMap | undefined
  cancelRequested = false

  constructor(past: readonly HistoryTurn[], redone: readonly Input[]) {
    for (const { inputs, commands, lastSeq } of past) {
      for (const input of inputs) this.#take(input)
      for (const command of commands) this.#issue(command, lastSeq)
    }
    for (const input of redone) this.#take(input)
  }

  get updates(): readonly AdoptedUpdate[] {
    return [...this.#updates.values()]
  }

  hasUpdate(updateId: string): boolean {
    return this.#updates.has(updateId)
  }

  /** Whether news of another workflow is of a command before the point, and has not been told by then. */
  awaits(input: LinkedInput): boolean {
    const [kind, , seq] = input
    switch (kind) {
      case InputKind.childStarted:
      case InputKind.childResolved:
        return this.children.has(seq)
      case InputKind.externalSignalResolved:
        return this.#signals.has(seq)
      case InputKind.externalCancelResolved:
        return (input[3] === 'child' ? this.#childCancels : this.#cancels).has(seq)
      default:
        return kind satisfies never
    }
  }

  /** An input of the point's run, before the point or reapplied after it. */
  #take(input: Input): void {
    switch (input[0]) {
      case InputKind.started:
        this.memo = input[2].memo
        this.searchAttributes = input[2].searchAttributes
        break
      case InputKind.activityResolved:
      case InputKind.localActivityResolved:
        this.activities.delete(input[2])
        break
      case InputKind.timerFired:
        this.timers.delete(input[2])
        break
      case InputKind.cancelRequested:
        this.cancelRequested = true
        break
      case InputKind.updateRequested:
        this.#updates.set(input[2], { updateId: input[2], stage: 'ADMITTED', seq: 0, turn: 0 })
        break
      case InputKind.childStarted:
      case InputKind.childResolved:
      case InputKind.externalSignalResolved:
      case InputKind.externalCancelResolved:
        this.takeNews(input)
        break
      default:
        break
    }
  }

  takeNews(input: LinkedInput): void {
    const [kind, , seq] = input
    switch (kind) {
      case InputKind.childStarted: {
        const child = this.children.get(seq)
        if (child === undefined) break
        if ('runId' in input[3]) child.runId = input[3].runId
        else this.children.delete(seq)
        break
      }
      case InputKind.childResolved:
        this.children.delete(seq)
        break
      case InputKind.externalSignalResolved:
        this.#signals.delete(seq)
        break
      case InputKind.externalCancelResolved:
        ;(input[3] === 'child' ? this.#childCancels : this.#cancels).delete(seq)
        break
      default:
        kind satisfies never
    }
  }

  #issue(command: Command, turn: number): void {
    switch (command.kind) {
      case 'scheduleActivity':
      case 'scheduleLocalActivity':
        this.activities.set(command.seq, { command, cancelRequested: false })
        break
      case 'requestCancelActivity':
        this.#requestCancel(command.seq)
        break
      case 'cancelLocalActivity':
        if (command.resolved === undefined) this.#requestCancel(command.seq)
        else this.activities.delete(command.seq)
        break
      case 'startTimer':
        this.timers.set(command.seq, command.dueTime ?? 0)
        break
      case 'cancelTimer':
        this.timers.delete(command.seq)
        break
      case 'startChildWorkflow':
        this.children.set(command.seq, { command, runId: undefined })
        break
      case 'cancelChildWorkflow':
        this.#childCancels.add(command.seq)
        break
      case 'signalExternalWorkflow':
        this.#signals.add(command.seq)
        break
      case 'cancelExternalWorkflow':
        this.#cancels.add(command.seq)
        break
      case 'acceptUpdate':
      case 'completeUpdate':
      case 'rejectUpdate': {
        const { updateId, seq } = command
        const stage = command.kind === 'acceptUpdate' ? 'ACCEPTED' : 'COMPLETED'
        this.#updates.set(updateId, {
          updateId,
          stage,
          seq,
          turn: stage === 'COMPLETED' ? turn : 0,
        })
        break
      }
      case 'upsertSearchAttributes':
        this.searchAttributes = mergeSearchAttributes(
          this.searchAttributes,
          command.searchAttributes,
        )
        break
      case 'upsertMemo':
        this.memo = mergeMemo(this.memo, command.memo)
        break
      default:
        // Patch markers are in the run's row; a terminal command comes after every point.
        break
    }
  }

  #requestCancel(seq: number): void {
    const activity = this.activities.get(seq)
    if (activity !== undefined) activity.cancelRequested = true
  }
}
