import { hostname } from 'node:os'
import type { PayloadMap } from '../actors/payload.ts'

import type { WithWorkflowArgs } from '../actors/workflow/child-workflows.ts'
import type {
  SignalDefinition,
  UpdateDefinition,
  Workflow,
  WorkflowResultType,
} from '../actors/workflow/definitions.ts'
import { encodeSearchAttributes } from '../actors/search-attribute-payloads.ts'
import type {
  SearchAttributePair,
  SearchAttributes,
  TypedSearchAttributes,
} from '../actors/search-attributes.ts'
import { fillRetryPolicy, type RetryPolicy } from '../actors/workflow/retry-policy.ts'
import { type Duration, optionalFiniteMs } from '../actors/workflow/duration.ts'
import { enumValue } from '../actors/workflow/enum-value.ts'
import type { BaseWorkflowOptions } from '../actors/workflow/start-options.ts'
import {
  WorkflowIdConflictPolicy,
  WorkflowIdReusePolicy,
} from '../actors/workflow/workflow-id-policies.ts'
import { AsyncCompletionClient } from './async-completion-client.ts'
import {
  checkHandleOptions,
  checkListOptions,
  checkSignalWithStartOptions,
  checkStartOptions,
  checkStartUpdateWithStartOptions,
  checkUpdateWithStartOptions,
} from './client-options.ts'
import type { ClientSetup } from './client-setup.ts'
import { convert, convertMap } from './convert-arguments.ts'
import { nameOf } from './name-of.ts'
import { text } from './option-check.ts'
import type {
  GivenArguments,
  GivenSignalArguments,
  WithArgs,
  WithSignalArgs,
} from './typed-arguments.ts'
import { useOperation, type WithStartWorkflowOperation } from './with-start-workflow-operation.ts'
import { WorkflowHandle } from './workflow-handle.ts'
import {
  type AwaitedStage,
  updateContent,
  updateHandleOf,
  type UpdateOptions,
  type WorkflowUpdateHandle,
} from './workflow-update-handle.ts'
import type {
  CountResponse,
  IdConflictPolicy,
  IdReusePolicy,
  StartRequest,
  StartResponse,
  UpdateStage,
  WaitFor,
  WorkflowService,
  WorkflowSummary,
} from './workflow-service.ts'

/** What a start says of a workflow, besides the arguments. */
export interface WorkflowOptions {
  readonly workflowId: string
  readonly taskQueue?: string
  /** Default 'default'. */
  readonly namespace?: string
  /** Whether the handle follows a run that continues as new, or was reset. Default true. */
  readonly followRuns?: boolean
  /** A retry with the same id returns the same run. Default: none, so that every call starts one. */
  readonly requestId?: string
  readonly workflowIdReusePolicy?: IdReusePolicy
  readonly workflowIdConflictPolicy?: IdConflictPolicy
  readonly workflowExecutionTimeout?: Duration
  readonly workflowRunTimeout?: Duration
  readonly workflowTaskTimeout?: Duration
  readonly memo?: Readonly<Record<string, unknown>>
  /** A line that says what this workflow is for; see `describe().staticSummary()`. */
  readonly staticSummary?: string
  /** More than a line. */
  readonly staticDetails?: string
  /** Prefer `typedSearchAttributes`, which count where both name a key. */
  readonly searchAttributes?: SearchAttributes
  readonly typedSearchAttributes?: SearchAttributePair[] | TypedSearchAttributes
  /** If the workflow fails or its run times out, another run follows. Default none. */
  readonly retry?: RetryPolicy
  /** A run at each of these times (cron, in UTC), each once the one before it has ended. */
  readonly cronSchedule?: string
  /** Wait this long before the first turn. Not together with `cronSchedule`. */
  readonly startDelay?: Duration
  /** Accepted and without effect here: one runtime runs all workflows. */
  readonly priority?: BaseWorkflowOptions['priority']
}

/**
 * What `start` and `execute` take beside the workflow, as in `@temporalio/client`. Of a workflow that is
 * given by its name the arguments are not known, unless its type is: `start<typeof order>('order', …)`.
 */
export type WorkflowStartOptions<W extends Workflow = Workflow> = WithWorkflowArgs<
  W,
  WorkflowOptions
>

/** What `signalWithStart` takes beside the workflow. */
export type SignalWithStartOptions<
  W extends Workflow = Workflow,
  Args extends unknown[] = unknown[],
> = WithSignalArgs<Args, WithWorkflowArgs<W, WorkflowOptions & StartingSignal<Args>>>

/** The signal of a start. */
interface StartingSignal<Args extends unknown[]> {
  readonly signal: SignalDefinition<Args> | string
  /** When the call resolves. Default 'durable'. */
  readonly waitFor?: WaitFor
  /**
   * With `waitFor: 'processed'`, how long to wait for the turn, in milliseconds; the call resolves then,
   * and the signal is on disk. Default for ever.
   */
  readonly timeoutMs?: number
  /** Ends the wait for the turn as `timeoutMs` does. */
  readonly abortSignal?: AbortSignal
}

