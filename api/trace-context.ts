import type { IncomingHttpHeaders } from 'node:http'
import type { Payload, PayloadMap } from '../actors/payload.ts'

/** The header of workflows, signals and activities that Temporal's OpenTelemetry interceptors use. */
const TRACE_HEADER = '_tracer-data'
/** W3C Trace Context: version, trace id, parent id, flags; later versions may have more behind that. */
const traceparentPattern = /^([0-9a-f]{2})-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})(-.*)?$/
const NO_TRACE = '0'.repeat(32)
const NO_PARENT = '0'.repeat(16)
/** What the specification asks everybody to pass on; a longer state is left out as a whole. */
const MAX_STATE_CHARS = 512
const printable = /^[\x20-\x7e]+$/

/**
 * The trace context of an HTTP request, as it travels in headers: what OpenTelemetry's propagator writes.
 * Undefined without `traceparent`; one that is not valid begins a new trace, as the specification says.
 */
export function traceContextOf({
  traceparent,
  tracestate,
}: IncomingHttpHeaders): string | undefined {
  if (traceparent === undefined) return undefined
  const parent = readTraceparent(String(traceparent))
  if (parent === undefined) return undefined
  const state = typeof tracestate === 'string' ? tracestate.trim() : ''
  const isKept = state.length <= MAX_STATE_CHARS && printable.test(state)
  return JSON.stringify({ traceparent: parent, ...(isKept ? { tracestate: state } : {}) })
}

/** Headers with a trace context, unless they have one of their own. */
export function withTraceContext(
  headers: PayloadMap | undefined,
  trace: Payload | undefined,
): PayloadMap | undefined {
  if (trace === undefined || headers?.[TRACE_HEADER] !== undefined) return headers
  return { ...headers, [TRACE_HEADER]: trace }
}

/** In the form of version 00, which is a part of every later one. */
function readTraceparent(text: string): string | undefined {
  if (text.length > MAX_STATE_CHARS) return undefined
  const [, version, trace, parent, flags, more] = traceparentPattern.exec(text) ?? []
  if (version === undefined || version === 'ff' || trace === NO_TRACE || parent === NO_PARENT) {
    return undefined
  }
  if (version === '00' && more !== undefined) return undefined
  return `00-${trace}-${parent}-${flags}`
}
