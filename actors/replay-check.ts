import { type Command, commandIdentity, isSameTurn } from './commands.ts'
import type { TurnCommands } from './records.ts'
import type { TurnError } from './turns.ts'

/**
 * The comparison of what a run's code asks for in a replay with what the journal says it asked for.
 *
 * Guarantee: a command of a replayed turn that is not the journal's, a missing one and a surplus one
 * are each found, whatever the order in which inputs and commands arrive from the journal.
 */
export class ReplayCheck {
  /** Of either side: the turns that have not been compared. */
  readonly #journaled: TurnCommands[] = []
  readonly #replayed: TurnCommands[] = []

  /** Commands that the journal holds for turns to be replayed. */
  expect(turns: readonly TurnCommands[]): TurnError | undefined {
    for (const turn of turns) this.#journaled.push(turn)
    return this.#compare()
  }

  /** A turn that was replayed, and what its code asked for. */
  replayed(seq: number, commands: readonly Command[]): TurnError | undefined {
    this.#replayed.push([seq, commands])
    return this.#compare()
  }

  /** Whether commands of this turn, or of a later one, have arrived from the journal. */
  expectsFrom(seq: number): boolean {
    return this.#journaled.some(([turn]) => turn >= seq)
  }

  /** What the journal holds for a turn that has not been compared; undefined for nothing. */
  expectedOf(seq: number): readonly Command[] | undefined {
    return this.#journaled.find(([turn]) => turn === seq)?.[1]
  }

  /** The replay is over: no command may be left over on either side. */
  finish(): TurnError | undefined {
    for (const [seq, journaled] of this.#journaled) {
      if (!isSameTurn(journaled, [])) return mismatch(seq, journaled, [])
    }
    for (const [seq, replayed] of this.#replayed) {
      if (!isSameTurn([], replayed)) return mismatch(seq, [], replayed)
    }
    return undefined
  }

  #compare(): TurnError | undefined {
    const journaledTurns = this.#journaled
    const replayedTurns = this.#replayed
    let journaledAt = 0
    let replayedAt = 0
    while (journaledAt < journaledTurns.length && replayedAt < replayedTurns.length) {
      const [then, journaled] = journaledTurns[journaledAt] as TurnCommands
      const [now, replayed] = replayedTurns[replayedAt] as TurnCommands
      // A turn that only one side has may consist of patch markers that need no counterpart.
      const issued = now <= then ? replayed : []
      const recorded = then <= now ? journaled : []
      if (!isSameTurn(recorded, issued)) {
        return mismatch(Math.min(then, now), recorded, issued)
      }
      if (then <= now) journaledAt++
      if (now <= then) replayedAt++
    }
    if (journaledAt > 0) journaledTurns.splice(0, journaledAt)
    if (replayedAt > 0) replayedTurns.splice(0, replayedAt)
    return undefined
  }
}

/** The code ends its run in a turn after which the journal went on. */
export function unexpectedEnd(seq: number, issued: readonly Command[]): TurnError {
  return mismatch(seq, 'no end of the run', issued)
}

function mismatch(
  seq: number,
  journaled: readonly Command[] | 'no end of the run',
  issued: readonly Command[],
): TurnError {
  return {
    name: 'DeterminismViolationError',
    message:
      `[TMPRL1100] Nondeterminism error: for input ${seq} the journal has ${listed(journaled)}, ` +
      `and the code now issues ${listed(issued)}. Deploy code that does what the journal says, ` +
      'or start the workflow anew.',
    nonDeterministic: true,
  }
}

function listed(commands: readonly Command[] | string): string {
  if (typeof commands === 'string') return commands
  return commands.length === 0 ? 'nothing' : commands.map(commandIdentity).join(', ')
}
