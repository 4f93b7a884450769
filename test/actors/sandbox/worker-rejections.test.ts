import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { Worker } from 'node:worker_threads'
import { build } from 'esbuild'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { bundleOf } from './harness.ts'

// Method: a sandbox in a worker thread, as in a slot, where hundreds of runs have turns in one
// macrotask and a few of them leave promises floating. The trick with `process.domain` is Node's
// behaviour and not its promise, so it is looked at on each version that the tests run on.

let folder: string
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'signalbox-worker-'))
})
afterAll(() => rm(folder, { recursive: true }))

const workerCode = `
import { parentPort, workerData } from 'node:worker_threads'
import { createSandbox } from './sandbox.mjs'
const unhandled = []
process.on('unhandledRejection', (error) => unhandled.push(String(error)))
const turn = (sandbox, run, seq, inputs) => sandbox.activate(run, {
  firstSeq: seq, inputs, time: seq, replaying: false, historyLength: 0, historySize: 0, continueAsNewSuggested: false,
})
const attributes = (run) => ({
  namespace: 'default', workflowId: 'workflow-' + run, runId: String(run), workflowType: 'floating',
  taskQueue: 'q', args: ['""'], firstExecutionRunId: '', attempt: 1, taskTimeoutMs: 1,
})
function perform() {
  const sandbox = createSandbox({ bundle: workerData.bundle, log: () => {} })
  for (let run = 0; run < 300; run++) turn(sandbox, run, 1, [[1, 0, attributes(run)]])
  for (let run = 0; run < 300; run++) {
    if (run % 100 === 7) turn(sandbox, run, 2, [[2, 0, 'evaluate', ['""']]])
    else turn(sandbox, run, 2, [[2, 0, 'nothing', []]])
  }
  const { sharesQueue } = sandbox
  setImmediate(() => {
    const floating = sandbox.takeFloatingRejections()
    parentPort.postMessage({ floating, unhandled, domain: process.domain ?? null, sharesQueue })
  })
}
// The top level of a module is a microtask.
if (workerData.inMacrotask) setImmediate(perform)
else perform()
`

it.each([
  ['that shares the queue of microtasks', true],
  ['with a queue of its own', false],
])('names the run of a floating rejection in a worker thread %s', async (_name, inMacrotask) => {
  await build({
    entryPoints: [fileURLToPath(new URL('../../../actors/sandbox.ts', import.meta.url))],
    outfile: join(folder, 'sandbox.mjs'),
    bundle: true,
    platform: 'node',
    format: 'esm',
  })
  await writeFile(join(folder, 'worker.mjs'), workerCode)
  const bundle = await bundleOf('realm.ts')
  const worker = new Worker(join(folder, 'worker.mjs'), {
    workerData: { bundle, inMacrotask },
  })
  const message = await new Promise((resolve, reject) => {
    worker.once('message', resolve)
    worker.once('error', reject)
  })
  await worker.terminate()
  expect(message).toEqual({
    floating: [7, 107, 207].map((run) => [
      run,
      expect.objectContaining({
        name: 'TypeError',
        message: `left floating by workflow-${run}`,
      }),
    ]),
    unhandled: [],
    domain: null,
    sharesQueue: inMacrotask,
  })
})
