import type { Socket } from 'node:net'

const sockets = new WeakSet<Socket>()

/**
 * While `work` runs, the time that a whole request may take to arrive does not hold for this
 * connection: a batch takes as long as it takes, and has bounds of its own against slow senders.
 */
export async function withoutRequestTimeout(socket: Socket, work: Promise<void>): Promise<void> {
  sockets.add(socket)
  try {
    await work
  } finally {
    sockets.delete(socket)
  }
}

/** True if the connection is in the middle of a batch. */
export function isStreamed(socket: Socket): boolean {
  return sockets.has(socket)
}
