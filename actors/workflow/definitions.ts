import type { EnhancedStackTrace, WorkflowMetadata } from './stack-trace-types.ts'
import { assertInWorkflowContext } from './current-run.ts'
import type { AnyHandler, DefaultQueryHandler, DefaultSignalHandler } from './handler-table.ts'
import { HandlerUnfinishedPolicy } from './handler-unfinished-policy.ts'
import type { DefaultUpdateHandler, UpdateHandler } from './update-table.ts'

// Function types that stand for any function of their kind are Temporal's: who has one may call it.
// oxlint-disable-next-line typescript/no-explicit-any -- as in Temporal's types
type Any = any
type AnyArgs = Any[]

export type WorkflowReturnType = Promise<Any>
/** A workflow function. */
export type Workflow = (...args: AnyArgs) => WorkflowReturnType
export type WorkflowResultType<W extends Workflow> =
  ReturnType<W> extends Promise<infer Result> ? Result : never
export type WorkflowSignalType = (...args: AnyArgs) => Promise<void> | void
export type WorkflowQueryType = (...args: AnyArgs) => Any
export type WorkflowUpdateType = (...args: AnyArgs) => Any
export type WorkflowUpdateValidatorType = (...args: AnyArgs) => void

declare const argsBrand: unique symbol
declare const resultBrand: unique symbol

/** A signal's name with the types of its arguments. */
export interface SignalDefinition<Args extends unknown[] = [], Name extends string = string> {
  type: 'signal'
  name: Name
  [argsBrand]: Args
}

/** A query's name with the types of its arguments and result. */
export interface QueryDefinition<Ret, Args extends unknown[] = [], Name extends string = string> {
  type: 'query'
  name: Name
  [argsBrand]: Args
  [resultBrand]: Ret
}

/** An update's name with the types of its arguments and result. */
export interface UpdateDefinition<Ret, Args extends unknown[] = [], Name extends string = string> {
  type: 'update'
  name: Name
  [argsBrand]: Args
  [resultBrand]: Ret
}

/** Name a signal and give its arguments' types. Usable in workflows and on the host alike. */
export function defineSignal<Args extends unknown[] = [], Name extends string = string>(
  name: Name,
): SignalDefinition<Args, Name> {
  return { type: 'signal', name } as SignalDefinition<Args, Name>
}

/** Name a query and give the types of its result and arguments. */
export function defineQuery<Ret, Args extends unknown[] = [], Name extends string = string>(
  name: Name,
): QueryDefinition<Ret, Args, Name> {
  return { type: 'query', name } as QueryDefinition<Ret, Args, Name>
}

/** Name an update and give the types of its result and arguments. */
export function defineUpdate<Ret, Args extends unknown[] = [], Name extends string = string>(
  name: Name,
): UpdateDefinition<Ret, Args, Name> {
  return { type: 'update', name } as UpdateDefinition<Ret, Args, Name>
}

/** The function that handles a definition. */
export type Handler<
  Ret,
  Args extends unknown[],
  T extends UpdateDefinition<Ret, Args> | SignalDefinition<Args> | QueryDefinition<Ret, Args>,
> =
  T extends UpdateDefinition<infer R, infer A>
    ? (...args: A) => R | Promise<R>
    : T extends QueryDefinition<infer R, infer A>
      ? (...args: A) => R
      : T extends SignalDefinition<infer A>
        ? (...args: A) => void | Promise<void>
        : never

type UpdateArgs<T> = T extends UpdateDefinition<infer _Ret, infer Args> ? Args : never

export interface SignalHandlerOptions {
  description?: string
  /** Whether closing the workflow while the handler runs is worth a warning. Default it is. */
  unfinishedPolicy?: HandlerUnfinishedPolicy
}

export interface QueryHandlerOptions {
  description?: string
}

export interface UpdateHandlerOptions<Args extends unknown[] = never[]> {
  /**
   * Throws to reject the update, which then leaves no trace. Synchronous and read only: it may look at
   * the workflow's state, and asking for anything (a timer, an activity, a wait) rejects the update. It
   * is not called when a turn is done again from the journal.
   */
  validator?: (...args: Args) => void
  description?: string
  /** Whether closing the workflow while the handler runs is worth a warning. Default it is. */
  unfinishedPolicy?: HandlerUnfinishedPolicy
}

/**
 * Set the handler of a signal, query or update; `undefined` removes it.
 *
 * Signals come one at a time in the order in which they were accepted. Those that came before their
 * handler are handed to it now, in order, before this call returns. An asynchronous handler runs up
 * to its first await; nothing makes the next signal wait for the rest of it.
 *
 * An update whose handler is not set by the end of the turn that it comes in is rejected. What its
 * handler returns is the update's result; a failure (ApplicationFailure and its kin) that it throws fails
 * the update alone, any other error fails the turn.
 *
 * @throws {TypeError} for reserved names and for handlers that are not functions
 */
