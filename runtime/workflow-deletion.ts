import { setTimeout } from 'node:timers/promises'
import type { EngineParts } from './engine-parts.ts'
import { holdRequest } from './held-requests.ts'
import type { Run } from './run.ts'
import { checkChain, findRun, notFound } from './workflow-target.ts'
import type { DeleteRequest, TerminateRequest } from './workflow-service.ts'

/** How often a run that is in use, by a query say, is looked at. */
const POLL_MS = 20

/** The call that deletes one run, as Temporal's DeleteWorkflowExecution. */
export class WorkflowDeletion {
  readonly #parts: EngineParts
  readonly #terminate: (request: TerminateRequest) => Promise<void>

  constructor(parts: EngineParts, terminate: (request: TerminateRequest) => Promise<void>) {
    this.#parts = parts
    this.#terminate = terminate
  }

  async deleteWorkflow(request: DeleteRequest): Promise<void> {
    this.#parts.checkOpen()
    const run = findRun(this.#parts.runs, request)
    if (run === undefined) throw notFound(request)
    checkChain(run, request.firstExecutionRunId)
    if (run.closing !== undefined) {
      return holdRequest(this.#parts, run, () => this.deleteWorkflow(request))
    }
    if (run.isOpen) {
      const { namespace, workflowId, runId } = run.row
      const { reason = 'the workflow is deleted', identity } = request
      await this.#terminate({ namespace, workflowId, runId, reason, identity })
    }
    await this.#remove(run)
  }

  /** A run that is closed is not in use for long: what a query or another workflow's close needs of it ends. */
  async #remove({ key, row }: Run): Promise<void> {
    const { runs, retention } = this.#parts
    for (;;) {
      // Anew each time: its object may be forgotten while it is waited for.
      const run = runs.byKey(key)
      if (run === undefined) throw notFound(row)
      if (await retention.remover.remove(run)) return
      await setTimeout(POLL_MS)
      this.#parts.checkOpen()
    }
  }
}
