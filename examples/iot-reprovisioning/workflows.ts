import {
  condition,
  continueAsNew,
  defineQuery,
  defineSignal,
  proxyActivities,
  setHandler,
  workflowInfo,
} from 'signalbox/workflow'
import type * as activities from './activities.ts'

export type DeviceEvent = 'boot' | 'loginRefused' | 'heartbeat' | 'retired'

export type DeviceState =
  'healthy' | 'booted' | 'refusedOnce' | 'bootedAgain' | 'lockedOut' | 'retired'

export interface DeviceStatus {
  readonly state: DeviceState
  readonly reprovisioned: number
}

export const deviceEvent = defineSignal<[DeviceEvent]>('deviceEvent')
export const deviceStatus = defineQuery<DeviceStatus>('deviceStatus')

/**
 * A device is locked out when it boots, is refused, boots again and is refused again, with no
 * heartbeat in between. An event that a state does not list changes nothing.
 */
const transitions: Record<DeviceState, Partial<Record<DeviceEvent, DeviceState>>> = {
  healthy: { boot: 'booted', retired: 'retired' },
  booted: { loginRefused: 'refusedOnce', heartbeat: 'healthy', retired: 'retired' },
  refusedOnce: { boot: 'bootedAgain', heartbeat: 'healthy', retired: 'retired' },
  bootedAgain: { loginRefused: 'lockedOut', heartbeat: 'healthy', retired: 'retired' },
  lockedOut: { retired: 'retired' },
  retired: {},
}

const { reprovision } = proxyActivities<typeof activities>({
  startToCloseTimeout: '2 minutes',
  retry: { initialInterval: '1 second', maximumInterval: '1 minute' },
})

/** One run per device: follows its events through the state machine and mends it when it is locked out. */
export async function deviceLifecycle(
  deviceId: string,
  carried: DeviceStatus = { state: 'healthy', reprovisioned: 0 },
): Promise<DeviceStatus> {
  let { state, reprovisioned } = carried

  // Signals come in the order in which they were accepted, one at a time; the machine relies on it.
  setHandler(deviceEvent, (event) => {
    state = transitions[state][event] ?? state
  })
  setHandler(deviceStatus, () => ({ state, reprovisioned }))

  // The handler changes `state` behind the compiler's back, so it is read through a function.
  const is = (wanted: DeviceState): boolean => state === wanted

  while (!is('retired')) {
    await condition(() => is('lockedOut') || is('retired') || workflowInfo().continueAsNewSuggested)
    if (is('lockedOut')) {
      // Until the activity is done the device stays locked out: its reboots are part of the cure,
      // and only being retired counts.
      await reprovision(deviceId, reprovisioned + 1)
      reprovisioned += 1
      if (is('lockedOut')) state = 'healthy'
    } else if (!is('retired')) {
      await continueAsNew<typeof deviceLifecycle>(deviceId, { state, reprovisioned })
    }
  }
  return { state, reprovisioned }
}
