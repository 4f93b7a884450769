import { randomUUID } from 'node:crypto'
import { once } from 'node:events'
import { get, type IncomingMessage } from 'node:http'
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest'
import { eventually } from '../fixtures/eventually.ts'
import { type ApiServer, base, openApiServer } from './fixtures/api-server.ts'

interface StreamEvent {
  readonly event: string
  readonly id: string | undefined
  readonly data: Record<string, unknown>
}

/** A client of server-sent events that keeps what it was sent. */
class EventSource {
  readonly response: IncomingMessage
  readonly events: StreamEvent[] = []
  text = ''
  ended = false

  private constructor(response: IncomingMessage) {
    this.response = response
    response.setEncoding('utf8').on('data', (chunk: string) => {
      this.text += chunk
      const blocks = this.text.split('\n\n')
      this.events.length = 0
      for (const block of blocks.slice(0, -1)) {
        const field = (name: string) =>
          new RegExp(`^${name}: (.*)$`, 'm').exec(block)?.[1] ?? undefined
        const event = field('event')
        if (event === undefined) continue
        this.events.push({ event, id: field('id'), data: JSON.parse(field('data') ?? '') })
      }
    })
    response.on('close', () => {
      this.ended = true
    })
    response.on('error', () => {})
  }

  static async open(url: string, headers: Record<string, string> = {}): Promise<EventSource> {
    const sent = get(url, { headers, agent: false })
    const [response] = (await once(sent, 'response')) as [IncomingMessage]
    return new EventSource(response)
  }

  async until(condition: (events: readonly StreamEvent[]) => boolean): Promise<void> {
    await eventually('the events that are expected', () => condition(this.events))
  }

  close(): void {
    this.response.destroy()
  }
}

let api: ApiServer
const sources: EventSource[] = []
beforeAll(async () => {
  api = await openApiServer({ limits: { keepAliveMs: 100, eventStreams: 5 } })
})
afterEach(async () => {
  for (const source of sources.splice(0)) source.close()
})
afterAll(() => api.close())

async function follow(path: string, lastEventId?: string): Promise<EventSource> {
  const headers = lastEventId === undefined ? undefined : { 'last-event-id': lastEventId }
  const source = await EventSource.open(`${api.url}${base}${path}`, headers)
  sources.push(source)
  return source
}
async function start(type: string, input: unknown[] = []): Promise<string> {
  const workflowId = `${type}-${randomUUID()}`
  const answer = await api.post(`${base}/workflows/${workflowId}`, {
    workflowType: { name: type },
    input,
  })
  expect(answer.status).toBe(200)
  return workflowId
}
const history = async (workflowId: string) => {
  const answer = await api.get(`${base}/workflows/${workflowId}/history`)
  return (answer.json as { history: { events: unknown[] } }).history.events
}
const dataOf = (source: EventSource, event: string) =>
  source.events.filter((item) => item.event === event).map(({ data }) => data)

