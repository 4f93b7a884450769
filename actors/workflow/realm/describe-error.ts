import { userStack } from '../../failure-converter.ts'
import { DeterminismViolationError } from '../../failures.ts'
import type { TurnError } from '../../turns.ts'

/** What can be told of an error outside of the context. Its fields may be the user's getters. */
export function describeError(error: unknown): TurnError {
  try {
    if (typeof error === 'object' && error !== null) {
      const { name, message, stack } = error as {
        name?: unknown
        message?: unknown
        stack?: unknown
      }
      return {
        name: typeof name === 'string' ? name : 'Error',
        message: typeof message === 'string' ? message : '',
        ...(typeof stack === 'string' ? { stack: userStack(stack) } : {}),
        ...(error instanceof DeterminismViolationError ? { nonDeterministic: true } : {}),
      }
    }
    return { name: 'Error', message: String(error) }
  } catch {
    return { name: 'Error', message: 'An error was thrown that cannot be read' }
  }
}
