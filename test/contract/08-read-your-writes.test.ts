import { describe, expect, test } from 'vitest'
import { eventually } from '../fixtures/eventually.ts'
import { Lab, numbers, openRuntime } from '../fixtures/lab.ts'
import {
  add,
  collector,
  finish,
  items,
  meddle,
  meddler,
  peek,
  roll,
  roller,
  stray,
  strays,
} from '../fixtures/workflows.ts'

const notReady = { code: 'SIGNALBOX_ERR_WORKFLOW_NOT_READY' }

describe('8 Read your writes', () => {
  test('a query sees every signal that was acknowledged before it was sent', async () => {
    const { client } = await openRuntime()
    const handles = await Promise.all(
      numbers(10).map((i) => client.workflow.start(collector, { workflowId: `w${i}` })),
    )
    await Promise.all(
      handles.map(async (handle) => {
        for (const n of numbers(100)) {
          await handle.signal(add, n)
          expect(await handle.query(items)).toHaveLength(n + 1)
        }
      }),
    )
  })

  test('also while others keep sending', async () => {
    const { client } = await openRuntime()
    const handle = await client.workflow.start(collector, { workflowId: 'w' })
    let acknowledged = 0
    let sending = 0
    const noise = setInterval(() => {
      for (; sending < acknowledged + 1_000; sending++) {
        void handle.signal(add, sending).then(() => acknowledged++)
      }
    }, 1)
    try {
      for (const _ of numbers(100)) {
        const least = acknowledged
        const seen = await handle.query(items)
        expect(seen.length).toBeGreaterThanOrEqual(least)
        expect(seen).toEqual(numbers(seen.length))
      }
    } finally {
      clearInterval(noise)
    }
  })

  test('also after a restart, when the workflow has to be built anew', async () => {
    const lab = await Lab.create()
    const { client } = await lab.open()
    const handle = await client.workflow.start(collector, { workflowId: 'w' })
    await Promise.all(numbers(1_000).map((n) => handle.signal(add, n)))
    for (const _ of numbers(3)) {
      const reopened = (await lab.reopen()).client.workflow.getHandle('w')
      expect(await reopened.query(items)).toEqual(numbers(1_000))
    }
  })

  test('also when the workflow is about to close, and after it has', async () => {
    const { client } = await openRuntime()
    for (const round of numbers(150)) {
      const handle = await client.workflow.start(collector, { workflowId: `w${round}` })
      const finished = handle.signal(finish)
      if (round % 3 > 0) await new Promise((resolve) => setImmediate(resolve))
      if (round % 3 > 1) await new Promise((resolve) => setImmediate(resolve))
      const late = await handle.signal(add, 'late').then(
        () => ['late'],
        () => [],
      )
      expect(await handle.query(items)).toEqual(late)
      await finished
      expect(await handle.result()).toEqual(late)
      expect(await handle.query(items)).toEqual(late)
    }
  })

  test('also over continue-as-new', async () => {
    const { client } = await openRuntime()
    const handle = await client.workflow.start(roller, { workflowId: 'w' })
    for (const n of numbers(100)) {
      const rolling = n % 4 === 0 ? handle.signal(roll) : undefined
      await handle.signal(add, n)
      expect(await handle.query(items)).toEqual(numbers(n + 1))
      await rolling
    }
  })

  test('actors that had to leave memory answer as if they had stayed', async () => {
    const { client } = await openRuntime({ limits: { maxCachedWorkflows: 4 } })
    const handles = await Promise.all(
      numbers(40).map((i) => client.workflow.start(collector, { workflowId: `w${i}` })),
    )
    for (const n of numbers(5)) {
      await Promise.all(
        handles.map(async (handle) => {
          await handle.signal(add, n)
          expect(await handle.query(items)).toEqual(numbers(n + 1))
        }),
      )
    }
  })

  test('queries change nothing, even those that try', async () => {
    const { client } = await openRuntime()
    const handle = await client.workflow.start(meddler, { workflowId: 'w' })
    await handle.signal(add, 1)
    await expect(handle.query(meddle)).rejects.toMatchObject({ code: 'SIGNALBOX_ERR_QUERY_FAILED' })
    expect(await handle.query(peek)).toBe(1)
    const racing = numbers(20).map((n) =>
      n % 2 === 0 ? handle.query(meddle).catch(() => undefined) : handle.signal(add, n),
    )
    await Promise.all(racing)
    expect(await handle.query(peek)).toBe(11)
    const { events } = await handle.fetchHistory()
    expect(events.filter(({ eventType }) => eventType.includes('TIMER'))).toEqual([])
    await handle.signal(finish)
    expect(await handle.result()).toBe(11)
  })

  test('a query for what the workflow does not answer says so', async () => {
    const { client } = await openRuntime()
    const handle = await client.workflow.start(collector, { workflowId: 'w' })
    await expect(handle.query('nonsense')).rejects.toMatchObject({
      name: 'QueryNotRegisteredError',
    })
  })

  test('a parked run answers that it is not ready', async () => {
    const { client } = await openRuntime({ limits: { parkBackoffMs: 20, parkBackoffMaxMs: 40 } })
    const handle = await client.workflow.start(stray, { workflowId: 'w', args: ['throw'] })
    // However the query falls between its attempts.
    for (const _ of numbers(20)) {
      await expect(handle.query(strays)).rejects.toMatchObject(notReady)
    }
    await eventually('it is parked', async () => (await handle.describe()).parked)
    await expect(handle.query(strays)).rejects.toMatchObject(notReady)
  })

  test('a workflow that was terminated before its first turn still answers', async () => {
    const { client } = await openRuntime({ slots: 1 })
    const bystander = await client.workflow.start(collector, { workflowId: 'bystander' })
    await bystander.signal(add, 1)
    const starting = client.workflow.start(collector, { workflowId: 'w' })
    await client.workflow.getHandle('w').terminate()
    const handle = await starting
    await expect(handle.query(items)).rejects.toMatchObject({
      code: 'SIGNALBOX_ERR_QUERY_NOT_REGISTERED',
    })
    expect((await handle.describe()).parked).toBeUndefined()
    expect(await bystander.query(items)).toEqual([1])
  })
})
