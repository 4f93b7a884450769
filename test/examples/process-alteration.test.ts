import { expect, test, vi } from 'vitest'
import {
  deploymentRollout,
  orderShipment,
  orderStatus,
  packNow,
  pause,
  quantityChanged,
  resume,
  rollback,
  rolloutStatus,
} from '../../examples/process-alteration/workflows.ts'
import { ActivityLog, Gate, openExample } from './example-runtime.ts'

const longMs = 60 * 60 * 1000

test('an order takes changes of its quantities until the line is packed', async () => {
  const log = new ActivityLog()
  const packing = new Gate()
  const packLine = log.record('packLine')
  const { runtime } = await openExample('process-alteration', {
    packLine: async (...args: unknown[]) => {
      await packLine(...args)
      await packing.opened
    },
    handToCarrier: log.record('handToCarrier'),
  })
  const lines = [
    { sku: 'tea', quantity: 1 },
    { sku: 'cup', quantity: 2 },
    { sku: 'pot', quantity: 1 },
  ]
  const handle = await runtime.client.workflow.start(orderShipment, {
    workflowId: 'order/7',
    args: [{ orderId: '7', lines, changesForMs: longMs }],
  })
  await handle.signal(quantityChanged, { sku: 'tea', quantity: 5 })
  expect(await handle.query(orderStatus)).toMatchObject({ packing: false, packed: [] })
  expect(log.calls).toEqual([])

  await handle.signal(packNow)
  await vi.waitFor(() => expect(log.calls).toHaveLength(1), 20_000)
  await handle.signal(quantityChanged, { sku: 'tea', quantity: 9 })
  await handle.signal(quantityChanged, { sku: 'cup', quantity: 4 })
  await handle.signal(quantityChanged, { sku: 'pot', quantity: 0 })
  await handle.signal(quantityChanged, { sku: 'spoon', quantity: 6 })
  packing.open()

  const packed = [
    { sku: 'tea', quantity: 5 },
    { sku: 'cup', quantity: 4 },
    { sku: 'spoon', quantity: 6 },
  ]
  expect(await handle.result()).toMatchObject({ packed, tooLate: [{ sku: 'tea', quantity: 9 }] })
  expect(log.calls).toEqual([
    ...packed.map((line) => ['packLine', '7', line]),
    ['handToCarrier', '7', packed],
  ])
})

test('an order without a word from the customer is packed when the time for changes is over', async () => {
  const log = new ActivityLog()
  const { runtime } = await openExample('process-alteration', {
    packLine: log.record('packLine'),
    handToCarrier: log.record('handToCarrier'),
  })
  const lines = [{ sku: 'tea', quantity: 1 }]
  const handle = await runtime.client.workflow.start(orderShipment, {
    workflowId: 'order/8',
    args: [{ orderId: '8', lines, changesForMs: 20 }],
  })
  expect(await handle.result()).toMatchObject({ packed: lines, tooLate: [] })
})

const rollout = {
  service: 'web',
  version: '2.0',
  previousVersion: '1.9',
  groups: [['a'], ['b1', 'b2'], ['c']],
}

/** A rollout whose deployment of each group waits until the test lets it go. */
async function openRollout() {
  const log = new ActivityLog()
  const gates = new Map(rollout.groups.map(([first]) => [`2.0 ${first}`, new Gate()]))
  const deployGroup = log.record('deployGroup')
  const { runtime } = await openExample('process-alteration', {
    deployGroup: async (service: string, version: string, hosts: readonly string[]) => {
      await deployGroup(service, version, hosts)
      await gates.get(`${version} ${hosts[0]}`)?.opened
    },
  })
  const handle = await runtime.client.workflow.start(deploymentRollout, {
    workflowId: 'rollout/1',
    args: [rollout],
  })
  const deploying = (groups: number): Promise<void> =>
    vi.waitFor(() => expect(log.calls).toHaveLength(groups), 20_000)
  const letGo = (host: string): void => gates.get(`2.0 ${host}`)?.open()
  return { log, handle, deploying, letGo }
}

test('a paused rollout waits, and goes on when it is told to', async () => {
  const { log, handle, deploying, letGo } = await openRollout()
  await deploying(1)
  await handle.signal(pause)
  letGo('a')
  await vi.waitFor(async () => {
    expect(await handle.query(rolloutStatus)).toEqual({ phase: 'paused', deployedGroups: 1 })
  }, 20_000)
  expect(log.calls).toHaveLength(1)

  await handle.signal(resume)
  letGo('b1')
  letGo('c')
  expect(await handle.result()).toEqual({ phase: 'rolled out', deployedGroups: 3 })
  expect(log.calls).toEqual(rollout.groups.map((hosts) => ['deployGroup', 'web', '2.0', hosts]))
})

test('a rollout that is rolled back restores the groups that it had reached, the last one first', async () => {
  const { log, handle, deploying, letGo } = await openRollout()
  letGo('a')
  await deploying(2)
  await handle.signal(pause)
  await handle.signal(rollback)
  await handle.signal(resume) // Comes too late to stop the roll-back.
  letGo('b1')
  expect(await handle.result()).toEqual({ phase: 'rolled back', deployedGroups: 0 })
  expect(log.calls).toEqual([
    ['deployGroup', 'web', '2.0', ['a']],
    ['deployGroup', 'web', '2.0', ['b1', 'b2']],
    ['deployGroup', 'web', '1.9', ['b1', 'b2']],
    ['deployGroup', 'web', '1.9', ['a']],
  ])
})
