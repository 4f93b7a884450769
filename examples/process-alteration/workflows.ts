export * from './deployment-rollout.ts'
export * from './order-shipment.ts'
