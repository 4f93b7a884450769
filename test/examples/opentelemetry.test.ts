import { context, propagation, trace } from '@opentelemetry/api'
import { AsyncLocalStorageContextManager } from '@opentelemetry/context-async-hooks'
import { W3CTraceContextPropagator } from '@opentelemetry/core'
import {
  BasicTracerProvider,
  InMemorySpanExporter,
  type ReadableSpan,
  SimpleSpanProcessor,
} from '@opentelemetry/sdk-trace-base'
import { fileURLToPath } from 'node:url'
import { Runtime, type RuntimeOptions, silentLogger, WithStartWorkflowOperation } from 'signalbox'
import { createServer } from 'signalbox/api'
import { afterAll, beforeAll, beforeEach, expect, onTestFinished, test } from 'vitest'
import * as activities from '../../examples/opentelemetry/activities.ts'
import {
  activityTracing,
  clientTracing,
  tracingSinks,
  WorkflowSpanIds,
} from '../../examples/opentelemetry/host-tracing.ts'
import { order, paid, pay } from '../../examples/opentelemetry/workflows.ts'
import { eventually } from '../fixtures/eventually.ts'
import { temporaryFolder } from '../fixtures/lab.ts'

const file = (name: string): string =>
  fileURLToPath(new URL(`../../examples/opentelemetry/${name}`, import.meta.url))

const exporter = new InMemorySpanExporter()
const ids = new WorkflowSpanIds()
const provider = new BasicTracerProvider({
  idGenerator: ids,
  spanProcessors: [new SimpleSpanProcessor(exporter)],
})
const tracer = provider.getTracer('test')

beforeAll(() => {
  trace.setGlobalTracerProvider(provider)
  context.setGlobalContextManager(new AsyncLocalStorageContextManager().enable())
  propagation.setGlobalPropagator(new W3CTraceContextPropagator())
})
beforeEach(() => exporter.reset())
afterAll(async () => {
  trace.disable()
  context.disable()
  propagation.disable()
  await provider.shutdown()
})

async function open(dataDir: string, options: Partial<RuntimeOptions> = {}): Promise<Runtime> {
  const runtime = await Runtime.open({
    dataDir,
    workflowsPath: file('workflows.ts'),
    activities,
    slots: 1,
    logger: silentLogger,
    sinks: tracingSinks(tracer, ids),
    interceptors: {
      workflowModules: [file('workflow-tracing.ts')],
      client: [clientTracing(tracer)],
      activity: [activityTracing(tracer)],
    },
    ...options,
  })
  onTestFinished(() => runtime.close())
  return runtime
}

function named(name: string): Promise<ReadableSpan> {
  return eventually(name, () => exporter.getFinishedSpans().find((span) => span.name === name))
}

/** Each span is a child of the one before, and all are of one trace. */
function expectChain(...spans: readonly ReadableSpan[]): void {
  for (const [at, span] of spans.entries()) {
    expect(span.spanContext().traceId).toBe(spans[0]?.spanContext().traceId)
    if (at > 0) expect(span.parentSpanContext?.spanId).toBe(spans[at - 1]?.spanContext().spanId)
  }
}

test('a trace goes from the sender of a signal to the activity that it causes', async () => {
  const runtime = await open(await temporaryFolder())
  const { workflow } = runtime.client
  const sent = await tracer.startActiveSpan('the caller', async (span) => {
    const handle = await workflow.start(order, { workflowId: 'o-1', args: ['o-1'] })
    span.end()
    return handle
  })
  await tracer.startActiveSpan('the payer', async (span) => {
    await sent.signal(paid, 500)
    span.end()
  })
  expect(await sent.result()).toBe('booking-o-1')

  const charge = await named('RunActivity:charge')
  expect(charge.attributes).toMatchObject({ cents: 500 })
  expectChain(
    await named('the payer'),
    await named('SignalWorkflow:paid'),
    await named('HandleSignal:paid'),
    charge,
  )
  expectChain(
    await named('the caller'),
    await named('StartWorkflow:order'),
    await named('RunWorkflow:order'),
    await named('RunWorkflow:receipt'),
    await named('RunActivity:notify'),
  )
  const [caller, payer] = [await named('the caller'), await named('the payer')]
  expect(caller.spanContext().traceId).not.toBe(payer.spanContext().traceId)
})

test('an update that starts its workflow carries the trace to both', async () => {
  const { client } = await open(await temporaryFolder())
  const startWorkflowOperation = new WithStartWorkflowOperation(order, {
    workflowId: 'o-4',
    args: ['o-4'],
    workflowIdConflictPolicy: 'FAIL',
  })
  await tracer.startActiveSpan('the buyer', async (span) => {
    const booking = await client.workflow.executeUpdateWithStart(pay, {
      args: [900],
      startWorkflowOperation,
    })
    expect(booking).toBe('booking-o-4')
    span.end()
  })
  await (await startWorkflowOperation.workflowHandle()).result()
  const sent = await named('UpdateWithStart:pay')
  expectChain(
    await named('the buyer'),
    sent,
    await named('HandleUpdate:pay'),
    await named('RunActivity:charge'),
  )
  expectChain(sent, await named('RunWorkflow:order'), await named('RunWorkflow:receipt'))
})

test('over HTTP it begins with the request’s traceparent, and a restart does not break it', async () => {
  const dataDir = await temporaryFolder()
  let runtime = await open(dataDir)
  const traceId = '0af7651916cd43dd8448eb211c80319c'
  const post = async (path: string, body: object, headers: Record<string, string> = {}) => {
    const app = createServer({ runtime, metrics: false })
    const answer = await app.inject({
      method: 'POST',
      url: `/namespaces/default/workflows/${path}`,
      headers: { 'content-type': 'application/json', ...headers },
      payload: body,
    })
    await app.close()
    expect(answer.statusCode).toBe(200)
  }
  await post('o-2', { workflowType: { name: 'order' }, input: ['o-2'] })
  await runtime.close()
  runtime = await open(dataDir)
  await post(
    'o-2/signal/paid',
    { input: [700] },
    { traceparent: `00-${traceId}-b7ad6b7169203331-01`, tracestate: 'vendor=1' },
  )
  expect(await runtime.client.workflow.getHandle('o-2').result()).toBe('booking-o-2')
  const handled = await named('HandleSignal:paid')
  expect(handled.parentSpanContext).toMatchObject({ traceId, spanId: 'b7ad6b7169203331' })
  const charge = await named('RunActivity:charge')
  expectChain(handled, charge)
  expect(charge.spanContext().traceState?.get('vendor')).toBe('1')
  // The start had no trace, so what the workflow does by itself is part of none.
  const spans = exporter.getFinishedSpans().map(({ name }) => name)
  expect(spans.toSorted()).toEqual(['HandleSignal:paid', 'RunActivity:charge'])
})

test('a replay tells of no span again', async () => {
  const dataDir = await temporaryFolder()
  let runtime = await open(dataDir)
  const started = await runtime.client.workflow.start(order, { workflowId: 'o-3', args: ['o-3'] })
  await started.signal(paid, 1)
  await started.result()
  await named('RunWorkflow:order')
  await runtime.close()
  const before = exporter.getFinishedSpans().length
  runtime = await open(dataDir)
  // Asking a closed run has it done again as a whole.
  await expect(runtime.client.workflow.getHandle('o-3').query('nothing')).rejects.toMatchObject({
    code: 'SIGNALBOX_ERR_QUERY_NOT_REGISTERED',
  })
  expect(runtime.stats().runs.replays).toBe(1)
  expect(exporter.getFinishedSpans()).toHaveLength(before)
})
