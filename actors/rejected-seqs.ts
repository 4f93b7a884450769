import type { Command } from './commands.ts'

/** The numbers of the updates that a turn rejected. */
export function rejectedSeqs(commands: readonly Command[]): readonly number[] {
  const seqs: number[] = []
  for (const command of commands) if (command.kind === 'rejectUpdate') seqs.push(command.seq)
  return seqs
}
