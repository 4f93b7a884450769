import type { ContinueAsNewCommand } from '../commands.ts'
import type { StartedAttributes } from '../inputs.ts'
import { toPayloadMap, toPayloads } from '../payload-converter.ts'
import { encodeSearchAttributes } from '../search-attribute-payloads.ts'
import type {
  SearchAttributePair,
  SearchAttributes,
  TypedSearchAttributes,
} from '../search-attributes.ts'
import { assertInWorkflowContext } from './current-run.ts'
import { optionalFiniteMs, type Duration } from './duration.ts'
import { composeInterceptors, type ContinueAsNewInput, headersField } from './interceptors.ts'
import { notBuilt } from './not-built.ts'
import { checkSuccessor } from './upserts.ts'
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
  /** Wait this long before the new run's first turn. What is sent to it meanwhile is in that turn. */
  backoffStartInterval?: Duration
  /** Default what this run has. */
  memo?: Record<string, unknown>
  /** Default those of this run. Prefer `typedSearchAttributes`, which count where both name a key. */
  searchAttributes?: SearchAttributes
  typedSearchAttributes?: SearchAttributePair[] | TypedSearchAttributes
}

/** What Temporal knows and has no meaning without worker deployments or event groups. */
const UNAVAILABLE_OPTIONS = [
  'versioningIntent',
  'initialVersioningBehavior',
  'eventGroups',
  'typeInfo',
]

/**
 * A function that ends this run and starts a new one of the same workflow id with the given arguments.
 * Signals that no handler has taken, and values that no one has received from a channel, go to it.
 */
export function makeContinueAsNewFunc<F extends Workflow>(
  options: ContinueAsNewOptions = {},
): (...args: Parameters<F>) => Promise<never> {
  const activator = assertInWorkflowContext(
    'Workflow.continueAsNew(...) and Workflow.makeContinueAsNewFunc(...) may only be used from a ' +
      'Workflow Execution.',
  )
  const { started } = activator
  const proceed = async (input: ContinueAsNewInput): Promise<never> => {
    const attributes = attributesOf(input.options, started)
    checkSuccessor(activator, attributes.searchAttributes, attributes.memo)
    throw new ContinueAsNew({
      ...attributes,
      ...headersField(input.headers),
      args: toPayloads(input.args),
    })
  }
  const given = { ...options, workflowType: options.workflowType ?? started.workflowType }
  const outbound = activator.extensions?.interceptors?.outbound
  const next =
    outbound === undefined ? proceed : composeInterceptors(outbound, 'continueAsNew', proceed)
  return (...args: Parameters<F>): Promise<never> => next({ args, headers: {}, options: given })
}

function attributesOf(
  options: ContinueAsNewOptions,
  started: StartedAttributes,
): Omit<ContinueAsNewCommand, 'kind' | 'carriedSeqs' | 'args'> {
  for (const name of UNAVAILABLE_OPTIONS) {
    if ((options as Record<string, unknown>)[name] !== undefined) {
      notBuilt(`ContinueAsNewOptions.${name}`)
    }
  }
  const { memo, searchAttributes, typedSearchAttributes } = options
  const hasAttributes = searchAttributes !== undefined || typedSearchAttributes !== undefined
  const backoffMs = optionalFiniteMs(options.backoffStartInterval)
  const runTimeoutMs = optionalFiniteMs(options.workflowRunTimeout)
  const taskTimeoutMs = optionalFiniteMs(options.workflowTaskTimeout)
  return {
    workflowType: options.workflowType ?? started.workflowType,
    taskQueue: options.taskQueue ?? started.taskQueue,
    ...(runTimeoutMs === undefined ? {} : { runTimeoutMs }),
    ...(taskTimeoutMs === undefined ? {} : { taskTimeoutMs }),
    ...(memo === undefined ? {} : { memo: toPayloadMap(memo) }),
    ...(hasAttributes
      ? { searchAttributes: encodeSearchAttributes(searchAttributes, typedSearchAttributes) }
      : {}),
    ...(backoffMs === undefined ? {} : { backoffMs }),
  }
}

/** End this run and go on as a new one of the same type with `args`. Never returns: it throws. */
export function continueAsNew<F extends Workflow>(...args: Parameters<F>): Promise<never> {
  return makeContinueAsNewFunc<F>()(...args)
}
