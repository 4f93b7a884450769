import type { Converters } from '../actors/converters.ts'
import type { Payload } from '../actors/payload.ts'
import { fromPayload, fromPayloadMap, fromPayloads } from '../actors/payload-converter.ts'
import { toPayload } from '../actors/payload-converter.ts'
import {
  composeInterceptors,
  type Headers,
  headersField,
  type Next,
  toHeaders,
} from '../actors/workflow/interceptors.ts'
import type { CallOrder, CallPlace } from './call-order.ts'
import { QueryRejectedError } from './client-errors.ts'
import { convert, convertMap } from './convert-arguments.ts'
import { payloadsBytes } from './payload-size.ts'
import type {
  IdConflictPolicy,
  IdReusePolicy,
  SignalWithStartRequest,
  StartRequest,
  StartResponse,
  Target,
  UpdateOutcome,
  UpdateRequest,
  UpdateResponse,
  UpdateStage,
  WorkflowDescription,
  WorkflowService,
} from './workflow-service.ts'

interface WorkflowExecution {
  readonly workflowId: string
  readonly runId?: string
}

/** Options of a start as interceptors see and may change them. Timeouts in milliseconds. */
export interface CompiledWorkflowOptions {
  readonly workflowId: string
  readonly args: unknown[]
  readonly taskQueue?: string | undefined
  readonly memo?: Record<string, unknown> | undefined
  readonly workflowIdReusePolicy?: IdReusePolicy | undefined
  readonly workflowIdConflictPolicy?: IdConflictPolicy | undefined
  readonly workflowExecutionTimeout?: number | undefined
  readonly workflowRunTimeout?: number | undefined
  readonly workflowTaskTimeout?: number | undefined
}

export interface WorkflowStartInput {
  readonly workflowType: string
  readonly headers: Headers
  readonly options: CompiledWorkflowOptions
}
export interface WorkflowStartOutput {
  readonly runId: string
  readonly eagerlyStarted: boolean
}
export interface WorkflowSignalInput {
  readonly signalName: string
  readonly args: unknown[]
  readonly workflowExecution: WorkflowExecution
  readonly headers: Headers
}
export interface WorkflowSignalWithStartInput extends WorkflowStartInput {
  readonly signalName: string
  readonly signalArgs: unknown[]
}
export interface WorkflowQueryInput {
  readonly queryType: string
  readonly args: unknown[]
  readonly workflowExecution: WorkflowExecution
  readonly headers: Headers
}
export interface WorkflowStartUpdateInput {
  readonly updateName: string
  readonly args: unknown[]
  readonly workflowExecution: WorkflowExecution
  readonly firstExecutionRunId?: string | undefined
  readonly headers: Headers
  readonly options: {
    readonly updateId?: string | undefined
    readonly waitForStage?: UpdateStage | undefined
  }
}
export interface WorkflowStartUpdateOutput {
  readonly updateId: string
  readonly workflowRunId: string
  /** Of an update that is completed; in signalbox's own form. */
  readonly outcome?: UpdateOutcome | undefined
}
export interface WorkflowTerminateInput {
  readonly workflowExecution: WorkflowExecution
  readonly reason?: string | undefined
  readonly firstExecutionRunId?: string | undefined
}
export type WorkflowCancelInput = WorkflowTerminateInput
export interface WorkflowDescribeInput {
  readonly workflowExecution: WorkflowExecution
}

/** Around the calls of `runtime.client`: Temporal's WorkflowClientInterceptor. */
export interface WorkflowClientInterceptor {
  start?: (
    input: WorkflowStartInput,
    next: Next<WorkflowClientInterceptor, 'start'>,
  ) => Promise<string>
  startWithDetails?: (
    input: WorkflowStartInput,
    next: Next<WorkflowClientInterceptor, 'startWithDetails'>,
  ) => Promise<WorkflowStartOutput>
  /** An update that is asked for together with a start has none. */
  startUpdate?: (
    input: WorkflowStartUpdateInput,
    next: Next<WorkflowClientInterceptor, 'startUpdate'>,
  ) => Promise<WorkflowStartUpdateOutput>
  signal?: (
    input: WorkflowSignalInput,
    next: Next<WorkflowClientInterceptor, 'signal'>,
  ) => Promise<void>
  signalWithStart?: (
    input: WorkflowSignalWithStartInput,
    next: Next<WorkflowClientInterceptor, 'signalWithStart'>,
  ) => Promise<string>
  query?: (
    input: WorkflowQueryInput,
    next: Next<WorkflowClientInterceptor, 'query'>,
  ) => Promise<unknown>
  terminate?: (
    input: WorkflowTerminateInput,
    next: Next<WorkflowClientInterceptor, 'terminate'>,
  ) => Promise<unknown>
  cancel?: (
    input: WorkflowCancelInput,
    next: Next<WorkflowClientInterceptor, 'cancel'>,
  ) => Promise<unknown>
  describe?: (
    input: WorkflowDescribeInput,
    next: Next<WorkflowClientInterceptor, 'describe'>,
  ) => Promise<WorkflowDescription>
}

