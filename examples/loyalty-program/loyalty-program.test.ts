import { TestWorkflowEnvironment } from 'signalbox/testing'
import { afterAll, beforeAll, beforeEach, expect, test, vi } from 'vitest'
import { leave, loyaltyProgram, loyaltyStatus, purchased } from './workflows.ts'

const activities = { tellLevelReached: vi.fn(), sendStatus: vi.fn() }
let env: TestWorkflowEnvironment

beforeAll(async () => {
  env = await TestWorkflowEnvironment.createTimeSkipping({
    workflowsPath: new URL('./workflows.ts', import.meta.url),
    activities,
  })
})
beforeEach(() => vi.clearAllMocks())
afterAll(() => env.teardown())

test('a year of membership takes no time', async () => {
  const ada = await env.client.workflow.start(loyaltyProgram, {
    workflowId: 'customer-ada',
    args: ['ada'],
  })
  for (let month = 1; month <= 12; month++) {
    await ada.signal(purchased, { orderId: `order-${month}`, cents: 1_000 })
    await env.sleep('30 days')
  }
  expect(activities.tellLevelReached.mock.calls).toEqual([['ada', 'silver']])
  expect(activities.sendStatus).toHaveBeenCalledTimes(12)
  expect(await ada.query(loyaltyStatus)).toEqual({ level: 'silver', purchases: 12, cents: 12_000 })

  await ada.signal(leave)
  expect(await ada.result()).toMatchObject({ level: 'silver' })
})

test('a level is told again when the mail server was down for a while', async () => {
  activities.tellLevelReached.mockRejectedValueOnce(new Error('connection refused'))
  const bob = await env.client.workflow.start(loyaltyProgram, {
    workflowId: 'customer-bob',
    args: ['bob'],
  })
  for (let n = 0; n < 10; n++) await bob.signal(purchased, { orderId: `order-${n}`, cents: 1 })
  await bob.signal(leave)
  expect(await bob.result()).toMatchObject({ level: 'silver' })
  expect(activities.tellLevelReached).toHaveBeenCalledTimes(2)
})
