import {
  condition,
  defineQuery,
  defineSignal,
  proxyActivities,
  setHandler,
} from 'signalbox/workflow'
import type * as activities from './activities.ts'

export interface Rollout {
  readonly service: string
  readonly version: string
  readonly previousVersion: string
  /** Groups of hosts; a group is deployed before the next begins. */
  readonly groups: readonly (readonly string[])[]
}

export type RolloutPhase = 'rolling out' | 'paused' | 'rolling back' | 'rolled out' | 'rolled back'

export interface RolloutStatus {
  readonly phase: RolloutPhase
  /** How many groups run the new version. */
  readonly deployedGroups: number
}

export const pause = defineSignal('pause')
export const resume = defineSignal('continue')
export const rollback = defineSignal('rollback')
export const rolloutStatus = defineQuery<RolloutStatus>('rolloutStatus')

const { deployGroup } = proxyActivities<typeof activities>({
  startToCloseTimeout: '10 minutes',
  retry: { maximumAttempts: 5 },
})

/** Deploys group by group. It can be paused between groups, and then continued or rolled back. */
export async function deploymentRollout(rollout: Rollout): Promise<RolloutStatus> {
  const { service, version, previousVersion, groups } = rollout
  let phase: RolloutPhase = 'rolling out'
  let deployedGroups = 0

  // Whoever asks for a roll-back means it: nothing takes it back.
  setHandler(pause, () => {
    if (phase === 'rolling out') phase = 'paused'
  })
  setHandler(resume, () => {
    if (phase === 'paused') phase = 'rolling out'
  })
  setHandler(rollback, () => {
    if (phase === 'rolling out' || phase === 'paused') phase = 'rolling back'
  })
  setHandler(rolloutStatus, () => ({ phase, deployedGroups }))

  // Handlers change `phase` behind the compiler's back, so it is read through a function.
  const rollingBack = (): boolean => phase === 'rolling back'

  for (const hosts of groups) {
    await condition(() => phase !== 'paused')
    if (rollingBack()) break
    // A group is never left half done: a signal that comes now is heeded when it has been deployed.
    await deployGroup(service, version, hosts)
    deployedGroups += 1
  }
  // Also after the last group, somebody may have paused to look at it.
  await condition(() => phase !== 'paused')

  if (!rollingBack()) {
    phase = 'rolled out'
    return { phase, deployedGroups }
  }
  while (deployedGroups > 0) {
    await deployGroup(service, previousVersion, groups[deployedGroups - 1] ?? [])
    deployedGroups -= 1
  }
  phase = 'rolled back'
  return { phase, deployedGroups }
}
