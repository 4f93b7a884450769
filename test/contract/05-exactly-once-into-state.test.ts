import { describe, expect, test } from 'vitest'
import { openGatedEngine } from '../fixtures/engine-lab.ts'
import { Lab, numbers, openRuntime } from '../fixtures/lab.ts'
import { add, collector, finish, items, lateHandler, roll, roller } from '../fixtures/workflows.ts'

const reused = { code: 'SIGNALBOX_ERR_REQUEST_ID_REUSED' }

describe('5 Exactly once into state', () => {
  test('a request id is applied once, however often and closely it is retried', async () => {
    const { client } = await openRuntime()
    const handle = await client.workflow.start(collector, { workflowId: 'w' })
    const send = (n: number): Promise<void> => handle.signal({ signal: add, requestId: `r${n}` }, n)
    await Promise.all(numbers(200).flatMap((n) => [send(n), send(n), send(n)]))
    await Promise.all(numbers(200).map(send))
    expect(await handle.query(items)).toEqual(numbers(200))
  })

  test('the duplicate of a signal that is not on disk yet is not acknowledged before it', async () => {
    const { client, gate } = await openGatedEngine()
    const handle = await client.start(collector, { workflowId: 'w' })
    gate.hold()
    const first = handle.signal({ signal: add, requestId: 'r' }, 1)
    await new Promise((resolve) => setTimeout(resolve, 20))
    let acknowledged = false
    const duplicate = handle.signal({ signal: add, requestId: 'r' }, 1).then(() => {
      acknowledged = true
    })
    await new Promise((resolve) => setTimeout(resolve, 20))
    expect(acknowledged).toBe(false)
    gate.release()
    await Promise.all([first, duplicate])
    expect(await handle.query(items)).toEqual([1])
  })

  test('the same request id with another payload or name is an error, and changes nothing', async () => {
    const { client } = await openRuntime()
    const handle = await client.workflow.start(collector, { workflowId: 'w' })
    const racing = handle.signal({ signal: add, requestId: 'r' }, 1)
    await expect(handle.signal({ signal: add, requestId: 'r' }, 2)).rejects.toMatchObject(reused)
    await racing
    await expect(handle.signal({ signal: add, requestId: 'r' }, 2)).rejects.toMatchObject(reused)
    await expect(handle.signal({ signal: finish, requestId: 'r' })).rejects.toMatchObject(reused)
    expect(await handle.query(items)).toEqual([1])
  })

  test('a request id belongs to its workflow id alone', async () => {
    const { client } = await openRuntime()
    const one = await client.workflow.start(collector, { workflowId: 'one' })
    const two = await client.workflow.start(collector, { workflowId: 'two' })
    await one.signal({ signal: add, requestId: 'r' }, 1)
    await two.signal({ signal: add, requestId: 'r' }, 2)
    expect(await one.query(items)).toEqual([1])
    expect(await two.query(items)).toEqual([2])
  })

  test('request ids live on over restarts', async () => {
    const lab = await Lab.create()
    const { client } = await lab.open()
    const handle = await client.workflow.start(collector, { workflowId: 'w' })
    const send = (target: typeof handle, n: number): Promise<void> =>
      target.signal({ signal: add, requestId: `r${n}` }, n)
    await Promise.all(numbers(500).map((n) => send(handle, n)))
    for (const slots of [1, 2]) {
      const again = (await lab.reopen({ slots })).client.workflow.getHandle<typeof collector>('w')
      await Promise.all(numbers(500).map((n) => send(again, n)))
      await expect(again.signal({ signal: add, requestId: 'r17' }, 'other')).rejects.toMatchObject(
        reused,
      )
      expect(await again.query(items)).toEqual(numbers(500))
    }
  })

  test('request ids live on over continue-as-new, also those of carried signals', async () => {
    const lab = await Lab.create()
    const { client } = await lab.open()
    const handle = await client.workflow.start(roller, { workflowId: 'w' })
    const late = await client.workflow.start(lateHandler, { workflowId: 'late' })
    const send = (target: Pick<typeof handle, 'signal'>, n: number): Promise<void> =>
      target.signal({ signal: add, requestId: `r${n}` }, n)
    for (const target of [handle, late]) {
      await Promise.all(numbers(20).map((n) => send(target, n)))
      await target.signal({ signal: roll, waitFor: 'processed' })
      await Promise.all(numbers(20).map((n) => send(target, n)))
      expect(await target.query(items)).toEqual(numbers(20))
    }
    const reopened = (await lab.reopen()).client.workflow
    for (const target of [reopened.getHandle('w'), reopened.getHandle('late')]) {
      await Promise.all(numbers(25).map((n) => send(target, n)))
      await expect(target.signal({ signal: add, requestId: 'r3' }, 'other')).rejects.toMatchObject(
        reused,
      )
      expect(await target.query(items)).toEqual(numbers(25))
    }
  })

  test('a duplicate of what a closed run took is acknowledged, not applied to the next run', async () => {
    const { client } = await openRuntime()
    const first = await client.workflow.start(collector, { workflowId: 'w' })
    await first.signal({ signal: add, requestId: 'r' }, 1)
    await first.signal(finish)
    await first.result()
    const retry = client.workflow.getHandle('w')
    await retry.signal({ signal: add, requestId: 'r' }, 1)
    const second = await client.workflow.start(collector, { workflowId: 'w' })
    await retry.signal({ signal: add, requestId: 'r' }, 1)
    expect(await second.query(items)).toEqual([])
  })

  test('a start with the same request id gives the same run, and another payload is an error', async () => {
    const lab = await Lab.create()
    let { client } = await lab.open()
    const start = (args: unknown[] = [['a']]): Promise<string | undefined> =>
      client.workflow
        .start('roller', { workflowId: 'w', requestId: 's', args })
        .then(async (handle) => (await handle.describe()).runId)
    const ids = await Promise.all(numbers(10).map(() => start()))
    expect(new Set(ids).size).toBe(1)
    await expect(start([['b']])).rejects.toMatchObject(reused)
    ;({ client } = await lab.reopen())
    expect(await start()).toBe(ids[0])
    await expect(start([['b']])).rejects.toMatchObject(reused)
    expect(await client.workflow.getHandle('w').query(items)).toEqual(['a'])
  })

  test('a duplicate that waits until it is handled waits for the first one', async () => {
    const { client } = await openRuntime()
    const handle = await client.workflow.start(collector, { workflowId: 'w' })
    const send = (): Promise<void> =>
      handle.signal({ signal: add, requestId: 'r', waitFor: 'processed' }, 1)
    await Promise.all([send(), send(), handle.signal(add, 2), send()])
    await send()
    expect(await handle.query(items)).toEqual([1, 2])
  })
})
