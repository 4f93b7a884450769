import { SignalboxError } from './errors.ts'

/** Workflow ids, names and request ids: at most this many bytes in UTF-8, as in Temporal. */
export const MAX_IDENTIFIER_BYTES = 1_000

const CONTROL = /[\u0000-\u001f\u007f]/

/**
 * Check a workflow id, a type or signal name or a request id: not empty, at most
 * {@link MAX_IDENTIFIER_BYTES} bytes, no control characters.
 *
 * @throws SIGNALBOX_ERR_INVALID_ARGUMENT naming the field
 */
export function checkIdentifier(field: string, value: unknown): asserts value is string {
  if (typeof value !== 'string' || value.length === 0) {
    throw new SignalboxError('SIGNALBOX_ERR_INVALID_ARGUMENT', `${field} is not set on request.`, {
      fields: { field },
    })
  }
  // A UTF-16 unit is at most three bytes: only long values need to be measured.
  const tooLong =
    value.length * 3 > MAX_IDENTIFIER_BYTES && Buffer.byteLength(value) > MAX_IDENTIFIER_BYTES
  if (tooLong) {
    throw new SignalboxError(
      'SIGNALBOX_ERR_INVALID_ARGUMENT',
      `${field} is longer than ${MAX_IDENTIFIER_BYTES} bytes; choose a shorter one.`,
      { fields: { field } },
    )
  }
  if (CONTROL.test(value)) {
    throw new SignalboxError(
      'SIGNALBOX_ERR_INVALID_ARGUMENT',
      `${field} has a control character; use printable characters.`,
      { fields: { field } },
    )
  }
}
