import type { Converters } from '../converters.ts'
import type { Activator } from './activator.ts'
import type { RunInterceptors } from './interceptors.ts'

// oxlint-disable-next-line typescript/no-explicit-any -- as Temporal's type: errors of any constructor
export type ErrorClass = new (...args: any[]) => Error

/** What most runs do without: made when the first of it is there. */
export interface RunExtensions {
  converters?: Converters | undefined
  interceptors?: RunInterceptors | undefined
  /** Errors that fail the workflow rather than the turn. */
  failureTypes?: readonly ErrorClass[] | undefined
  /** For the metadata query. */
  currentDetails?: string | undefined
  /** Where code began to wait, by what it waits for; see stack-traces.ts. */
  waits?: Map<object, string> | undefined
}

export function extensionsOf(activator: Activator): RunExtensions {
  return (activator.extensions ??= {})
}
