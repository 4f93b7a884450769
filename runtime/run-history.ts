import type { Command, TerminalCommand } from '../actors/commands.ts'
import { isTerminal } from '../actors/commands.ts'
import { type Input, InputKind } from '../actors/inputs.ts'
import { decodeCommands, decodeInputs } from '../actors/records.ts'
import type { HistoryTurn } from './history.ts'
import { type Journal, RecordKind } from './journal.ts'
import type { Run } from './run.ts'
import { retryOf, runTimeoutFailure } from './run-successor.ts'
import type { CloseStatus } from './workflow-service.ts'
import { isOpenStatus } from './workflow-status.ts'

/** The turns of a run as the journal has them, in order, each with its inputs and commands. */
export function readTurns(journal: Journal, run: Run): readonly HistoryTurn[] {
  const inputs: Input[] = []
  const commands = new Map<number, readonly Command[]>()
  for (const record of journal.readRun(run.key, 1)) {
    if (record.kind === RecordKind.inputs) inputs.push(...decodeInputs(record.bytes))
    else if (record.kind === RecordKind.commands) {
      for (const [seq, issued] of decodeCommands(record.bytes).turns) commands.set(seq, issued)
    }
  }
  const lastOf = new Map(run.row.groups)
  const turns: HistoryTurn[] = []
  for (let seq = 1; seq <= inputs.length;) {
    const lastSeq = Math.min(lastOf.get(seq) ?? seq, inputs.length)
    turns.push({
      firstSeq: seq,
      lastSeq,
      inputs: inputs.slice(seq - 1, lastSeq),
      commands: commands.get(lastSeq) ?? [],
      ended: lastSeq <= run.endedTo,
    })
    seq = lastSeq + 1
  }
  return turns
}

/** How a closed run ended; its result or failure is read from the journal. */
export function readClose(journal: Journal, run: Run): CloseStatus {
  const { row } = run
  if (isOpenStatus(row.status)) return { closed: false }
  const base = {
    closed: true,
    runId: row.runId,
    status: row.status,
    ...(row.newRunId === undefined ? {} : { newRunId: row.newRunId }),
  } as const
  if (row.status === 'TERMINATED') {
    const input = lastInput(journal, run)
    const reason = input?.[0] === InputKind.terminated ? input[2].reason : undefined
    const failure = {
      message: reason === undefined || reason === '' ? 'Workflow execution terminated' : reason,
      terminatedFailureInfo: {},
    }
    return { ...base, failure }
  }
  if (row.status === 'TIMED_OUT') {
    const input = lastInput(journal, run)
    const retryState = input?.[0] === InputKind.timedOut ? input[2].retryState : 'TIMEOUT'
    return { ...base, failure: runTimeoutFailure, retryState }
  }
  const command = terminalCommand(journal, run)
  if (command?.kind === 'completeWorkflow') return { ...base, result: command.result }
  if (command?.kind === 'failWorkflow') {
    const { state } = retryOf(row, command.failure, row.closeTime ?? 0)
    return { ...base, failure: command.failure, retryState: state }
  }
  if (row.newRunId !== undefined) return base
  const details = command?.kind === 'cancelWorkflow' ? command.details : undefined
  const failure = {
    message: 'Workflow canceled',
    canceledFailureInfo: details === undefined ? {} : { details },
  }
  return { ...base, failure }
}

function terminalCommand(journal: Journal, run: Run): TerminalCommand | undefined {
  for (const record of journal.readRun(run.key, run.row.closeSeq)) {
    if (record.kind !== RecordKind.commands) continue
    for (const [, commands] of decodeCommands(record.bytes).turns) {
      const terminal = commands.find(isTerminal)
      if (terminal !== undefined) return terminal
    }
  }
  return undefined
}

function lastInput(journal: Journal, run: Run): Input | undefined {
  let last: Input | undefined
  for (const record of journal.readRun(run.key, run.committed)) {
    if (record.kind === RecordKind.inputs) last = decodeInputs(record.bytes).at(-1)
  }
  return last
}
