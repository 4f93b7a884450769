import { bytesOfInput } from '../actors/history-length.ts'
import { type Input, InputKind } from '../actors/inputs.ts'
import { encodeCommands, encodeInputs, type TurnCommands } from '../actors/records.ts'
import { SignalboxError } from './errors.ts'
import type { HistoryTurn } from './history-view.ts'
import { type NewRecord, RecordKind, type RunProgress } from './journal.ts'
import { requestHashes } from './request-ledger.ts'
import type { TurnPlace } from './turn-places.ts'

/** About how large a record of inputs gets before the next one begins. */
const RECORD_BYTES = 16 * 1024

export interface TakenHistory extends RunProgress {
  readonly records: readonly NewRecord[]
  readonly bytes: number
}

/** The run that takes a history over. */
export interface HistoryTaker {
  readonly key: number
  readonly namespace: string
  readonly workflowId: string
  readonly runId: string
}

/**
 * The records of a run that begins with the history of another one up to some point: the turns before
 * it, which are to be replayed, and the inputs of the turn that is to be done anew.
 *
 * Guarantee: inputs keep their numbers and turns their commands, so that a replay finds what it would
 * find in the run that the history is of; request ids are found in the new run, whatever becomes of the
 * old one. Only the run's own id is another: random numbers are still seeded by the old one.
 */
export function takeHistory(
  taker: HistoryTaker,
  past: readonly HistoryTurn[],
  places: readonly TurnPlace[],
  redone: readonly Input[],
): TakenHistory {
  const records: NewRecord[] = []
  const run = taker.key
  let inputs: Input[] = []
  let commands: TurnCommands[] = []
  let first = 1
  let processed = 0
  let recorded = 0
  let length = 0
  let estimate = 0
  let bytes = 0
  const write = (record: NewRecord): void => {
    records.push(record)
    bytes += record.bytes.length
  }
  const flush = (): void => {
    if (inputs.length === 0) return
    const requests = requestHashes(taker, inputs, first)
    const kind = RecordKind.inputs
    const count = inputs.length
    const record = { run, kind, seq: first, count, bytes: encodeInputs(inputs) }
    write(requests.length === 0 ? record : { ...record, requests })
    if (commands.length > 0) {
      const body = encodeCommands(length, commands)
      const turns = processed - first + 1
      write({ run, kind: RecordKind.commands, seq: first, count: turns, bytes: body })
      recorded = processed
    }
    first += count
    inputs = []
    commands = []
    estimate = 0
  }
  const add = (input: Input): void => {
    inputs.push(input[0] === InputKind.started ? ofRun(input, taker.runId) : input)
    estimate += bytesOfInput(input)
  }
  for (const [at, turn] of past.entries()) {
    for (const input of turn.inputs) add(input)
    if (turn.commands.length > 0) commands.push([turn.lastSeq, turn.commands])
    processed = turn.lastSeq
    length = places[at]?.length ?? length
    if (estimate >= RECORD_BYTES) flush()
  }
  for (const input of redone) add(input)
  flush()
  if (recorded < processed) {
    write({ run, kind: RecordKind.progress, seq: processed, count: 0, bytes: NO_BYTES })
  }
  return { records, bytes, head: first - 1, processed }
}

const NO_BYTES = new Uint8Array(0)

function ofRun(
  input: Extract<Input, readonly [typeof InputKind.started, ...unknown[]]>,
  runId: string,
) {
  const [kind, time, started] = input
  const { originalExecutionRunId = started.runId } = started
  return [kind, time, { ...started, runId, originalExecutionRunId }] as const
}

/** The refusal of a reset that would copy and give again more than `maxResetBytes`. */
export function resetTooLarge(bytes: number, maxResetBytes: number): SignalboxError {
  return new SignalboxError(
    'SIGNALBOX_ERR_RESET_TOO_LARGE',
    `the history before the point and what is given again after it have ${bytes} bytes or more, ` +
      `more than maxResetBytes = ${maxResetBytes}; go back to another event, leave signals or ` +
      'updates out (reapplyExcludeTypes), or raise the limit',
    { fields: { bytes, maxResetBytes } },
  )
}
