import type { Command } from '../actors/commands.ts'
import type { Input } from '../actors/inputs.ts'
import { decodeCommands, decodeInputs } from '../actors/records.ts'
import { type HistoryTurn, streamEvents } from './history.ts'
import { type JournalReads, RecordKind } from './journal.ts'
import { RowTable, runKey, runOfKey, tableRange } from './row-keys.ts'
import { decodeRunRow, type RunRow } from './run-row.ts'
import type { HistoryEvent } from './workflow-service.ts'
import { isOpenStatus } from './workflow-status.ts'

/** A run as a snapshot has it. */
export interface StoredRun {
  readonly key: number
  readonly row: RunRow
}

/** The summaries of all runs, in the order of their starts. */
export function* storedRuns(reads: JournalReads): Generator<StoredRun> {
  for (const [key, value] of reads.rows(tableRange(RowTable.run))) {
    yield { key: runOfKey(key), row: decodeRunRow(value) }
  }
}

export function storedRun(reads: JournalReads, key: number): StoredRun | undefined {
  const value = reads.getRow(runKey(key))
  return value === undefined ? undefined : { key, row: decodeRunRow(value) }
}

/**
 * The history of a run event by event. In memory is what one turn has, however long the history is.
 *
 * @throws SignalboxError with SIGNALBOX_ERR_JOURNAL_CORRUPT
 */
export function streamHistory(reads: JournalReads, run: StoredRun): Generator<HistoryEvent> {
  return streamEvents(streamTurns(reads, run), run.row)
}

/** As `readTurns` of run-history.ts, turn by turn: inputs and commands are read side by side. */
function* streamTurns(reads: JournalReads, { key, row }: StoredRun): Generator<HistoryTurn> {
  const replayTo = isOpenStatus(row.status) ? (reads.runState(key)?.processed ?? 0) : row.closeSeq
  const lastOf = new Map(row.groups)
  const inputs = inputsOf(reads, key)
  const commands = new CommandsInOrder(reads, key)
  for (let firstSeq = 1, next = inputs.next(); next.done !== true;) {
    const lastSeq = lastOf.get(firstSeq) ?? firstSeq
    const taken: Input[] = []
    for (; next.done !== true && firstSeq + taken.length <= lastSeq; next = inputs.next()) {
      taken.push(next.value)
    }
    const end = firstSeq + taken.length - 1
    yield {
      firstSeq,
      lastSeq: end,
      inputs: taken,
      commands: commands.of(end),
      ended: end <= replayTo,
    }
    firstSeq = end + 1
  }
}

function* inputsOf(reads: JournalReads, run: number): Generator<Input> {
  for (const { kind, bytes } of reads.readRun(run, 1)) {
    if (kind === RecordKind.inputs) yield* decodeInputs(bytes)
  }
}

/** The commands of turns, asked for in the order of the turns. */
class CommandsInOrder {
  readonly #turns: Iterator<readonly [seq: number, commands: readonly Command[]]>
  #next: IteratorResult<readonly [seq: number, commands: readonly Command[]]>

  constructor(reads: JournalReads, run: number) {
    this.#turns = commandsOf(reads, run)
    this.#next = this.#turns.next()
  }

  of(seq: number): readonly Command[] {
    while (this.#next.done !== true && this.#next.value[0] < seq) this.#next = this.#turns.next()
    if (this.#next.done === true || this.#next.value[0] !== seq) return []
    return this.#next.value[1]
  }
}

function* commandsOf(
  reads: JournalReads,
  run: number,
): Generator<readonly [seq: number, commands: readonly Command[]]> {
  for (const { kind, bytes } of reads.readRun(run, 1)) {
    if (kind === RecordKind.commands) yield* decodeCommands(bytes).turns
  }
}
