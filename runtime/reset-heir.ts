import type { Command } from '../actors/commands.ts'
import { InputKind } from '../actors/inputs.ts'
import { decodeCommands } from '../actors/records.ts'
import { type Journal, RecordKind } from './journal.ts'
import type { LinkedCommand, LinkedInput } from './linked-effect.ts'
import type { Run } from './run.ts'
import type { RunTable } from './run-table.ts'

/**
 * The run that a command of `run` is of now. After a reset that is the new run, if the command is in the
 * history that it took over; otherwise the old one, which is closed. Looked up only for what was held back
 * while the run was reset.
 */
export function ownerOf(
  ports: { readonly runs: RunTable; readonly journal: Journal },
  run: Run,
  { kind, seq }: Pick<LinkedCommand, 'kind' | 'seq'>,
): Run {
  let owner = run
  while (!owner.isOpen && owner.row.resetRunId !== undefined) {
    const { namespace, workflowId, resetRunId } = owner.row
    const heir = ports.runs.byRunId(namespace, workflowId, resetRunId)
    const turns = heir?.row.resetTaken?.turns ?? 0
    if (heir === undefined || !issued(ports.journal, heir.key, turns, kind, seq)) return owner
    owner = heir
  }
  return owner
}

/** The command that news is of. */
export function commandOf(input: LinkedInput): Pick<LinkedCommand, 'kind' | 'seq'> {
  const [inputKind, , seq] = input
  switch (inputKind) {
    case InputKind.childStarted:
    case InputKind.childResolved:
      return { kind: 'startChildWorkflow', seq }
    case InputKind.externalSignalResolved:
      return { kind: 'signalExternalWorkflow', seq }
    case InputKind.externalCancelResolved:
      return { kind: input[3] === 'child' ? 'cancelChildWorkflow' : 'cancelExternalWorkflow', seq }
    default:
      return inputKind satisfies never
  }
}

function issued(
  journal: Journal,
  run: number,
  turns: number,
  kind: Command['kind'],
  seq: number,
): boolean {
  for (const record of journal.readRun(run, 1)) {
    if (record.kind !== RecordKind.commands) continue
    for (const [turn, commands] of decodeCommands(record.bytes).turns) {
      if (turn > turns) return false
      if (
        commands.some((command) => command.kind === kind && 'seq' in command && command.seq === seq)
      ) {
        return true
      }
    }
  }
  return false
}
