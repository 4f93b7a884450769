import { readFile } from 'node:fs/promises'
import { openBenchRuntime } from '../../dist/bench/bench-runtime.js'
import { processedEvery } from '../processed-every.ts'
import type { OpenPeer, Peer } from './peer.ts'

/** In process, as the package is used. */
export const signalboxPeer: Peer = {
  name: 'signalbox',
  work: 'a signal to a workflow with a handler, a query and a condition; resolves when it is durable',
  durability:
    'fsync before the promise resolves and before the workflow sees it, one for all that waited',
  missing: () => Promise.resolve(undefined),
  open: openSignalbox,
}

/** The same, each promise resolves when the turn has ended. */
export const signalboxProcessedPeer: Peer = {
  ...signalboxPeer,
  name: 'signalbox, processed',
  work: 'the same; resolves when the turn has ended',
  open: (dataDir, instances) => openSignalbox(dataDir, instances, 1),
}

async function openSignalbox(
  dataDir: string,
  instances: number,
  waitEvery = processedEvery,
): Promise<OpenPeer> {
  const runtime = await openBenchRuntime(dataDir)
  const client = runtime.client.workflow
  const handles = await Promise.all(
    Array.from({ length: instances }, (_, n) =>
      client.start('counter', { workflowId: `counter-${n}`, taskQueue: 'bench' }),
    ),
  )
  const at = (instance: number) => {
    const handle = handles[instance]
    if (handle === undefined) throw new Error(`There is no instance ${instance}.`)
    return handle
  }
  const manifest = await readFile(new URL('../../package.json', import.meta.url), 'utf8')
  const { version } = JSON.parse(manifest) as { version: string }
  let signals = 0
  return {
    version,
    signal: (instance) =>
      signals++ % waitEvery === 0
        ? at(instance).signal({ signal: 'add', waitFor: 'processed' }, 1)
        : at(instance).signal('add', 1),
    settle: async (sent) => {
      for (const [instance, count] of sent.entries()) {
        // A query sees every signal that was acknowledged before it.
        const counted = await at(instance).query<number>('total')
        if (counted !== count) throw new Error(`${instance} counted ${counted} of ${count}.`)
      }
    },
    close: () => runtime.close(),
  }
}
