import { createHash } from 'node:crypto'
import { channel } from 'node:diagnostics_channel'
import { createServer as createTcpServer } from 'node:net'
import type { AddressInfo } from 'node:net'
import { fastify } from 'fastify'
import { Registry, register } from 'prom-client'
import { Runtime, silentLogger } from 'signalbox'
import { collectMetrics, createServer, signalboxApi } from 'signalbox/api'
import type { Scope, ServerOptions } from 'signalbox/api'
import { describe, expect, onTestFinished, test } from 'vitest'
import { eventually } from '../fixtures/eventually.ts'
import { temporaryFolder } from '../fixtures/lab.ts'
import { parsePrometheusText, type ScrapedMetric, valueOf } from '../fixtures/prometheus-text.ts'
import { type ApiServer, base, openApiServer, send, workflowsPath } from './fixtures/api-server.ts'

type Scrape = ReadonlyMap<string, ScrapedMetric>

async function open(options: Omit<ServerOptions, 'runtime'> = {}): Promise<ApiServer> {
  const api = await openApiServer(options)
  onTestFinished(() => api.close())
  return api
}

async function scrape(api: Pick<ApiServer, 'get'>, headers?: Record<string, string>) {
  const answer = await api.get('/metrics', headers)
  expect(answer.status).toBe(200)
  expect(answer.headers.get('content-type')).toBe('text/plain; version=0.0.4; charset=utf-8')
  return parsePrometheusText(answer.text)
}

const seriesOf = (scraped: Scrape): number =>
  [...scraped.values()].reduce((sum, { samples }) => sum + samples.length, 0)

const workflow = (id: string, rest = ''): string => `${base}/workflows/${id}${rest}`
const collector = { workflowType: { name: 'collector' } }

async function freePort(): Promise<number> {
  const probe = createTcpServer().listen(0, '127.0.0.1')
  await new Promise((resolve) => probe.once('listening', resolve))
  const { port } = probe.address() as AddressInfo
  await new Promise((resolve) => probe.close(resolve))
  return port
}

