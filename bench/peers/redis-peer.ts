import { execFile } from 'node:child_process'
import { once } from 'node:events'
import { connect, type Socket } from 'node:net'
import { promisify } from 'node:util'
import { ChildServer, findProgram, freePort } from './child-server.ts'
import type { OpenPeer, Peer } from './peer.ts'

const run = promisify(execFile)

export const redisPeer: Peer = {
  name: 'Redis',
  work: 'RPUSH to a list, pipelined on one connection; nothing processes it: a ceiling',
  durability: 'fsync before the reply, one for all that came in a turn (appendfsync always)',
  missing: async () =>
    (await findProgram('redis-server')) === undefined
      ? 'redis-server is not installed: apt-get install redis-server'
      : undefined,
  open: openRedis,
}

async function openRedis(dataDir: string): Promise<OpenPeer> {
  const program = (await findProgram('redis-server')) ?? 'redis-server'
  const port = await freePort()
  const server = new ChildServer(program, [
    '--bind',
    '127.0.0.1',
    '--port',
    String(port),
    '--dir',
    dataDir,
    '--save',
    '',
    '--appendonly',
    'yes',
    '--appendfsync',
    'always',
    // A list only grows: rewriting the file meanwhile would measure a second writer on the same disk.
    '--auto-aof-rewrite-percentage',
    '0',
  ])
  let connection: RedisConnection | undefined
  await server.ready(async () => {
    connection ??= await RedisConnection.open(port)
    await connection.ask(command('PING'))
  })
  if (connection === undefined) throw new Error('There is no connection.')
  const open = connection
  const { stdout } = await run(program, ['--version'])
  const pushes = new Map<number, Buffer>()
  const push = (instance: number): Buffer => {
    const known = pushes.get(instance) ?? command('RPUSH', `list-${instance}`, '[1]')
    pushes.set(instance, known)
    return known
  }
  return {
    version: /v=(\S+)/.exec(stdout)?.[1] ?? 'unknown',
    signal: (instance) => open.ask(push(instance)),
    settle: async (sent) => {
      for (const [instance, count] of sent.entries()) {
        const pushed = await open.ask(command('LLEN', `list-${instance}`))
        if (pushed !== `:${count}`) throw new Error(`list-${instance} has ${pushed} of ${count}.`)
      }
    },
    close: async () => {
      open.close()
      await server.stop()
    },
  }
}

function command(...words: readonly string[]): Buffer {
  const parts = words.map((word) => `$${Buffer.byteLength(word)}\r\n${word}\r\n`)
  return Buffer.from(`*${words.length}\r\n${parts.join('')}`)
}

interface Waiter {
  readonly resolve: (reply: string) => void
  readonly reject: (error: Error) => void
}

/** A connection that writes commands made beforehand and reads replies of one line. */
class RedisConnection {
  readonly #socket: Socket
  #waiting: Waiter[] = []
  #answered = 0
  #rest = ''
  #unsent: Buffer[] = []

  private constructor(socket: Socket) {
    this.#socket = socket
    socket.setEncoding('latin1').on('data', (text: string) => this.#receive(text))
    socket.on('error', (error) => this.#fail(error))
    socket.on('close', () => this.#fail(new Error('Redis closed the connection.')))
  }

  static async open(port: number): Promise<RedisConnection> {
    const socket = connect({ host: '127.0.0.1', port, noDelay: true })
    await once(socket, 'connect')
    return new RedisConnection(socket)
  }

  ask(bytes: Buffer): Promise<string> {
    return new Promise((resolve, reject) => {
      this.#waiting.push({ resolve, reject })
      // What is asked in one turn of the event loop goes out together.
      if (this.#unsent.push(bytes) === 1) setImmediate(() => this.#send())
    })
  }

  close(): void {
    this.#socket.removeAllListeners('close').destroy()
  }

  #send(): void {
    this.#socket.write(Buffer.concat(this.#unsent))
    this.#unsent = []
  }

  #receive(text: string): void {
    const lines = (this.#rest + text).split('\r\n')
    this.#rest = lines.pop() ?? ''
    for (const line of lines) {
      const waiter = this.#waiting[this.#answered++]
      if (line.startsWith('-')) waiter?.reject(new Error(`Redis answered ${line}`))
      else waiter?.resolve(line)
    }
    this.#waiting = this.#waiting.slice(this.#answered)
    this.#answered = 0
  }

  #fail(error: Error): void {
    for (const waiter of this.#waiting.splice(0)) waiter.reject(error)
  }
}
