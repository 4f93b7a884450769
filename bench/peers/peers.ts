import type { Peer } from './peer.ts'
import { dbosPeer } from './dbos-peer.ts'
import { redisPeer } from './redis-peer.ts'
import { restateCallPeer, restateSendPeer } from './restate-peer.ts'
import { signalboxPeer, signalboxProcessedPeer } from './signalbox-peer.ts'

export const peers: readonly Peer[] = [
  signalboxPeer,
  signalboxProcessedPeer,
  restateCallPeer,
  restateSendPeer,
  dbosPeer,
  redisPeer,
]
