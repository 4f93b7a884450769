import { expect, test, vi } from 'vitest'
import {
  deviceEvent,
  deviceLifecycle,
  deviceStatus,
  type DeviceEvent,
} from '../../examples/iot-reprovisioning/workflows.ts'
import { openExample } from './example-runtime.ts'

const lockedOut: readonly DeviceEvent[] = ['boot', 'loginRefused', 'boot', 'loginRefused']

async function openDevice(reprovision: (deviceId: string, generation: number) => Promise<string>) {
  const { runtime } = await openExample('iot-reprovisioning', { reprovision })
  const handle = await runtime.client.workflow.start(deviceLifecycle, {
    workflowId: 'device/17',
    args: ['17'],
  })
  const send = async (...events: readonly DeviceEvent[]): Promise<void> => {
    // Not awaited one by one: the order of the calls is the order of the signals.
    await Promise.all(events.map((event) => handle.signal(deviceEvent, event)))
  }
  return { handle, send }
}

test('a locked-out device is reprovisioned, retried until it works, and only then', async () => {
  const generations: number[] = []
  const { handle, send } = await openDevice(async (_deviceId, generation) => {
    generations.push(generation)
    if (generations.length === 1) throw new Error('the device does not answer')
    return `credentials-${generation}`
  })

  await send('boot', 'loginRefused', 'heartbeat', 'boot', 'loginRefused', 'boot', 'heartbeat')
  await send('loginRefused', 'boot', 'heartbeat')
  expect(await handle.query(deviceStatus)).toEqual({ state: 'healthy', reprovisioned: 0 })
  expect(generations).toEqual([])

  await send(...lockedOut, 'boot', 'loginRefused') // The last two are part of the cure.
  await vi.waitFor(async () => {
    expect(await handle.query(deviceStatus)).toEqual({ state: 'healthy', reprovisioned: 1 })
  }, 20_000)
  expect(generations).toEqual([1, 1])

  await send(...lockedOut)
  await vi.waitFor(async () => {
    expect(await handle.query(deviceStatus)).toEqual({ state: 'healthy', reprovisioned: 2 })
  }, 20_000)
  expect(generations).toEqual([1, 1, 2])

  await send('retired')
  expect(await handle.result()).toEqual({ state: 'retired', reprovisioned: 2 })
})
