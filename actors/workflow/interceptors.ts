import type { Command } from '../commands.ts'
import type { PayloadMap } from '../payload.ts'
import { fromProtoPayload, type ProtoPayload, toProtoPayload } from '../proto-payload.ts'
import type { ActivityOptions } from './activities.ts'
import type { ChildWorkflowOptionsWithDefaults } from './child-workflows.ts'
import type { ContinueAsNewOptions } from './continue-as-new.ts'
import type { LocalActivityOptions } from './local-activities.ts'
import type { TimerOptions } from './waiting.ts'

/** Payloads by name that travel beside arguments, for interceptors alone. */
export type Headers = Record<string, ProtoPayload>

// oxlint-disable-next-line typescript/no-explicit-any -- any other type would make Next refer to itself
type AnyFunction = (...args: any[]) => any

/** What an interceptor's method is given to go on with. */
export type Next<I, M extends keyof I> = Required<I>[M] extends AnyFunction
  ? (input: Parameters<Required<I>[M]>[0]) => ReturnType<Required<I>[M]>
  : never

export interface WorkflowExecuteInput {
  readonly args: unknown[]
  readonly headers: Headers
}
export interface SignalInput {
  readonly signalName: string
  readonly args: unknown[]
  readonly headers: Headers
}
export interface QueryInput {
  readonly queryId: string
  readonly queryName: string
  readonly args: unknown[]
  readonly headers: Headers
}
export interface UpdateInput {
  readonly updateId: string
  readonly name: string
  readonly args: unknown[]
  readonly headers: Headers
}

/** What comes to a workflow. */
export interface WorkflowInboundCallsInterceptor {
  execute?: (
    input: WorkflowExecuteInput,
    next: Next<WorkflowInboundCallsInterceptor, 'execute'>,
  ) => Promise<unknown>
  handleSignal?: (
    input: SignalInput,
    next: Next<WorkflowInboundCallsInterceptor, 'handleSignal'>,
  ) => Promise<void>
  handleQuery?: (
    input: QueryInput,
    next: Next<WorkflowInboundCallsInterceptor, 'handleQuery'>,
  ) => Promise<unknown>
  validateUpdate?: (
    input: UpdateInput,
    next: Next<WorkflowInboundCallsInterceptor, 'validateUpdate'>,
  ) => void
  handleUpdate?: (
    input: UpdateInput,
    next: Next<WorkflowInboundCallsInterceptor, 'handleUpdate'>,
  ) => Promise<unknown>
}

export interface TimerInput {
  readonly durationMs: number
  readonly seq: number
  readonly options?: TimerOptions
}
export interface ActivityInput {
  readonly activityType: string
  readonly args: unknown[]
  readonly options: ActivityOptions
  readonly headers: Headers
  readonly seq: number
}
export interface LocalActivityInput {
  readonly activityType: string
  readonly args: unknown[]
  readonly options: LocalActivityOptions
  readonly headers: Headers
  readonly seq: number
  readonly attempt: number
  /** Of the first attempt, in milliseconds since the epoch; undefined in the first one. */
  readonly originalScheduleTime: number | undefined
}
export interface StartChildWorkflowExecutionInput {
  readonly workflowType: string
  readonly options: ChildWorkflowOptionsWithDefaults
  readonly headers: Headers
  readonly seq: number
}
export interface SignalWorkflowInput {
  readonly seq: number
  readonly signalName: string
  readonly args: unknown[]
  readonly headers: Headers
  readonly target:
    | {
        readonly type: 'external'
        readonly workflowExecution: { readonly workflowId: string; readonly runId?: string }
      }
    | { readonly type: 'child'; readonly childWorkflowId: string }
}
export interface ContinueAsNewInput {
  readonly args: unknown[]
  readonly headers: Headers
  readonly options: ContinueAsNewOptions & { readonly workflowType: string }
}
export type GetLogAttributesInput = Record<string, unknown>

