import { defaultErrorToFailure } from '../../failure-converter.ts'
import { DeterminismViolationError, ensureTemporalFailure } from '../../failures.ts'
import { fromPayloads, toPayload } from '../../payload-converter.ts'
import type { Payload } from '../../payload.ts'
import type { QueryOutcome } from '../../turns.ts'
import type { Activator } from '../activator.ts'

/** Answer a query from the run's state. Random numbers that it draws are put back. */
export function answerQuery(
  activator: Activator,
  name: string,
  args: readonly Payload[],
): QueryOutcome {
  const random = activator.random.save()
  try {
    return answer(activator, name, args)
  } catch (error) {
    return { failure: defaultErrorToFailure(ensureTemporalFailure(error)) }
  } finally {
    activator.random.restore(random)
  }
}

function answer(activator: Activator, name: string, args: readonly Payload[]): QueryOutcome {
  const { queries, defaultQuery } = activator.handlers
  const entry = queries.get(name)
  if (entry === undefined && name === '__stack_trace') {
    return { result: toPayload('Stack traces of waiting code are not collected by signalbox') }
  }
  if (entry === undefined && (defaultQuery === undefined || name.startsWith('__'))) {
    const registered = [...queries.keys()].join(' ')
    const error = new ReferenceError(
      `Workflow did not register a handler for ${name}. Registered queries: [${registered}]`,
    )
    return { failure: defaultErrorToFailure(ensureTemporalFailure(error)), notRegistered: true }
  }
  const values = fromPayloads(args)
  const result = entry ? entry.handler(...values) : defaultQuery?.(name, ...values)
  if (result instanceof Promise) {
    // Nobody will await it.
    result.catch(() => {})
    throw new DeterminismViolationError('Query handlers should not return a Promise')
  }
  return { result: toPayload(result) }
}
