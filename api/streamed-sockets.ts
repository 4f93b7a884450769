import type { Socket } from 'node:net'
import type { FastifyReply } from 'fastify'

/** How long a sender may take to see that its answer has ended. */
const lingerMs = 1_000

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

/**
 * Close the connection once the answer has been sent, though the request goes on. What still comes is to
 * be read meanwhile: a socket that is closed with bytes unread resets the connection, and that may cost
 * the sender the end of its answer.
 */
export function closeAfterAnswer({ raw, request }: FastifyReply): void {
  raw.once('finish', () => {
    const { socket } = request.raw
    socket.end()
    const timer = setTimeout(() => socket.destroy(), lingerMs)
    socket.once('close', () => clearTimeout(timer))
  })
}
