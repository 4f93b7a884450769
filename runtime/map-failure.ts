import type { Command } from '../actors/commands.ts'
import type { Failure } from '../actors/failure.ts'
import type { TurnCommands } from '../actors/records.ts'

/** A failure whose stacks, and those of its causes, went through `mapStack`. */
export function mapFailure(failure: Failure, mapStack: (stack: string) => string): Failure {
  const { stackTrace, cause, encodedAttributes } = failure
  return {
    ...failure,
    ...(stackTrace === undefined ? {} : { stackTrace: mapStack(stackTrace) }),
    ...(typeof encodedAttributes === 'string'
      ? { encodedAttributes: mapEncoded(encodedAttributes, mapStack) }
      : {}),
    ...(cause === undefined ? {} : { cause: mapFailure(cause, mapStack) }),
  }
}

/** Mapped before they are journaled: the bundle of today is the one that they are of. */
export function withMappedStacks(
  [seq, commands]: TurnCommands,
  mapStack: (stack: string) => string,
): TurnCommands {
  return [seq, commands.map((command) => withMappedStack(command, mapStack))]
}

/** Whether there is a stack to be mapped. */
export function hasFailure(command: Command): boolean {
  switch (command.kind) {
    case 'failWorkflow':
    case 'rejectUpdate':
      return true
    case 'completeUpdate':
      return 'failure' in command.outcome
    default:
      return false
  }
}

function withMappedStack(command: Command, mapStack: (stack: string) => string): Command {
  switch (command.kind) {
    case 'failWorkflow':
    case 'rejectUpdate':
      return { ...command, failure: mapFailure(command.failure, mapStack) }
    case 'completeUpdate': {
      const { outcome } = command
      if ('result' in outcome) return command
      return { ...command, outcome: { failure: mapFailure(outcome.failure, mapStack) } }
    }
    default:
      return command
  }
}

/** A stack within attributes that the failure converter has put into JSON. */
function mapEncoded(json: string, mapStack: (stack: string) => string): string {
  let attributes: unknown
  try {
    attributes = JSON.parse(json)
  } catch {
    // A converter of the user's wrote it, in a form of its own.
    return json
  }
  if (typeof attributes !== 'object' || attributes === null) return json
  const { stack_trace: stack } = attributes as Record<string, unknown>
  if (typeof stack !== 'string') return json
  return JSON.stringify({ ...attributes, stack_trace: mapStack(stack) })
}
