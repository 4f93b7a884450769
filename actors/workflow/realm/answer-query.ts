import { defaultErrorToFailure } from '../../failure-converter.ts'
import { DeterminismViolationError, ensureTemporalFailure } from '../../failures.ts'
import { fromPayloads } from '../../payload-converter.ts'
import type { Payload, PayloadMap } from '../../payload.ts'
import type { QueryOutcome } from '../../turns.ts'
import type { Activator } from '../activator.ts'
import { composeInterceptors, type RunInterceptors, toHeaders } from '../interceptors.ts'
import { returnedPayload } from '../returned-payload.ts'
import { describeWorkflow } from './workflow-metadata.ts'

/** A query as it comes. */
export interface AskedQuery {
  readonly name: string
  readonly args: readonly Payload[]
  readonly headers: PayloadMap | undefined
}

/**
 * Answer a query from the run's state. Random numbers that it draws are put back. With interceptors
 * the answer is a promise, since theirs are: it is there once the microtasks have drained.
 */
export function answerQuery(
  activator: Activator,
  query: AskedQuery,
): QueryOutcome | Promise<QueryOutcome> {
  const builtIn = describeWorkflow(activator, query.name)
  if (builtIn !== undefined) return { result: builtIn }
  const random = activator.saveRandom()
  const interceptors = activator.extensions?.interceptors
  if (interceptors !== undefined) {
    return answerIntercepted(activator, interceptors, query).finally(() =>
      activator.restoreRandom(random),
    )
  }
  try {
    return (
      notRegistered(activator, query.name) ?? {
        result: returnedPayload(
          call(activator, query.name, fromPayloads(query.args)),
          'answer to query',
          query.name,
        ),
      }
    )
  } catch (error) {
    return { failure: defaultErrorToFailure(ensureTemporalFailure(error)) }
  } finally {
    activator.restoreRandom(random)
  }
}

async function answerIntercepted(
  activator: Activator,
  { inbound }: RunInterceptors,
  { name, args, headers }: AskedQuery,
): Promise<QueryOutcome> {
  try {
    const missing = notRegistered(activator, name)
    if (missing !== undefined) return missing
    const handle = composeInterceptors(inbound, 'handleQuery', async (input) =>
      call(activator, input.queryName, input.args),
    )
    const input = { queryId: '', queryName: name, args: fromPayloads(args) }
    const answer = await handle({ ...input, headers: toHeaders(headers) })
    return { result: returnedPayload(answer, 'answer to query', name) }
  } catch (error) {
    return { failure: defaultErrorToFailure(ensureTemporalFailure(error)) }
  }
}

function notRegistered(activator: Activator, name: string): QueryOutcome | undefined {
  const { queries, defaultQuery } = activator.handlers
  if (queries.has(name) || (defaultQuery !== undefined && !name.startsWith('__'))) return undefined
  const registered = [...queries.keys()].join(' ')
  const error = new ReferenceError(
    `Workflow did not register a handler for ${name}. Registered queries: [${registered}]`,
  )
  return { failure: defaultErrorToFailure(ensureTemporalFailure(error)), notRegistered: true }
}

function call(activator: Activator, name: string, args: unknown[]): unknown {
  const { queries, defaultQuery } = activator.handlers
  const entry = queries.get(name)
  const result = entry ? entry.handler(...args) : defaultQuery?.(name, ...args)
  if (result instanceof Promise) {
    // Nobody will await it.
    result.catch(() => {})
    throw new DeterminismViolationError('Query handlers should not return a Promise')
  }
  return result
}
