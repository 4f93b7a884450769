import { randomUUID } from 'node:crypto'
import { request as httpRequest } from 'node:http'
import { Script } from 'node:vm'
import * as fc from 'fast-check'
import { fastify, type RouteOptions } from 'fastify'
import { errorTable } from 'signalbox'
import { signalboxApi } from 'signalbox/api'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { eventually } from '../fixtures/eventually.ts'
import { AnswerChecks, withAnswerChecks } from './fixtures/answer-checks.ts'
import { type Answer, type ApiServer, openApiServer, send } from './fixtures/api-server.ts'
import { arbitraryOf, bodyTextOf, type JsonSchema } from './fixtures/schema-arbitrary.ts'

interface Parameter {
  readonly name: string
  readonly in: 'path' | 'query' | 'header'
  readonly schema: JsonSchema
}
interface Content {
  readonly [mediaType: string]: { readonly schema: JsonSchema }
}
interface Operation {
  readonly operationId: string
  readonly parameters: readonly Parameter[]
  readonly requestBody?: { readonly content: Content }
  readonly responses: Readonly<
    Record<string, { readonly content?: Content; readonly 'x-signalbox-errors'?: string[] }>
  >
}
interface Document {
  readonly openapi: string
  readonly paths: Readonly<Record<string, Readonly<Record<string, Operation>>>>
}
interface Described extends Operation {
  readonly path: string
  readonly method: string
}

let api: ApiServer
let document: Document
let operations: readonly Described[]
beforeAll(async () => {
  const server = await openApiServer(
    {
      limits: {
        longPollMs: 50,
        keepAliveMs: 50,
        bodyBytes: 20_000,
        batchWaitMs: 50,
        batchIdleMs: 500,
      },
    },
    {
      maxPayloadBytes: 5000,
      maxWaitingQueries: 1,
      maxResetBytes: 2000,
      // The parked run stays so while it is asked.
      parkBackoffMs: 60_000,
    },
  )
  api = await withAnswerChecks(server)
  document = (await api.get('/openapi.json')).json as Document
  operations = Object.entries(document.paths).flatMap(([path, methods]) =>
    Object.entries(methods).map(([method, operation]) => ({ ...operation, path, method })),
  )
})
afterAll(() => api.close())

describe('the document', () => {
  it('has every route, and each of them has all its forms', async () => {
    const routes: RouteOptions[] = []
    const app = fastify()
    app.addHook('onRoute', (route) => {
      routes.push(route)
    })
    app.register(signalboxApi, { runtime: api.runtime })
    await app.ready()
    const key = (method: unknown, path: string) =>
      `${String(method)} ${path.replace(/:(\w+)/g, '{$1}')}`
    const present = new Set(routes.map(({ method, url }) => key(method, url)))
    await app.close()
    const documented = operations.map(({ method, path }) => key(method.toUpperCase(), path))
    expect(documented.length).toBeGreaterThan(15)
    const inShort = documented.map((route) => route.replace('/api/v1', ''))
    const renamed = { 'GET /cluster-info': 'GET /cluster' } as Record<string, string>
    const forms = inShort.map((route) => renamed[route] ?? route)
    const others = ['/openapi.json', '/explorer', '/explorer.js', '/explorer.css', '/healthz']
      .concat('/readyz', '/cluster/namespaces', '/cluster/namespaces/{namespace}')
      .map((path) => `GET ${path}`)
    const withoutHead = [...present].filter((route) => !route.startsWith('HEAD '))
    expect(withoutHead.toSorted()).toEqual([...documented, ...forms, ...others].toSorted())
  })

  it('is consistent in itself', () => {
    expect(document.openapi).toBe('3.1.0')
    expect(new Set(operations.map(({ operationId }) => operationId)).size).toBe(operations.length)
    for (const { path, parameters } of operations) {
      const inPath = [...path.matchAll(/\{(\w+)\}/g)].map(([, name]) => name)
      const declared = parameters.filter((parameter) => parameter.in === 'path')
      expect(declared.map(({ name }) => name)).toEqual(inPath)
    }
  })

  it('comes with a page that runs no script but its own', async () => {
    const page = await api.get('/explorer')
    expect(page.headers.get('content-type')).toBe('text/html; charset=utf-8')
    expect(page.headers.get('content-security-policy')).toContain("default-src 'none'")
    for (const [, file] of page.text.matchAll(/(?:src|href)="([^"]+)"/g)) {
      expect(await api.get(`/${file}`)).toMatchObject({ status: 200 })
    }
    expect(page.text).not.toMatch(/<script(?! src="explorer\.js")/)
    const { text } = await api.get('/explorer.js')
    expect(() => new Script(text)).not.toThrow()
  })
})

