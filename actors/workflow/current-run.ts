import { IllegalStateError } from '../failures.ts'
import type { Activator } from './activator.ts'

/**
 * The run whose turn it is. A context hosts many runs and one of them at a time has the floor: it is
 * set before any code of the run is entered and stays until its microtasks have drained.
 */
let current: Activator | undefined

export function setCurrentRun(activator: Activator | undefined): void {
  current = activator
}

export function maybeActivator(): Activator | undefined {
  return current
}

/** @throws {IllegalStateError} outside of a workflow, for example when host code imports a workflow file */
export function assertInWorkflowContext(message = 'Workflow context not initialized'): Activator {
  if (current === undefined) throw new IllegalStateError(message)
  return current
}

/** True in workflow code, false in code that the host runs. */
export function inWorkflowContext(): boolean {
  return current !== undefined
}
