import type { Failure } from '../actors/failure.ts'
import { failureToError } from '../actors/failure-converter.ts'
import { fromPayload } from '../actors/payload-converter.ts'
import type { Payload } from '../actors/payload.ts'
import type {
  QueryDefinition,
  SignalDefinition,
  UpdateDefinition,
  Workflow,
  WorkflowResultType,
} from '../actors/workflow/definitions.ts'
import {
  QueryRejectedError,
  WorkflowContinuedAsNewError,
  WorkflowFailedError,
} from './client-errors.ts'
import {
  checkPauseOptions,
  checkQueryOptions,
  checkResetOptions,
  checkSignalOptions,
  checkStartUpdateOptions,
  checkUpdateHandleOptions,
  checkUpdateOptions,
} from './client-options.ts'
import type { ClientSetup } from './client-setup.ts'
import { convert } from './convert-arguments.ts'
import { nameOf } from './name-of.ts'
import { type BoundedWait, isSignalOptions, type SignalOptions } from './signal-options.ts'
import type { GivenArguments, OptionsWithArgs, WithArgs } from './typed-arguments.ts'
import {
  createUpdateHandle,
  type StartUpdateOptions,
  updateContent,
  updateHandleOf,
  type UpdateOptions,
  type WorkflowUpdateHandle,
} from './workflow-update-handle.ts'
import type {
  HistoryEvent,
  QueryRejectCondition,
  ResetReapplyExcludeType,
  ResetResponse,
  SignalResponse,
  Target,
  UpdateStage,
  WorkflowDescription,
  WorkflowService,
} from './workflow-service.ts'

/** Long polls within one `result()`: each waits this long before it looks again. */
const RESULT_POLL_MS = 60_000

/** One of `eventId` and `type` is needed. */
export interface ResetOptions {
  /** The id of a WORKFLOW_TASK_COMPLETED of the run: the task that is done anew. */
  readonly eventId?: number
  readonly type?: 'FirstWorkflowTask' | 'LastWorkflowTask'
  /** What came after the point and is not to be sent to the new run. Default: nothing. */
  readonly reapplyExclude?: readonly ResetReapplyExcludeType[]
  /** Recorded in both histories. */
  readonly reason?: string
  /** Who asks. */
  readonly identity?: string
  /** Makes a retry safe. Default: none. */
  readonly requestId?: string
}

export interface PauseOptions {
  /** Recorded in the history, and shown by describe. */
  readonly reason?: string
  /** Who asks. */
  readonly identity?: string
  /** Makes a retry safe. Default: none. */
  readonly requestId?: string
}

interface QueryOptions {
  /** Refuse the query by the workflow's status. Default: never. */
  readonly rejectCondition?: QueryRejectCondition
}

/** What is known of a run, and what it was started with to be shown of it. */
export interface WorkflowExecutionDescription extends WorkflowDescription {
  readonly staticSummary: () => Promise<string | undefined>
  readonly staticDetails: () => Promise<string | undefined>
}

interface HandleTarget {
  readonly namespace: string | undefined
  readonly workflowId: string
  readonly runId: string | undefined
  readonly followRuns: boolean
  readonly firstExecutionRunId: string | undefined
  readonly startedRunId?: string
}

/** A way to one workflow, in the shape of `@temporalio/client`'s handle. */
export class WorkflowHandle<W extends Workflow = Workflow> {
  readonly workflowId: string
  /** The run the handle is bound to, if it was made for one. */
  readonly runId: string | undefined
  /** The first run of the chain that `start` or `signalWithStart` gave the handle for. */
  readonly firstExecutionRunId: string | undefined
  /** Of `signalWithStart`: the run that took the signal. */
  readonly signaledRunId: string | undefined
  readonly #service: WorkflowService
  readonly #setup: ClientSetup
  readonly #target: HandleTarget

  /** @internal */
  constructor(service: WorkflowService, setup: ClientSetup, target: HandleTarget) {
    this.#service = service
    this.#setup = setup
    this.#target = target
    this.workflowId = target.workflowId
    this.runId = target.runId
    this.firstExecutionRunId = target.firstExecutionRunId
    this.signaledRunId = target.startedRunId
  }

