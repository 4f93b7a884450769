import type { WithWorkflowArgs } from '../actors/workflow/child-workflows.ts'
import type { Workflow } from '../actors/workflow/definitions.ts'
import type { WorkflowOptions } from './client.ts'
import { SignalboxError } from './errors.ts'
import type { WorkflowHandle } from './workflow-handle.ts'
import type { IdConflictPolicy } from './workflow-service.ts'

/** What {@link WithStartWorkflowOperation} takes: a start whose conflict policy is said. */
export type WithStartOptions<W extends Workflow> = WithWorkflowArgs<
  W,
  WorkflowOptions & { readonly workflowIdConflictPolicy: IdConflictPolicy }
>

let takeOperation: <W extends Workflow>(
  operation: WithStartWorkflowOperation<W>,
) => OperationOutcome<W>

interface OperationOutcome<W extends Workflow> {
  readonly resolve: (handle: WorkflowHandle<W>) => void
  readonly reject: (error: unknown) => void
}

/** The workflow that `executeUpdateWithStart` or `startUpdateWithStart` is to start, or to use. For one call. */
export class WithStartWorkflowOperation<W extends Workflow> {
  readonly workflowTypeOrFunc: string | W
  readonly options: WithStartOptions<W>
  readonly #handle: Promise<WorkflowHandle<W>>
  #outcome: OperationOutcome<W> | undefined
  #used = false

  constructor(workflowTypeOrFunc: string | W, options: WithStartOptions<W>) {
    this.workflowTypeOrFunc = workflowTypeOrFunc
    this.options = options
    this.#handle = new Promise((resolve, reject) => {
      this.#outcome = { resolve, reject }
    })
    // The caller of the operation gets the error; who never asks for the handle need not.
    this.#handle.catch(() => undefined)
  }

  /** Resolves when the workflow has been started or found, whatever becomes of the update. */
  workflowHandle(): Promise<WorkflowHandle<W>> {
    return this.#handle
  }

  static {
    takeOperation = (operation) => {
      // Another thing has no such field; to ask for it throws.
      if (!(operation instanceof WithStartWorkflowOperation)) {
        throw invalid('startWorkflowOperation must be a WithStartWorkflowOperation')
      }
      if (operation.#used || operation.#outcome === undefined) {
        throw invalid('This WithStartWorkflowOperation instance has already been executed.')
      }
      operation.#used = true
      return operation.#outcome
    }
  }
}

/**
 * Take an operation for its one use.
 *
 * @throws SIGNALBOX_ERR_INVALID_ARGUMENT if it was used before
 */
export function useOperation<W extends Workflow>(
  operation: WithStartWorkflowOperation<W>,
): OperationOutcome<W> {
  return takeOperation(operation)
}

function invalid(message: string): SignalboxError {
  const field = 'startWorkflowOperation'
  return new SignalboxError('SIGNALBOX_ERR_INVALID_ARGUMENT', message, { fields: { field } })
}
