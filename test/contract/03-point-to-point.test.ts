import { describe, expect, test } from 'vitest'
import { numbers, openRuntime } from '../fixtures/lab.ts'
import { add, collector, finish, items, roll, roller } from '../fixtures/workflows.ts'

describe('3 Point to point', () => {
  test('a signal for a run that has closed is refused, and reaches no later run of the id', async () => {
    const { client } = await openRuntime()
    const first = await client.workflow.start(collector, { workflowId: 'w' })
    const { runId } = await first.describe()
    await first.signal(finish)
    await first.result()
    const second = await client.workflow.start(collector, { workflowId: 'w' })
    await expect(client.workflow.getHandle('w', runId).signal(add, 1)).rejects.toMatchObject({
      name: 'WorkflowNotFoundError',
      code: 'SIGNALBOX_ERR_WORKFLOW_NOT_FOUND',
    })
    await second.signal(add, 2)
    expect(await second.query(items)).toEqual([2])
  })

  test('a signal for no workflow is refused', async () => {
    const { client } = await openRuntime()
    await expect(client.workflow.getHandle('nobody').signal(add, 1)).rejects.toMatchObject({
      code: 'SIGNALBOX_ERR_WORKFLOW_NOT_FOUND',
    })
  })

  test('a run id of another workflow is not taken for its own', async () => {
    const { client } = await openRuntime()
    const one = await client.workflow.start(collector, { workflowId: 'one' })
    const two = await client.workflow.start(collector, { workflowId: 'two' })
    const { runId } = await two.describe()
    await expect(client.workflow.getHandle('one', runId).signal(add, 1)).rejects.toMatchObject({
      code: 'SIGNALBOX_ERR_WORKFLOW_NOT_FOUND',
    })
    expect(await one.query(items)).toEqual([])
    expect(await two.query(items)).toEqual([])
  })

  test('the successor by continue-as-new gets what its workflow id is sent', async () => {
    const { client } = await openRuntime()
    const handle = await client.workflow.start(roller, { workflowId: 'w' })
    const sent: Promise<void>[] = []
    for (const n of numbers(600)) {
      sent.push(handle.signal(add, n))
      if (n % 100 === 50) sent.push(handle.signal(roll))
      if (n % 30 === 0) await new Promise((resolve) => setImmediate(resolve))
    }
    await Promise.all(sent)
    await handle.signal(finish)
    expect(await handle.result()).toEqual(numbers(600))
  })

  test('every signal reaches the run that its sender meant, whoever else is running', async () => {
    const { client } = await openRuntime()
    const ids = numbers(100).map((i) => `w${i}`)
    const handles = await Promise.all(
      ids.map((workflowId) => client.workflow.start(collector, { workflowId })),
    )
    await Promise.all(
      numbers(50).flatMap((n) =>
        handles.map((handle) => handle.signal(add, `${handle.workflowId}/${n}`)),
      ),
    )
    for (const handle of handles) {
      expect(await handle.query(items)).toEqual(numbers(50).map((n) => `${handle.workflowId}/${n}`))
    }
  })
})