describe("one workflow's history as events", () => {
  it('tells what is there, what happens, and how it ended', async () => {
    const workflowId = await start('collector')
    const source = await follow(`/workflows/${workflowId}/history-stream`)
    expect(source.response.headers['content-type']).toBe('text/event-stream; charset=utf-8')
    await source.until((events) => events.length >= 4)
    await api.post(`${base}/workflows/${workflowId}/signal/add`, { input: [1] })
    await source.until((events) =>
      events.some(({ data }) => data['eventType'] === 'EVENT_TYPE_WORKFLOW_EXECUTION_SIGNALED'),
    )
    await api.post(`${base}/workflows/${workflowId}/signal/finish`)
    await source.until((events) => events.at(-1)?.event === 'closed')
    await eventually('the end of the stream', () => source.ended)
    expect(dataOf(source, 'history')).toEqual(await history(workflowId))
    expect(dataOf(source, 'closed')).toEqual([
      expect.objectContaining({ status: 'WORKFLOW_EXECUTION_STATUS_COMPLETED', result: [1] }),
    ])
    expect(new Set(source.events.map(({ id }) => id)).size).toBe(source.events.length)
  })

  it('goes on after any event, and says when nothing more will come', async () => {
    const workflowId = await start('collector')
    await api.post(`${base}/workflows/${workflowId}/signal/finish`)
    const path = `/workflows/${workflowId}/history-stream`
    const whole = await follow(path)
    await whole.until((events) => events.at(-1)?.event === 'closed')
    for (const [at, { id }] of whole.events.slice(0, -1).entries()) {
      const rest = await follow(path, id)
      await rest.until((events) => events.at(-1)?.event === 'closed')
      expect(rest.events).toEqual(whole.events.slice(at + 1))
      rest.close()
    }
    const last = await follow(path, whole.events.at(-1)?.id)
    expect(last.response.statusCode).toBe(204)
  })

  it('follows the run that continues it, also from its end', async () => {
    const workflowId = await start('twice', [0])
    const path = `/workflows/${workflowId}/history-stream`
    await api.get(`${base}/workflows/${workflowId}/result`)
    const described = await api.get(`${base}/workflows/${workflowId}`)
    const { firstRunId } = (described.json as { workflowExecutionInfo: { firstRunId: string } })
      .workflowExecutionInfo
    const source = await follow(`${path}?execution.runId=${firstRunId}`)
    await source.until((events) => events.filter(({ event }) => event === 'closed').length === 2)
    const [first, second] = source.events.filter(({ event }) => event === 'closed')
    expect(first?.data).toMatchObject({ newRunId: second?.data['runId'] })
    expect(second?.data).toMatchObject({ result: 1 })
    const rest = await follow(path, first?.id)
    await rest.until((events) => events.at(-1)?.event === 'closed')
    expect(rest.events).toEqual(source.events.slice(source.events.indexOf(first!) + 1))
    const alone = await follow(`${path}?execution.runId=${firstRunId}&followRuns=false`)
    await eventually('the end of the stream', () => alone.ended)
    expect(dataOf(alone, 'closed')).toHaveLength(1)
  })

  it('shows that it is alive', async () => {
    const workflowId = await start('collector')
    const source = await follow(`/workflows/${workflowId}/history-stream`)
    await eventually('a comment', () => source.text.includes(': nothing new\n\n'))
    expect(source.ended).toBe(false)
  })

  it('refuses what is not there, and ids that are none', async () => {
    expect(await api.get(`${base}/workflows/nobody/history-stream`)).toMatchObject({
      status: 404,
      json: { code: 5 },
    })
    const path = `${base}/workflows/${await start('collector')}/history-stream`
    for (const id of ['x', '1', 'a/0', 'a/-1', 'a/b/1', `${'a'.repeat(100)}/1`]) {
      const answer = await api.get(`${path}?lastEventId=${encodeURIComponent(id)}`)
      expect(answer, id).toMatchObject({ status: 400, json: { code: 3 } })
    }
    const gone = await api.get(`${path}?lastEventId=01a2130e-d12b-70eb-a110-7b00000fffff/1`)
    expect(gone.status).toBe(404)
  })

  it('has a bound on streams, and gives the place back', async () => {
    const path = `/workflows/${await start('collector')}/history-stream`
    const open = await Promise.all(Array.from({ length: 5 }, () => follow(path)))
    const refused = await api.get(base + path)
    expect(refused).toMatchObject({ status: 429, json: { code: 8 } })
    expect(refused.headers.get('retry-after')).toBe('1')
    open[0]?.close()
    await eventually('a free place', async () => {
      const again = await follow(path)
      return again.response.statusCode === 200
    })
  })
})

