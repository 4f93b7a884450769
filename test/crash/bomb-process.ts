import { Runtime } from 'signalbox'

/*
 * Opens the data folder, signals a counter, and on the first call a workflow that brings the process
 * down. Prints `signalled` once the counter's signal is acknowledged, unless it dies before. If it
 * lives, it prints what became of the two as a line of JSON.
 */
const [dataDir = '', explodes] = process.argv.slice(2)
const runtime = await Runtime.open({
  dataDir,
  workflowsPath: new URL('bomb-workflows.ts', import.meta.url),
  slots: 1,
  limits: { slotHeapMb: 64, parkBackoffMs: 50 },
})
const { workflow } = runtime.client
const counter = await workflow.signalWithStart('counter', {
  workflowId: 'counter',
  signal: 'add',
  signalArgs: [1],
})
process.stdout.write('signalled\n')
const bomber = await workflow.start('bomber', {
  workflowId: 'bomber',
  workflowIdConflictPolicy: 'USE_EXISTING',
})
if (explodes === 'explode') await bomber.signal('explode')
const until = Date.now() + 5_000
for (;;) {
  const { quarantined } = await bomber.describe()
  if (quarantined !== undefined || Date.now() > until) {
    const total = await counter.query('total')
    process.stdout.write(`${JSON.stringify({ total, reason: quarantined?.reason })}\n`)
    break
  }
  await new Promise((resolve) => setTimeout(resolve, 20))
}
await runtime.close()