/**
 * The service behind a client with interceptors, which see values where the service has payloads.
 *
 * Guarantee: calls that change a workflow take their place in the very call, and are made in the order
 * of their places when their interceptors have let them through, however long those take. A call that
 * no interceptor makes gives up its place.
 */
export function withClientInterceptors(
  service: WorkflowService,
  interceptors: readonly WorkflowClientInterceptor[],
  order: CallOrder,
  converters: Converters | undefined,
): WorkflowService {
  return new InterceptedCalls(service, interceptors, order, converters).service()
}

class InterceptedCalls {
  readonly #service: WorkflowService
  readonly #interceptors: readonly WorkflowClientInterceptor[]
  readonly #order: CallOrder
  readonly #converters: Converters | undefined

  constructor(
    service: WorkflowService,
    interceptors: readonly WorkflowClientInterceptor[],
    order: CallOrder,
    converters: Converters | undefined,
  ) {
    this.#service = service
    this.#interceptors = interceptors
    this.#order = order
    this.#converters = converters
  }

  service(): WorkflowService {
    return {
      ...this.#service,
      startWorkflow: (request) => this.#inOrder(request, (place) => this.#start(request, place)),
      signalWorkflow: (request) =>
        this.#inOrder(request, (place) => {
          const send = this.#compose('signal', (input) =>
            place.fill(() =>
              this.#service.signalWorkflow({
                ...request,
                ...input.workflowExecution,
                signalName: input.signalName,
                args: convert(input.args, this.#converters),
                ...headersField(input.headers),
              }),
            ),
          )
          const { signalName, args, headers } = request
          return send({
            signalName,
            args: this.#values(args),
            workflowExecution: executionOf(request),
            headers: toHeaders(headers),
          })
        }),
      signalWithStart: (request) =>
        this.#inOrder(request, (place) => this.#signalWithStart(request, place)),
      updateWorkflow: (request) => this.#inOrder(request, (place) => this.#update(request, place)),
      queryWorkflow: async (request) => {
        const ask = this.#compose('query', async (input) => {
          const answer = await this.#service.queryWorkflow({
            ...request,
            ...input.workflowExecution,
            queryType: input.queryType,
            args: convert(input.args, this.#converters),
            ...headersField(input.headers),
          })
          if (answer.rejectedStatus !== undefined)
            throw new QueryRejectedError(answer.rejectedStatus)
          return this.#convert(() => fromPayload(answer.result))
        })
        const { queryType, args, headers } = request
        const answer = await ask({
          queryType,
          args: this.#values(args),
          workflowExecution: executionOf(request),
          headers: toHeaders(headers),
        })
        return { result: this.#convert(() => toPayload(answer)) }
      },
      terminateWorkflow: (request) =>
        this.#inOrder(request, async (place) => {
          const { reason, firstExecutionRunId } = request
          await this.#compose('terminate', ({ workflowExecution, ...rest }) =>
            place.fill(() =>
              this.#service.terminateWorkflow({ ...request, ...workflowExecution, ...rest }),
            ),
          )({ workflowExecution: executionOf(request), reason, firstExecutionRunId })
        }),
      cancelWorkflow: (request) =>
        this.#inOrder(request, async (place) => {
          const { reason, firstExecutionRunId } = request
          await this.#compose('cancel', ({ workflowExecution, ...rest }) =>
            place.fill(() =>
              this.#service.cancelWorkflow({ ...request, ...workflowExecution, ...rest }),
            ),
          )({ workflowExecution: executionOf(request), reason, firstExecutionRunId })
        }),
      describeWorkflow: (target) =>
        this.#compose('describe', ({ workflowExecution }) =>
          this.#service.describeWorkflow({ ...target, ...workflowExecution }),
        )({ workflowExecution: executionOf(target) }),
    }
  }

  async #inOrder<T>(request: Target, call: (place: CallPlace) => Promise<T>): Promise<T> {
    const { namespace, workflowId } = request
    const place = this.#order.take(namespace, workflowId, payloadsBytes(request))
    try {
      return await call(place)
    } finally {
      place.free()
    }
  }

  async #start(request: StartRequest, place: CallPlace): Promise<StartResponse> {
    let response: StartResponse | undefined
    const start = this.#composeStart(async (input) => {
      response = await place.fill(() =>
        this.#service.startWorkflow(this.#startRequest(request, input)),
      )
      return { runId: response.runId, eagerlyStarted: false }
    })
    const { runId } = await start(this.#startInput(request))
    return response?.runId === runId ? response : standIn(runId)
  }

  async #signalWithStart(
    request: SignalWithStartRequest,
    place: CallPlace,
  ): Promise<StartResponse> {
    let response: StartResponse | undefined
    const start = this.#compose('signalWithStart', async (input) => {
      response = await place.fill(() =>
        this.#service.signalWithStart({
          ...request,
          ...this.#startRequest(request, input),
          signalName: input.signalName,
          signalArgs: convert(input.signalArgs, this.#converters),
        }),
      )
      return response.runId
    })
    const { signalName, signalArgs } = request
    const runId = await start({
      ...this.#startInput(request),
      signalName,
      signalArgs: this.#values(signalArgs),
    })
    return response?.runId === runId ? response : standIn(runId)
  }

  async #update(request: UpdateRequest, place: CallPlace): Promise<UpdateResponse> {
    let response: UpdateResponse | undefined
    const start = this.#compose('startUpdate', async (input) => {
      const { updateName, workflowExecution, firstExecutionRunId, options } = input
      response = await place.fill(() =>
        this.#service.updateWorkflow({
          ...request,
          ...workflowExecution,
          ...options,
          updateName,
          firstExecutionRunId,
          args: convert(input.args, this.#converters),
          ...headersField(input.headers),
        }),
      )
      const { updateId, runId: workflowRunId, outcome } = response
      return { updateId, workflowRunId, outcome }
    })
    const { updateName, args, updateId, waitForStage, firstExecutionRunId, headers } = request
    const output = await start({
      updateName,
      args: this.#values(args),
      workflowExecution: executionOf(request),
      firstExecutionRunId,
      headers: toHeaders(headers),
      options: { updateId, waitForStage },
    })
    const { outcome } = output
    return {
      workflowId: response?.workflowId ?? request.workflowId,
      runId: output.workflowRunId,
      updateId: output.updateId,
      stage: response?.stage ?? (outcome === undefined ? 'ACCEPTED' : 'COMPLETED'),
      ...(outcome === undefined ? {} : { outcome }),
    }
  }

  #startInput(request: StartRequest): WorkflowStartInput {
    const { memo } = request
    return {
      workflowType: request.workflowType,
      headers: toHeaders(request.headers),
      options: {
        workflowId: request.workflowId,
        args: this.#values(request.args),
        taskQueue: request.taskQueue,
        memo: memo === undefined ? undefined : this.#convert(() => fromPayloadMap(memo)),
        workflowIdReusePolicy: request.idReusePolicy,
        workflowIdConflictPolicy: request.idConflictPolicy,
        workflowExecutionTimeout: request.executionTimeoutMs,
        workflowRunTimeout: request.runTimeoutMs,
        workflowTaskTimeout: request.taskTimeoutMs,
      },
    }
  }

  #startRequest(request: StartRequest, input: WorkflowStartInput): StartRequest {
    const { options } = input
    return {
      ...request,
      workflowType: input.workflowType,
      workflowId: options.workflowId,
      args: convert(options.args, this.#converters),
      taskQueue: options.taskQueue,
      memo: options.memo && convertMap(options.memo, this.#converters),
      idReusePolicy: options.workflowIdReusePolicy,
      idConflictPolicy: options.workflowIdConflictPolicy,
      executionTimeoutMs: options.workflowExecutionTimeout,
      runTimeoutMs: options.workflowRunTimeout,
      taskTimeoutMs: options.workflowTaskTimeout,
      ...headersField(input.headers),
    }
  }

  /** An interceptor has one or the other form of start; the one with details counts if it has both. */
  #composeStart(
    start: (input: WorkflowStartInput) => Promise<WorkflowStartOutput>,
  ): (input: WorkflowStartInput) => Promise<WorkflowStartOutput> {
    let composed = start
    for (const interceptor of this.#interceptors.toReversed()) {
      const inner = composed
      if (interceptor.startWithDetails !== undefined) {
        composed = async (input) => interceptor.startWithDetails?.(input, inner) ?? inner(input)
      } else if (interceptor.start !== undefined) {
        composed = async (input) => {
          const runId = await interceptor.start?.(input, async (passed) => {
            const { runId: started } = await inner(passed)
            return started
          })
          return { runId: runId ?? '', eagerlyStarted: false }
        }
      }
    }
    return composed
  }

  #compose<M extends keyof WorkflowClientInterceptor>(
    method: M,
    next: Next<WorkflowClientInterceptor, M>,
  ): Next<WorkflowClientInterceptor, M> {
    return composeInterceptors(this.#interceptors, method, next)
  }

  #values(payloads: readonly Payload[]): unknown[] {
    return this.#convert(() => fromPayloads(payloads))
  }

  #convert<T>(convertValues: () => T): T {
    return this.#converters === undefined ? convertValues() : this.#converters.use(convertValues)
  }
}

function executionOf({ workflowId, runId }: Target): WorkflowExecution {
  return { workflowId, ...(runId === undefined ? {} : { runId }) }
}

/** An interceptor gave a run of its own choice. */
function standIn(runId: string): StartResponse {
  return { runId, firstExecutionRunId: runId, started: false }
}