export interface GetHandleOptions {
  /** Follow a run that continues as new, or was reset. Default true. */
  readonly followRuns?: boolean
  /** Without a run id: `cancel`, `terminate` and `delete` refuse the runs of another chain. */
  readonly firstExecutionRunId?: string
  readonly namespace?: string
}

export interface ListOptions {
  readonly namespace?: string
  /** SQL-like filter, e.g. `WorkflowType = 'order' AND ExecutionStatus = 'Running'`. */
  readonly query?: string
  /** Runs read per page. Default 100. */
  readonly pageSize?: number
}

/** What `executeUpdateWithStart` takes beside the update. */
export type UpdateWithStartOptions<
  W extends Workflow = Workflow,
  Args extends unknown[] = unknown[],
> = WithArgs<Args, UpdateOptions & StartingOperation<W>>

interface StartingOperation<W extends Workflow> {
  readonly startWorkflowOperation: WithStartWorkflowOperation<W>
}

/** In-process clients of a runtime. */
export class Client {
  readonly workflow: WorkflowClient
  /** Tells the outcome of activities that complete asynchronously. */
  readonly activity: AsyncCompletionClient

  /** @internal */
  constructor(service: WorkflowService, setup: ClientSetup = {}) {
    this.workflow = new WorkflowClient(service, setup)
    this.activity = new AsyncCompletionClient(service, undefined, setup.converters)
  }
}

/**
 * Starts workflows and gives handles to them, in the shape of `@temporalio/client`'s WorkflowClient.
 * Every method may reject with a {@link SignalboxError}; match on its `code`.
 */
export class WorkflowClient {
  readonly #service: WorkflowService
  readonly #setup: ClientSetup
  readonly #identity = `${process.pid}@${hostname()}`

  /** @internal */
  constructor(service: WorkflowService, setup: ClientSetup = {}) {
    this.#service = service
    this.#setup = setup
  }

  /**
   * Start a workflow. Resolves when the start is durable.
   *
   * @throws WorkflowExecutionAlreadyStartedError if the id is taken and the policies forbid it
   */
  async start<W extends Workflow>(
    workflow: W | string,
    options: WorkflowStartOptions<W>,
  ): Promise<WorkflowHandle<W>> {
    checkStartOptions(options)
    const request = this.#startRequest(workflow, options)
    const started = await this.#service.startWorkflow(request)
    return this.#handleOf<W>(request, started, options)
  }

  /** Start a workflow and wait for its result. */
  async execute<W extends Workflow>(
    workflow: W | string,
    options: WorkflowStartOptions<W>,
  ): Promise<WorkflowResultType<W>> {
    const handle = await this.start(workflow, options)
    return handle.result()
  }