describe('answers and the document', () => {
  const path = '/api/v1/namespaces/default/workflows/w'
  const check = async (method: string, at: string, value: object) => {
    const text = JSON.stringify(value)
    const checks = await AnswerChecks.of(api.url)
    return () => checks.check(method, at, { status: 200, text, type: 'application/json' })
  }

  it('a field that is not declared would be noticed, however deep', async () => {
    const failed = { message: 'a', cause: { message: 'b', applicationFailureInfo: { type: 'T' } } }
    const result = { status: 'WORKFLOW_EXECUTION_STATUS_FAILED', failure: failed }
    expect(await check('GET', `${path}/result`, result)).not.toThrow()
    const typed = { ...failed, cause: { applicationFailureInfo: { kind: 'T' } } }
    expect(await check('GET', `${path}/result`, { ...result, failure: typed })).toThrow(/kind/)
    const update = { updateRef: { workflowExecution: { workflowId: 'w', runID: 'r' } } }
    expect(await check('POST', `${path}/update/u`, update)).toThrow(/runID/)
    const event = { eventId: '1', eventTime: '2026-01-01T00:00:00Z', eventType: 'E' }
    const history = (more: object) => ({ history: { events: [{ ...event, ...more }] } })
    expect(await check('GET', `${path}/history`, history({ aEventAttributes: {} }))).not.toThrow()
    expect(await check('GET', `${path}/history`, history({ attributes: {} }))).toThrow(/attributes/)
  })

  it('a description has all that it may have, as documented', async () => {
    const start = (name: string, type: string, more: object = {}) =>
      api.post(`${path}-${name}`, { workflowType: { name: type }, ...more })
    await start('cron', 'echo', { cronSchedule: '@daily' })
    await start('parent', 'parent')
    await start('failed', 'failing')
    await start('paused', 'collector')
    await api.post(`${path}-paused/pause`, { reason: 'a look', identity: 'me' })
    await start('reset', 'collector')
    await api.post(`${path}-reset/query/items`)
    await api.post(`${path}-reset/reset`, { workflowTaskFinishEventId: '4' })
    await eventually('the child is pending', async () => {
      const { json } = await api.get(`${path}-parent`)
      return (json as { pendingChildren?: object[] }).pendingChildren
    })
    expect((await api.get(`${path}-failed/result`)).json).toHaveProperty('failure')
    expect((await api.get(`${path}-cron`)).json).toMatchObject({
      signalbox: { cronSchedule: '@daily', delayed: true },
    })
    expect((await api.get(`${path}-paused`)).json).toHaveProperty('workflowExtendedInfo.pauseInfo')
    expect((await api.get(`${path}-reset`)).json).toHaveProperty('signalbox.reset')
    expect((await api.get(`${path}-parent-child`)).json).toHaveProperty(
      'workflowExecutionInfo.parentExecution',
    )
    for (const format of ['history', 'history-reverse']) {
      await api.get(`${path}-failed/${format}`)
    }
    await api.get('/api/v1/namespaces/default/workflows')
  })
})

