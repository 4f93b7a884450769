import type { Runtime } from 'signalbox'
import { describe, expect, test } from 'vitest'
import { eventually } from '../fixtures/eventually.ts'
import { done, handed, length, parcel } from '../fixtures/code/courier-patched.ts'
import { Lab } from '../fixtures/lab.ts'

const activities = {
  collect: async (item: string) => `collected ${item}`,
  deliver: async (item: string) => `delivered ${item}`,
}
type Version = 'v1' | 'patched' | 'deprecated' | 'after'
const code = (version: Version) => ({
  code: `code/courier-${version}.ts`,
  activities,
  limits: { parkBackoffMs: 20, parkBackoffMaxMs: 100 },
})
type Client = Runtime['client']

async function send(client: Client, item: string, workflowId = 'w'): Promise<string[]> {
  const handle = client.workflow.getHandle(workflowId)
  const before = await handle.query(handed)
  await handle.signal(parcel, item)
  return eventually(`${item} is handed over`, async () => {
    const now = await handle.query(handed)
    return now.length > before.length && now
  })
}

const kinds = async (client: Client): Promise<string[]> => {
  const { events } = await client.workflow.getHandle('w').fetchHistory()
  return events.map(({ eventType }) => eventType.replace('EVENT_TYPE_', ''))
}

/** The history's length as the workflow saw it is the id of the STARTED of the same turn. */
async function lengthFits(client: Client): Promise<void> {
  const seen = await client.workflow.getHandle('w').query(length)
  expect((await kinds(client))[seen - 1]).toBe('WORKFLOW_TASK_STARTED')
}

describe('Versioning', () => {
  test('a patch is taken by new runs, not by what old runs have done, and the answers stay', async () => {
    const lab = await Lab.create()
    let { client } = await lab.open(code('v1'))
    await client.workflow.start('courier', { workflowId: 'w' })
    expect(await send(client, 'tea')).toEqual(['collected tea'])

    ;({ client } = await lab.reopen(code('patched')))
    // What it did before is done again on the old way; what it does for the first time, on the new one.
    expect(await client.workflow.getHandle('w').query(handed)).toEqual(['collected tea'])
    expect(await send(client, 'milk')).toEqual(['collected tea', 'delivered milk'])
    await client.workflow.start('courier', { workflowId: 'new' })
    expect(await send(client, 'salt', 'new')).toEqual(['delivered salt'])
    await lengthFits(client)
    expect(await send(client, 'eggs')).toEqual([
      'collected tea',
      'delivered milk',
      'delivered eggs',
    ])

    ;({ client } = await lab.reopen(code('patched')))
    const handle = client.workflow.getHandle('w')
    expect(await handle.query(handed)).toEqual([
      'collected tea',
      'delivered milk',
      'delivered eggs',
    ])
    await lengthFits(client)
    const markers = (await kinds(client)).filter((kind) => kind === 'MARKER_RECORDED')
    expect(markers).toHaveLength(1)
    await handle.signal(done)
    expect(await handle.result()).toHaveLength(3)
  })

  test('the marker is Temporal’s, with its search attribute, by which runs are found', async () => {
    const lab = await Lab.create()
    const { client } = await lab.open(code('patched'))
    await client.workflow.start('courier', { workflowId: 'w' })
    await client.workflow.start('courier', { workflowId: 'idle' })
    await send(client, 'tea')
    const { events } = await client.workflow.getHandle('w').fetchHistory()
    const at = events.findIndex(({ eventType }) => eventType === 'EVENT_TYPE_MARKER_RECORDED')
    const json = (text: string) => Buffer.from(text).toString('base64')
    expect(events[at]?.['markerRecordedEventAttributes']).toMatchObject({
      markerName: 'core_patch',
      details: {
        'patch-data': {
          payloads: [
            {
              metadata: { encoding: json('json/plain') },
              data: json('{"id":"delivery","deprecated":false}'),
            },
          ],
        },
      },
    })
    expect(events[at + 1]).toMatchObject({
      eventType: 'EVENT_TYPE_UPSERT_WORKFLOW_SEARCH_ATTRIBUTES',
      upsertWorkflowSearchAttributesEventAttributes: {
        searchAttributes: {
          indexedFields: { TemporalChangeVersion: { data: json('["delivery"]') } },
        },
      },
    })
    const query = "TemporalChangeVersion = 'delivery'"
    expect(await client.workflow.count(query)).toEqual({ count: 1 })
    expect(await client.workflow.count('TemporalChangeVersion IS NULL')).toEqual({ count: 1 })
  })

  test('deprecatePatch goes on with runs that have the marker, and marks new ones', async () => {
    const lab = await Lab.create()
    let { client } = await lab.open(code('patched'))
    await client.workflow.start('courier', { workflowId: 'w' })
    await send(client, 'tea')
    ;({ client } = await lab.reopen(code('deprecated')))
    expect(await send(client, 'milk')).toEqual(['delivered tea', 'delivered milk'])
    await client.workflow.start('courier', { workflowId: 'new' })
    await send(client, 'salt', 'new')
    // Both old and new code go on with what either has written.
    ;({ client } = await lab.reopen(code('patched')))
    expect(await send(client, 'ham', 'new')).toEqual(['delivered salt', 'delivered ham'])
    expect(await send(client, 'eggs')).toHaveLength(3)
  })

  test('a deprecated patch may be removed; one that is not parks the run until it is back', async () => {
    const lab = await Lab.create()
    let { client } = await lab.open(code('deprecated'))
    await client.workflow.start('courier', { workflowId: 'w' })
    await send(client, 'tea')
    ;({ client } = await lab.reopen(code('patched')))
    await client.workflow.start('courier', { workflowId: 'early' })
    await send(client, 'salt', 'early')

    ;({ client } = await lab.reopen(code('after')))
    expect(await send(client, 'milk')).toEqual(['delivered tea', 'delivered milk'])
    // Its history still has the deprecated marker, and is as long as that makes it.
    await lengthFits(client)
    const early = client.workflow.getHandle('early')
    await early.signal(parcel, 'pepper')
    const parked = await eventually('it is parked', async () => (await early.describe()).parked)
    expect(parked.reason).toContain('setPatchMarker delivery')

    ;({ client } = await lab.reopen(code('deprecated')))
    const mended = client.workflow.getHandle('early')
    await eventually('pepper is handed over', async () => (await mended.query(handed)).length === 2)
  })

  test('deprecatePatch over a history without the marker takes the new way, which is a mismatch', async () => {
    const lab = await Lab.create()
    let { client } = await lab.open(code('v1'))
    await client.workflow.start('courier', { workflowId: 'w' })
    await send(client, 'tea')
    ;({ client } = await lab.reopen(code('deprecated')))
    const handle = client.workflow.getHandle('w')
    await handle.signal(parcel, 'milk')
    const parked = await eventually('it is parked', async () => (await handle.describe()).parked)
    expect(parked.reason).toContain('collect')
    ;({ client } = await lab.reopen(code('patched')))
    await eventually(
      'milk is handed over',
      async () => (await client.workflow.getHandle('w').query(handed)).length === 2,
    )
  })
})
