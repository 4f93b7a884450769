import { trace } from '@opentelemetry/api'

export async function charge(orderId: string, cents: number): Promise<string> {
  // What an activity does by itself, or a library that is instrumented, joins the trace.
  trace.getActiveSpan()?.setAttribute('cents', cents)
  return `booking-${orderId}`
}

export async function notify(text: string): Promise<void> {
  trace.getActiveSpan()?.setAttribute('text', text)
}