describe('GET /metrics', () => {
  test('counts what was accepted, processed, refused, committed and asked', async () => {
    const api = await open()
    await api.post(workflow('w'), collector)
    for (let n = 0; n < 5; n++) {
      const sent = await api.post(workflow('w', '/signal/add?waitFor=processed'), { input: [n] })
      expect(sent.status).toBe(200)
    }
    await api.post(workflow('nobody', '/signal/add'), {})
    await api.post(workflow('u'), { workflowType: { name: 'updatable' } })
    await api.post(workflow('u', '/update/append'), { request: { input: { args: [1] } } })
    await api.post(workflow('nobody', '/update/append'), {})
    await api.post(workflow('g'), { workflowType: { name: 'greeter' }, input: ['Ada'] })
    await api.get(workflow('g', '/result'))
    await api.post(workflow('w', '/signal/finish'), {})
    await api.get(workflow('w', '/result'))

    const scraped = await scrape(api)
    const value = (name: string, labels?: Record<string, string>) => valueOf(scraped, name, labels)
    expect(value('signalbox_state', { state: 'serving' })).toBe(1)
    expect(value('signalbox_inputs_accepted_total', { kind: 'signal' })).toBe(6)
    expect(value('signalbox_inputs_accepted_total', { kind: 'start' })).toBe(3)
    expect(value('signalbox_inputs_accepted_total', { kind: 'update' })).toBe(1)
    expect(value('signalbox_inputs_accepted_total', { kind: 'activity' })).toBe(1)
    expect(value('signalbox_inputs_processed_total')).toBe(11)
    expect(value('signalbox_inputs_waiting')).toBe(0)
    for (const operation of ['signal', 'update']) {
      const code = 'SIGNALBOX_ERR_WORKFLOW_NOT_FOUND'
      expect(value('signalbox_rejected_total', { operation, code })).toBe(1)
    }
    const outcome = { activity_type: 'greet', outcome: 'completed' }
    expect(value('signalbox_activities_total', outcome)).toBe(1)
    expect(value('signalbox_activity_duration_seconds_count', { outcome: 'completed' })).toBe(1)
    expect(value('signalbox_workflows_closed_total', { status: 'completed' })).toBe(2)
    expect(value('signalbox_workflows_closed_total', { status: 'failed' })).toBe(0)
    expect(value('signalbox_cached_workflows')).toBe(1)
    expect(value('signalbox_turns_total', { slot: '0' })).toBeGreaterThanOrEqual(11)
    expect(value('signalbox_slot_up', { slot: '0' })).toBe(1)
    expect(value('signalbox_data_bytes')).toBeGreaterThan(0)
    expect(value('signalbox_data_free_bytes')).toBeGreaterThan(0)
    // Every input is in one commit, and every commit is measured.
    expect(value('signalbox_ack_duration_seconds_count')).toBe(11)
    expect(value('signalbox_commit_inputs_sum')).toBe(11)
    expect(value('signalbox_commit_duration_seconds_count')).toBe(value('signalbox_commits_total'))
    // Each signal waited for its turn, so it was alone in its commit, which it stood for.
    expect(value('signalbox_processing_duration_seconds_count')).toBeGreaterThanOrEqual(5)
    const signal = { operation: 'SignalWorkflowExecution' }
    expect(value('signalbox_http_requests_total', { ...signal, status: '200' })).toBe(6)
    expect(value('signalbox_http_requests_total', { ...signal, status: '404' })).toBe(1)
    expect(value('signalbox_http_request_duration_seconds_count', signal)).toBe(7)
    expect(value('process_cpu_seconds_total')).toBeGreaterThan(0)
    expect(scraped.has('nodejs_eventloop_lag_seconds')).toBe(true)
  })

  test('knows every operation of the API by its name, in both forms of its path', async () => {
    const api = await open({ limits: { longPollMs: 20, keepAliveMs: 20 } })
    const document = (await api.get('/openapi.json')).json as {
      paths: Record<string, Record<string, { operationId: string }>>
    }
    const called = new Set<string>()
    for (const [path, methods] of Object.entries(document.paths)) {
      for (const [method, { operationId }] of Object.entries(methods)) {
        for (const form of new Set([path, path.replace('/api/v1', '')])) {
          const url = api.url + form.replaceAll(/\{(\w+)\}/g, 'default')
          const request = {
            method: method.toUpperCase(),
            ...(method === 'post'
              ? { body: '{}', headers: { 'content-type': 'application/json' } }
              : {}),
          }
          const { body } = await fetch(url, request)
          await body?.cancel()
        }
        called.add(operationId)
      }
    }
    expect(called.size).toBeGreaterThan(15)
    await eventually('all are counted', async () => {
      const scraped = await scrape(api)
      const counted = new Set(
        scraped
          .get('signalbox_http_requests_total')
          ?.samples.map(({ labels }) => labels['operation']),
      )
      return [...called].every((operation) => counted.has(operation))
    })
  })

  test('nothing that a client sends makes a series', async () => {
    const api = await open()
    await api.post(workflow('w'), collector)
    const hostile = ['a"b', 'x\ny', 'é', '{}', '\\', 'le', '__name__', 'long'.repeat(200)]
    const round = async (suffix: number): Promise<void> => {
      for (const text of hostile) {
        const name = encodeURIComponent(`${text}${suffix}`)
        await api.post(workflow(name, `/signal/${name}`), {})
        await api.post(workflow(name), { workflowType: { name: `${text}${suffix}` } })
        await api.post(`/api/v1/namespaces/${name}/workflows/${name}/query/${name}`, {})
        await api.get(`/${name}/${name}`)
        await api.post(workflow('w', `/signal/${name}`), { input: [text] })
        await send(api.url, 'PATCH', `/${name}`)
      }
      await api.post(workflow('w', '/signal/add?waitFor=processed'), {})
      await scrape(api)
    }
    await round(0)
    const before = await scrape(api)
    for (let n = 1; n < 4; n++) await round(n)
    const after = await scrape(api)
    expect(seriesOf(after)).toBe(seriesOf(before))
    const of = (scraped: Scrape) =>
      valueOf(scraped, 'signalbox_http_requests_total', { operation: 'none', status: '404' }) ?? 0
    expect(of(after)).toBe(of(before) + 3 * 2 * hostile.length)
  })

  test('what is no request is counted too', async () => {
    const api = await open()
    const socket = (await import('node:net')).connect(api.port, '127.0.0.1')
    socket.end('this is not HTTP\r\n\r\n')
    await new Promise((resolve) => socket.once('close', resolve).resume())
    const scraped = await scrape(api)
    const labels = { operation: 'none', status: '400' }
    expect(valueOf(scraped, 'signalbox_http_requests_total', labels)).toBe(1)
  })

  test('needs a token that may read everything, where tokens are needed', async () => {
    const rule = (name: string, scopes: Scope[], namespaces?: string[]) => ({
      name,
      hash: `sha256:${createHash('sha256').update(name).digest('hex')}`,
      scopes,
      namespaces,
    })
    const api = await open({
      tokens: [
        rule('prometheus', ['read']),
        rule('root', ['admin']),
        rule('sender', ['signal', 'start']),
        rule('shop', ['read', 'admin'], ['shop']),
      ],
    })
    const status = async (token?: string): Promise<number> => {
      const headers = token === undefined ? {} : { authorization: `Bearer ${token}` }
      return (await api.get('/metrics', headers)).status
    }
    expect(await status()).toBe(401)
    expect(await status('guess')).toBe(401)
    expect(await status('sender')).toBe(403)
    expect(await status('shop')).toBe(403)
    expect(await status('root')).toBe(200)
    expect(await status('prometheus')).toBe(200)
    const scraped = await scrape(api, { authorization: 'Bearer prometheus' })
    const labels = { operation: 'GetMetrics', status: '401' }
    expect(valueOf(scraped, 'signalbox_http_requests_total', labels)).toBe(2)
  })

  test('at an address of their own they need no token, and the API has them not', async () => {
    const port = await freePort()
    const api = await open({ token: 'secret', metrics: { address: { port } } })
    const url = `http://127.0.0.1:${port}`
    const answer = await send(url, 'GET', '/metrics')
    expect(valueOf(parsePrometheusText(answer.text), 'signalbox_state', { state: 'serving' })).toBe(
      1,
    )
    expect((await send(url, 'GET', workflow('w'))).status).toBe(404)
    const authorization = 'Bearer secret'
    expect((await api.get('/metrics', { authorization })).status).toBe(404)

    // A port that is taken is told before the API listens.
    const second = createServer({ runtime: api.runtime, metrics: { address: { port } } })
    await expect(second.listen({ port: 0 })).rejects.toMatchObject({ code: 'EADDRINUSE' })
    await second.close()

    await api.app.close()
    await expect(fetch(`${url}/metrics`)).rejects.toThrow('fetch failed')
  })

  test('a page cannot read them by a name of its own for this machine', async () => {
    const port = await freePort()
    await open({ metrics: { address: { port } } })
    const { request } = await import('node:http')
    const status = await new Promise((resolve, reject) => {
      const headers = { host: 'evil.example' }
      request({ port, host: '127.0.0.1', path: '/metrics', headers }, (response) => {
        response.resume()
        resolve(response.statusCode)
      })
        .on('error', reject)
        .end()
    })
    expect(status).toBe(403)
  })

  test('switched off there are none, and nobody listens', async () => {
    const api = await open({ metrics: false })
    expect((await api.get('/metrics')).status).toBe(404)
    expect(channel('signalbox:commit').hasSubscribers).toBe(false)
    const other = await openApiServer()
    expect(channel('signalbox:commit').hasSubscribers).toBe(true)
    await other.close()
    expect(channel('signalbox:commit').hasSubscribers).toBe(false)
  })
})

