import {
  ActivityNotFoundError,
  WorkflowExecutionAlreadyStartedError,
  WorkflowNotFoundError,
} from './client-errors.ts'
import type { EngineParts } from './engine-parts.ts'
import { SignalboxError } from './errors.ts'
import { checkIdentifier, checkNamespace } from './identifiers.ts'
import type { Run } from './run.ts'
import type { RunTable } from './run-table.ts'
import { DEFAULT_NAMESPACE } from './visibility.ts'
import type { Target } from './workflow-service.ts'

/**
 * The run that a request names: by run id, or the current or last one of the workflow id.
 *
 * @throws SIGNALBOX_ERR_INVALID_ARGUMENT for ids that cannot be
 */
export function findRun(runs: RunTable, target: Target): Run | undefined {
  const namespace = target.namespace ?? DEFAULT_NAMESPACE
  const { workflowId, runId } = target
  checkNamespace(target.namespace)
  checkIdentifier('WorkflowId', workflowId)
  if (runId === undefined || runId === '') return runs.current(namespace, workflowId)
  if (typeof runId !== 'string' || runId.length > 100) {
    throw new SignalboxError('SIGNALBOX_ERR_INVALID_ARGUMENT', 'Invalid RunId.', {
      fields: { field: 'runId' },
    })
  }
  return runs.byRunId(namespace, workflowId, runId)
}

/** @throws WorkflowNotFoundError unless the run is of the chain that began with this one, if one is given */
export function checkChain(run: Run, firstExecutionRunId: string | undefined): void {
  if (firstExecutionRunId === undefined || firstExecutionRunId === '') return
  if (run.row.firstExecutionRunId !== firstExecutionRunId) throw notFound(run.row)
}

/**
 * The run that a request names, once its start is durable; so is its end, if that is being written.
 *
 * @throws WorkflowNotFoundError
 */
export async function durableRun(parts: EngineParts, target: Target): Promise<Run> {
  for (;;) {
    parts.checkOpen()
    const run = findRun(parts.runs, target)
    if (run === undefined) throw notFound(target)
    if (run.committed > 0 && run.closing?.phase !== 'committing') return run
    // Then the workflow id may have another run.
    await parts.committer.allDurable
  }
}

export function notFound(target: { readonly workflowId: string }): SignalboxError {
  const { workflowId } = target
  return new WorkflowNotFoundError(`workflow not found for ID: ${workflowId}`, workflowId)
}

export function activityNotFound(): ActivityNotFoundError {
  return new ActivityNotFoundError(
    'invalid activityID or activity already timed out or invoking workflow is completed',
  )
}

export function closedError(run: Run): SignalboxError {
  const { workflowId, runId, status } = run.row
  const message = `workflow execution already completed: ${workflowId} (${status})`
  return new WorkflowNotFoundError(message, workflowId, runId, { status })
}

/** For what a paused run cannot be asked for. */
export function pausedError(run: Run): SignalboxError {
  const { workflowId, runId, pause } = run.row
  const by = pause?.identity === undefined ? '' : ` by ${pause.identity}`
  const why = pause?.reason === undefined ? '' : `: ${pause.reason}`
  return new SignalboxError(
    'SIGNALBOX_ERR_WORKFLOW_PAUSED',
    `workflow ${workflowId} is paused${by}${why}; unpause it first`,
    { fields: { workflowId, runId } },
  )
}

/** For a signal that is in the history of a run that was closed past its mailbox. */
export function closedBeforeHandled(run: Run): SignalboxError {
  const { workflowId, runId } = run.row
  return new SignalboxError(
    'SIGNALBOX_ERR_WORKFLOW_NOT_FOUND',
    `workflow ${workflowId} closed before it handled the signal`,
    { fields: { workflowId, runId } },
  )
}

export function alreadyStarted(run: Run): SignalboxError {
  const { workflowId, workflowType, runId, firstExecutionRunId } = run.row
  return new WorkflowExecutionAlreadyStartedError(
    `Workflow execution already started: ${workflowId} (run ${runId}). Use another id, ` +
      'or a conflict or reuse policy that allows it.',
    workflowId,
    workflowType,
    { runId, firstExecutionRunId },
  )
}
