import type { IncomingHttpHeaders } from 'node:http'
import { invalidField } from './invalid-field.ts'

// Half a surrogate pair has no UTF-8 form: ids that differ only in such halves would become one.
const loneSurrogate = /\p{Surrogate}/u

/**
 * An id or name from a body: undefined if it is empty, which is "not set" in protobuf. How long it
 * may be and of what characters is the engine's to check.
 *
 * @throws SignalboxError SIGNALBOX_ERR_INVALID_ARGUMENT if it is not valid Unicode
 */
export function optionalId(value: string | undefined, field: string): string | undefined {
  if (value === undefined || value === '') return undefined
  if (loneSurrogate.test(value)) throw invalidField(field, 'is not valid Unicode')
  return value
}

/** The body's request id, or that of the header Idempotency-Key; if both are given they agree. */
export function requestIdOf(
  body: { readonly requestId?: string },
  headers: IncomingHttpHeaders,
): string | undefined {
  const key = idempotencyKey(headers)
  const fromBody = optionalId(body.requestId, 'requestId')
  if (key === undefined) return fromBody
  if (fromBody !== undefined && fromBody !== key) {
    throw invalidField('Idempotency-Key', 'differs from requestId')
  }
  return key
}

/** The header Idempotency-Key, if it is there. */
export function idempotencyKey(headers: IncomingHttpHeaders): string | undefined {
  const header = headers['idempotency-key']
  if (header === undefined) return undefined
  const key = unquoted(String(header))
  if (key === '') throw invalidField('Idempotency-Key', 'is empty')
  return key
}

/** The draft standard has the key in quotes, most clients send it bare. */
function unquoted(value: string): string {
  return value.length >= 2 && value.startsWith('"') && value.endsWith('"')
    ? value.slice(1, -1)
    : value
}