describe('errors of the document', () => {
  const at = (workflowId: string, rest = '') =>
    `/api/v1/namespaces/default/workflows/${workflowId}${rest}`
  const large = 'x'.repeat(6000)
  const collector = { workflowType: { name: 'collector' } }

  /** What provokes an error of an operation: by operation, then code. */
  const provocations: Record<string, Record<string, () => Promise<Answer>>> = {
    StartWorkflowExecution: {
      WORKFLOW_ALREADY_STARTED: () => api.post(at('running'), collector),
      WORKFLOW_TYPE_UNKNOWN: () => api.post(at('new'), { workflowType: { name: 'nothing' } }),
      PAYLOAD_TOO_LARGE: () => api.post(at('new'), { ...collector, input: [large] }),
      REQUEST_ID_REUSED: async () => {
        await api.post(at('reused'), { ...collector, requestId: 'r' })
        return api.post(at('reused'), { ...collector, input: [1], requestId: 'r' })
      },
      INVALID_ARGUMENT: () => api.post(at('new'), { ...collector, requestId: 7 }),
    },
    SignalWorkflowExecution: {
      WORKFLOW_NOT_FOUND: () => api.post(at('nobody', '/signal/add')),
      PAYLOAD_TOO_LARGE: () => api.post(at('running', '/signal/add'), { input: [large] }),
      REQUEST_ID_REUSED: async () => {
        await api.post(at('running', '/signal/add'), { input: [1], requestId: 'r' })
        return api.post(at('running', '/signal/add'), { input: [2], requestId: 'r' })
      },
      INVALID_ARGUMENT: () => api.post(at('running', '/signal/add'), { inputs: [] }),
    },
    SignalWithStartWorkflowExecution: {
      WORKFLOW_ALREADY_STARTED: async () => {
        const closed = at(`closed-${randomUUID()}`)
        await api.post(closed, { workflowType: { name: 'echo' } })
        await api.get(`${closed}/result`)
        return api.post(`${closed}/signal-with-start/add`, {
          ...collector,
          workflowIdReusePolicy: 'REJECT_DUPLICATE',
        })
      },
      WORKFLOW_TYPE_UNKNOWN: () =>
        api.post(at('new', '/signal-with-start/add'), { workflowType: { name: 'nothing' } }),
      PAYLOAD_TOO_LARGE: () =>
        api.post(at('new', '/signal-with-start/add'), { ...collector, signalInput: [large] }),
      REQUEST_ID_REUSED: async () => {
        const path = at('running', '/signal-with-start/add')
        await api.post(path, { ...collector, signalInput: [1], requestId: 's' })
        return api.post(path, { ...collector, signalInput: [2], requestId: 's' })
      },
    },
    QueryWorkflow: {
      WORKFLOW_NOT_FOUND: () => api.post(at('nobody', '/query/items')),
      QUERY_NOT_REGISTERED: () => api.post(at('running', '/query/nothing')),
      QUERY_FAILED: () => api.post(at('running', '/query/fail')),
      WORKFLOW_NOT_READY: () => api.post(at('defect', '/query/items')),
      PAYLOAD_TOO_LARGE: () =>
        api.post(at('running', '/query/items'), { query: { queryArgs: [large] } }),
    },
    UpdateWorkflowExecution: {
      PAYLOAD_TOO_LARGE: () =>
        api.post(at('running', '/update/any'), { request: { input: { args: [large] } } }),
    },
    ResetWorkflowExecution: {
      WORKFLOW_NOT_FOUND: () => api.post(at('nobody', '/reset'), { workflowTaskFinishEventId: 4 }),
      RESET_TOO_LARGE: async () => {
        await api.post(at('long'), { ...collector, input: ['x'.repeat(3000)] })
        await api.post(at('long', '/query/items'))
        await api.post(at('long', '/signal/add?waitFor=processed'), { input: [1] })
        return api.post(at('long', '/reset'), { workflowTaskFinishEventId: '8' })
      },
      INVALID_ARGUMENT: () => api.post(at('running', '/reset'), { workflowTaskFinishEventId: 1 }),
    },
    PauseWorkflowExecution: {
      WORKFLOW_PAUSED: async () => {
        await api.post(at('halted'), collector)
        await api.post(at('halted', '/pause'), {})
        return api.post(at('halted', '/pause'), {})
      },
    },
    UnpauseWorkflowExecution: {
      WORKFLOW_NOT_PAUSED: () => api.post(at('running', '/unpause'), {}),
    },
    TerminateWorkflowExecution: {
      WORKFLOW_NOT_FOUND: () => api.post(at('nobody', '/terminate')),
      PAYLOAD_TOO_LARGE: () => api.post(at('running', '/terminate'), { details: [large] }),
    },
  }
  /** Provoked with whole servers elsewhere: bounds, storage faults, corrupt records, tokens. */
  const elsewhere = new Set(
    ['MAILBOX_FULL', 'INDETERMINATE', 'JOURNAL_CORRUPT', 'RUNTIME_CLOSED', 'RUNTIME_POISONED']
      .concat('UNAUTHENTICATED', 'PERMISSION_DENIED', 'TOO_MANY_REQUESTS')
      // What is not built yet throws by name; the list shrinks with each version.
      .concat('NOT_IMPLEMENTED')
      .map((code) => `SIGNALBOX_ERR_${code}`),
  )

  it('are real', async () => {
    await api.post(at('running'), collector)
    await api.post(at('defect'), { workflowType: { name: 'broken' } })
    await eventually('the run is parked', async () => {
      const { json } = await api.get(at('defect'))
      return (json as { signalbox: { parked?: object } }).signalbox.parked !== undefined
    })
    const missing: string[] = []
    for (const operation of operations) {
      for (const [status, response] of Object.entries(operation.responses)) {
        for (const code of response['x-signalbox-errors'] ?? []) {
          expect(errorTable).toHaveProperty(code)
          if (elsewhere.has(code)) continue
          const name = code.replace('SIGNALBOX_ERR_', '')
          // With a real token, in activity-routes.test.ts.
          if (name === 'ACTIVITY_NOT_FOUND' && !operation.path.includes('{activityId}')) continue
          const provoke = provocations[operation.operationId]?.[name] ?? usual(operation, name)
          if (provoke === undefined) {
            missing.push(`${operation.operationId} ${code}`)
            continue
          }
          const answer = await provoke()
          const label = `${operation.operationId} ${code}`
          expect(`${label} ${answer.status} ${answer.text}`).toContain(`${label} ${status} `)
          expect(answer.text, label).toContain(`"reason":"${code}"`)
        }
      }
    }
    expect(missing).toEqual([])
  })

  /** What any operation refuses: an unknown query parameter, a workflow that is not there. */
  function usual({ method, path }: Described, name: string) {
    const url = path
      .replace('{namespace}', 'default')
      .replace('{workflowId}', 'nobody')
      .replace('{name}', 'items')
      .replace('{updateId}', 'nothing')
      .replace('{activityId}', 'nothing')
    if (name === 'INVALID_ARGUMENT') {
      return () => send(api.url, method.toUpperCase(), `${url}?unknown=1`)
    }
    if (name === 'WORKFLOW_NOT_FOUND' && path.includes('{workflowId}')) {
      return () => send(api.url, method.toUpperCase(), url)
    }
    if (name === 'ACTIVITY_NOT_FOUND') {
      const body = path.endsWith('/fail') ? { failure: { message: 'x' } } : {}
      return () => send(api.url, method.toUpperCase(), url, body)
    }
    return undefined
  }
})

