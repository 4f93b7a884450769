/** Where a trace is, as the W3C writes it: what OpenTelemetry's propagator reads and writes. */
export interface TraceCarrier {
  traceparent?: string
  tracestate?: string
}

/** Headers of workflows, signals and activities: payloads by name. */
type Headers = Record<
  string,
  { metadata?: Record<string, Uint8Array> | null; data?: Uint8Array | null }
>

/** The name that Temporal's OpenTelemetry interceptors use, and signalbox's HTTP API. */
const HEADER = '_tracer-data'

export function readTrace(headers: Headers): TraceCarrier | undefined {
  const data = headers[HEADER]?.data
  return data == null ? undefined : (JSON.parse(new TextDecoder().decode(data)) as TraceCarrier)
}

export function writeTrace<H extends Headers>(headers: H, carrier: TraceCarrier): H {
  const encoder = new TextEncoder()
  const payload = {
    metadata: { encoding: encoder.encode('json/plain') },
    data: encoder.encode(JSON.stringify(carrier)),
  }
  return { ...headers, [HEADER]: payload }
}
