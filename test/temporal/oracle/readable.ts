/** What may differ between two sides that behave the same: where an error was thrown, and by which SDK. */
const IGNORED = new Set(['stackTrace', 'source', 'externalPayloads', 'encodedAttributes'])

/** The SDK's core adds to these which events of the history they come from; code cannot see that. */
const EVENT_IDS_IN = { activityFailureInfo: true, childWorkflowExecutionFailureInfo: true }

function withoutEventIds(info: unknown): unknown {
  return Object.fromEntries(
    Object.entries(info as object).filter(([name]) => !name.endsWith('EventId')),
  )
}

/**
 * A Temporal message as plain data that can be compared and read: payloads as text with their
 * encoding, durations in milliseconds, fields that have their default left out.
 *
 * @param message decoded protobuf, or what the probe wrote of it: then bytes are text already
 */
export function readable(message: unknown): unknown {
  if (message === null || message === undefined) return undefined
  if (typeof message === 'bigint') return Number(message)
  if (typeof message !== 'object') return message
  if (ArrayBuffer.isView(message)) return textOf(message)
  if (Array.isArray(message)) return message.map(readable)
  const fields = message as Readonly<Record<string, unknown>>
  if ('metadata' in fields) return payloadOf(fields)
  const names = Object.keys(fields)
  if (
    names.length > 0 &&
    names.every((name) => name === 'low' || name === 'high' || name === 'unsigned')
  ) {
    return Number(fields['high']) * 2 ** 32 + (Number(fields['low']) >>> 0)
  }
  const entries = names
    .filter((name) => !IGNORED.has(name))
    .map(
      (name) =>
        [
          name,
          readable(name in EVENT_IDS_IN ? withoutEventIds(fields[name]) : fields[name]),
        ] as const,
    )
    .filter(([, value]) => !isDefault(value))
  const isTime = names.length > 0 && names.every((name) => name === 'seconds' || name === 'nanos')
  if (!isTime) return Object.fromEntries(entries)
  const { seconds = 0, nanos = 0 } = Object.fromEntries(entries) as Record<string, number>
  return seconds * 1_000 + nanos / 1_000_000
}

function payloadOf({ metadata, data }: Readonly<Record<string, unknown>>): string {
  const about = Object.entries((metadata ?? {}) as Record<string, unknown>)
    .map(([name, value]) => (name === 'encoding' ? textOf(value) : `${name}=${textOf(value)}`))
    .join(' ')
  const text = textOf(data)
  return text === '' ? about : `${about} ${text}`
}

function textOf(bytes: unknown): string {
  if (bytes === undefined || bytes === null) return ''
  return typeof bytes === 'string' ? bytes : new TextDecoder().decode(bytes as Uint8Array)
}

function isDefault(value: unknown): boolean {
  if (value === undefined || value === 0 || value === '' || value === false) return true
  return typeof value === 'object' && value !== null && Object.keys(value).length === 0
}
