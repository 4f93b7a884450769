/** The process that one case of one peer has for itself. Without its parent it ends, with its servers. */
import { measureTurns } from '../../dist/bench/turn-load.js'
import { LatencyRecorder } from '../latency-recorder.ts'
import { runClosedLoop } from '../closed-loop.ts'
import type { OpenPeer } from './peer.ts'
import { type PeerAnswer, type PeerTask, sandboxPeers } from './peer-task.ts'

/** It ends when either bound is reached. Longer, and a peer that accepts faster than it works has a backlog of minutes. */
const warmUp = { seconds: 3, operations: 500_000 }
const [ourTurns, sdkTurns] = sandboxPeers

process.once('disconnect', () => process.exit(1))

process.once('message', (task: PeerTask) => {
  answer(task)
    .catch((error: unknown): PeerAnswer => ({
      failed: error instanceof Error ? (error.stack ?? error.message) : String(error),
    }))
    .then((message) => process.send?.(message, () => process.exit(0)))
    .catch((error: unknown) => {
      throw error
    })
})

async function answer(task: PeerTask): Promise<PeerAnswer> {
  const { peer: name, seconds } = task
  if (name === ourTurns) {
    const { rate } = await measureTurns({ seconds, operations: Infinity, warmUp })
    return { version: '', rate, p50Ms: 1000 / rate, p99Ms: 1000 / rate }
  }
  if (name === sdkTurns) {
    // Only the one that needs it loads it.
    const { measureSdkTurns } = await import('./sdk-turns.ts')
    const rate = await measureSdkTurns(seconds, warmUp.seconds)
    return { version: '', rate, p50Ms: 1000 / rate, p99Ms: 1000 / rate }
  }
  const { peers } = await import('./peers.ts')
  const peer = peers.find((peer) => peer.name === name)
  if (peer === undefined) throw new Error(`There is no peer ${name}.`)
  const missing = await peer.missing()
  if (missing !== undefined) return { missing }
  const open = await peer.open(task.dataDir, task.peerCase.instances)
  try {
    return await measure(open, task)
  } finally {
    await open.close()
  }
}

async function measure(open: OpenPeer, { peerCase, seconds }: PeerTask): Promise<PeerAnswer> {
  const { instances, inFlight } = peerCase
  const sent = new Uint32Array(instances)
  const operation = (n: number): Promise<unknown> => {
    const instance = n % instances
    sent[instance] = (sent[instance] ?? 0) + 1
    return open.signal(instance)
  }
  const loop = { inFlight, operation }
  await runClosedLoop({ ...loop, ...warmUp })
  await open.settle(sent)
  const before = sum(sent)
  const began = performance.now()
  const { latencies } = await runClosedLoop({ ...loop, seconds, operations: Infinity })
  await open.settle(sent)
  const rate = (sum(sent) - before) / ((performance.now() - began) / 1000)
  const [p50Ms = 0, p99Ms = 0] = (latencies satisfies LatencyRecorder).percentiles(0.5, 0.99)
  return { version: open.version, rate, p50Ms, p99Ms }
}

function sum(numbers: Uint32Array): number {
  return numbers.reduce((total, number) => total + number, 0)
}
