import { SignalboxError } from './errors.ts'

/** Workflow ids, names and request ids: at most this many bytes in UTF-8, as in Temporal. */
export const MAX_IDENTIFIER_BYTES = 1_000
/** Namespaces: beside a workflow id they must fit into a key of the journal. */
const MAX_NAMESPACE_BYTES = 255
/** Reasons and identities. */
const MAX_TEXT_BYTES = 64 * 1024

const CONTROL = /[\u0000-\u001f\u007f-\u009f]/

/**
 * Check a workflow id, a type or signal name or a request id: not empty, at most
 * {@link MAX_IDENTIFIER_BYTES} bytes, no control characters.
 *
 * @throws SIGNALBOX_ERR_INVALID_ARGUMENT naming the field
 */
export function checkIdentifier(
  field: string,
  value: unknown,
  maxBytes = MAX_IDENTIFIER_BYTES,
): asserts value is string {
  if (typeof value !== 'string' || value.length === 0) {
    throw new SignalboxError('SIGNALBOX_ERR_INVALID_ARGUMENT', `${field} is not set on request.`, {
      fields: { field },
    })
  }
  // A UTF-16 unit is at most three bytes: only long values need to be measured.
  const tooLong = value.length * 3 > maxBytes && Buffer.byteLength(value) > maxBytes
  if (tooLong) {
    throw new SignalboxError(
      'SIGNALBOX_ERR_INVALID_ARGUMENT',
      `${field} is longer than ${maxBytes} bytes; choose a shorter one.`,
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

/** @throws SIGNALBOX_ERR_INVALID_ARGUMENT unless it is undefined or a namespace's name */
export function checkNamespace(value: unknown): void {
  if (value !== undefined) checkIdentifier('namespace', value, MAX_NAMESPACE_BYTES)
}

/**
 * Check a text that a person may read, such as a reason: what is not text would fail where it is
 * written, together with what others sent.
 *
 * @throws SIGNALBOX_ERR_INVALID_ARGUMENT unless it is undefined or a string of at most 64 KiB
 */
export function checkText(field: string, value: unknown): void {
  if (value === undefined) return
  if (typeof value === 'string' && value.length <= MAX_TEXT_BYTES) return
  throw new SignalboxError(
    'SIGNALBOX_ERR_INVALID_ARGUMENT',
    `${field} must be a text of at most ${MAX_TEXT_BYTES} bytes`,
    { fields: { field } },
  )
}
