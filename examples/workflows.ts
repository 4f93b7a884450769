/** Every example in one bundle, for `npm start`. The functions exported here are the workflow types. */
export { airport } from './airports/workflows.ts'
export { invoiceBatch, invoiceMailing } from './batch/workflows.ts'
export { awaitValue, collectOrders } from './channel-and-selector/workflows.ts'
export { humanTask } from './human-task/workflows.ts'
export { deviceLifecycle } from './iot-reprovisioning/workflows.ts'
export { loyaltyProgram } from './loyalty-program/workflows.ts'
export { deploymentRollout, orderShipment } from './process-alteration/workflows.ts'
export { userInbox } from './synchronization/workflows.ts'
