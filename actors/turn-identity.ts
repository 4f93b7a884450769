import { type Command, commandIdentity } from './commands.ts'

/**
 * The part of a turn's commands that replay compares. Rejections of updates are not among them: a replay
 * does not show those updates to the code.
 */
export function identityOf(commands: readonly Command[]): string {
  return commands
    .filter(({ kind }) => kind !== 'rejectUpdate')
    .map(commandIdentity)
    .join(', ')
}

/** The numbers of the updates that a turn rejected. */
export function rejectedSeqs(commands: readonly Command[]): readonly number[] {
  const seqs: number[] = []
  for (const command of commands) if (command.kind === 'rejectUpdate') seqs.push(command.seq)
  return seqs
}
