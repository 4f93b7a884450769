/** An engine that does the same work as the others: signals to instances that count them. */
export interface Peer {
  readonly name: string
  /** What a signal is here, and when its promise resolves. */
  readonly work: string
  /** What is on disk by then, by which setting. */
  readonly durability: string
  /** Why it cannot run on this machine, and how to change that; undefined if it can. */
  missing(): Promise<string | undefined>
  open(dataDir: string, instances: number): Promise<OpenPeer>
}

export interface OpenPeer {
  readonly version: string
  signal(instance: number): Promise<unknown>
  /**
   * Resolves when all signals have been processed; `sent` is how many each instance was sent.
   *
   * @throws Error if one counted anything else
   */
  settle(sent: Uint32Array): Promise<void>
  close(): Promise<void>
}

export interface PeerCase {
  readonly instances: number
  readonly inFlight: number
}

/** The same for every peer. */
export const peerCases: readonly PeerCase[] = [
  { instances: 1, inFlight: 1 },
  { instances: 1, inFlight: 256 },
  { instances: 100, inFlight: 256 },
]
