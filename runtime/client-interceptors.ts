import type { Converters } from '../actors/converters.ts'
import type { Payload } from '../actors/payload.ts'
import { fromPayload, fromPayloadMap, fromPayloads } from '../actors/payload-converter.ts'
import { toPayload } from '../actors/payload-converter.ts'
import {
  composeInterceptors,
  headersField,
  type Next,
  toHeaders,
} from '../actors/workflow/interceptors.ts'
import { attempt } from './attempt.ts'
import type { CallOrder, CallPlace } from './call-order.ts'
import { QueryRejectedError } from './client-errors.ts'
import { convert, convertMap } from './convert-arguments.ts'
import { payloadsBytes } from './payload-size.ts'
import type {
  WorkflowClientInterceptor,
  WorkflowExecution,
  WorkflowStartInput,
  WorkflowStartOutput,
  WorkflowStartUpdateWithStartInput,
} from './workflow-client-interceptor.ts'
import type {
  SignalResponse,
  SignalWithStartRequest,
  StartRequest,
  StartResponse,
  Target,
  UpdateOutcome,
  UpdateRequest,
  UpdateResponse,
  UpdateWithStartRequest,
  UpdateWithStartResponse,
  WorkflowService,
} from './workflow-service.ts'

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
        this.#inOrder(request, async (place) => {
          let response: SignalResponse | undefined
          const send = this.#compose('signal', async (input) => {
            response = await place.fill(() =>
              this.#service.signalWorkflow({
                ...request,
                ...input.workflowExecution,
                signalName: input.signalName,
                args: convert(input.args, this.#converters),
                ...headersField(input.headers),
              }),
            )
          })
          const { signalName, args, headers } = request
          await send({
            signalName,
            args: this.#values(args),
            workflowExecution: executionOf(request),
            headers: toHeaders(headers),
          })
          return response
        }),
      signalWithStart: (request) =>
        this.#inOrder(request, (place) => this.#signalWithStart(request, place)),
      updateWorkflow: (request) => this.#inOrder(request, (place) => this.#update(request, place)),
      updateWithStart: (request) =>
        this.#inOrder(request, (place) => this.#updateWithStart(request, place)),
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
      response = await place.fill(() =>
        this.#service.updateWorkflow({
          ...request,
          ...input.workflowExecution,
          firstExecutionRunId: input.firstExecutionRunId,
          updateName: input.updateName,
          args: convert(input.args, this.#converters),
          ...input.options,
          ...headersField(input.headers),
        }),
      )
      const { updateId, runId, outcome } = response
      return { updateId, workflowRunId: runId, outcome }
    })
    const { updateName, args, updateId, waitForStage, headers, firstExecutionRunId } = request
    const output = await start({
      updateName,
      args: this.#values(args),
      workflowExecution: executionOf(request),
      firstExecutionRunId,
      headers: toHeaders(headers),
      options: { updateId, waitForStage },
    })
    const { workflowRunId: runId, outcome } = output
    const { workflowId } = response ?? request
    return updateResponse({ workflowId, runId, updateId: output.updateId, outcome }, response)
  }

  /** Answers when the workflow is there, as the service does; the interceptors may be at it longer. */
  #updateWithStart(
    request: UpdateWithStartRequest,
    place: CallPlace,
  ): Promise<UpdateWithStartResponse> {
    return new Promise((resolve, reject) => {
      let response: UpdateResponse | undefined
      const start = this.#compose('startUpdateWithStart', async (input) => {
        const started = await place.fill(() =>
          this.#service.updateWithStart(this.#updateWithStartRequest(request, input)),
        )
        resolve({ ...started, update: ended })
        response = await started.update
        const { workflowId, runId, updateId, outcome } = response
        return { workflowExecution: { workflowId, runId }, updateId, updateOutcome: outcome }
      })
      const ended = attempt(() => start(this.#updateWithStartInput(request))).then((output) => {
        const { workflowExecution, updateId, updateOutcome: outcome } = output
        const { workflowId, runId = '' } = workflowExecution
        return updateResponse({ workflowId, runId, updateId, outcome }, response)
      })
      ended.then((update) => {
        // No interceptor has let the call through: they have an update of their own.
        resolve({ ...standIn(update.runId), update: Promise.resolve(update) })
      }, reject)
    })
  }

  #updateWithStartInput(request: UpdateWithStartRequest): WorkflowStartUpdateWithStartInput {
    const { workflowType, headers, options } = this.#startInput(request)
    const { update } = request
    return {
      workflowType,
      workflowStartOptions: options,
      workflowStartHeaders: headers,
      updateName: update.updateName,
      updateArgs: this.#values(update.args),
      updateOptions: { updateId: update.updateId },
      updateHeaders: toHeaders(update.headers),
    }
  }

  #updateWithStartRequest(
    request: UpdateWithStartRequest,
    input: WorkflowStartUpdateWithStartInput,
  ): UpdateWithStartRequest {
    const { workflowType, workflowStartOptions: options, workflowStartHeaders: headers } = input
    return {
      ...request,
      ...this.#startRequest(request, { workflowType, options, headers }),
      update: {
        ...request.update,
        updateName: input.updateName,
        args: convert(input.updateArgs, this.#converters),
        updateId: input.updateOptions.updateId,
        ...headersField(input.updateHeaders),
      },
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
      memo: options.memo && convertMap('memo', options.memo, this.#converters),
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

/** What the interceptors made of an answer; the stage is that of the service's, if there was one. */
function updateResponse(
  {
    outcome,
    ...made
  }: Omit<UpdateResponse, 'stage' | 'outcome'> & { readonly outcome: UpdateOutcome | undefined },
  response: UpdateResponse | undefined,
): UpdateResponse {
  const stage = outcome === undefined ? (response?.stage ?? 'ACCEPTED') : 'COMPLETED'
  return { ...made, stage, ...(outcome === undefined ? {} : { outcome }) }
}

/** An interceptor gave a run of its own choice. */
function standIn(runId: string): StartResponse {
  return { runId, firstExecutionRunId: runId, started: false }
}
