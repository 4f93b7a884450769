import { type WorkflowClient, type WorkflowSummary, TypedSearchAttributes } from 'signalbox'
import { replayHistory } from 'signalbox/testing'
import { describe, expect, test } from 'vitest'
import { eventually } from '../fixtures/eventually.ts'
import { bundleOf, Lab, openRuntime } from '../fixtures/lab.ts'
import {
  amount,
  arrived,
  customer,
  due,
  findable,
  finish,
  heir,
  moving,
  note,
  renew,
  seen,
  tag,
  tagTyped,
} from '../fixtures/lifecycle.ts'

const code = 'lifecycle.ts'

async function found(client: WorkflowClient, query: string): Promise<string[]> {
  const runs: WorkflowSummary[] = []
  for await (const run of client.list({ query })) runs.push(run)
  return runs.map(({ workflowId }) => workflowId).sort()
}

const types = async (handle: { fetchHistory(): Promise<{ events: readonly object[] }> }) =>
  (await handle.fetchHistory()).events as readonly Record<string, unknown>[]

describe('Search attributes and memo', () => {
  test('are there from the start: in the workflow, in describe, in lists and for filters', async () => {
    const { client } = await openRuntime({ code })
    const day = new Date('2026-05-01T00:00:00Z')
    await client.workflow.start(findable, {
      workflowId: 'typed',
      memo: { why: 'test' },
      typedSearchAttributes: [
        { key: customer, value: 'ada' },
        { key: amount, value: 10 },
        { key: due, value: day },
      ],
    })
    await client.workflow.start(findable, {
      workflowId: 'both',
      searchAttributes: { Customer: ['bob'], Amount: [20] },
      typedSearchAttributes: new TypedSearchAttributes([{ key: customer, value: 'carol' }]),
    })
    const handle = client.workflow.getHandle<typeof findable>('typed')
    expect(await handle.query(seen)).toEqual({
      memo: { why: 'test' },
      untyped: { Customer: ['ada'], Amount: [10], Due: [day.toISOString()] },
      typed: [
        { key: customer, value: 'ada' },
        { key: amount, value: 10 },
        { key: due, value: day.toISOString() },
      ],
    })
    expect((await handle.describe()).memo).toEqual({ why: '"test"' })
    expect(await found(client.workflow, "Customer IN ('ada', 'bob')")).toEqual(['typed'])
    expect(await found(client.workflow, 'Amount > 15')).toEqual(['both'])
    expect(await found(client.workflow, "Customer = 'carol' AND Amount = 20")).toEqual(['both'])
    expect(await found(client.workflow, "Due < '2026-06-01'")).toEqual(['typed'])
  })

  test('change at once, in the order of the code, and stay through crashes of the process', async () => {
    const lab = await Lab.create()
    let { client } = await lab.open({ code })
    let handle = await client.workflow.start(findable, { workflowId: 'w' })
    await handle.signal({ signal: tag, waitFor: 'processed' }, { Customer: ['ada'], Kind: ['x'] })
    await handle.signal({ signal: tagTyped, waitFor: 'processed' }, 'bob', 3)
    await handle.signal({ signal: note, waitFor: 'processed' }, { a: 1, b: { deep: true } })
    await handle.signal({ signal: note, waitFor: 'processed' }, { a: null, c: 'new' })
    const expected = {
      memo: { b: { deep: true }, c: 'new' },
      untyped: { Customer: ['bob'], Kind: ['x'], Amount: [3] },
    }
    expect(await handle.query(seen)).toMatchObject(expected)
    await eventually('the list shows it', async () =>
      (await found(client.workflow, "Customer = 'bob' AND Kind = 'x'")).includes('w'),
    )
    const before = (await handle.fetchHistory()).events
    ;({ client } = await lab.reopen({ code }))
    handle = client.workflow.getHandle<typeof findable>('w')
    expect(await handle.query(seen)).toMatchObject(expected)
    await handle.signal({ signal: tagTyped, waitFor: 'processed' }, 'bob', null)
    await handle.signal({ signal: tag, waitFor: 'processed' }, { Kind: [] })
    expect(await handle.query(seen)).toMatchObject({ untyped: {}, typed: [] })
    await eventually(
      'nothing is found',
      async () => (await found(client.workflow, 'Customer IS NOT NULL')).length === 0,
    )
    expect((await handle.describe()).searchAttributes).toBeUndefined()
    const isUpsert = ({ eventType }: Record<string, unknown>): boolean =>
      eventType === 'EVENT_TYPE_UPSERT_WORKFLOW_SEARCH_ATTRIBUTES'
    const events = await eventually('all of them are in the history', async () => {
      const read = await types(handle)
      return read.filter(isUpsert).length === 4 && read
    })
    expect(events.slice(0, before.length)).toEqual(before)
    const modified = events.filter(
      ({ eventType }) => eventType === 'EVENT_TYPE_WORKFLOW_PROPERTIES_MODIFIED',
    )
    expect(modified).toHaveLength(2)
    expect(modified[1]).toMatchObject({
      workflowPropertiesModifiedEventAttributes: {
        upsertedMemo: {
          fields: {
            a: { metadata: { encoding: Buffer.from('binary/null').toString('base64') } },
          },
        },
      },
    })
  })

  test('are kept by continue-as-new, unless it gives others', async () => {
    const { client } = await openRuntime({ code })
    const handle = await client.workflow.start(findable, {
      workflowId: 'w',
      memo: { kept: true },
      typedSearchAttributes: [{ key: amount, value: 1 }],
    })
    await handle.signal(tag, { Customer: ['ada'] })
    await handle.signal(note, { more: 1 })
    await handle.signal(renew)
    await handle.signal(finish)
    expect(await handle.result()).toMatchObject({
      memo: { kept: true, more: 1 },
      untyped: { Amount: [1], Customer: ['ada'] },
    })
    expect(await found(client.workflow, "Customer = 'ada'")).toEqual(['w', 'w'])
    expect(await client.workflow.execute(moving, { workflowId: 'm', memo: { old: 1 } })).toEqual({
      argument: 'an argument',
      type: arrived.name,
      taskQueue: 'elsewhere',
      runTimeoutMs: 3_600_000,
      taskTimeoutMs: 20_000,
      attempt: 1,
      continued: true,
      memo: { from: 'moving' },
      untyped: { Customer: ['typed'] },
      typed: [{ key: customer, value: 'typed' }],
    })
  })

  test('have limits: a start beyond them is refused, a turn parks until the limit is raised', async () => {
    const lab = await Lab.create()
    const limits = { parkBackoffMs: 20, parkBackoffMaxMs: 100 }
    let { client } = await lab.open({ code, limits: { ...limits, maxSearchAttributes: 2 } })
    const start = (options: object) =>
      client.workflow.start(findable, { workflowId: 'refused', ...options })
    await expect(start({ searchAttributes: { A: [1], B: [1], C: [1] } })).rejects.toMatchObject({
      code: 'SIGNALBOX_ERR_INVALID_ARGUMENT',
      message: expect.stringContaining('maxSearchAttributes = 2') as string,
    })
    await expect(start({ searchAttributes: { A: ['x'.repeat(2_048)] } })).rejects.toMatchObject({
      message: expect.stringContaining('maxSearchAttributeBytes = 2048') as string,
    })
    await expect(
      start({ memo: { a: 'x'.repeat(1_200_000), b: 'x'.repeat(1_200_000) } }),
    ).rejects.toMatchObject({
      code: 'SIGNALBOX_ERR_PAYLOAD_TOO_LARGE',
      message: expect.stringContaining('maxMemoBytes') as string,
    })
    await expect(start({ searchAttributes: { A: 'no list' } })).rejects.toThrow(
      'SearchAttribute value must be an array',
    )
    const handle = await client.workflow.start(findable, { workflowId: 'w' })
    await handle.signal(tag, { A: ['1'], B: ['2'] })
    await handle.signal(tag, { C: ['3'] })
    const parked = await eventually('it is parked', async () => (await handle.describe()).parked)
    expect(parked.reason).toContain('BadSearchAttributes: number of search attributes 3')
    ;({ client } = await lab.reopen({ code, limits }))
    const again = client.workflow.getHandle<typeof findable>('w')
    await again.signal(finish)
    expect((await again.result()).untyped).toEqual({ A: ['1'], B: ['2'], C: ['3'] })
    // What was accepted once stays, also with lower limits.
    ;({ client } = await lab.reopen({ code, limits: { ...limits, maxSearchAttributes: 1 } }))
    expect(await client.workflow.getHandle('w').query(seen)).toMatchObject({
      untyped: { C: ['3'] },
    })
  })

  test('have no names of what every run has by itself', async () => {
    const { client, service } = await (await Lab.create()).open({ code })
    const system = { ExecutionStatus: ['Running'] }
    const problem = "ExecutionStatus attribute can't be set in SearchAttributes"
    const refused = { code: 'SIGNALBOX_ERR_INVALID_ARGUMENT', message: problem }
    const start = { workflowId: 'refused', searchAttributes: system }
    await expect(client.workflow.start(findable, start)).rejects.toMatchObject(refused)
    const signal = { signal: note, signalArgs: [{}] as [Record<string, unknown>] }
    await expect(
      client.workflow.signalWithStart(findable, { ...start, ...signal }),
    ).rejects.toMatchObject(refused)
    await expect(
      service.startWorkflow({
        workflowId: 'refused',
        workflowType: 'findable',
        args: [],
        searchAttributes: { RunId: '"r"' },
      }),
    ).rejects.toMatchObject({ ...refused, message: expect.stringContaining('RunId') as string })
    const tagged = await client.workflow.start(findable, { workflowId: 'tagged' })
    await tagged.signal(tag, system)
    const heirs = await Promise.all(
      (['run', 'child'] as const).map((to) =>
        client.workflow.start(heir, { workflowId: to, args: [to, system] }),
      ),
    )
    for (const handle of [tagged, ...heirs]) {
      const parked = await eventually('parked', async () => (await handle.describe()).parked)
      expect(parked.reason).toContain(problem)
    }
    const free = { workflowId: 'free', searchAttributes: { executionStatus: ['Running'] } }
    await client.workflow.start(findable, free)
    expect(await found(client.workflow, "executionStatus = 'Running'")).toEqual(['free'])
  })

  test('of such names are replayed where an older history has them', async () => {
    const { client } = await (await Lab.create()).open({ code })
    const handle = await client.workflow.start(findable, { workflowId: 'w' })
    await handle.signal(tag, { Customer: ['ada'] })
    await handle.signal(finish)
    await handle.result()
    const { events } = await handle.fetchHistory()
    const base64 = (value: object) => Buffer.from(JSON.stringify(value)).toString('base64')
    const older = JSON.stringify({ events })
      .replaceAll(base64({ Customer: ['ada'] }), base64({ RunId: ['ada'] }))
      .replaceAll('Customer', 'RunId')
    expect(older).toContain('"RunId":')
    await replayHistory(await bundleOf(code), JSON.parse(older))
  })
})
