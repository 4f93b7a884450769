import type { Activator } from './activator.ts'
import { assertInWorkflowContext } from './current-run.ts'
import { type ErrorClass, extensionsOf } from './run-extensions.ts'

/** Accepted and recorded nowhere: one runtime has one version of the code. */
export const VersioningBehavior = { PINNED: 'PINNED', AUTO_UPGRADE: 'AUTO_UPGRADE' } as const
export type VersioningBehavior = (typeof VersioningBehavior)[keyof typeof VersioningBehavior]

/** Options of a workflow type. */
export interface WorkflowDefinitionOptions {
  /** Accepted and without effect here. */
  versioningBehavior?: VersioningBehavior
  /**
   * Errors, and those of subclasses, that fail the workflow or the update instead of parking the run.
   * `Error` means every error except one of nondeterminism.
   */
  failureExceptionTypes?: ErrorClass[]
}

export type WorkflowDefinitionOptionsOrGetter =
  WorkflowDefinitionOptions | (() => WorkflowDefinitionOptions)

export interface WorkflowDefinitionConfig {
  /** Evaluated for each run, if it is a function. */
  workflowDefinitionOptions?: WorkflowDefinitionOptionsOrGetter
  /** Types of arguments and results; without effect here. */
  staticOptions?: object
}

// oxlint-disable-next-line typescript/no-explicit-any -- a function type that any workflow extends
type AsyncFunction = (...args: any[]) => Promise<unknown>

/** Give a workflow function options of its type. */
export function setWorkflowOptions(
  options: WorkflowDefinitionOptionsOrGetter,
  fn: AsyncFunction,
): void {
  Object.assign(fn, { workflowDefinitionOptions: options })
}

/** {@link setWorkflowOptions}, with options that are known before the workflow runs. */
export function defineWorkflowOptions(fn: AsyncFunction, config: WorkflowDefinitionConfig): void {
  Object.assign(fn, config)
}

/** Take over what a workflow function says of its type; a getter is called as part of the run. */
export function applyWorkflowOptions(activator: Activator, workflow: object): void {
  const { workflowDefinitionOptions: given } = workflow as WorkflowDefinitionConfig
  if (given === undefined) return
  const { failureExceptionTypes } = typeof given === 'function' ? given() : given
  if (failureExceptionTypes !== undefined) {
    extensionsOf(activator).failureTypes = failureExceptionTypes
  }
}

/** Whether an error fails the workflow, by its options or those of the runtime. */
export function isFailureType(activator: Activator, error: unknown): boolean {
  const types = activator.extensions?.failureTypes
  if (types?.some((type) => type === Error || error instanceof type) === true) return true
  const names = failureTypeNames
  if (names === undefined) return false
  const { workflowType } = activator.started
  return matches(names['*'], error) || matches(names[workflowType], error)
}

let failureTypeNames: Readonly<Record<string, readonly string[]>> | undefined

/** The runtime's `workflowFailureErrorTypes`: names of classes by workflow type, `*` for all types. */
export function setFailureTypeNames(names: typeof failureTypeNames): void {
  failureTypeNames = names
}

function matches(names: readonly string[] | undefined, error: unknown): boolean {
  if (names === undefined || names.length === 0) return false
  if (names.includes('Error')) return true
  if (typeof error !== 'object' || error === null) return false
  let type: unknown = (error as { constructor?: unknown }).constructor
  while (typeof type === 'function' && type !== Function.prototype) {
    if (names.includes(type.name)) return true
    type = Object.getPrototypeOf(type) as unknown
  }
  return false
}

/** Shown by the metadata query until they are set anew: what the workflow is at, in a line or more. */
export function setCurrentDetails(details: string): void {
  const activator = assertInWorkflowContext()
  activator.assertWritable()
  extensionsOf(activator).currentDetails = details
}

/** What {@link setCurrentDetails} has set; empty at first. */
export function getCurrentDetails(): string {
  return assertInWorkflowContext().extensions?.currentDetails ?? ''
}
