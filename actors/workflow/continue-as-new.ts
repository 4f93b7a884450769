import type { ContinueAsNewCommand } from '../commands.ts'
import type { StartedAttributes } from '../inputs.ts'
import { toPayloadMap, toPayloads, toSearchAttributes } from '../payload-converter.ts'
import { assertInWorkflowContext } from './current-run.ts'
import { optionalDurationToMs, type Duration } from './duration.ts'
import { composeInterceptors, type ContinueAsNewInput, headersField } from './interceptors.ts'
import { notBuilt } from './not-built.ts'
import type { Workflow } from './definitions.ts'

/** Thrown by {@link continueAsNew}: the workflow that lets it through goes on as a new run. */
export class ContinueAsNew extends Error {
  override name = 'ContinueAsNew'
  /** What the new run is given. */
  readonly command: Omit<ContinueAsNewCommand, 'kind' | 'carriedSeqs'>

  constructor(command: Omit<ContinueAsNewCommand, 'kind' | 'carriedSeqs'>) {
    super('Workflow continued as new')
    this.command = command
  }
}

export interface ContinueAsNewOptions {
  /** Default this workflow's. */
  workflowType?: string
  /** Default this workflow's. */
  taskQueue?: string
  workflowRunTimeout?: Duration
  workflowTaskTimeout?: Duration
  memo?: Record<string, unknown>
  searchAttributes?: Record<string, unknown>
}

/**
 * A function that ends this run and starts a new one of the same workflow id with the given arguments.
 * Signals that no handler has taken, and values that no one has received from a channel, go to it.
 */
export function makeContinueAsNewFunc<F extends Workflow>(
  options: ContinueAsNewOptions = {},
): (...args: Parameters<F>) => Promise<never> {
  const activator = assertInWorkflowContext()
  const { started } = activator
  if ('backoffStartInterval' in options) notBuilt('ContinueAsNewOptions.backoffStartInterval')
  const attributes = attributesOf(options, started)
  const outbound = activator.extensions?.interceptors?.outbound
  if (outbound === undefined) {
    return async (...args: Parameters<F>): Promise<never> => {
      throw new ContinueAsNew({ ...attributes, args: toPayloads(args) })
    }
  }
  const proceed = async (input: ContinueAsNewInput): Promise<never> => {
    // An interceptor may have changed the options.
    const changed = input.options === given ? attributes : attributesOf(input.options, started)
    throw new ContinueAsNew({
      ...changed,
      ...headersField(input.headers),
      args: toPayloads(input.args),
    })
  }
  const given = { ...options, workflowType: attributes.workflowType }
  return (...args: Parameters<F>): Promise<never> =>
    composeInterceptors(outbound, 'continueAsNew', proceed)({ args, headers: {}, options: given })
}

function attributesOf(
  options: ContinueAsNewOptions,
  started: StartedAttributes,
): Omit<ContinueAsNewCommand, 'kind' | 'carriedSeqs' | 'args'> {
  const { memo, searchAttributes } = options
  const runTimeoutMs = optionalDurationToMs(options.workflowRunTimeout)
  const taskTimeoutMs = optionalDurationToMs(options.workflowTaskTimeout)
  return {
    workflowType: options.workflowType ?? started.workflowType,
    taskQueue: options.taskQueue ?? started.taskQueue,
    ...(runTimeoutMs === undefined ? {} : { runTimeoutMs }),
    ...(taskTimeoutMs === undefined ? {} : { taskTimeoutMs }),
    ...(memo === undefined ? {} : { memo: toPayloadMap(memo) }),
    ...(searchAttributes === undefined
      ? {}
      : { searchAttributes: toSearchAttributes(searchAttributes) }),
  }
}

/** End this run and go on as a new one of the same type with `args`. Never returns: it throws. */
export function continueAsNew<F extends Workflow>(...args: Parameters<F>): Promise<never> {
  return makeContinueAsNewFunc<F>()(...args)
}