describe('every route, with generated and broken requests', () => {
  const identifiers = fc.oneof(
    fc.constantFrom('running', 'nobody', 'a/b', '..', '%', '\u0000', 'ü', 'x'.repeat(1200)),
    fc.string({ minLength: 1, maxLength: 30 }),
  )

  /** A request for an operation: its path, parameters and body, each fitting or nearly so. */
  function requestOf({ path, method, parameters, requestBody }: Described) {
    const schema = requestBody?.content['application/json']?.schema
    const values = fc.tuple(
      ...parameters.map((parameter) =>
        parameter.in === 'path'
          ? identifiers
          : fc.option(fc.oneof(arbitraryOf(parameter.schema).map(String), fc.string()), {
              freq: 8,
            }),
      ),
    )
    const body = schema === undefined ? fc.constant(undefined) : fc.option(bodyTextOf(schema))
    return fc.record({ values, body }).map(({ values: given, body: text }) => {
      let url = path
      const query = new URLSearchParams()
      const headers: Record<string, string> = {}
      for (const [index, { in: where, name }] of parameters.entries()) {
        const value = given[index]
        if (typeof value !== 'string') continue
        if (where === 'path')
          url = url.replace(`{${name}}`, encodeURIComponent(value.replace(/\p{Surrogate}/gu, '?')))
        else if (where === 'query') query.append(name, value)
        else headers[name] = value.replace(/[^\x20-\x7e]/g, '')
      }
      const search = query.size === 0 ? '' : `?${query.toString()}`
      return { method: method.toUpperCase(), url: url + search, headers, body: text ?? undefined }
    })
  }

  it('give an answer that the document has, in time, and no stack', async () => {
    const checks = await AnswerChecks.of(api.url)
    for (const operation of operations) {
      const types = Object.keys(operation.responses['200']?.content ?? {})
      await fc.assert(
        fc.asyncProperty(requestOf(operation), async (sent) => {
          const answer = await exchange(sent)
          const label = `${sent.method} ${sent.url} ${sent.body} → ${answer.status} ${answer.text}`
          expect(answer.text, label).not.toMatch(/\n\s+at |node_modules|\.[tj]s:\d/)
          checks.check(sent.method, sent.url, answer)
          if (answer.status >= 400) {
            // What is not built says so; nothing else may be the server's fault.
            if (answer.status !== 501) expect(answer.status, label).toBeLessThan(500)
            return
          }
          if (answer.status === 204) return
          expect(answer.status, label).toBe(200)
          const [type = ''] = (answer.type ?? '').split(';')
          expect(types, label).toContain(type)
        }),
        { numRuns: 60 },
      )
    }
  }, 120_000)

  /** Send a request and read its answer; of a stream, as much as comes with its head. */
  function exchange(sent: {
    readonly method: string
    readonly url: string
    readonly headers: Record<string, string>
    readonly body: string | undefined
  }): Promise<{ status: number; type: string | undefined; text: string }> {
    return new Promise((resolve, reject) => {
      const { method, headers, body } = sent
      const outgoing = httpRequest(
        api.url + sent.url,
        {
          method,
          headers:
            body === undefined ? headers : { ...headers, 'content-type': 'application/json' },
          timeout: 10_000,
        },
        (response) => {
          const { statusCode: status = 0 } = response
          const type = response.headers['content-type']
          let text = ''
          response.setEncoding('utf8').on('data', (chunk: string) => {
            text += chunk
            if (type?.startsWith('text/event-stream') !== true) return
            resolve({ status, type, text })
            response.destroy()
          })
          response.on('error', () => {})
          response.on('end', () => resolve({ status, type, text }))
        },
      )
      outgoing.on('timeout', () => reject(new Error(`no answer to ${method} ${sent.url}`)))
      outgoing.on('error', reject)
      outgoing.end(body)
    })
  }
})
