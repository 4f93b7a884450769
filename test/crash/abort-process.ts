import { fileURLToPath } from 'node:url'
import { Runtime } from 'signalbox'
import type { Tally } from './workflows.ts'

/**
 * A process with a workflow that ends it, and others beside. Run with the data folder as its
 * argument, again and again: it prints what it finds once the workflow is quarantined.
 */
export interface Found {
  readonly reason: string
  /** How far the others have come. */
  readonly others: readonly number[]
}

const OTHERS = 5

const [, , dataDir = '', pass = ''] = process.argv
const runtime = await Runtime.open({
  dataDir,
  workflowsPath: fileURLToPath(new URL('workflows.ts', import.meta.url)),
  slots: 1,
  limits: { slotHeapMb: 128, maxStrikes: 2, parkBackoffMs: 20, parkBackoffMaxMs: 50 },
})
const { workflow } = runtime.client
const others = Array.from({ length: OTHERS }, (_, i) => workflow.getHandle(`tally${i}`))
for (const { workflowId } of others) {
  await workflow.signalWithStart('tally', {
    workflowId,
    requestId: `pass ${pass}`,
    signal: 'add',
    signalArgs: [Number(pass)],
  })
}
const bad = await workflow.signalWithStart('glutton', {
  workflowId: 'glutton',
  requestId: 'once',
  signal: 'devour',
})
for (;;) {
  const { quarantined } = await bad.describe()
  if (quarantined === undefined) {
    await new Promise((resolve) => setTimeout(resolve, 10))
    continue
  }
  const tallies = await Promise.all(others.map((handle) => handle.query<Tally>('state')))
  const found: Found = { reason: quarantined.reason, others: tallies.map(({ next }) => next) }
  process.stdout.write(JSON.stringify(found))
  break
}
await runtime.close()