describe('the list as events', () => {
  const idsOf = (source: EventSource, event = 'workflow') =>
    dataOf(source, event).map(
      (data) => (data['execution'] as { workflowId: string } | undefined)?.workflowId,
    )

  it('tells what starts and what closes', async () => {
    const source = await follow('/workflow-stream')
    await source.until((events) => events.some(({ event }) => event === 'ready'))
    const workflowId = await start('collector')
    await source.until(() => idsOf(source).includes(workflowId))
    expect(dataOf(source, 'workflow').at(-1)).toMatchObject({
      status: 'WORKFLOW_EXECUTION_STATUS_RUNNING',
      type: { name: 'collector' },
    })
    await api.post(`${base}/workflows/${workflowId}/signal/finish`)
    await source.until((events) =>
      events.some(({ data }) => data['status'] === 'WORKFLOW_EXECUTION_STATUS_COMPLETED'),
    )
  })

  it('tells of what enters and leaves a filter alone, and of no other namespace', async () => {
    const query = encodeURIComponent("WorkflowType = 'collector' AND ExecutionStatus = 'Running'")
    const source = await follow(`/workflow-stream?query=${query}`)
    await source.until((events) => events.some(({ event }) => event === 'ready'))
    await start('sleeper')
    await api.post('/namespaces/elsewhere/workflows/there', { workflowType: { name: 'collector' } })
    const workflowId = await start('collector')
    await source.until(() => idsOf(source).includes(workflowId))
    await api.post(`${base}/workflows/${workflowId}/terminate`)
    await source.until(() => idsOf(source, 'removed').includes(workflowId))
    expect(idsOf(source)).toEqual([workflowId])
  })

  it('misses nothing after a reconnect', async () => {
    const source = await follow('/workflow-stream')
    await source.until((events) => events.some(({ event }) => event === 'ready'))
    const id = source.events.at(-1)?.id
    source.close()
    const missed = [await start('collector'), await start('echo', [1])]
    const again = await follow('/workflow-stream', id)
    await again.until((events) => events.some(({ event }) => event === 'ready'))
    expect(idsOf(again)).toEqual(expect.arrayContaining(missed))
  })

  it('refuses filters and ids that are none', async () => {
    for (const query of ["WorkflowType = '", 'GROUP BY ExecutionStatus']) {
      const answer = await api.get(`${base}/workflow-stream?query=${encodeURIComponent(query)}`)
      expect(answer).toMatchObject({ status: 400, json: { code: 3 } })
    }
    for (const id of ['x', '-1', '999999999999999']) {
      const answer = await api.get(`${base}/workflow-stream?lastEventId=${id}`)
      expect(answer).toMatchObject({ status: 400, json: { code: 3 } })
    }
  })

  it('ends when the server stops', async () => {
    const own = await openApiServer()
    const source = await EventSource.open(`${own.url}${base}/workflow-stream`)
    await source.until((events) => events.some(({ event }) => event === 'ready'))
    await own.close()
    await eventually('the end of the stream', () => source.ended)
  })
})

describe('the rest of the reading routes', () => {
  it('gives the history backwards, page by page', async () => {
    const workflowId = await start('collector')
    for (let n = 0; n < 5; n++) {
      await api.post(`${base}/workflows/${workflowId}/signal/add?waitFor=processed`, { input: [n] })
    }
    const forwards = await history(workflowId)
    for (const size of [1, 4, 1000]) {
      const found: unknown[] = []
      let token: string | undefined = ''
      while (token !== undefined) {
        const more: string = token === '' ? '' : `&nextPageToken=${encodeURIComponent(token)}`
        const path = `${base}/workflows/${workflowId}/history-reverse?maximumPageSize=${size}${more}`
        const page = (await api.get(path)).json as {
          history: { events: unknown[] }
          nextPageToken?: string
        }
        found.push(...page.history.events)
        token = page.nextPageToken
      }
      expect(found).toEqual(forwards.toReversed())
    }
  })

  it('starts and waits for the first turn', async () => {
    const path = `${base}/workflows/${randomUUID()}`
    const key = { 'idempotency-key': 'start-1' }
    const body = { workflowType: { name: 'echo' }, input: [1] }
    const answers = [
      await api.post(`${path}?waitFor=processed`, body, key),
      await api.post(`${path}?waitFor=processed`, body, key),
    ]
    expect(answers[0]?.json).toMatchObject({ started: true })
    expect(answers[1]?.json).toEqual(answers[0]?.json)
    expect((await api.get(`${path}/result?timeout=0s`)).json).toMatchObject({ result: 1 })
    expect(await api.post(`${path}?waitFor=ever`, body)).toMatchObject({ status: 400 })
  })

  it('knows itself and its namespaces', async () => {
    await api.post('/namespaces/b-side/workflows/w', { workflowType: { name: 'collector' } })
    for (const path of ['/cluster/namespaces', '/namespaces', '/api/v1/namespaces']) {
      const { namespaces } = (await api.get(path)).json as {
        namespaces: { namespaceInfo: { name: string } }[]
      }
      const names = namespaces.map(({ namespaceInfo }) => namespaceInfo.name)
      expect(names).toEqual(expect.arrayContaining(['b-side', 'default']))
      expect(names).toEqual(names.toSorted())
      expect((await api.get(`${path}/b-side`)).json).toEqual({
        namespaceInfo: { name: 'b-side', state: 'NAMESPACE_STATE_REGISTERED' },
      })
    }
    for (const path of [
      '/cluster',
      '/api/v1/cluster-info',
      '/system-info',
      '/api/v1/system-info',
    ]) {
      expect((await api.get(path)).json).toMatchObject({ serverVersion: '0.1.0' })
    }
    expect(await api.get('/namespaces/a%00b')).toMatchObject({ status: 400 })
  })
})
