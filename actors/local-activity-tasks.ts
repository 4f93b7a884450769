import { bytesOfInput } from './history-length.ts'
import type { LocalActivityResolvedInput } from './inputs.ts'

/**
 * Which workflow task of the exported history the outcome of a local activity belongs to: Temporal
 * records it as a marker among the commands of a task, not as an event with a task of its own.
 *
 * - `joined`: the task that the last turn wrote, as on Temporal, whose task lasts until the outcome is
 *   there. The replayer delivers it right after the turn that asked for it. So it may only be joined
 *   if that was the last turn: otherwise the replayer would deliver it too early.
 * - `own`: a task of its own, which the replayer delivers as a turn of its own.
 * - `separated`: the same after a task without commands. The replayer takes two such tasks for one, so
 *   an event that it ignores stands between them.
 */
export type LocalActivityTask = 'joined' | 'own' | 'separated'

/** The outcomes of local activities that a turn handles. */
export interface LocalMarkers {
  /** By outcome: the turn that asked for it. */
  readonly askedIn: readonly number[]
  /** What they take in history. */
  readonly bytes: number
  /** That of the last one. */
  readonly time: number
}

/**
 * The local activities of a run that have no outcome, and what the last turn was. Kept twice, by the
 * actor for `workflowInfo()` and by the export of the history, from the same inputs and commands: so
 * the two count the same events.
 */
export class LocalActivityTasks {
  /** The turn that asked for it, by number. */
  readonly #pending = new Map<number, number>()
  #lastTurn = 0
  #lastHadEvents = true

  /** A turn asks for it. */
  schedule(seq: number, turn: number): void {
    this.#pending.set(seq, turn)
  }

  /** The workflow has an outcome of its own for it, or it has ended. */
  forget(seq: number): void {
    this.#pending.delete(seq)
  }

  /** Add an outcome to those of its turn; undefined if the activity had one before: it is no news. */
  collect(
    markers: LocalMarkers | undefined,
    input: LocalActivityResolvedInput,
  ): LocalMarkers | undefined {
    const turn = this.#pending.get(input[2])
    if (turn === undefined) return undefined
    this.#pending.delete(input[2])
    const { askedIn, bytes, time } = markers ?? { askedIn: [], bytes: 0, time: 0 }
    return {
      askedIn: [...askedIn, turn],
      bytes: bytes + bytesOfInput(input),
      time: Math.max(time, input[1]),
    }
  }

  /** Where the outcomes of a turn go, if it handles nothing else. */
  taskOf({ askedIn }: LocalMarkers): LocalActivityTask {
    if (askedIn.every((turn) => turn === this.#lastTurn)) return 'joined'
    return this.#lastHadEvents ? 'own' : 'separated'
  }

  /** A turn has ended; `events` is the number of those of its markers and commands. */
  ended(turn: number, events: number): void {
    this.#lastTurn = turn
    this.#lastHadEvents = events > 0
  }
}
