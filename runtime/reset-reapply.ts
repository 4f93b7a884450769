import { bytesOfInput } from '../actors/history-length.ts'
import { type Input, InputKind } from '../actors/inputs.ts'
import { rejectedSeqs } from '../actors/rejected-seqs.ts'
import { SignalboxError } from './errors.ts'
import type { HistoryTurn } from './history-view.ts'
import type { Journal } from './journal.ts'
import type { LinkedInput } from './linked-effect.ts'
import { resetTooLarge } from './reset-history.ts'
import type { ResetState } from './reset-state.ts'
import { readTurns } from './run-history.ts'
import type { Run } from './run.ts'
import type { RunTable } from './run-table.ts'
import type { ResetReapplyExcludeType } from './workflow-service.ts'

/** An input that the new run is given after the point, and where it was taken before. */
export interface ReappliedInput {
  readonly from: Run
  readonly seq: number
  readonly input: Input
}

/**
 * What the runs from the point of a reset on were sent, in the order in which they took it: signals and
 * updates of the run itself, of those that continued it as new, and of those that earlier resets made of
 * it; and the news of what was under way at the point.
 *
 * Guarantee: each is there once, however often continue-as-new or a reset has moved or copied it. A
 * rejected update stays rejected; requests to cancel, and results that are had anew, are left out.
 */
export class ReappliedInputs {
  readonly inputs: ReappliedInput[] = []
  readonly #maxBytes: number
  #bytes = 0
  readonly #runs: RunTable
  readonly #journal: Journal
  readonly #state: ResetState
  readonly #base: Run
  readonly #excluded: ReadonlySet<ResetReapplyExcludeType>
  readonly #visited = new Set<Run>()
  readonly #updateIds = new Set<string>()

  constructor(
    ports: { readonly runs: RunTable; readonly journal: Journal },
    base: Run,
    state: ResetState,
    excluded: ReadonlySet<ResetReapplyExcludeType>,
    maxBytes: number,
  ) {
    this.#maxBytes = maxBytes
    this.#runs = ports.runs
    this.#journal = ports.journal
    this.#base = base
    this.#state = state
    this.#excluded = excluded
  }

  /** About the size of all of them in a history. */
  get bytes(): number {
    return this.#bytes
  }

  /**
   * @param known whether the new run has an input already, by its number in the base run
   * @throws SIGNALBOX_ERR_RESET_TOO_LARGE as soon as they have more than `maxBytes`
   */
  collect(turns: readonly HistoryTurn[], known: (seq: number) => boolean): void {
    this.#visit(this.#base, turns, known)
  }

  #visit(run: Run, turns: readonly HistoryTurn[], known: (seq: number) => boolean): void {
    if (this.#visited.has(run)) return
    this.#visited.add(run)
    const next = this.#runOf(run, run.row.status === 'CONTINUED_AS_NEW' && run.row.newRunId)
    const moved = next === undefined ? NONE_MOVED : movedBy(run, turns)
    const isMoved = new Set(moved)
    for (const { firstSeq, inputs, commands } of turns) {
      const rejected = rejectedSeqs(commands)
      for (const [at, input] of inputs.entries()) {
        const seq = firstSeq + at
        if (known(seq) || isMoved.has(seq) || rejected.includes(seq)) continue
        if (!this.#isWanted(run, input)) continue
        this.inputs.push({ from: run, seq, input })
        this.#bytes += bytesOfInput(input)
        if (this.#bytes > this.#maxBytes) throw resetTooLarge(this.#bytes, this.#maxBytes)
      }
    }
    if (next !== undefined) {
      // What moved follows the start, in its order.
      const copies = new Set(moved.flatMap((seq, at) => (known(seq) ? [at + 2] : [])))
      this.#visit(next, readAllTurns(this.#journal, next), (seq) => copies.has(seq))
    }
    const heir = this.#runOf(run, run.row.resetRunId)
    const taken = heir?.row.resetTaken
    if (heir === undefined || taken === undefined) return
    this.#visit(heir, readAllTurns(this.#journal, heir), (seq) => seq <= taken.inputs)
  }

  #isWanted(run: Run, input: Input): boolean {
    switch (input[0]) {
      case InputKind.signaled:
        return !this.#excluded.has('SIGNAL')
      case InputKind.updateRequested: {
        const updateId = input[2]
        if (this.#excluded.has('UPDATE') || this.#state.hasUpdate(updateId)) return false
        if (this.#updateIds.has(updateId)) return false
        this.#updateIds.add(updateId)
        return true
      }
      case InputKind.childStarted:
      case InputKind.childResolved:
      case InputKind.externalSignalResolved:
      case InputKind.externalCancelResolved:
        return run === this.#base && this.#takesNews(input)
      default:
        return false
    }
  }

  #takesNews(input: LinkedInput): boolean {
    if (!this.#state.awaits(input)) return false
    this.#state.takeNews(input)
    return true
  }

  #runOf(run: Run, runId: string | false | undefined): Run | undefined {
    if (runId === undefined || runId === false) return undefined
    return this.#runs.byRunId(run.row.namespace, run.row.workflowId, runId)
  }
}

/**
 * The turns of a run that nothing is on its way to.
 *
 * Guarantee: every input that the run has taken is among them, or this throws: a reset must not leave
 * out what was acknowledged.
 *
 * @throws SIGNALBOX_ERR_JOURNAL_CORRUPT
 */
export function readAllTurns(journal: Journal, run: Run): readonly HistoryTurn[] {
  const turns = readTurns(journal, run)
  const last = turns.at(-1)?.lastSeq ?? 0
  if (last === run.head) return turns
  throw new SignalboxError(
    'SIGNALBOX_ERR_JOURNAL_CORRUPT',
    `run ${run.row.runId} has taken ${run.head} inputs, and ${last} were found`,
    { fields: { run: run.key } },
  )
}

const NONE_MOVED: readonly number[] = []

/** The numbers of the inputs that a run gave to the one that continues it, in their order. */
function movedBy({ row }: Run, turns: readonly HistoryTurn[]): readonly number[] {
  const carried = new Set<number>()
  for (const { commands } of turns) {
    for (const command of commands) {
      if (command.kind === 'continueAsNew') for (const seq of command.carriedSeqs) carried.add(seq)
    }
  }
  return turns.flatMap(({ firstSeq, inputs }) =>
    inputs.flatMap(([kind], at) => {
      const seq = firstSeq + at
      const moves =
        seq > row.closeSeq
          ? kind === InputKind.signaled || kind === InputKind.cancelRequested
          : carried.has(seq)
      return moves ? [seq] : []
    }),
  )
}
