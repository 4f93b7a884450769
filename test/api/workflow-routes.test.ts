import { randomUUID } from 'node:crypto'
import * as fc from 'fast-check'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { eventually } from '../fixtures/eventually.ts'
import { withAnswerChecks } from './fixtures/answer-checks.ts'
import { type Answer, type ApiServer, base, openApiServer } from './fixtures/api-server.ts'

function runIdOf(answer: Answer): string {
  const body: { runId: string } = JSON.parse(answer.text)
  return body.runId
}
const b64 = (text: string) => Buffer.from(text).toString('base64')

describe('the HTTP API over a runtime', () => {
  let api: ApiServer
  beforeAll(async () => {
    api = await withAnswerChecks(await openApiServer())
  })
  afterAll(() => api.close())

  const path = (workflowId: string, rest = '') =>
    `${base}/workflows/${encodeURIComponent(workflowId)}${rest}`

  /** Start a workflow under a fresh id, and return the id. */
  async function start(type: string, input: unknown = [], more: object = {}): Promise<string> {
    const workflowId = `${type}-${randomUUID()}`
    const answer = await api.post(path(workflowId), {
      workflowType: { name: type },
      input,
      ...more,
    })
    expect(answer).toMatchObject({ status: 200, json: { started: true } })
    return workflowId
  }
  const items = async (workflowId: string) => {
    const answer = await api.post(path(workflowId, '/query/items'))
    expect(answer.status).toBe(200)
    return answer.json
  }

  it('describes a child with its parent, and a parent with its child', async () => {
    const workflowId = await start('parent')
    const child = `${workflowId}-child`
    const describeChild = async () => {
      const answer = await api.get(path(child))
      return answer.status === 200 ? answer : undefined
    }
    const { json: described } = await eventually('the child is there', describeChild)
    const { json } = await api.get(path(workflowId))
    const { execution } = (json as { workflowExecutionInfo: { execution: { runId: string } } })
      .workflowExecutionInfo
    expect(described).toMatchObject({
      workflowExecutionInfo: { parentExecution: execution, rootExecution: execution },
    })
    const { runId } = (described as { workflowExecutionInfo: { execution: { runId: string } } })
      .workflowExecutionInfo.execution
    expect(json).toMatchObject({
      workflowExecutionInfo: { rootExecution: execution },
      pendingChildren: [
        {
          workflowId: child,
          runId,
          workflowTypeName: 'collector',
          parentClosePolicy: 'PARENT_CLOSE_POLICY_REQUEST_CANCEL',
        },
      ],
    })
    await api.post(path(child, '/signal/finish'), {})
    await eventually('the parent has closed', async () => {
      const { text } = await api.get(path(workflowId))
      return text.includes('COMPLETED') && !text.includes('pendingChildren')
    })
  })

  it('starts, signals, queries and gives the result, under both path forms', async () => {
    for (const prefix of ['/namespaces/default', '/api/v1/namespaces/default']) {
      const at = `${prefix}/workflows/both-${prefix.length}`
      const started = await api.post(at, {
        workflowType: { name: 'collector' },
        taskQueue: { name: 'q' },
        input: ['first'],
      })
      expect(started.status).toBe(200)
      expect(started.json).toEqual({
        runId: expect.any(String),
        firstExecutionRunId: expect.any(String),
        started: true,
      })
      for (const input of [[1], [null], [{ deep: [true] }, 'two'], []]) {
        expect(await api.post(`${at}/signal/add`, { input })).toMatchObject({
          status: 200,
          text: '{}',
        })
      }
      const queried = await api.post(`${at}/query/items`, {})
      expect(queried.json).toEqual({ queryResult: [['first', 1, null, { deep: [true] }, 'two']] })
      expect((await api.get(`${at}/result?timeout=0s`)).json).toEqual({
        status: 'WORKFLOW_EXECUTION_STATUS_RUNNING',
      })
      await api.post(`${at}/signal/finish`)
      expect((await api.get(`${at}/result`)).json).toMatchObject({
        status: 'WORKFLOW_EXECUTION_STATUS_COMPLETED',
        result: ['first', 1, null, { deep: [true] }, 'two'],
      })
    }
  })

  it('says with the result of a workflow that is parked or quarantined why it does not come', async () => {
    await api.post(path('parked'), { workflowType: { name: 'broken' } })
    const answer = await eventually('it is parked', async () => {
      const { json } = await api.get(path('parked', '/result?timeout=0s'))
      return (json as { signalbox?: object }).signalbox && json
    })
    expect(answer).toEqual({
      status: 'WORKFLOW_EXECUTION_STATUS_RUNNING',
      signalbox: {
        parked: {
          reason: 'TypeError: a defect',
          stack: expect.stringMatching(/at broken \(.*workflows\.ts/),
          attempts: expect.any(Number),
          nextAttemptTime: expect.stringMatching(/Z$/),
        },
      },
    })
    await api.post(path('parked', '/terminate'), {})
    expect((await api.get(path('parked', '/result'))).json).not.toHaveProperty('signalbox')
  })

  it('reaches workflows under any id, percent-encoded', async () => {
    const ids = fc
      .string({ unit: 'grapheme', minLength: 1, maxLength: 40 })
      .filter((id) => id !== '.' && id !== '..' && !/\p{Cc}|\p{Surrogate}/u.test(id))
    await fc.assert(
      fc.asyncProperty(ids, async (id) => {
        const workflowId = `${id}/${randomUUID()}`
        const started = await api.post(path(workflowId), { workflowType: { name: 'sleeper' } })
        expect(started.status).toBe(200)
        const described = await api.get(path(workflowId))
        expect(described.json).toMatchObject({
          workflowExecutionInfo: { execution: { workflowId } },
        })
      }),
      { numRuns: 50 },
    )
    const longest = `${randomUUID()}/${'é'.repeat(481)}x`
    expect(Buffer.byteLength(longest)).toBe(1000)
    expect((await api.post(path(longest), { workflowType: { name: 'echo' } })).status).toBe(200)
  })

  it('takes path parameters over the body', async () => {
    const workflowId = await start('collector')
    const body = {
      namespace: 'other',
      workflowExecution: { workflowId: 'other' },
      signalName: 'other',
      input: [1],
    }
    expect((await api.post(path(workflowId, '/signal/add'), body)).status).toBe(200)
    expect(await items(workflowId)).toEqual({ queryResult: [[1]] })
  })

  it('refuses to start what runs, and says which run it is', async () => {
    const workflowId = await start('collector')
    const again = await api.post(path(workflowId), { workflowType: { name: 'collector' } })
    const described = await api.get(path(workflowId))
    expect(described.status).toBe(200)
    expect(again).toMatchObject({
      status: 409,
      json: {
        code: 6,
        details: [
          {
            '@type':
              'type.googleapis.com/temporal.api.errordetails.v1.WorkflowExecutionAlreadyStartedFailure',
            runId: expect.stringMatching(/^[0-9a-f-]{36}$/),
          },
          {
            '@type': 'type.googleapis.com/google.rpc.ErrorInfo',
            reason: 'SIGNALBOX_ERR_WORKFLOW_ALREADY_STARTED',
            domain: 'signalbox',
          },
        ],
      },
    })
    const policy = { workflowIdConflictPolicy: 'WORKFLOW_ID_CONFLICT_POLICY_USE_EXISTING' }
    const used = await api.post(path(workflowId), {
      workflowType: { name: 'collector' },
      ...policy,
    })
    expect(used.status).toBe(200)
    expect(used.json).not.toHaveProperty('started')
  })

  it('starts once for one request id, in the body or as Idempotency-Key', async () => {
    const workflowId = `once-${randomUUID()}`
    const body = { workflowType: { name: 'collector' } }
    const first = await api.post(path(workflowId), { ...body, requestId: 'r-1' })
    const second = await api.post(path(workflowId), body, { 'idempotency-key': '"r-1"' })
    expect(second.status).toBe(200)
    expect(second.json).toMatchObject({ runId: runIdOf(first) })
  })

  it('applies a signal once for one request id', async () => {
    const workflowId = await start('collector')
    const signal = (input: unknown[], headers?: Record<string, string>, requestId?: string) =>
      api.post(path(workflowId, '/signal/add'), { input, requestId }, headers)
    expect((await signal([1], { 'idempotency-key': 'k' })).status).toBe(200)
    expect((await signal([1], {}, 'k')).status).toBe(200)
    expect((await signal([1], { 'idempotency-key': '"k"' }, 'k')).status).toBe(200)
    expect(await items(workflowId)).toEqual({ queryResult: [[1]] })
    expect(await signal([2], {}, 'k')).toMatchObject({ status: 400, json: { code: 3 } })
    expect((await signal([2], { 'idempotency-key': 'other' }, 'k')).status).toBe(400)
    expect(await items(workflowId)).toEqual({ queryResult: [[1]] })
  })

  it('keeps the order of signals sent one after another', async () => {
    const workflowId = await start('collector')
    for (let n = 0; n < 50; n++) await api.post(path(workflowId, '/signal/add'), { input: [n] })
    expect(await items(workflowId)).toEqual({
      queryResult: [Array.from({ length: 50 }, (_, n) => n)],
    })
  })

  it('answers a signal after its turn with waitFor=processed', async () => {
    const workflowId = await start('collector')
    const answer = await api.post(path(workflowId, '/signal/finish?waitFor=processed'))
    expect(answer).toMatchObject({ status: 200, text: '{"processed":true}' })
    expect((await api.get(path(workflowId, '/result'))).json).toMatchObject({ result: [] })
  })

  it('starts and signals in one request, once', async () => {
    const workflowId = `sws-${randomUUID()}`
    const request = { workflowType: { name: 'collector' }, signalInput: ['a'], input: ['start'] }
    const first = await api.post(path(workflowId, '/signal-with-start/add'), request)
    expect(first).toMatchObject({ status: 200, json: { started: true } })
    const second = await api.post(path(workflowId, '/signal-with-start/add'), request)
    expect(second.status).toBe(200)
    expect(second.json).not.toHaveProperty('started')
    expect(second.json).toMatchObject({ runId: runIdOf(first) })
    expect(await items(workflowId)).toEqual({ queryResult: [['start', 'a', 'a']] })
  })

  it('passes payloads through in every form', async () => {
    const bytes = { metadata: { encoding: b64('binary/plain') }, data: 'AP8=' }
    const secret = {
      metadata: { encoding: b64('json/protobuf'), messageType: b64('a.B') },
      data: b64('{"x":1}'),
    }
    for (const [input, output] of [
      [[{ a: [1, 'ü'] }], { a: [1, 'ü'] }],
      [{ payloads: [{ metadata: { encoding: b64('json/plain') }, data: b64('"x"') }] }, 'x'],
      [[bytes], bytes],
      [[], { metadata: { encoding: b64('binary/null') } }],
    ]) {
      const workflowId = await start('echo', input)
      expect((await api.get(path(workflowId, '/result'))).json).toMatchObject({ result: output })
    }
    const workflowId = await start('sleeper', [], {
      memo: { fields: { note: 'n', secret } },
      header: { fields: { trace: 't' } },
    })
    expect((await api.get(path(workflowId))).json).toMatchObject({
      workflowExecutionInfo: {
        memo: { fields: { note: 'n', secret: { _protoMessageType: 'a.B', x: 1 } } },
      },
    })
    const longForm = await api.get(path(workflowId, '?noPayloadShorthand'))
    expect(longForm.json).toMatchObject({
      workflowExecutionInfo: {
        memo: {
          fields: { note: { metadata: { encoding: b64('json/plain') }, data: b64('"n"') }, secret },
        },
      },
    })
  })

  it('takes snake_case names and nulls, as proto3 JSON does', async () => {
    const workflowId = `snake-${randomUUID()}`
    const started = await api.post(path(workflowId), {
      workflow_type: { name: 'collector' },
      workflow_run_timeout: '3600s',
      workflow_id_reuse_policy: 3,
      request_id: null,
      memo: null,
    })
    expect(started.status).toBe(200)
    expect((await api.get(path(workflowId))).json).toMatchObject({
      executionConfig: { workflowRunTimeout: '3600s' },
    })
  })

  it('tells how a workflow failed', async () => {
    const workflowId = await start('failing')
    expect((await api.get(path(workflowId, '/result'))).json).toMatchObject({
      status: 'WORKFLOW_EXECUTION_STATUS_FAILED',
      failure: {
        message: 'out of stock',
        applicationFailureInfo: {
          type: 'OutOfStock',
          nonRetryable: true,
          details: [{ sku: 'a-1' }],
        },
      },
    })
  })

  it('runs activities', async () => {
    const workflowId = await start('greeter', ['Ada'])
    expect((await api.get(path(workflowId, '/result'))).json).toMatchObject({ result: 'hello Ada' })
  })

  it('describes, cancels and terminates', async () => {
    const cancelled = await start('sleeper')
    expect((await api.get(path(cancelled))).json).toMatchObject({
      executionConfig: { defaultWorkflowTaskTimeout: '10s' },
      workflowExecutionInfo: {
        execution: { workflowId: cancelled, runId: expect.any(String) },
        type: { name: 'sleeper' },
        status: 'WORKFLOW_EXECUTION_STATUS_RUNNING',
        startTime: expect.stringMatching(/^\d{4}-\d\d-\d\dT[\d:.]+Z$/),
      },
      signalbox: { mailboxDepth: expect.any(Number) },
    })
    expect((await api.post(path(cancelled, '/cancel'), { reason: 'no' })).text).toBe('{}')
    expect((await api.get(path(cancelled, '/result'))).json).toMatchObject({
      status: 'WORKFLOW_EXECUTION_STATUS_CANCELED',
    })
    const terminated = await start('sleeper')
    await api.post(path(terminated, '/terminate'), { reason: 'done', details: ['x'] })
    expect((await api.get(path(terminated))).json).toMatchObject({
      workflowExecutionInfo: {
        status: 'WORKFLOW_EXECUTION_STATUS_TERMINATED',
        closeTime: expect.any(String),
      },
    })
  })

  it('says what is not there', async () => {
    for (const answer of [
      await api.post(path('nobody', '/signal/add'), { input: [1] }),
      await api.get(path('nobody')),
      await api.get(path('nobody', '/history')),
      await api.get(path('nobody', '/result')),
      await api.post(path('nobody', '/terminate')),
      await api.post(path('nobody', '/query/items')),
    ]) {
      expect(answer).toMatchObject({
        status: 404,
        json: {
          code: 5,
          details: [
            {
              '@type': 'type.googleapis.com/temporal.api.errordetails.v1.NotFoundFailure',
            },
            { reason: 'SIGNALBOX_ERR_WORKFLOW_NOT_FOUND' },
          ],
        },
      })
    }
    const workflowId = await start('collector')
    expect(await api.post(path(workflowId, '/query/nothing'))).toMatchObject({
      status: 400,
      json: { code: 3 },
    })
    expect(
      await api.post(path(`x-${randomUUID()}`), { workflowType: { name: 'nothing' } }),
    ).toMatchObject({ status: 400, json: { code: 3 } })
  })

  it('rejects a query of a closed workflow when asked to', async () => {
    const workflowId = await start('echo', [1])
    await api.get(path(workflowId, '/result'))
    expect(
      (await api.post(path(workflowId, '/query/items'), { queryRejectCondition: 'NOT_OPEN' })).json,
    ).toEqual({ queryRejected: { status: 'WORKFLOW_EXECUTION_STATUS_COMPLETED' } })
  })

  it('gives the history, page by page, with payloads in shorthand', async () => {
    const workflowId = await start('collector', ['first'])
    await api.post(path(workflowId, '/signal/add?waitFor=processed'), { input: ['second'] })
    const events: { eventId: string; eventType: string }[] = []
    let token: string | undefined
    do {
      const page = await api.get(
        path(
          workflowId,
          `/history?maximumPageSize=2${token === undefined ? '' : `&nextPageToken=${encodeURIComponent(token)}`}`,
        ),
      )
      expect(page.status).toBe(200)
      const body: { history: { events: typeof events }; nextPageToken?: string } = JSON.parse(
        page.text,
      )
      expect(body.history.events.length).toBeLessThanOrEqual(2)
      events.push(...body.history.events)
      token = body.nextPageToken
    } while (token !== undefined)
    expect(events.map((event) => event.eventId)).toEqual(
      events.map((_event, index) => String(index + 1)),
    )
    expect(events[0]).toMatchObject({
      eventType: 'EVENT_TYPE_WORKFLOW_EXECUTION_STARTED',
      workflowExecutionStartedEventAttributes: { input: ['first'] },
    })
    expect(events).toContainEqual(
      expect.objectContaining({
        eventType: 'EVENT_TYPE_WORKFLOW_EXECUTION_SIGNALED',
        workflowExecutionSignaledEventAttributes: expect.objectContaining({ input: ['second'] }),
      }),
    )
  })

  it('waits for the close event', async () => {
    const workflowId = await start('collector')
    const closed = api.get(
      path(workflowId, '/history?waitNewEvent=true&historyEventFilterType=2&timeout=60s'),
    )
    await api.post(path(workflowId, '/signal/finish'))
    expect((await closed).json).toMatchObject({
      history: {
        events: [
          {
            eventType: 'EVENT_TYPE_WORKFLOW_EXECUTION_COMPLETED',
            workflowExecutionCompletedEventAttributes: { result: [[]] },
          },
        ],
      },
    })
  })

  it('lists and counts', async () => {
    const workflowId = await start('echo', [1], { memo: { fields: { note: 'listed' } } })
    await api.get(path(workflowId, '/result'))
    const query = encodeURIComponent(`WorkflowId = '${workflowId}'`)
    expect((await api.get(`${base}/workflows?query=${query}`)).json).toMatchObject({
      executions: [
        {
          execution: { workflowId },
          type: { name: 'echo' },
          status: 'WORKFLOW_EXECUTION_STATUS_COMPLETED',
          memo: { fields: { note: 'listed' } },
        },
      ],
    })
    expect((await api.get(`${base}/workflow-count?query=${query}`)).json).toEqual({ count: '1' })
    const groups = encodeURIComponent(`WorkflowType = 'echo' GROUP BY ExecutionStatus`)
    expect((await api.get(`${base}/workflow-count?query=${groups}`)).json).toMatchObject({
      groups: [{ groupValues: ['Completed'], count: expect.stringMatching(/^\d+$/) }],
    })
    const bad = await api.get(`${base}/workflows?query=${encodeURIComponent('WorkflowId = ')}`)
    expect(bad).toMatchObject({ status: 400, json: { code: 3 } })
  })

  it('pages through a list', async () => {
    const mark = randomUUID()
    for (let n = 0; n < 5; n++) {
      await api.post(path(`${mark}-${n}`), { workflowType: { name: 'sleeper' } })
    }
    const query = encodeURIComponent(`WorkflowId STARTS_WITH '${mark}'`)
    const ids: string[] = []
    let token = ''
    do {
      const page = await api.get(
        `${base}/workflows?query=${query}&pageSize=2&nextPageToken=${encodeURIComponent(token)}`,
      )
      const body: {
        executions?: { execution: { workflowId: string } }[]
        nextPageToken?: string
      } = JSON.parse(page.text)
      ids.push(...(body.executions ?? []).map(({ execution }) => execution.workflowId))
      token = body.nextPageToken ?? ''
    } while (token !== '')
    expect(ids.sort()).toEqual([0, 1, 2, 3, 4].map((n) => `${mark}-${n}`))
  })

  it('prints on several lines when asked', async () => {
    const workflowId = await start('echo', [{ a: 1 }])
    await api.get(path(workflowId, '/result'))
    const pretty = await api.get(path(workflowId, '/result?pretty'))
    expect(pretty.text).toContain('\n  "result": {\n    "a": 1\n  }')
    const accept = { accept: 'application/json+pretty+no-payload-shorthand' }
    const both = await api.get(path(workflowId, '/result'), accept)
    expect(both.text).toContain(`\n    "data": "${b64('{"a":1}')}"`)
  })

  it('answers for itself', async () => {
    expect(await api.get('/healthz')).toMatchObject({ status: 200, json: { state: 'serving' } })
    expect(await api.get('/readyz')).toMatchObject({ status: 200, json: { state: 'serving' } })
    expect((await api.get('/api/v1/system-info')).json).toHaveProperty('capabilities')
    expect(await api.get('/nothing')).toMatchObject({ status: 404, json: { code: 5 } })
  })
})
