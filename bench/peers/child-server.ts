import { type ChildProcess, spawn, type SpawnOptions } from 'node:child_process'
import { once } from 'node:events'
import { access, constants } from 'node:fs/promises'
import { createServer } from 'node:net'
import { delimiter, join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'

const startTimeoutMs = 60_000
const pollMs = 50

/** A server as a child process, which never outlives this one. */
export class ChildServer {
  readonly #child: ChildProcess
  readonly #kill: () => void
  #output = ''

  constructor(command: string, args: readonly string[], options: SpawnOptions = {}) {
    this.#child = spawn(command, args, { ...options, stdio: ['ignore', 'pipe', 'pipe'] })
    for (const stream of [this.#child.stdout, this.#child.stderr]) {
      stream?.setEncoding('utf8').on('data', (text: string) => {
        this.#output = (this.#output + text).slice(-4_000)
      })
    }
    this.#kill = () => void this.#child.kill('SIGKILL')
    process.once('exit', this.#kill)
  }

  /** Resolves when `isReady` does not throw any more. @throws Error with what the server printed */
  async ready(isReady: () => Promise<unknown>): Promise<void> {
    const until = performance.now() + startTimeoutMs
    for (;;) {
      if (this.#child.exitCode !== null) throw new Error(`The server ended:\n${this.#output}`)
      try {
        await isReady()
        return
      } catch (error) {
        if (performance.now() < until) await delay(pollMs)
        else throw new Error(`The server does not answer:\n${this.#output}`, { cause: error })
      }
    }
  }

  async stop(signal: NodeJS.Signals = 'SIGTERM'): Promise<void> {
    process.off('exit', this.#kill)
    if (this.#child.exitCode !== null || this.#child.signalCode !== null) return
    const gone = once(this.#child, 'exit')
    this.#child.kill(signal)
    await gone
  }
}

export async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const address = server.address()
  if (address === null || typeof address === 'string') throw new Error('A port was expected.')
  server.close()
  await once(server, 'close')
  return address.port
}

/** Where a program is: in the PATH or in one of the folders. */
export async function findProgram(
  name: string,
  folders: readonly string[] = [],
): Promise<string | undefined> {
  for (const folder of [...(process.env['PATH'] ?? '').split(delimiter), ...folders]) {
    const path = join(folder, name)
    try {
      await access(path, constants.X_OK)
      return path
    } catch {
      // Not there: the next folder.
    }
  }
  return undefined
}
