import type { ContinueAsNewCommand } from '../actors/commands.ts'
import { type EncodedInput, splitInputs } from '../actors/encoded-inputs.ts'
import { type Input, InputKind, type StartedAttributes } from '../actors/inputs.ts'
import { decode, decodeInputs } from '../actors/records.ts'
import { SignalboxError } from './errors.ts'
import { type Journal, RecordKind } from './journal.ts'
import type { Run } from './run.ts'

/** What a run that continues as new leaves to the next one. */
export interface Takeover {
  readonly command: ContinueAsNewCommand
  readonly started: StartedAttributes
  readonly moved: Moved
}

/** Inputs that move to the next run, and what their numbers were, ascending. */
interface Moved {
  readonly seqs: readonly number[]
  readonly inputs: readonly EncodedInput[]
}

export function readTakeover(
  journal: Journal,
  run: Run,
  seq: number,
  command: ContinueAsNewCommand,
): Takeover {
  const moved = collect(journal, run, seq, command.carriedSeqs)
  return { command, moved, started: startedOf(journal, run) }
}

/** Of the inputs that the actor kept (`carried`) and those after turn `seq`, what may move. */
function collect(journal: Journal, run: Run, seq: number, carried: readonly number[]): Moved {
  const seqs: number[] = []
  const inputs: EncodedInput[] = []
  const wanted = new Set(carried)
  // Ascending, and too many to be arguments of a call.
  const from = Math.min(seq + 1, carried[0] ?? Number.POSITIVE_INFINITY)
  if (from > run.head) return { seqs, inputs }
  for (const record of journal.readRun(run.key, from)) {
    if (record.kind !== RecordKind.inputs) continue
    let at = record.seq - 1
    for (const input of splitInputs(record.bytes, record.count)) {
      at++
      const takes =
        at > seq
          ? input.kind === InputKind.signaled || input.kind === InputKind.cancelRequested
          : wanted.has(at)
      if (!takes) continue
      // Here, where nothing has been changed yet: what cannot be decoded is thrown.
      if (input.hasAttributes) input.decoded = decode<Input>(input.bytes)
      seqs.push(at)
      inputs.push(input)
    }
  }
  return { seqs, inputs }
}

/** How the run was started, as its journal has it. */
export function startedOf(journal: Journal, run: Run): StartedAttributes {
  for (const record of journal.readRun(run.key, 1)) {
    if (record.kind !== RecordKind.inputs) continue
    const [input] = decodeInputs(record.bytes)
    if (input?.[0] === InputKind.started) return input[2]
  }
  throw new SignalboxError(
    'SIGNALBOX_ERR_JOURNAL_CORRUPT',
    `run ${run.row.runId} has no started input`,
    { fields: { run: run.key } },
  )
}

/** Who waits for the turn of an input that has moved waits for it in the next run: they are there from `first` on. */
export function moveWaiters(run: Run, next: Run, moved: readonly number[], first: number): void {
  const { waiters } = run
  if (waiters.length === 0) return
  run.waiters = waiters.filter((waiter) => {
    const place = placeIn(moved, waiter.seq)
    if (place < 0) return true
    next.addPendingWaiter(waiter, first + place)
    return false
  })
}

/** The place of a number among ascending ones, or −1. */
function placeIn(numbers: readonly number[], wanted: number): number {
  let low = 0
  let high = numbers.length
  while (low < high) {
    const middle = (low + high) >>> 1
    if ((numbers[middle] as number) < wanted) low = middle + 1
    else high = middle
  }
  return numbers[low] === wanted ? low : -1
}
