import { createHash } from 'node:crypto'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { Runtime, silentLogger } from 'signalbox'
import { activityInfo, CompleteAsyncError, type Info } from 'signalbox/activity'
import { createServer } from 'signalbox/api'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { eventually } from '../fixtures/eventually.ts'
import { type Answer, send } from './fixtures/api-server.ts'

/** Two tenants, each with a token that may do everything in its own namespace. */
const [mine, theirs] = ['mine', 'theirs'] as const
type Namespace = typeof mine | typeof theirs

interface Operation {
  readonly id: string
  readonly method: string
  /** In both forms, and others of the same route. */
  readonly paths: readonly string[]
}

let url = ''
let close = async (): Promise<void> => undefined
let operations: readonly Operation[]
const attempts: Info[] = []
const runIds: Record<string, string> = {}

const hash = (token: string) => `sha256:${createHash('sha256').update(token).digest('hex')}`
const call = (token: Namespace, method: string, path: string, body?: unknown) =>
  send(url, method, path, body, { authorization: `Bearer ${token}` })
const at = (namespace: Namespace, path: string) => `/namespaces/${namespace}${path}`
const start = (namespace: Namespace, id: string, type: string, input: unknown[] = []) =>
  call(namespace, 'POST', at(namespace, `/workflows/${id}`), {
    workflowType: { name: type },
    input,
  })
const items = async (namespace: Namespace, id: string): Promise<unknown> => {
  const answer = await call(namespace, 'POST', at(namespace, `/workflows/${id}/query/items`))
  return (answer.json as { queryResult: [unknown] }).queryResult[0]
}
const attemptOf = (namespace: Namespace, id: string): Promise<Info> =>
  eventually('an attempt has begun', () =>
    attempts.find(
      ({ workflowNamespace, workflowExecution }) =>
        workflowNamespace === namespace && workflowExecution?.workflowId === id,
    ),
  )

beforeAll(async () => {
  const dataDir = await mkdtemp(join(tmpdir(), 'signalbox-namespaces-'))
  const workflows = new URL('./fixtures/namespace-workflows.ts', import.meta.url)
  const runtime = await Runtime.open({
    dataDir,
    workflowsPath: fileURLToPath(workflows),
    activities: {
      errand: () => {
        attempts.push(activityInfo())
        throw new CompleteAsyncError()
      },
    },
    slots: 1,
    logger: silentLogger,
  })
  const app = createServer({
    runtime,
    tokens: [mine, theirs].map((name) => ({
      name,
      hash: hash(name),
      scopes: ['admin'],
      namespaces: [name],
    })),
    limits: { keepAliveMs: 50, longPollMs: 1000 },
  })
  url = await app.listen({ host: '127.0.0.1', port: 0 })
  close = async () => {
    await app.close()
    await runtime.close()
    await rm(dataDir, { recursive: true, force: true })
  }
  operations = await readOperations()
  for (const [namespace, id, type] of [
    [theirs, 'secret', 'collector'],
    [theirs, 'secret-errand', 'errands'],
    [theirs, 'same', 'collector'],
    [mine, 'same', 'collector'],
    [theirs, 'same-errand', 'errands'],
    [mine, 'same-errand', 'errands'],
  ] as const) {
    const started = await start(namespace, id, type, [`${namespace} ${id}`])
    expect(started.status).toBe(200)
    runIds[`${namespace} ${id}`] = (started.json as { runId: string }).runId
  }
})
afterAll(() => close())

/** Every route of a namespace, as the OpenAPI document has it. */
async function readOperations(): Promise<readonly Operation[]> {
  const { json } = await send(url, 'GET', '/openapi.json')
  const { paths } = json as {
    paths: Record<string, Record<string, { operationId: string }>>
  }
  return Object.entries(paths)
    .filter(([path]) => path.includes('{namespace}'))
    .flatMap(([path, methods]) =>
      Object.entries(methods).map(([method, { operationId }]) => ({
        id: operationId,
        method: method.toUpperCase(),
        paths: [path, path.replace('/api/v1', '')],
      })),
    )
}

