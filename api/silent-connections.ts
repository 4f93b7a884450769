import type { Socket } from 'node:net'
import type { FastifyInstance } from 'fastify'

/**
 * Closing a server waits for each connection that is not between two requests, and Node counts those
 * among them that never had one: silent ones, and over TLS those in their handshake. Nothing is lost
 * with them, so closing drops them. Those that have begun to send a request are waited for.
 */
export function dropSilentConnections(app: FastifyInstance, isTls: boolean): void {
  /** By what had been read when the first request could begin. */
  const silent = new Map<Socket, number>()
  const handshakes = new Map<string, Socket>()
  const begin = (socket: Socket): void => {
    silent.set(socket, socket.bytesRead)
    socket.once('close', () => silent.delete(socket))
  }
  app.server.on('request', ({ socket }) => silent.delete(socket))
  if (isTls) {
    app.server.on('connection', (socket) => {
      const peer = peerOf(socket)
      handshakes.set(peer, socket)
      socket.once('close', () => {
        if (handshakes.get(peer) === socket) handshakes.delete(peer)
      })
    })
    app.server.on('secureConnection', (socket: Socket) => {
      handshakes.delete(peerOf(socket))
      begin(socket)
    })
  } else {
    app.server.on('connection', begin)
  }
  app.addHook('preClose', (done) => {
    for (const socket of handshakes.values()) socket.destroy()
    for (const [socket, read] of silent) if (socket.bytesRead === read) socket.destroy()
    done()
  })
}

/** Before and after the handshake there are two sockets, of the same two ends. */
function peerOf({ remoteAddress, remotePort, localAddress }: Socket): string {
  return `${remoteAddress} ${remotePort} ${localAddress}`
}
