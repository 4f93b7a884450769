import type { WorkflowSignalOptions } from './child-workflows.ts'
import { CancellationScope } from './cancellation-scope.ts'
import { assertInWorkflowContext } from './current-run.ts'
import type { SignalDefinition } from './definitions.ts'
import { patched } from './versioning.ts'

/** By it Temporal's SDK ties the cancellation of a workflow to a scope; its marker is in histories. */
const scopedCancelPatch = '__temporal_internal_connect_external_handle_cancel_to_scope'

/** Another workflow, by its id. It can be signalled and cancelled, but not asked for its result. */
export interface ExternalWorkflowHandle {
  readonly workflowId: string
  /** Only this run; without it the current run of the workflow id. */
  readonly runId?: string
  /**
   * Send it a signal. Resolves when the signal is in its history.
   *
   * @throws {ApplicationFailure} if there is no such workflow, or it has closed
   */
  signal<Args extends unknown[] = [], Name extends string = string>(
    def: SignalDefinition<Args, Name> | string,
    ...args: Args
  ): Promise<void>
  signalWithOptions<Args extends unknown[] = []>(
    signalName: string,
    options: WorkflowSignalOptions<Args>,
  ): Promise<void>
  /**
   * Ask it to cancel itself. Resolves when the request is in its history, and if it has closed.
   *
   * @throws {ApplicationFailure} if there is no such workflow
   */
  cancel(): Promise<void>
}

/** A handle of another workflow in the same data folder and namespace. */
export function getExternalWorkflowHandle(
  workflowId: string,
  runId?: string,
): ExternalWorkflowHandle {
  const activator = assertInWorkflowContext(
    'Workflow.getExternalWorkflowHandle(...) may only be used from a Workflow Execution. Consider using Client.workflow.getHandle(...) instead.)',
  )
  const signal = (name: string, args: unknown[]): Promise<void> => {
    const { links } = activator
    return links.signal(links.takeSignalSeq(), { workflowId, runId }, name, args)
  }
  return {
    workflowId,
    ...(runId === undefined ? {} : { runId }),
    signal(def, ...args) {
      return signal(typeof def === 'string' ? def : def.name, args)
    },
    signalWithOptions(signalName, { args }) {
      return signal(signalName, args ?? [])
    },
    cancel() {
      return new Promise((resolve, reject) => {
        const scope = CancellationScope.current()
        // Also when the request has long been answered: there Temporal asks for the patch as well.
        const withdrawn = (error: unknown): void => {
          if (patched(scopedCancelPatch)) reject(error)
        }
        if (scope.cancellable) scope.register({ cancelled: withdrawn })
        if (scope.consideredCancelled && patched(scopedCancelPatch)) return
        activator.links.cancelExternal(workflowId, runId, { resolve, reject })
      })
    },
  }
}