const pathOf = (path: string, namespace: string, workflowId: string) =>
  path
    .replace('{namespace}', namespace)
    .replace('{workflowId}', workflowId)
    .replace('{activityId}', '1')
    .replace('{name}', 'items')

/** Bodies without which a request would be refused for another reason. */
function bodyOf({ id, method }: Operation, workflowId: string, taskToken: string): unknown {
  const workflowType = { name: 'collector' }
  if (method === 'GET') return undefined
  if (id === 'StartWorkflowExecution' || id.startsWith('SignalWithStart')) return { workflowType }
  if (id === 'SignalWorkflowExecutions') return [{ workflowId, signalName: 'add', input: ['x'] }]
  if (id === 'ResetWorkflowExecution') return { workflowTaskFinishEventId: '4' }
  if (!id.includes('Activity')) return {}
  const token = id.endsWith('ById') ? {} : { taskToken }
  return id.includes('Failed') ? { ...token, failure: { message: 'x' } } : token
}

/** All that a namespace shows of a workflow. */
const stateOf = async (namespace: Namespace, id: string): Promise<string> =>
  (await call(namespace, 'GET', at(namespace, `/workflows/${id}/history`))).text

describe("a token for one namespace, in another's", () => {
  it('is refused by every route, before anything is looked at', async () => {
    const { base64TaskToken } = await attemptOf(theirs, 'secret-errand')
    const before = [await stateOf(theirs, 'secret'), await stateOf(theirs, 'secret-errand')]
    expect(operations.length).toBeGreaterThan(25)
    for (const operation of operations) {
      const { id, method } = operation
      const workflowId = id.includes('Activity') ? 'secret-errand' : 'secret'
      const body = bodyOf(operation, workflowId, base64TaskToken)
      for (const form of operation.paths) {
        for (const verb of method === 'GET' ? ['GET', 'HEAD'] : [method]) {
          const there = await call(mine, verb, pathOf(form, theirs, workflowId), body)
          const nowhere = await call(mine, verb, pathOf(form, theirs, 'nobody'), body)
          expect(`${verb} ${form} ${there.status}`).toBe(`${verb} ${form} 403`)
          // Nor does the answer tell whether there is such a workflow.
          expect(there.text).toBe(nowhere.text)
          const spelled = pathOf(form, 'their%73', workflowId)
          expect(await call(mine, verb, spelled, body)).toMatchObject({ status: 403 })
        }
      }
    }
    expect([await stateOf(theirs, 'secret'), await stateOf(theirs, 'secret-errand')]).toEqual(
      before,
    )
  })

  it('finds nothing there by ids, run ids and task tokens that it was told', async () => {
    const { base64TaskToken } = await attemptOf(theirs, 'secret-errand')
    const before = [await stateOf(theirs, 'secret'), await stateOf(theirs, 'secret-errand')]
    const about = operations.filter(
      ({ id, paths: [path = ''] }) =>
        (path.includes('{workflowId}') || id.includes('Activity')) &&
        id !== 'StartWorkflowExecution' &&
        !id.startsWith('SignalWithStart'),
    )
    expect(about.length).toBeGreaterThan(18)
    for (const operation of about) {
      const { id, method, paths } = operation
      const workflowId = id.includes('Activity') ? 'secret-errand' : 'secret'
      const body = bodyOf(operation, workflowId, base64TaskToken)
      const [path = ''] = paths
      const answer = await call(mine, method, pathOf(path, mine, workflowId), body)
      expect(answer.text, id).toMatch(/NOT_FOUND|different namespace/)
      if (method !== 'GET') continue
      for (const target of ['secret', 'same']) {
        const runId = runIds[`${theirs} ${target}`]
        const named = `${pathOf(path, mine, target)}?execution.runId=${runId}`
        expect((await call(mine, 'GET', named)).text, id).toContain('NOT_FOUND')
      }
    }
    const batch = await call(mine, 'POST', at(mine, '/signals'), [
      { workflowId: 'secret', signalName: 'add', input: ['x'] },
      { workflowId: 'same', runId: runIds['theirs same'], signalName: 'add', input: ['x'] },
    ])
    expect(batch.text).not.toMatch(/"line":\d\}/)
    const body = { workflowExecution: { runId: runIds['theirs same'] }, input: ['x'] }
    const signalled = await call(mine, 'POST', at(mine, '/workflows/same/signal/add'), body)
    expect(signalled.status).toBe(404)
    expect([await stateOf(theirs, 'secret'), await stateOf(theirs, 'secret-errand')]).toEqual(
      before,
    )
    expect(await items(theirs, 'same')).toEqual(['theirs same'])
  })
})

