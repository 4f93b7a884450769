import { InputKind, type PauseAttributes } from '../actors/inputs.ts'
import { attempt } from './attempt.ts'
import type { EngineParts } from './engine-parts.ts'
import { SignalboxError } from './errors.ts'
import { holdRequest } from './held-requests.ts'
import { checkIdentifier, checkText } from './identifiers.ts'
import type { Run } from './run.ts'
import { DEFAULT_NAMESPACE } from './visibility.ts'
import { closedError, findRun, notFound, pausedError } from './workflow-target.ts'
import type { PauseRequest } from './workflow-service.ts'

/**
 * Pause and unpause: a paused run's inputs are journaled and wait, as those of a quarantined one.
 *
 * Guarantees: an acknowledged pause outlives the process; no turn of the run ends after it until it is
 * unpaused, and one that was being done is done again then; no attempt of an activity begins; nothing that
 * was acknowledged is lost or changes its place. A request id is good for one pause, or one unpause, of the workflow id.
 */
export class WorkflowPauses {
  readonly #parts: EngineParts

  constructor(parts: EngineParts) {
    this.#parts = parts
  }

  pauseWorkflow(request: PauseRequest): Promise<void> {
    return attempt(() =>
      this.#change('pause', request, (run, { requestId, ...attributes }) => {
        const { acceptor, activities, failures } = this.#parts
        if (run.isPaused) throw pausedError(run)
        const { now } = acceptor
        const all = requestId === undefined ? attributes : { ...attributes, requestId }
        acceptor.takeRequest(run, 'pause', requestId, [InputKind.paused, now, all])
        const pause = { ...attributes, pausedTime: now }
        acceptor.saveRow(run, { ...run.row, status: 'PAUSED', pause })
        failures.hold(run)
        activities.hold(run.key, true)
      }),
    )
  }

  unpauseWorkflow(request: PauseRequest): Promise<void> {
    return attempt(() =>
      this.#change('unpause', request, (run, attributes) => {
        const { acceptor, activities, committer } = this.#parts
        if (!run.isPaused) throw notPaused(run)
        acceptor.saveRow(run, { ...run.row, status: 'RUNNING', pause: undefined })
        // Its delivery wakes the run.
        const input = [InputKind.unpaused, acceptor.now, attributes] as const
        acceptor.takeRequest(run, 'unpause', attributes.requestId, input)
        committer.afterCommit(() => activities.hold(run.key, run.isPaused))
      }),
    )
  }

  #change(
    operation: 'pause' | 'unpause',
    request: PauseRequest,
    apply: (run: Run, attributes: PauseAttributes) => void,
  ): Promise<void> {
    const { committer, requests, runs } = this.#parts
    this.#parts.checkOpen()
    const { identity, reason, requestId, workflowId } = request
    checkText('identity', identity)
    checkText('reason', reason)
    const run = findRun(runs, request)
    if (requestId !== undefined) {
      checkIdentifier('requestId', requestId)
      const namespace = request.namespace ?? DEFAULT_NAMESPACE
      const earlier = requests.find(operation, namespace, workflowId, requestId)
      if (earlier !== undefined) return committer.allDurable
    }
    if (run === undefined) throw notFound(request)
    if (run.closing?.phase === 'committing') {
      return holdRequest(this.#parts, run, () =>
        operation === 'pause' ? this.pauseWorkflow(request) : this.unpauseWorkflow(request),
      )
    }
    if (!run.isOpen) throw closedError(run)
    apply(run, {
      ...(identity === undefined ? {} : { identity }),
      ...(reason === undefined ? {} : { reason }),
      ...(requestId === undefined ? {} : { requestId }),
    })
    return committer.durable
  }
}

function notPaused(run: Run): SignalboxError {
  const { workflowId, runId } = run.row
  return new SignalboxError(
    'SIGNALBOX_ERR_WORKFLOW_NOT_PAUSED',
    `workflow ${workflowId} is not paused`,
    { fields: { workflowId, runId } },
  )
}
