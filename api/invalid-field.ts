import { SignalboxError } from '../runtime/errors.ts'

/**
 * The error for a request field that is missing or wrong. `field` is its path as the caller wrote
 * it, such as `workflowExecution.runId`; empty if the request as a whole is wrong.
 */
export function invalidField(field: string, problem: string): SignalboxError {
  return new SignalboxError(
    'SIGNALBOX_ERR_INVALID_ARGUMENT',
    field === '' ? problem : `${field} ${problem}`,
    field === '' ? undefined : { fields: { field } },
  )
}
