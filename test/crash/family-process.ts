import { readFileSync } from 'node:fs'
import { Runtime, silentLogger, type WorkflowBundle } from 'signalbox'
import type { ledger, member } from '../fixtures/family.ts'
import { familyPlan } from './family-plan.ts'

/** What the process is told, as JSON in its argument. */
export interface FamilyOrders {
  readonly dataDir: string
  readonly bundleFile: string
  readonly round: number
  readonly slots: number
}

const orders = JSON.parse(process.argv[2] ?? '') as FamilyOrders
const { client } = await Runtime.open({
  dataDir: orders.dataDir,
  workflowBundle: JSON.parse(readFileSync(orders.bundleFile, 'utf8')) as WorkflowBundle,
  slots: orders.slots,
  logger: silentLogger,
})
await client.workflow.start<typeof ledger>('ledger', {
  workflowId: 'ledger',
  requestId: 'the one and only',
})
process.send?.('open')

/** Until the process is killed, a few families at a time. */
async function raise(lane: number): Promise<void> {
  for (let k = lane; ; k += 4) {
    const workflowId = `f${orders.round}-${k}`
    const plan = familyPlan(workflowId, k)
    await client.workflow.execute<typeof member>('member', { workflowId, args: [plan] })
  }
}

await Promise.all([0, 1, 2, 3].map(raise))
