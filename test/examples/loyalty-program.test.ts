import { expect, test, vi } from 'vitest'
import {
  leave,
  loyaltyProgram,
  loyaltyStatus,
  purchased,
} from '../../examples/loyalty-program/workflows.ts'
import { ActivityLog, openExample } from './example-runtime.ts'

const start = (customer: string, orderId: string, statusEveryMs?: number) => ({
  workflowId: `loyalty/${customer}`,
  args: [customer, statusEveryMs === undefined ? {} : { statusEveryMs }] as const,
  signal: purchased,
  signalArgs: [{ orderId, cents: 250 }] as [{ orderId: string; cents: number }],
  requestId: orderId,
})

test('each level is told once, in order, also when the runtime restarts between purchases', async () => {
  const log = new ActivityLog()
  const activities = {
    tellLevelReached: log.record('tellLevelReached'),
    sendStatus: log.record('sendStatus'),
  }
  const example = await openExample('loyalty-program', activities)
  const buy = async (runtime: typeof example.runtime, from: number, to: number): Promise<void> => {
    for (let order = from; order < to; order += 1) {
      await runtime.client.workflow.signalWithStart(loyaltyProgram, start('ada', `order-${order}`))
    }
  }
  await buy(example.runtime, 0, 30)
  const runtime = await example.restart()
  await buy(runtime, 20, 60) // Ten of them for the second time.

  const handle = runtime.client.workflow.getHandle<typeof loyaltyProgram>('loyalty/ada')
  expect(await handle.query(loyaltyStatus)).toEqual({
    level: 'gold',
    purchases: 60,
    cents: 60 * 250,
  })
  await handle.signal(leave)
  expect(await handle.result()).toEqual({ level: 'gold', purchases: 60, cents: 15_000 })
  expect(log.calls).toEqual([
    ['tellLevelReached', 'ada', 'silver'],
    ['tellLevelReached', 'ada', 'gold'],
  ])
})

test('the customer is told the status again and again', async () => {
  const log = new ActivityLog()
  const { runtime } = await openExample('loyalty-program', {
    tellLevelReached: log.record('tellLevelReached'),
    sendStatus: log.record('sendStatus'),
  })
  const handle = await runtime.client.workflow.signalWithStart(
    loyaltyProgram,
    start('bob', 'order-0', 50),
  )
  await vi.waitFor(() => expect(log.named('sendStatus').length).toBeGreaterThanOrEqual(3), 20_000)
  await handle.signal(leave)
  await handle.result()

  const status = { level: 'member', purchases: 1, cents: 250 }
  for (const call of log.calls) expect(call).toEqual(['sendStatus', 'bob', status])
})
