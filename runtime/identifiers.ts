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
 * @param field its name in Temporal's messages
 * @throws SIGNALBOX_ERR_INVALID_ARGUMENT naming the field
 */
export function checkIdentifier(
  field: string,
  value: unknown,
  maxBytes = MAX_IDENTIFIER_BYTES,
): asserts value is string {
  if (typeof value !== 'string' || value.length === 0) {
    throw invalid(field, 'is not set on request.')
  }
  // A UTF-16 unit is at most three bytes: only long values need to be measured.
  const tooLong = value.length * 3 > maxBytes && Buffer.byteLength(value) > maxBytes
  if (tooLong) {
    throw invalid(field, `is longer than ${maxBytes} bytes; choose a shorter one.`)
  }
  if (CONTROL.test(value)) {
    throw invalid(field, 'has a control character; use printable characters.')
  }
}

/** The message is Temporal's, which clients may match; the field is named as a request has it. */
function invalid(name: string, what: string): SignalboxError {
  const own = name.charAt(0).toLowerCase() + name.slice(1)
  return new SignalboxError('SIGNALBOX_ERR_INVALID_ARGUMENT', `${name} ${what}`, {
    fields: { field: own === 'workflowType' ? 'workflowType.name' : own },
  })
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