/** What a workflow asks for. */
export interface WorkflowOutboundCallsInterceptor {
  startTimer?: (
    input: TimerInput,
    next: Next<WorkflowOutboundCallsInterceptor, 'startTimer'>,
  ) => Promise<void>
  scheduleActivity?: (
    input: ActivityInput,
    next: Next<WorkflowOutboundCallsInterceptor, 'scheduleActivity'>,
  ) => Promise<unknown>
  scheduleLocalActivity?: (
    input: LocalActivityInput,
    next: Next<WorkflowOutboundCallsInterceptor, 'scheduleLocalActivity'>,
  ) => Promise<unknown>
  /** Resolves with two promises: of the child's run id once it has started, and of its result. */
  startChildWorkflowExecution?: (
    input: StartChildWorkflowExecutionInput,
    next: Next<WorkflowOutboundCallsInterceptor, 'startChildWorkflowExecution'>,
  ) => Promise<[Promise<string>, Promise<unknown>]>
  signalWorkflow?: (
    input: SignalWorkflowInput,
    next: Next<WorkflowOutboundCallsInterceptor, 'signalWorkflow'>,
  ) => Promise<void>
  continueAsNew?: (
    input: ContinueAsNewInput,
    next: Next<WorkflowOutboundCallsInterceptor, 'continueAsNew'>,
  ) => Promise<never>
  /** Called for each line of log: what it returns is the line's attributes. */
  getLogAttributes?: (
    input: GetLogAttributesInput,
    next: Next<WorkflowOutboundCallsInterceptor, 'getLogAttributes'>,
  ) => Record<string, unknown>
}

export interface ActivateInput {
  readonly activation: {
    readonly runId: string
    /** In milliseconds since the epoch. */
    readonly timestamp: number
    readonly isReplaying: boolean
    readonly historyLength: number
    readonly jobs: readonly unknown[]
  }
  readonly batchIndex: number
}
export interface ConcludeActivationInput {
  /** In signalbox's own form, which is not that of Temporal's core. */
  readonly commands: readonly Command[]
}
export type ConcludeActivationOutput = ConcludeActivationInput
export type DisposeInput = Record<string, never>

/** Around activations. For what has to see everything; it may change between versions. */
export interface WorkflowInternalsInterceptor {
  activate?: (input: ActivateInput, next: Next<WorkflowInternalsInterceptor, 'activate'>) => void
  concludeActivation?: (
    input: ConcludeActivationInput,
    next: Next<WorkflowInternalsInterceptor, 'concludeActivation'>,
  ) => ConcludeActivationOutput
  dispose?: (input: DisposeInput, next: Next<WorkflowInternalsInterceptor, 'dispose'>) => void
}

export interface WorkflowInterceptors {
  readonly inbound?: WorkflowInboundCallsInterceptor[]
  readonly outbound?: WorkflowOutboundCallsInterceptor[]
  readonly internals?: WorkflowInternalsInterceptor[]
}
/** What a module of interceptors exports as `interceptors`. Called once a run. */
export type WorkflowInterceptorsFactory = () => WorkflowInterceptors

/** A run's interceptors of all modules, in the order of the modules. */
export type RunInterceptors = Required<WorkflowInterceptors>

/**
 * Make a run's interceptors.
 *
 * @throws {TypeError} if a module's `interceptors` is no function
 */
export function makeInterceptors(
  modules: readonly Readonly<Record<string, unknown>>[],
): RunInterceptors | undefined {
  if (modules.length === 0) return undefined
  const made: RunInterceptors = { inbound: [], outbound: [], internals: [] }
  for (const { interceptors: factory } of modules) {
    if (factory === undefined) continue
    if (typeof factory !== 'function') {
      throw new TypeError(
        `Failed to initialize workflow interceptors: expected a function, but got: '${typeof factory}'`,
      )
    }
    const { inbound, outbound, internals } = (factory as WorkflowInterceptorsFactory)()
    made.inbound.push(...(inbound ?? []))
    made.outbound.push(...(outbound ?? []))
    made.internals.push(...(internals ?? []))
  }
  return made
}

/** A chain of interceptors in front of `next`. The first one is the outermost. */
export function composeInterceptors<I extends object, M extends keyof I>(
  interceptors: readonly I[],
  method: M,
  next: Next<I, M>,
): Next<I, M> {
  let composed = next as unknown as (input: unknown) => unknown
  for (let i = interceptors.length - 1; i >= 0; i--) {
    const interceptor = interceptors[i] as I
    if (interceptor[method] === undefined) continue
    const inner = composed
    composed = (input) =>
      (interceptor[method] as (input: unknown, next: unknown) => unknown)(input, inner)
  }
  return composed as unknown as Next<I, M>
}

export function toHeaders(payloads: PayloadMap | undefined): Headers {
  const entries = Object.entries(payloads ?? {})
  return Object.fromEntries(entries.map(([key, payload]) => [key, toProtoPayload(payload)]))
}

/** As a command's field, if there are any. */
export function headersField(headers: Headers | undefined): { readonly headers?: PayloadMap } {
  const entries = Object.entries(headers ?? {})
  if (entries.length === 0) return {}
  return {
    headers: Object.fromEntries(entries.map(([key, proto]) => [key, fromProtoPayload(proto)])),
  }
}