export function setHandler<Ret, Args extends unknown[], T extends QueryDefinition<Ret, Args>>(
  def: T,
  handler: Handler<Ret, Args, T> | undefined,
  options?: QueryHandlerOptions,
): void
export function setHandler<Ret, Args extends unknown[], T extends SignalDefinition<Args>>(
  def: T,
  handler: Handler<Ret, Args, T> | undefined,
  options?: SignalHandlerOptions,
): void
export function setHandler<Ret, Args extends unknown[], T extends UpdateDefinition<Ret, Args>>(
  def: T,
  handler: Handler<Ret, Args, T> | undefined,
  options?: UpdateHandlerOptions<UpdateArgs<T>>,
): void
export function setHandler(
  def: { readonly type: string; readonly name: string },
  handler: AnyHandler | null | undefined,
  options: SignalHandlerOptions & UpdateHandlerOptions = {},
): void {
  const activator = assertInWorkflowContext(
    'Workflow.setHandler(...) may only be used from a Workflow Execution.',
  )
  // A name alone does not say of what it is one.
  if (typeof def === 'string') {
    throw new TypeError(
      `setHandler takes a definition, not the name '${def as string}': give it ` +
        `defineSignal('${def as string}'), defineQuery or defineUpdate`,
    )
  }
  refuseReservedName(def.type, def.name)
  if (def.type !== 'signal' && def.type !== 'query' && def.type !== 'update') {
    throw new TypeError(`Invalid definition type: ${def.type}`)
  }
  const fn = checkHandler(handler)
  const { handlers } = activator
  if (def.type === 'signal') {
    handlers.setSignal(def.name, fn, options.description, options.unfinishedPolicy)
    return
  }
  if (def.type === 'update') {
    activator.updates.set(def.name, fn && updateHandler(fn, options))
    return
  }
  activator.assertWritable()
  if (fn === undefined) handlers.queries.delete(def.name)
  else {
    handlers.queries.set(def.name, {
      handler: fn as (...args: unknown[]) => unknown,
      description: options.description,
    })
  }
}

function updateHandler(fn: AnyHandler, options: UpdateHandlerOptions): UpdateHandler {
  const { validator, description } = options
  return {
    handler: fn as UpdateHandler['handler'],
    validator: validator as UpdateHandler['validator'],
    description,
    unfinishedPolicy: options.unfinishedPolicy ?? HandlerUnfinishedPolicy.WARN_AND_ABANDON,
  }
}

/** Set the handler of signals that have none of their own; it gets all that wait, in order, at once. */
export function setDefaultSignalHandler(handler: DefaultSignalHandler | undefined): void {
  const { handlers } = assertInWorkflowContext(
    'Workflow.setDefaultSignalHandler(...) may only be used from a Workflow Execution.',
  )
  handlers.setDefaultSignal(checkHandler(handler))
}

/** Set the handler of queries that have none of their own. */
export function setDefaultQueryHandler(handler: DefaultQueryHandler | undefined): void {
  const activator = assertInWorkflowContext(
    'Workflow.setDefaultQueryHandler(...) may only be used from a Workflow Execution.',
  )
  activator.assertWritable()
  activator.handlers.defaultQuery = checkHandler(handler)
}

/** Set the handler of updates that have none of their own; it has no validator. */
export function setDefaultUpdateHandler(handler: DefaultUpdateHandler | undefined): void {
  const { updates } = assertInWorkflowContext(
    'Workflow.setDefaultUpdateHandler(...) may only be used from a Workflow Execution.',
  )
  updates.setDefault(checkHandler(handler))
}

/** True while no signal or update handler is running: what a workflow waits for before it ends. */
export function allHandlersFinished(): boolean {
  const { handlers, knownUpdates } = assertInWorkflowContext(
    'allHandlersFinished() may only be used from a Workflow Execution.',
  )
  return handlers.allFinished && (knownUpdates === undefined || knownUpdates.allFinished)
}

function checkHandler<T extends AnyHandler>(handler: T | null | undefined): T | undefined {
  if (handler === null || handler === undefined) return undefined
  if (typeof handler === 'function') return handler
  throw new TypeError(
    `Expected handler to be either a function or 'undefined'. Got: '${typeof handler}'`,
  )
}

function refuseReservedName(type: string, name: string): void {
  if (name.startsWith('__temporal_')) {
    throw new TypeError(`Cannot use ${type} name: '${name}', with reserved prefix: '__temporal_'`)
  }
  if (name === '__stack_trace' || name === '__enhanced_stack_trace') {
    throw new TypeError(`Cannot use ${type} name: '${name}', which is a reserved name`)
  }
}

/** The name of a workflow given as its function or by name. */
export function extractWorkflowType(workflow: string | Workflow): string {
  if (typeof workflow === 'string') return workflow
  if (typeof workflow !== 'function') {
    throw new TypeError(
      `Invalid workflow type: expected either a string or a function, got '${typeof workflow}'`,
    )
  }
  if (!workflow.name) {
    throw new TypeError('Invalid workflow type: the workflow function is anonymous')
  }
  return workflow.name
}

/** Answered with a clear text: stacks of waiting code are not collected. */
export const stackTraceQuery = defineQuery<string>('__stack_trace')
/** {@link stackTraceQuery} as data. */
export const enhancedStackTraceQuery = defineQuery<EnhancedStackTrace>('__enhanced_stack_trace')
/** The workflow's type, its handlers and its current details. */
export const workflowMetadataQuery = defineQuery<WorkflowMetadata>('__temporal_workflow_metadata')
