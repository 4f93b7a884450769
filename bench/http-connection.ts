import { once } from 'node:events'
import { connect, type Socket } from 'node:net'

export interface HttpAnswer {
  readonly status: number
  readonly body: string
}

const headerEnd = Buffer.from('\r\n\r\n')

/**
 * A keep-alive connection that sends requests made beforehand, one at a time, and reads answers that
 * have a Content-Length. It does no more than that: on two processors a whole HTTP client would take
 * from the server what is to be measured.
 */
export class HttpConnection {
  readonly #socket: Socket
  #received: Buffer | undefined
  #waiting: { resolve: (answer: HttpAnswer) => void; reject: (error: Error) => void } | undefined

  private constructor(socket: Socket) {
    this.#socket = socket
    socket.on('data', (chunk) => this.#receive(chunk))
    socket.on('error', (error) => this.#fail(error))
    socket.on('close', () => this.#fail(new Error('The server closed the connection.')))
  }

  static async open(port: number): Promise<HttpConnection> {
    const socket = connect({ host: '127.0.0.1', port, noDelay: true })
    await once(socket, 'connect')
    return new HttpConnection(socket)
  }

  exchange(request: Buffer): Promise<HttpAnswer> {
    return new Promise((resolve, reject) => {
      if (this.#waiting !== undefined) throw new Error('The connection has a request in hand.')
      this.#waiting = { resolve, reject }
      this.#socket.write(request)
    })
  }

  close(): void {
    this.#socket.destroy()
  }

  #receive(chunk: Buffer): void {
    const received = this.#received === undefined ? chunk : Buffer.concat([this.#received, chunk])
    this.#received = received
    const bodyStart = received.indexOf(headerEnd) + headerEnd.length
    if (bodyStart < headerEnd.length) return
    const head = received.toString('latin1', 0, bodyStart)
    const [, status] = /^HTTP\/1\.1 (\d{3})/.exec(head) ?? []
    const [, length] = /\r\ncontent-length: (\d+)\r\n/i.exec(head) ?? []
    if (status === undefined || length === undefined) {
      return this.#fail(new Error(`An answer that cannot be read: ${head}`))
    }
    const bodyEnd = bodyStart + Number(length)
    if (received.length < bodyEnd) return
    this.#received = undefined
    const waiting = this.#waiting
    this.#waiting = undefined
    waiting?.resolve({
      status: Number(status),
      body: received.toString('utf8', bodyStart, bodyEnd),
    })
  }

  #fail(error: Error): void {
    const waiting = this.#waiting
    this.#waiting = undefined
    waiting?.reject(error)
  }
}

/** The bytes of a POST with a JSON body, or of a GET without one. */
export function httpRequest(method: 'GET' | 'POST', path: string, body?: unknown): Buffer {
  const text = body === undefined ? '' : JSON.stringify(body)
  const head = [
    `${method} ${path} HTTP/1.1`,
    'host: 127.0.0.1',
    ...(body === undefined ? [] : ['content-type: application/json']),
    `content-length: ${Buffer.byteLength(text)}`,
  ]
  return Buffer.from(`${head.join('\r\n')}\r\n\r\n${text}`)
}
