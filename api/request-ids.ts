import type { IncomingHttpHeaders } from 'node:http'
import { checkIdentifier } from '../runtime/identifiers.ts'
import { invalidField } from './invalid-field.ts'

// Half a surrogate pair has no UTF-8 form: ids that differ only in such halves would become one.
const loneSurrogate = /\p{Surrogate}/u

/**
 * An id or name that must be there: a workflow id, a signal name.
 *
 * @throws SignalboxError SIGNALBOX_ERR_INVALID_ARGUMENT if it is missing, longer than 1,000 bytes,
 *   or holds control characters or half a surrogate pair
 */
export function requiredId(value: string | undefined, field: string): string {
  checkIdentifier(field, value)
  if (loneSurrogate.test(value)) throw invalidField(field, 'is not valid Unicode')
  return value
}

/** As {@link requiredId}; missing and empty are undefined. */
export function optionalId(value: string | undefined, field: string): string | undefined {
  return value === undefined || value === '' ? undefined : requiredId(value, field)
}

/** The body's request id, or that of the header Idempotency-Key; if both are given they agree. */
export function requestIdOf(
  body: { readonly requestId?: string },
  headers: IncomingHttpHeaders,
): string | undefined {
  const header = headers['idempotency-key']
  if (header === undefined) return optionalId(body.requestId, 'requestId')
  const key = requiredId(unquoted(String(header)), 'Idempotency-Key')
  if (body.requestId !== undefined && body.requestId !== '' && body.requestId !== key) {
    throw invalidField('Idempotency-Key', 'differs from requestId')
  }
  return key
}

/** The draft standard has the key in quotes, most clients send it bare. */
function unquoted(value: string): string {
  return value.length >= 2 && value.startsWith('"') && value.endsWith('"')
    ? value.slice(1, -1)
    : value
}
