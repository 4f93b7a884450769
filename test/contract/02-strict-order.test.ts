import { describe, expect, test } from 'vitest'
import { Lab, numbers, openRuntime } from '../fixtures/lab.ts'
import { add, collector, finish, items } from '../fixtures/workflows.ts'

describe('2 Strict order', () => {
  test('signals of one client that are not awaited are handled in the order of the calls', async () => {
    const { client } = await openRuntime()
    const handles = await Promise.all(
      numbers(20).map((i) => client.workflow.start(collector, { workflowId: `w${i}` })),
    )
    const sent: Promise<void>[] = []
    for (const n of numbers(2_000)) {
      for (const [i, handle] of handles.entries()) {
        // Of every size and kind, so that no path through the engine is shorter than another.
        const item = n % 7 === i % 7 ? `${n} ${'x'.repeat((n * 37) % 3_000)}` : n
        sent.push(
          n % 5 === 0
            ? handle.signal({ signal: add, requestId: `r${n}` }, item)
            : handle.signal(add, item),
        )
      }
      // Now and then the event loop turns, so that the signals fall into many commits.
      if (n % 97 === 0) await new Promise((resolve) => setImmediate(resolve))
    }
    await Promise.all(sent)
    for (const handle of handles) {
      const got = await handle.query(items)
      expect(got.map((item) => Number.parseInt(String(item), 10))).toEqual(numbers(2_000))
    }
  })

  test('what was acknowledged before another was sent is handled before it', async () => {
    const { client } = await openRuntime()
    const handle = await client.workflow.start(collector, { workflowId: 'w' })
    const other = client.workflow.getHandle('w')
    for (const round of numbers(50)) {
      await Promise.all(numbers(10).map((n) => handle.signal(add, round * 20 + n)))
      await Promise.all(numbers(10, 10).map((n) => other.signal(add, round * 20 + n)))
    }
    expect(await handle.query(items)).toEqual(numbers(1_000))
  })

  test('order holds over a restart with another number of slots', async () => {
    const lab = await Lab.create()
    const first = await lab.open({ slots: 1 })
    const ids = numbers(30).map((i) => `w${i}`)
    for (const workflowId of ids) {
      const handle = await first.client.workflow.start(collector, { workflowId })
      await Promise.all(numbers(20).map((n) => handle.signal(add, n)))
    }
    for (const [round, slots] of [3, 2].entries()) {
      const { client } = await lab.reopen({ slots })
      for (const id of ids) {
        const handle = client.workflow.getHandle(id)
        await Promise.all(numbers(20, 20 * (round + 1)).map((n) => handle.signal(add, n)))
      }
      for (const id of ids) {
        expect(await client.workflow.getHandle(id).query(items)).toEqual(numbers(20 * (round + 2)))
      }
    }
    const { client } = await lab.reopen({ slots: 1 })
    for (const id of ids) {
      const handle = client.workflow.getHandle<typeof collector>(id)
      await handle.signal(finish)
      expect(await handle.result()).toEqual(numbers(60))
    }
  })
})
