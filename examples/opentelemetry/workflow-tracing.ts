import {
  AsyncLocalStorage,
  proxySinks,
  type Sinks,
  uuid4,
  workflowInfo,
  type WorkflowInterceptorsFactory,
} from 'signalbox/workflow'
import { readTrace, type TraceCarrier, writeTrace } from './trace-header.ts'

/** A span that has ended in a workflow. Times in milliseconds since the epoch, by the workflow's clock. */
export interface WorkflowSpan {
  readonly name: string
  readonly spanId: string
  /** What it is a child of. */
  readonly parent: TraceCarrier
  readonly startTime: number
  readonly endTime: number
  readonly error?: string
}

export interface TracingSinks extends Sinks {
  tracing: { ended(span: WorkflowSpan): void }
}

const { tracing } = proxySinks<TracingSinks>()
/** The span in which the code that runs now was called. */
const current = new AsyncLocalStorage<TraceCarrier>()

/**
 * Do something within a span of its own, if it is part of a trace. The span's id comes from the run's own
 * randomness, so that a replay finds the same one; it is told when it ends, which a replay does not.
 */
async function traced<T>(
  name: string,
  headers: Parameters<typeof readTrace>[0],
  call: () => Promise<T>,
): Promise<T> {
  const parent = readTrace(headers)
  if (parent?.traceparent === undefined) return call()
  const [version, traceId, , flags] = parent.traceparent.split('-')
  const spanId = uuid4().replaceAll('-', '').slice(16)
  const startTime = Date.now()
  const carrier = { ...parent, traceparent: [version, traceId, spanId, flags].join('-') }
  const end = (failed?: { error: string }): void => {
    tracing.ended({ name, spanId, parent, startTime, endTime: Date.now(), ...failed })
  }
  try {
    const result = await current.run(carrier, call)
    end()
    return result
  } catch (error) {
    end({ error: error instanceof Error ? error.message : String(error) })
    throw error
  }
}

/** What the workflow asks for carries the span that asks for it. */
function passedOn<Input extends { readonly headers: Parameters<typeof writeTrace>[0] }>(
  input: Input,
): Input {
  const carrier = current.getStore()
  return carrier === undefined ? input : { ...input, headers: writeTrace(input.headers, carrier) }
}

/** Interceptors of workflows: name this file in `interceptors.workflowModules`. */
export const interceptors: WorkflowInterceptorsFactory = () => ({
  inbound: [
    {
      execute: (input, next) =>
        traced(`RunWorkflow:${workflowInfo().workflowType}`, input.headers, () => next(input)),
      handleSignal: (input, next) =>
        traced(`HandleSignal:${input.signalName}`, input.headers, () => next(input)),
      handleUpdate: (input, next) =>
        traced(`HandleUpdate:${input.name}`, input.headers, () => next(input)),
    },
  ],
  outbound: [
    {
      scheduleActivity: (input, next) => next(passedOn(input)),
      scheduleLocalActivity: (input, next) => next(passedOn(input)),
      startChildWorkflowExecution: (input, next) => next(passedOn(input)),
      signalWorkflow: (input, next) => next(passedOn(input)),
      continueAsNew: (input, next) => next(passedOn(input)),
    },
  ],
})
