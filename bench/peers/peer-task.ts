import type { PeerCase } from './peer.ts'

/** What a peer's process is told. */
export interface PeerTask {
  readonly peer: string
  readonly dataDir: string
  readonly peerCase: PeerCase
  readonly seconds: number
}

export type PeerAnswer =
  | { readonly missing: string }
  | { readonly failed: string }
  | {
      readonly version: string
      readonly rate: number
      readonly p50Ms: number
      readonly p99Ms: number
    }

/** Named as a peer, though its answer is turns alone. */
export const sandboxPeers = ['signalbox, turns', 'Temporal SDK, turns'] as const
