import { context, propagation, SpanKind, SpanStatusCode, trace } from '@opentelemetry/api'
import type { Context as TraceContext, Tracer } from '@opentelemetry/api'
import { type IdGenerator, RandomIdGenerator } from '@opentelemetry/sdk-trace-base'
import type { InjectedSinks, WorkflowClientInterceptor } from 'signalbox'
import type { ActivityInterceptorsFactory } from 'signalbox/activity'
import { readTrace, type TraceCarrier, writeTrace } from './trace-header.ts'
import type { WorkflowSpan } from './workflow-tracing.ts'

/** Do something within a span, which fails with it. */
async function traced<T>(
  tracer: Tracer,
  name: string,
  kind: SpanKind,
  parent: TraceContext,
  call: () => Promise<T>,
): Promise<T> {
  const span = tracer.startSpan(name, { kind }, parent)
  try {
    return await context.with(trace.setSpan(parent, span), call)
  } catch (error) {
    span.setStatus({ code: SpanStatusCode.ERROR, message: String(error) })
    throw error
  } finally {
    span.end()
  }
}

/** Calls of `runtime.client` are spans, and carry them: `interceptors: { client: [clientTracing(tracer)] }`. */
export function clientTracing(tracer: Tracer): WorkflowClientInterceptor {
  const within = <T>(name: string, call: (carrier: TraceCarrier) => Promise<T>): Promise<T> =>
    traced(tracer, name, SpanKind.PRODUCER, context.active(), () => {
      const carrier: TraceCarrier = {}
      propagation.inject(context.active(), carrier)
      return call(carrier)
    })
  const send = <Input extends { readonly headers: Parameters<typeof writeTrace>[0] }, T>(
    name: string,
    input: Input,
    next: (input: Input) => Promise<T>,
  ): Promise<T> =>
    within(name, (carrier) => next({ ...input, headers: writeTrace(input.headers, carrier) }))
  return {
    start: (input, next) => send(`StartWorkflow:${input.workflowType}`, input, next),
    signal: (input, next) => send(`SignalWorkflow:${input.signalName}`, input, next),
    signalWithStart: (input, next) => send(`SignalWithStart:${input.signalName}`, input, next),
    startUpdate: (input, next) => send(`UpdateWorkflow:${input.updateName}`, input, next),
    startUpdateWithStart: (input, next) =>
      within(`UpdateWithStart:${input.updateName}`, (carrier) =>
        next({
          ...input,
          workflowStartHeaders: writeTrace(input.workflowStartHeaders, carrier),
          updateHeaders: writeTrace(input.updateHeaders, carrier),
        }),
      ),
  }
}

/** Attempts of activities are spans: `interceptors: { activity: [activityTracing(tracer)] }`. */
export function activityTracing(tracer: Tracer): ActivityInterceptorsFactory {
  return ({ info }) => ({
    inbound: {
      execute: (input, next) => {
        const carrier = readTrace(input.headers)
        if (carrier === undefined) return next(input)
        const parent = propagation.extract(context.active(), carrier)
        const name = `RunActivity:${info.activityType}`
        return traced(tracer, name, SpanKind.CONSUMER, parent, () => next(input))
      },
    },
  })
}

/**
 * Gives the spans of workflows the ids that they have there already, since what they caused names them. For
 * the tracer provider: `new BasicTracerProvider({ idGenerator: ids })`.
 */
export class WorkflowSpanIds implements IdGenerator {
  readonly #random = new RandomIdGenerator()
  #next: string | undefined

  generateTraceId(): string {
    return this.#random.generateTraceId()
  }

  generateSpanId(): string {
    return this.#next ?? this.#random.generateSpanId()
  }

  /** What `start` begins has this id. */
  using<T>(spanId: string, start: () => T): T {
    this.#next = spanId
    try {
      return start()
    } finally {
      this.#next = undefined
    }
  }
}

/** The spans of workflows, which they tell by a sink: `sinks: tracingSinks(tracer, ids)`. */
export function tracingSinks(tracer: Tracer, ids: WorkflowSpanIds): InjectedSinks {
  const ended = (
    { workflowId, runId }: { workflowId: string; runId: string },
    told: WorkflowSpan,
  ) => {
    const parent = propagation.extract(context.active(), told.parent)
    const span = ids.using(told.spanId, () =>
      tracer.startSpan(
        told.name,
        { kind: SpanKind.INTERNAL, startTime: told.startTime, attributes: { workflowId, runId } },
        parent,
      ),
    )
    if (told.error !== undefined) {
      span.setStatus({ code: SpanStatusCode.ERROR, message: told.error })
    }
    span.end(told.endTime)
  }
  return { tracing: { ended: { fn: ended } } }
}
