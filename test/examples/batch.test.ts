import { expect, test } from 'vitest'
import { batchProgress, invoiceBatch } from '../../examples/batch/workflows.ts'
import { eventually } from '../fixtures/eventually.ts'
import { openExample } from './example-runtime.ts'

test('every invoice is sent, a window at a time, over several runs and a restart', async () => {
  const sent: number[] = []
  let busy = 0
  let most = 0
  const example = await openExample('batch', {
    sendInvoice: async (_batchId: string, invoice: number) => {
      most = Math.max(most, ++busy)
      await new Promise((resolve) => setTimeout(resolve, 2))
      busy--
      sent.push(invoice)
    },
  })
  const handle = await example.runtime.client.workflow.start(invoiceBatch, {
    workflowId: 'invoices',
    args: [{ invoices: 60, window: 5, perRun: 16 }],
  })
  await eventually('some are sent', async () => {
    return (await handle.query(batchProgress)).sent > 20
  })
  const { client } = await example.restart()
  const resumed = client.workflow.getHandle<typeof invoiceBatch>('invoices')
  expect(await resumed.result()).toBe(60)
  expect([...new Set(sent)].sort((a, b) => a - b)).toEqual(Array.from({ length: 60 }, (_, n) => n))
  expect(most).toBeLessThanOrEqual(5)
  const { count } = await client.workflow.count("WorkflowId = 'invoices'")
  expect(count).toBe(4)
  const children = await client.workflow.count("WorkflowType = 'invoiceMailing'")
  expect(children.count).toBe(60)
})
