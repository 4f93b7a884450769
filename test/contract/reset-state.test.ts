import { expect, test } from 'vitest'
import { EncryptionCodec } from '../fixtures/encryption-codec.ts'
import { eventually } from '../fixtures/eventually.ts'
import { bought, buy, done } from '../fixtures/code/order-v1.ts'
import { Lab, numbers, openRuntime } from '../fixtures/lab.ts'
import { findable, finish as end, note, seen, tag } from '../fixtures/lifecycle.ts'
import { add, collector, finish, items } from '../fixtures/workflows.ts'

test('a run whose code no longer fits its history goes on with the code of today', async () => {
  const activities = {
    reserve: async (item: string) => `reserved ${item}`,
    pay: async (item: string) => `paid ${item}`,
  }
  const lab = await Lab.create()
  let { client } = await lab.open({ code: 'code/order-v1.ts', activities })
  let handle = await client.workflow.start('order', { workflowId: 'w' })
  await handle.signal(buy, 'tea')
  await eventually('tea is bought', async () => (await handle.query(bought)).length === 2)
  ;({ client } = await lab.reopen({ code: 'code/order-swapped.ts', activities }))
  handle = client.workflow.getHandle('w')
  await handle.signal(buy, 'milk')
  await eventually('the run is parked', async () => (await handle.describe()).parked)
  await handle.reset({ type: 'FirstWorkflowTask', reason: 'pay before' })
  const anew = client.workflow.getHandle('w')
  await anew.signal(done)
  expect(await anew.result()).toEqual(['paid tea', 'reserved tea', 'paid milk', 'reserved milk'])
})

test('search attributes and the memo are as they were at the point', async () => {
  const { client } = await openRuntime({ code: 'lifecycle.ts' })
  const handle = await client.workflow.start(findable, {
    workflowId: 'w',
    memo: { from: 'the start' },
    searchAttributes: { Customer: ['Ada'] },
  })
  await handle.signal({ signal: tag, waitFor: 'processed' }, { Customer: ['Grace'] })
  await handle.signal({ signal: note, waitFor: 'processed' }, { later: 'a note' })
  await handle.signal({ signal: tag, waitFor: 'processed' }, { Customer: ['Edsger'] })
  const tasks = await eventually('all of it is on disk', async () => {
    const { events } = await handle.fetchHistory()
    const found = events.filter(({ eventType }) => eventType.endsWith('WORKFLOW_TASK_COMPLETED'))
    return found.length === 4 && found.map(({ eventId }) => Number(eventId))
  })
  const at = async (customer: string): Promise<number> => {
    const query = `Customer = '${customer}' AND ExecutionStatus = 'Running'`
    return (await client.workflow.count(query)).count
  }
  // The second task is done anew, and what it tagged with it; the note is left out.
  await handle.reset({ eventId: tasks[1] as number, reapplyExclude: ['SIGNAL'] })
  const anew = client.workflow.getHandle<typeof findable>('w')
  expect(await anew.query(seen)).toMatchObject({
    memo: { from: 'the start' },
    untyped: { Customer: ['Grace'] },
  })
  await eventually('it is found by what it tagged', async () => (await at('Grace')) === 1)
  expect([await at('Ada'), await at('Edsger')]).toEqual([0, 0])
  await anew.signal(end)
})

test('what payload codecs made of a history is taken over as it is', async () => {
  const lab = await Lab.create()
  const options = { dataConverter: { payloadCodecs: [new EncryptionCodec()] } }
  let { client } = await lab.open(options)
  const handle = await client.workflow.start(collector, { workflowId: 'w' })
  for (const n of numbers(4)) {
    await handle.signal({ signal: add, requestId: `s-${n}`, waitFor: 'processed' }, n)
  }
  const { events } = await handle.fetchHistory()
  const task = events.filter(({ eventType }) => eventType.endsWith('TASK_COMPLETED'))[2]
  await handle.reset({ eventId: Number(task?.eventId), reason: 'mended' })
  ;({ client } = await lab.reopen(options))
  const anew = client.workflow.getHandle<typeof collector>('w')
  await Promise.all(numbers(4).map((n) => anew.signal({ signal: add, requestId: `s-${n}` }, n)))
  expect(await anew.query(items)).toEqual(numbers(4))
  await anew.signal(finish)
  expect(await anew.result()).toEqual(numbers(4))
})