describe('collectMetrics', () => {
  const openRuntime = async (): Promise<Runtime> => {
    const runtime = await Runtime.open({
      dataDir: `${await temporaryFolder()}/data`,
      workflowsPath,
      logger: silentLogger,
      slots: 1,
    })
    onTestFinished(() => runtime.close())
    return runtime
  }

  test('is for services of one’s own: their registry, their routes, and only their runtime', async () => {
    const [mine, other] = [await openRuntime(), await openRuntime()]
    const registry = new Registry()
    const metrics = collectMetrics(mine, { registry, processMetrics: false })
    onTestFinished(() => metrics.close())
    const app = fastify({ routerOptions: { maxParamLength: 4000 } })
    metrics.observeRoutes(app)
    app.get('/orders/:id', () => 'an order')
    app.register(signalboxApi, { runtime: mine, prefix: '/signals' })
    await app.ready()
    await app.inject('/orders/42')
    await app.inject('/signals/namespaces/default/workflows')
    await other.client.workflow.start('collector', { workflowId: 'w' })

    const scraped = parsePrometheusText(await registry.metrics())
    const again = parsePrometheusText(await metrics.text())
    // What others leave free on the disk changes as they like.
    for (const families of [scraped, again]) families.delete('signalbox_data_free_bytes')
    expect(scraped).toEqual(again)
    const count = (operation: string) =>
      valueOf(scraped, 'signalbox_http_requests_total', { operation, status: '200' })
    expect(count('/orders/:id')).toBe(1)
    expect(count('ListWorkflowExecutions')).toBe(1)
    expect(valueOf(scraped, 'signalbox_commit_inputs_sum')).toBe(0)
    expect([...scraped.keys()].filter((name) => !name.startsWith('signalbox_'))).toEqual([])
    expect(() => collectMetrics(other, { registry })).toThrow(
      expect.objectContaining({ code: 'SIGNALBOX_ERR_INVALID_OPTION' }),
    )
    // Nothing of this is in the registry that everybody shares.
    expect(await register.metrics()).not.toContain('signalbox')
    await app.close()
  })

  test('counts are complete since open, and can be read after the close', async () => {
    const runtime = await openRuntime()
    const handle = await runtime.client.workflow.start('collector', { workflowId: 'w' })
    await handle.signal('add', 1)
    const metrics = collectMetrics(runtime, { processMetrics: false })
    metrics.close()
    await runtime.close()
    const scraped = parsePrometheusText(await metrics.text())
    expect(valueOf(scraped, 'signalbox_inputs_accepted_total', { kind: 'signal' })).toBe(1)
    expect(valueOf(scraped, 'signalbox_state', { state: 'closed' })).toBe(1)
  })
})