  /**
   * Signal the running workflow with this id, or start one whose first turn has the signal. Atomic:
   * however many callers race, one run starts and every signal is in it.
   */
  async signalWithStart<W extends Workflow, Args extends unknown[] = unknown[]>(
    workflow: W | string,
    options: SignalWithStartOptions<W, Args>,
  ): Promise<WorkflowHandle<W>> {
    checkSignalWithStartOptions(options)
    const { signal, signalArgs = [] }: StartingSignal<Args> & GivenSignalArguments = options
    const start = this.#startRequest(workflow, options)
    // Fields behind so large a copy take Node 20 fifteen microseconds; before it, half of one.
    const request = {
      signalName: nameOf(signal),
      signalArgs: convert(signalArgs, this.#setup.converters),
      waitFor: options.waitFor,
      timeoutMs: options.timeoutMs,
      signal: options.abortSignal,
      ...start,
    }
    const started = await this.#service.signalWithStart(request)
    return this.#handleOf<W>(start, started, options)
  }

  /**
   * Update the running workflow with this id, or start one whose first turn has the update, and wait for
   * what the update's handler returns. A retry with the same update id joins the first attempt.
   *
   * @throws WorkflowUpdateFailedError if it is rejected or fails; the workflow has been started all the same
   * @throws WorkflowExecutionAlreadyStartedError if the id is taken and the conflict policy is FAIL
   */
  async executeUpdateWithStart<W extends Workflow, Ret, Args extends unknown[] = unknown[]>(
    update: UpdateDefinition<Ret, Args> | string,
    options: UpdateWithStartOptions<W, Args>,
  ): Promise<Ret> {
    checkUpdateWithStartOptions(options)
    const handle = await this.#startUpdateWithStart<Ret, W>(update, options, 'COMPLETED')
    return handle.result()
  }

  /** {@link executeUpdateWithStart}, for a handle to the update once it is as far as `waitForStage` says. */
  async startUpdateWithStart<W extends Workflow, Ret, Args extends unknown[] = unknown[]>(
    update: UpdateDefinition<Ret, Args> | string,
    options: UpdateWithStartOptions<W, Args> & AwaitedStage,
  ): Promise<WorkflowUpdateHandle<Ret>> {
    checkStartUpdateWithStartOptions(options)
    return this.#startUpdateWithStart<Ret, W>(update, options, options.waitForStage)
  }

  async #startUpdateWithStart<Ret, W extends Workflow>(
    update: { readonly name: string } | string,
    options: UpdateOptions & GivenArguments & StartingOperation<W>,
    waitForStage: UpdateStage,
  ): Promise<WorkflowUpdateHandle<Ret>> {
    const { startWorkflowOperation } = options
    const { resolve, reject } = useOperation(startWorkflowOperation)
    try {
      const { workflowTypeOrFunc } = startWorkflowOperation
      checkStartOptions(startWorkflowOperation.options)
      const start = this.#startRequest(workflowTypeOrFunc, startWorkflowOperation.options)
      const content = {
        ...updateContent(update, options, this.#setup),
        waitForStage,
        identity: this.#identity,
      }
      const started = await this.#service.updateWithStart({ ...start, update: content })
      resolve(this.#handleOf<W>(start, started, startWorkflowOperation.options))
      return updateHandleOf<Ret>(
        this.#service,
        this.#setup,
        start.namespace,
        await started.update,
        waitForStage,
      )
    } catch (error) {
      // Without effect if the workflow has been started.
      reject(error)
      throw error
    }
  }

  /** A handle to a workflow that exists, or may; nothing is asked until it is used. */
  getHandle<W extends Workflow = Workflow>(
    workflowId: string,
    runId?: string,
    options: GetHandleOptions = {},
  ): WorkflowHandle<W> {
    checkHandleOptions(options)
    return new WorkflowHandle<W>(this.#service, this.#setup, {
      namespace: options.namespace,
      workflowId,
      runId,
      followRuns: options.followRuns ?? true,
      firstExecutionRunId: options.firstExecutionRunId,
    })
  }

  /** All runs that match, newest first, read page by page. */
  async *list(options: ListOptions = {}): AsyncGenerator<WorkflowSummary, void, void> {
    checkListOptions(options)
    let pageToken: string | undefined
    do {
      const page = await this.#service.listWorkflows({ ...options, pageToken })
      yield* page.executions
      pageToken = page.nextPageToken
    } while (pageToken !== undefined)
  }

  /** How many runs match; by status with `GROUP BY ExecutionStatus`. */
  async count(query?: string, namespace?: string): Promise<CountResponse> {
    if (query !== undefined) text(query, 'query')
    return this.#service.countWorkflows({ query, namespace })
  }

  #startRequest(
    workflow: Workflow | string,
    options: WorkflowOptions & GivenArguments,
  ): StartRequest {
    const { memo, searchAttributes, typedSearchAttributes } = options
    return {
      namespace: options.namespace,
      workflowId: options.workflowId,
      workflowType: nameOf(workflow),
      args: convert(options.args ?? [], this.#setup.converters),
      taskQueue: options.taskQueue,
      requestId: options.requestId,
      identity: this.#identity,
      idReusePolicy: enumValue(
        WorkflowIdReusePolicy,
        'WORKFLOW_ID_REUSE_POLICY_',
        options.workflowIdReusePolicy,
      ),
      idConflictPolicy: enumValue(
        WorkflowIdConflictPolicy,
        'WORKFLOW_ID_CONFLICT_POLICY_',
        options.workflowIdConflictPolicy,
      ),
      executionTimeoutMs: optionalFiniteMs(options.workflowExecutionTimeout),
      runTimeoutMs: optionalFiniteMs(options.workflowRunTimeout),
      taskTimeoutMs: optionalFiniteMs(options.workflowTaskTimeout),
      memo: memo === undefined ? undefined : convertMap('memo', memo, this.#setup.converters),
      userMetadata: this.#userMetadata(options),
      searchAttributes: encodeAttributes(searchAttributes, typedSearchAttributes),
      retryPolicy: options.retry === undefined ? undefined : fillRetryPolicy(options.retry),
      cronSchedule: options.cronSchedule,
      startDelayMs: optionalFiniteMs(options.startDelay),
    }
  }

  #userMetadata({
    staticSummary: summary,
    staticDetails: details,
  }: Pick<WorkflowOptions, 'staticSummary' | 'staticDetails'>): StartRequest['userMetadata'] {
    if (summary === undefined && details === undefined) return undefined
    const given = {
      ...(summary === undefined ? {} : { summary }),
      ...(details === undefined ? {} : { details }),
    }
    return convertMap('userMetadata', given, this.#setup.converters)
  }

  #handleOf<W extends Workflow>(
    request: StartRequest,
    started: StartResponse,
    { followRuns = true }: Pick<WorkflowOptions, 'followRuns'>,
  ): WorkflowHandle<W> {
    return new WorkflowHandle<W>(this.#service, this.#setup, {
      namespace: request.namespace,
      workflowId: request.workflowId,
      runId: undefined,
      followRuns,
      firstExecutionRunId: started.firstExecutionRunId,
      startedRunId: started.runId,
    })
  }
}

function encodeAttributes(
  untyped: SearchAttributes | undefined,
  typed: WorkflowOptions['typedSearchAttributes'],
): PayloadMap | undefined {
  if (untyped === undefined && typed === undefined) return undefined
  const encoded = encodeSearchAttributes(untyped, typed)
  return Object.keys(encoded).length === 0 ? undefined : encoded
}
