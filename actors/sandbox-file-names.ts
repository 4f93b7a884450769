/** How the authoring API and the user's bundle are called in stacks. */
export const apiFileName = 'signalbox:api'
export const workflowFileName = 'signalbox:workflows'
export const sharedFileName = 'signalbox:shared'
