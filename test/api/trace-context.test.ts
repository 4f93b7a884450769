import * as fc from 'fast-check'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { traceContextOf, withTraceContext } from '../../api/trace-context.ts'
import { type ApiServer, base, openApiServer } from './fixtures/api-server.ts'

const traceId = '0af7651916cd43dd8448eb211c80319c'
const traceparent = `00-${traceId}-b7ad6b7169203331-01`
const header = '_tracer-data'

interface History {
  readonly history: { readonly events: readonly Record<string, unknown>[] }
}

describe('trace context over HTTP', () => {
  let api: ApiServer
  beforeAll(async () => {
    api = await openApiServer()
  })
  afterAll(() => api.close())
  const trace = { traceparent, tracestate: 'vendor=1' }
  const workflow = (id: string, rest = ''): string => `${base}/workflows/${id}${rest}`

  /** The trace headers of the events of this kind, decoded. */
  async function tracesOf(id: string, attributes: string): Promise<unknown[]> {
    const { json } = await api.get(workflow(id, '/history'))
    const found = (json as History).history.events
      .map((event) => event[attributes])
      .filter((each) => each !== undefined)
    return found.map((each) => {
      const { header: found } = each as { header?: { fields?: Record<string, unknown> } }
      return found?.fields?.[header]
    })
  }

  test('is put into the headers of starts, signals and signals with start', async () => {
    const collector = { workflowType: { name: 'collector' } }
    await api.post(workflow('w'), collector, trace)
    await api.post(workflow('w', '/signal/add'), {}, { traceparent })
    await api.post(workflow('w', '/signal/add'), {})
    expect(await tracesOf('w', 'workflowExecutionStartedEventAttributes')).toEqual([trace])
    expect(await tracesOf('w', 'workflowExecutionSignaledEventAttributes')).toEqual([
      { traceparent },
      undefined,
    ])
    await api.post(workflow('s', '/signal-with-start/add'), collector, trace)
    expect(await tracesOf('s', 'workflowExecutionStartedEventAttributes')).toEqual([trace])
    expect(await tracesOf('s', 'workflowExecutionSignaledEventAttributes')).toEqual([trace])
  })

  test('of a batch is that of all its lines, but for those with their own', async () => {
    await api.post(workflow('b'), { workflowType: { name: 'collector' } })
    const own = { traceparent: `00-${traceId}-00f067aa0ba902b7-00` }
    const line = { workflowId: 'b', signalName: 'add' }
    const lines = [line, { ...line, header: { fields: { [header]: own, other: 1 } } }]
    expect((await api.post(`${base}/signals`, lines, { traceparent })).status).toBe(200)
    expect(await tracesOf('b', 'workflowExecutionSignaledEventAttributes')).toEqual([
      { traceparent },
      own,
    ])
  })

  test('a retry of a request by another part of the trace is the same request', async () => {
    await api.post(workflow('r'), { workflowType: { name: 'collector' } })
    const signal = { input: [1], requestId: 'once' }
    const first = await api.post(workflow('r', '/signal/add'), signal, { traceparent })
    const other = `00-${traceId}-00f067aa0ba902b7-01`
    const second = await api.post(workflow('r', '/signal/add'), signal, { traceparent: other })
    expect([first.status, second.status]).toEqual([200, 200])
    expect(await tracesOf('r', 'workflowExecutionSignaledEventAttributes')).toEqual([
      { traceparent },
    ])
  })
})

describe('a trace context', () => {
  const read = (parent: string, tracestate?: string): unknown => {
    const headers = tracestate === undefined ? {} : { tracestate }
    const payload = traceContextOf({ traceparent: parent, ...headers })
    return payload === undefined ? undefined : JSON.parse(payload)
  }

  test('is read as the specification says', () => {
    expect(read(traceparent)).toEqual({ traceparent })
    expect(read(`cc-${traceparent.slice(3)}-what-comes-later`)).toEqual({ traceparent })
    for (const invalid of [
      '',
      'ff' + traceparent.slice(2),
      traceparent.toUpperCase(),
      `${traceparent}-more`,
      `${traceparent}, ${traceparent}`,
      traceparent.replace(traceId, '0'.repeat(32)),
      traceparent.replace('b7ad6b7169203331', '0'.repeat(16)),
      `cc-${traceparent.slice(3)}-${'x'.repeat(1000)}`,
    ]) {
      expect(read(invalid), invalid).toBeUndefined()
    }
  })

  test('has the state as it is, or none if that is too long or unreadable', () => {
    expect(read(traceparent, ' a=1,b=2 ')).toEqual({ traceparent, tracestate: 'a=1,b=2' })
    for (const state of ['', 'x'.repeat(513), 'a=\u00e9', 'a=1\nb=2']) {
      expect(read(traceparent, state)).toEqual({ traceparent })
    }
  })

  test('whatever is sent, what is kept is small and is a trace context', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary' }), fc.string({ unit: 'binary' }), (parent, state) => {
        const payload = traceContextOf({ traceparent: parent, tracestate: state })
        expect(payload === undefined || payload.length < 1_200).toBe(true)
      }),
    )
  })

  test('does not replace one that is there', () => {
    const own = { [header]: '{}', other: '1' }
    expect(withTraceContext(own, '{"traceparent":"x"}')).toBe(own)
    expect(withTraceContext({ other: '1' }, '{}')).toEqual({ other: '1', [header]: '{}' })
    expect(withTraceContext(undefined, undefined)).toBeUndefined()
  })
})
