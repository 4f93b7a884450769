import type { Failure } from '../actors/failure.ts'

/** A failure whose stacks, and those of its causes, went through `mapStack`. */
export function mapFailure(failure: Failure, mapStack: (stack: string) => string): Failure {
  const { stackTrace, cause } = failure
  return {
    ...failure,
    ...(stackTrace === undefined ? {} : { stackTrace: mapStack(stackTrace) }),
    ...(cause === undefined ? {} : { cause: mapFailure(cause, mapStack) }),
  }
}
