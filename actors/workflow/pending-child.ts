import type { StartChildCommand } from '../commands.ts'
import type { Failure } from '../failure.ts'
import { failureToError } from '../failure-converter.ts'
import { WorkflowExecutionAlreadyStartedError } from '../failures.ts'
import type { ChildResolution, ChildStartedInput } from '../inputs.ts'
import { fromPayload } from '../payload-converter.ts'
import type { Cancellable, CancellationScope } from './cancellation-scope.ts'
import type { LinkedWorkflows } from './linked-workflows.ts'

/** The two ends of a promise. */
export interface Settle<T> {
  readonly resolve: (value: T) => void
  readonly reject: (reason: unknown) => void
}

/** The start of a child, and what whoever started it waits for. */
export interface ChildStart extends Settle<string> {
  readonly until: 'start' | 'end'
}

/** A cause as Temporal's core makes it: without a message, and without the child's own details. */
const cancelledCause: Failure = Object.freeze({
  message: '',
  canceledFailureInfo: Object.freeze({}),
})

/**
 * A child workflow that this run waits for: first for its start, then for its end. What happens to it
 * when its scope is cancelled is Temporal's, by its cancellation type.
 */
export class PendingChild implements Cancellable {
  readonly command: StartChildCommand
  readonly #links: LinkedWorkflows
  readonly #scope: CancellationScope
  readonly #namespace: string
  #start: ChildStart | undefined
  /** Set right after the start, before any code of the workflow runs. */
  end: (Settle<unknown> & { promise?: Promise<unknown> }) | undefined
  #runId: string | undefined

  constructor(
    links: LinkedWorkflows,
    command: StartChildCommand,
    scope: CancellationScope,
    namespace: string,
    start: ChildStart,
  ) {
    this.#links = links
    this.command = command
    this.#scope = scope
    this.#namespace = namespace
    this.#start = start
  }

  get awaitsStart(): boolean {
    return this.#start !== undefined
  }

  started(outcome: ChildStartedInput[3]): void {
    const start = this.#start
    this.#start = undefined
    if ('runId' in outcome) {
      this.#runId = outcome.runId
      if (start?.until === 'start') this.#links.forgetWait(this)
      start?.resolve(outcome.runId)
      return
    }
    this.#over()
    const { workflowId, workflowType } = this.command
    start?.reject(
      new WorkflowExecutionAlreadyStartedError(
        'Workflow execution already started',
        workflowId,
        workflowType,
      ),
    )
  }

  resolve(resolution: ChildResolution): void {
    this.#over()
    if (resolution.status === 'completed') this.end?.resolve(fromPayload(resolution.result))
    else this.end?.reject(failureToError(this.#failureOf(resolution)))
  }

  cancelled(): void {
    const links = this.#links
    const { seq, workflowId, cancellationType } = this.command
    if (links.child(seq) !== this) return
    // What was never sent need not be cancelled: neither command leaves the turn.
    if (links.withdraw('startChildWorkflow', seq)) {
      links.resolveLocally(() => this.#cancelledBeforeStart())
      return
    }
    if (cancellationType !== 'ABANDON') {
      links.push({
        kind: 'cancelChildWorkflow',
        seq,
        workflowId,
        ...(this.#runId === undefined ? {} : { runId: this.#runId }),
      })
    }
    if (cancellationType === 'ABANDON' || cancellationType === 'TRY_CANCEL') {
      links.resolveLocally(() => {
        if (links.child(seq) === this) this.resolve({ status: 'cancelled' })
      })
    }
  }

  #cancelledBeforeStart(): void {
    const start = this.#start
    this.#start = undefined
    this.#over()
    start?.reject(
      failureToError({
        message: 'Child Workflow Execution cancelled before scheduled: ',
        cause: cancelledCause,
        childWorkflowExecutionFailureInfo: this.#identity('NON_RETRYABLE_FAILURE'),
      }),
    )
  }

  #over(): void {
    this.#links.forgetChild(this.command.seq)
    this.#links.forgetWait(this)
    if (this.end?.promise) this.#links.forgetWait(this.end.promise)
    if (this.#scope.cancellable) this.#scope.unregister(this)
  }

  #failureOf(resolution: Exclude<ChildResolution, { readonly status: 'completed' }>): Failure {
    switch (resolution.status) {
      case 'failed':
        return {
          message: 'Child Workflow execution failed',
          cause: resolution.failure,
          childWorkflowExecutionFailureInfo: this.#identity(resolution.retryState),
        }
      case 'timedOut':
        return {
          message: 'Child Workflow execution timed out',
          cause: { message: 'Timed out', timeoutFailureInfo: { timeoutType: 'START_TO_CLOSE' } },
          childWorkflowExecutionFailureInfo: this.#identity(resolution.retryState),
        }
      case 'terminated':
        return {
          message: 'Child Workflow execution terminated',
          cause: { message: 'Terminated', terminatedFailureInfo: {} },
          childWorkflowExecutionFailureInfo: this.#identity('NON_RETRYABLE_FAILURE'),
        }
      case 'cancelled':
        return {
          message: 'Child Workflow execution cancelled',
          cause: cancelledCause,
          childWorkflowExecutionFailureInfo: this.#identity('NON_RETRYABLE_FAILURE'),
        }
      default:
        return resolution satisfies never
    }
  }

  #identity(
    retryState: NonNullable<Failure['childWorkflowExecutionFailureInfo']>['retryState'],
  ): NonNullable<Failure['childWorkflowExecutionFailureInfo']> {
    return {
      namespace: this.#namespace,
      workflowId: this.command.workflowId,
      runId: this.#runId ?? '',
      workflowType: this.command.workflowType,
      retryState,
    }
  }
}
