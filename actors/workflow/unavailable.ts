import { notBuilt } from './not-built.ts'

/**
 * What `@temporalio/workflow` exports and this version does not have. Each throws by its name when it
 * is used, so that a workflow file that needs it says what is missing as soon as it runs.
 */
type Unavailable = (...args: unknown[]) => never

function unavailable(name: string): Unavailable {
  return () => notBuilt(name)
}

export const createEventGroup = unavailable('createEventGroup')
export const createNexusServiceClient = unavailable('createNexusServiceClient')
export const getRandomStream = unavailable('getRandomStream')

function unavailableObject(name: string): Readonly<Record<string, never>> {
  return new Proxy(Object.freeze({}), {
    get: (_, key) => (typeof key === 'string' ? notBuilt(`${name}.${key}`) : undefined),
  })
}

export const metricMeter = unavailableObject('metricMeter')
export const workflowRandom = unavailableObject('workflowRandom')
export const NexusOperationCancellationType = unavailableObject('NexusOperationCancellationType')

// Parts of Temporal's own clients, which its package exports by the way.
export const decodeWorkflowIdConflictPolicy = unavailable('decodeWorkflowIdConflictPolicy')
export const decodeWorkflowIdReusePolicy = unavailable('decodeWorkflowIdReusePolicy')
export const encodeWorkflowIdConflictPolicy = unavailable('encodeWorkflowIdConflictPolicy')
export const encodeWorkflowIdReusePolicy = unavailable('encodeWorkflowIdReusePolicy')
export const extractWorkflowTypeAndConfig = unavailable('extractWorkflowTypeAndConfig')