  /**
   * Send a signal. Resolves when it is on disk; signals sent without awaiting keep their order.
   *
   * With options: `handle.signal({ signal: buy, requestId: 'order-17', waitFor: 'processed' }, 3)`. With
   * `timeoutMs` or `abortSignal` it resolves with whether the turn has ended: `{ processed: true }`.
   *
   * @throws WorkflowNotFoundError, SIGNALBOX_ERR_MAILBOX_FULL, SIGNALBOX_ERR_PAYLOAD_TOO_LARGE,
   * SIGNALBOX_ERR_REQUEST_ID_REUSED, SIGNALBOX_ERR_INDETERMINATE (retry with the same request id)
   */
  signal<Args extends unknown[] = unknown[]>(
    options: SignalOptions<Args> & BoundedWait,
    ...args: NoInfer<Args>
  ): Promise<SignalResponse>
  signal<Args extends unknown[] = unknown[]>(
    signal: SignalDefinition<Args> | SignalOptions<Args> | string,
    ...args: NoInfer<Args>
  ): Promise<void>
  signal<Args extends unknown[] = unknown[]>(
    signal: SignalDefinition<Args> | SignalOptions<Args> | string,
    ...args: Args
  ): Promise<unknown> {
    const options = isSignalOptions<Args>(signal) ? signal : undefined
    const definition = options === undefined ? signal : options.signal
    const { namespace, workflowId, runId } = this.#target
    let payloads: readonly Payload[]
    try {
      if (options !== undefined) checkSignalOptions(options)
      payloads = convert(args, this.#setup.converters)
    } catch (error) {
      return Promise.reject(error)
    }
    return this.#service.signalWorkflow({
      namespace,
      workflowId,
      runId,
      signalName: nameOf(definition as SignalDefinition | string | undefined),
      args: payloads,
      requestId: options?.requestId,
      waitFor: options?.waitFor,
      timeoutMs: options?.timeoutMs,
      signal: options?.abortSignal,
    })
  }

  /**
   * Update the workflow and wait for what the update's handler returns.
   *
   * @throws WorkflowUpdateFailedError if it was rejected, its handler failed, or the run closed before it
   * was over
   * @throws WorkflowNotFoundError if there is no such workflow, or it closed before accepting the update
   * @throws WorkflowUpdateRPCTimeoutOrCancelledError by `timeout` or `abortSignal`
   */
  async executeUpdate<Ret, Args extends unknown[] = unknown[]>(
    update: UpdateDefinition<Ret, Args> | string,
    ...[options]: OptionsWithArgs<Args, UpdateOptions>
  ): Promise<Ret> {
    if (options !== undefined) checkUpdateOptions(options)
    const handle = await this.#startUpdate<Ret>(update, options ?? {}, 'COMPLETED')
    return handle.result()
  }

  /** {@link executeUpdate}, for a handle to the update once it is as far as `waitForStage` says. */
  async startUpdate<Ret, Args extends unknown[] = unknown[]>(
    update: UpdateDefinition<Ret, Args> | string,
    options: StartUpdateOptions<Args>,
  ): Promise<WorkflowUpdateHandle<Ret>> {
    checkStartUpdateOptions(options)
    return this.#startUpdate<Ret>(update, options, options.waitForStage)
  }

  async #startUpdate<Ret>(
    update: { readonly name: string } | string,
    options: UpdateOptions & GivenArguments,
    waitForStage: UpdateStage,
  ): Promise<WorkflowUpdateHandle<Ret>> {
    const { namespace, firstExecutionRunId } = this.#target
    const response = await this.#service.updateWorkflow({
      ...this.#runTarget(),
      ...updateContent(update, options, this.#setup),
      firstExecutionRunId,
      waitForStage,
    })
    return updateHandleOf<Ret>(this.#service, this.#setup, namespace, response, waitForStage)
  }

  /** A handle to an update that was asked for, or may have been; nothing is asked until it is used. */
  getUpdateHandle<Ret>(
    updateId: string,
    options: { readonly workflowRunId?: string } = {},
  ): WorkflowUpdateHandle<Ret> {
    checkUpdateHandleOptions(options)
    const target = this.#runTarget()
    const runId = options.workflowRunId ?? target.runId
    return createUpdateHandle<Ret>(this.#service, this.#setup, { ...target, runId }, updateId)
  }

  /**
   * Ask the workflow for something. The answer reflects every signal acknowledged before.
   *
   * @throws QueryNotRegisteredError, SIGNALBOX_ERR_QUERY_FAILED, SIGNALBOX_ERR_WORKFLOW_NOT_READY
   */
  query<Ret, Args extends unknown[] = unknown[]>(
    query: QueryDefinition<Ret, Args> | string,
    ...args: NoInfer<Args>
  ): Promise<Ret> {
    return this.#query<Ret>(query, args, undefined)
  }

  /** {@link query} with a reject condition. @throws QueryRejectedError */
  async queryWithOptions<Ret, Args extends unknown[] = unknown[]>(
    query: QueryDefinition<Ret, Args> | string,
    options: WithArgs<Args, QueryOptions>,
  ): Promise<Ret> {
    checkQueryOptions(options)
    const { args = [], rejectCondition }: GivenArguments & QueryOptions = options
    return this.#query<Ret>(query, args, rejectCondition)
  }

  async #query<Ret>(
    query: { readonly name: string } | string,
    args: readonly unknown[],
    rejectCondition: QueryRejectCondition | undefined,
  ): Promise<Ret> {
    const { namespace, workflowId, runId } = this.#target
    const answer = await this.#service.queryWorkflow({
      namespace,
      workflowId,
      runId,
      queryType: nameOf(query),
      args: convert(args, this.#setup.converters),
      rejectCondition,
    })
    if (answer.rejectedStatus !== undefined) throw new QueryRejectedError(answer.rejectedStatus)
    return this.#fromPayload(answer.result) as Ret
  }

  /**
   * The workflow's result, once it has closed.
   *
   * @throws WorkflowFailedError if it failed, was cancelled, was terminated or timed out
   * @throws WorkflowContinuedAsNewError if the handle does not follow runs
   */
  async result(): Promise<WorkflowResultType<W>> {
    const { namespace, workflowId, followRuns, startedRunId } = this.#target
    const runId = this.#target.runId ?? startedRunId
    for (;;) {
      const status = await this.#service.waitForClose({
        namespace,
        workflowId,
        runId,
        followRuns,
        timeoutMs: RESULT_POLL_MS,
      })
      if (!status.closed) continue
      if (status.status === 'COMPLETED') {
        return this.#fromPayload(status.result ?? null) as WorkflowResultType<W>
      }
      if (status.status === 'CONTINUED_AS_NEW' && status.newRunId !== undefined) {
        const message = 'Workflow execution continued as new'
        throw new WorkflowContinuedAsNewError(message, status.newRunId)
      }
      const cause = status.failure === undefined ? undefined : this.#toError(status.failure)
      const { retryState = 'RETRY_POLICY_NOT_SET' } = status
      switch (status.status) {
        case 'CANCELED':
          throw new WorkflowFailedError(
            'Workflow execution cancelled',
            cause,
            'NON_RETRYABLE_FAILURE',
          )
        case 'TERMINATED': {
          // The reason, where there is one.
          const message = cause?.message ?? 'Workflow execution terminated'
          throw new WorkflowFailedError(message, cause, 'NON_RETRYABLE_FAILURE')
        }
        case 'TIMED_OUT':
          throw new WorkflowFailedError('Workflow execution timed out', cause, retryState)
        default:
          throw new WorkflowFailedError('Workflow execution failed', cause, retryState)
      }
    }
  }

  /** Status, pending activities, mailbox depth, and why the run does not advance if it does not. */
  async describe(): Promise<WorkflowExecutionDescription> {
    const description = await this.#service.describeWorkflow(this.#runTarget())
    const text = async (payload: Payload | undefined): Promise<string | undefined> =>
      payload === undefined ? undefined : (this.#fromPayload(payload) as string)
    const { summary, details } = description.userMetadata ?? {}
    return {
      ...description,
      staticSummary: () => text(summary),
      staticDetails: () => text(details),
    }
  }

  /** Ask the workflow to cancel itself: its root scope is cancelled, and its code decides. Idempotent. */
  cancel(reason?: string): Promise<void> {
    const { firstExecutionRunId } = this.#target
    return this.#service.cancelWorkflow({ ...this.#runTarget(), firstExecutionRunId, reason })
  }

  /** Close the workflow at once, past its mailbox. @throws WorkflowNotFoundError if it has closed */
  terminate(reason?: string): Promise<void> {
    const { firstExecutionRunId } = this.#target
    return this.#service.terminateWorkflow({ ...this.#runTarget(), firstExecutionRunId, reason })
  }

  /**
   * Delete the run with its history; one that is running is terminated first. Afterwards nothing of it
   * is known any more: its workflow id and the request ids it took can be used as new ones. Resolves
   * when it is durably gone.
   *
   * @throws WorkflowNotFoundError
   */
  delete(reason?: string): Promise<void> {
    const { firstExecutionRunId } = this.#target
    return this.#service.deleteWorkflow({ ...this.#runTarget(), firstExecutionRunId, reason })
  }

  /** Let a parked or quarantined run try again at once, after the cause was mended. */
  release(): Promise<void> {
    return this.#service.releaseWorkflow(this.#runTarget())
  }

  /**
   * Let the workflow begin anew at one of its workflow tasks: another run takes over the history before it,
   * does that task anew, and is sent what came after it. A run that is open is terminated in the same
   * transaction. Resolves with the new run's id when that is on disk; get a handle to it without a run id.
   *
   * @throws SIGNALBOX_ERR_INVALID_ARGUMENT if the event is no completed workflow task, saying which are
   * @throws SIGNALBOX_ERR_RESET_TOO_LARGE, WorkflowNotFoundError
   */
  async reset(options: ResetOptions): Promise<ResetResponse> {
    checkResetOptions(options)
    const { eventId, type, reapplyExclude, reason, identity, requestId } = options
    return this.#service.resetWorkflow({
      ...this.#runTarget(),
      eventId,
      resetType:
        type && (type === 'FirstWorkflowTask' ? 'FIRST_WORKFLOW_TASK' : 'LAST_WORKFLOW_TASK'),
      reapplyExcludeTypes: reapplyExclude,
      reason,
      identity,
      requestId,
    })
  }

  /**
   * Let the run take no turns until {@link unpause}. Signals, results, timers and a request to cancel
   * are recorded and wait; updates and queries are refused. Resolves when that is on disk.
   *
   * @throws SIGNALBOX_ERR_WORKFLOW_PAUSED if it is paused, unless by the same request id
   * @throws WorkflowNotFoundError if it has closed
   */
  async pause(options: PauseOptions = {}): Promise<void> {
    checkPauseOptions(options)
    return this.#service.pauseWorkflow({ ...this.#runTarget(), ...options })
  }

  /**
   * Let a paused run go on with what has waited, in order.
   *
   * @throws SIGNALBOX_ERR_WORKFLOW_NOT_PAUSED, unless the same request id unpaused it before
   */
  async unpause(options: PauseOptions = {}): Promise<void> {
    checkPauseOptions(options)
    return this.#service.unpauseWorkflow({ ...this.#runTarget(), ...options })
  }

  /** The run's history as Temporal history events. */
  async fetchHistory(): Promise<{ readonly events: readonly HistoryEvent[] }> {
    const events: HistoryEvent[] = []
    let pageToken: string | undefined
    do {
      const page = await this.#service.getHistory({ ...this.#runTarget(), pageToken })
      events.push(...page.events)
      pageToken = page.nextPageToken
    } while (pageToken !== undefined)
    return { events }
  }

  #fromPayload(payload: Payload): unknown {
    const { converters } = this.#setup
    return converters === undefined
      ? fromPayload(payload)
      : converters.use(() => fromPayload(payload))
  }

  #toError(failure: Failure): Error {
    const { converters } = this.#setup
    return converters === undefined
      ? failureToError(failure)
      : converters.use(() => failureToError(failure))
  }

  #runTarget(): Target {
    const { namespace, workflowId, runId } = this.#target
    return { namespace, workflowId, runId }
  }
}