describe('the same ids in two namespaces', () => {
  it('are two workflows: signals, request ids, updates, results', async () => {
    for (const namespace of [mine, theirs]) {
      const signal = { input: [`to ${namespace}`], requestId: 'r-1' }
      const path = at(namespace, '/workflows/same/signal/add')
      expect(await call(namespace, 'POST', path, signal)).toMatchObject({ status: 200 })
      expect(await call(namespace, 'POST', path, signal)).toMatchObject({ status: 200 })
      const update = await call(namespace, 'POST', at(namespace, '/workflows/same/update/append'), {
        request: { meta: { updateId: 'u-1' }, input: { args: [`update of ${namespace}`] } },
        waitPolicy: { lifecycleStage: 'COMPLETED' },
      })
      expect(update.text).toContain(`update of ${namespace}`)
    }
    for (const namespace of [mine, theirs]) {
      expect(await items(namespace, 'same')).toEqual([
        `${namespace} same`,
        `to ${namespace}`,
        `update of ${namespace}`,
      ])
    }
  })

  it('are two activities', async () => {
    await attemptOf(theirs, 'same-errand')
    const { base64TaskToken: taskToken } = await attemptOf(mine, 'same-errand')
    const done = await call(mine, 'POST', at(mine, '/activity-complete'), {
      taskToken,
      result: ['by me'],
    })
    expect(done.status).toBe(200)
    const result = (namespace: Namespace) =>
      call(namespace, 'GET', at(namespace, '/workflows/same-errand/result?timeout=1s'))
    expect((await result(mine)).json).toMatchObject({ result: 'by me' })
    expect((await result(theirs)).json).toMatchObject({
      status: 'WORKFLOW_EXECUTION_STATUS_RUNNING',
    })
    const byId = at(theirs, '/workflows/same-errand/activities/1/complete')
    expect(await call(theirs, 'POST', byId, { result: ['by them'] })).toMatchObject({ status: 200 })
    expect((await result(theirs)).json).toMatchObject({ result: 'by them' })
  })

  it('are two in lists, counts and their pages', async () => {
    for (let n = 0; n < 5; n++) {
      await start(mine, `page-${n}`, 'collector')
      await start(theirs, `page-${n}`, 'collector', ['theirs'])
    }
    const list = async (namespace: Namespace, query: string) => {
      const { json } = await call(namespace, 'GET', at(namespace, `/workflows?${query}`))
      return json as {
        executions?: { execution: { runId: string } }[]
        nextPageToken?: string
      }
    }
    const runs = ({ executions = [] }: Awaited<ReturnType<typeof list>>) =>
      executions.map(({ execution }) => execution.runId)
    const ofMine = runs(await list(mine, ''))
    const ofTheirs = runs(await list(theirs, ''))
    expect(ofMine.filter((runId) => ofTheirs.includes(runId))).toEqual([])
    expect([ofMine.length, ofTheirs.length]).toEqual([7, 9])
    const { nextPageToken = '' } = await list(theirs, 'pageSize=2')
    expect(nextPageToken).not.toBe('')
    const query = `pageSize=1000&nextPageToken=${encodeURIComponent(nextPageToken)}`
    // A token of theirs is a place in a list, and no key to it.
    for (const runId of runs(await list(mine, query))) expect(ofMine).toContain(runId)
    const hidden = encodeURIComponent("WorkflowId = 'secret' OR ExecutionStatus = 'Running'")
    for (const runId of runs(await list(mine, `query=${hidden}`))) expect(ofMine).toContain(runId)
    const count = async (namespace: Namespace) =>
      (await call(namespace, 'GET', at(namespace, '/workflow-count'))).json
    expect([await count(mine), await count(theirs)]).toEqual([{ count: '7' }, { count: '9' }])
  })

  it('are two in streams of events', async () => {
    const follow = async (path: string, until: string, headers: Record<string, string> = {}) => {
      const response = await fetch(url + path, {
        headers: { authorization: `Bearer ${mine}`, ...headers },
      })
      let text = ''
      for await (const chunk of response.body as unknown as AsyncIterable<Uint8Array>) {
        text += Buffer.from(chunk).toString()
        if (text.includes(until)) break
      }
      return text
    }
    const since = String(Date.now() - 60_000)
    const changes = follow(at(mine, '/workflow-stream'), '"told-last"', { 'last-event-id': since })
    await start(theirs, 'told-secret', 'collector')
    await call(theirs, 'POST', at(theirs, '/workflows/same/cancel'), {})
    await start(mine, 'told-last', 'collector')
    const text = await changes
    expect(text).toContain('"same"')
    expect(text).not.toContain('secret')
    for (const [key, runId] of Object.entries(runIds)) {
      if (key.startsWith(theirs)) expect(text).not.toContain(runId)
    }
    const history = at(mine, '/workflows/same/history-stream')
    expect(await follow(history, 'to mine')).not.toContain('theirs')
  })

  it('are two to workflows that signal, cancel and start others', async () => {
    await start(theirs, 'target', 'collector')
    await start(mine, 'poker', 'poker', ['target', runIds['theirs secret']])
    const { json } = await call(mine, 'GET', at(mine, '/workflows/poker/result?timeout=1s'))
    expect(json).toMatchObject({ result: ['not found', 'not found', 'mine'] })
    expect(await items(theirs, 'target')).toEqual([])
    const parent = await call(mine, 'GET', at(mine, '/workflows/poker-child'))
    expect(parent.status).toBe(200)
    expect((await call(theirs, 'GET', at(theirs, '/workflows/poker-child'))).status).toBe(404)
  })

  it('are closed one without the other', async () => {
    const end = await call(mine, 'POST', at(mine, '/workflows/page-0/terminate'), { reason: 'x' })
    expect(end.status).toBe(200)
    const status = async (namespace: Namespace) =>
      JSON.stringify((await call(namespace, 'GET', at(namespace, '/workflows/page-0'))).json)
    expect(await status(mine)).toContain('STATUS_TERMINATED')
    expect(await status(theirs)).toContain('STATUS_RUNNING')
  })
})

describe('what is outside of namespaces', () => {
  it('tells a token of its own alone', async () => {
    const answers: Answer[] = []
    for (const path of ['/namespaces', '/api/v1/namespaces', '/cluster/namespaces']) {
      answers.push(await call(mine, 'GET', path))
    }
    for (const { text } of answers) {
      expect(text).toContain(mine)
      expect(text).not.toContain(theirs)
    }
    for (const path of ['/system-info', '/cluster', '/openapi.json', '/readyz', '/healthz']) {
      const { status, text } = await call(mine, 'GET', path)
      expect(status).toBe(200)
      expect(text).not.toMatch(/theirs|sha256:/)
    }
  })
})
