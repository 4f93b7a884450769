import { spawn, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { createServer } from 'node:net'
import { setTimeout as delay } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'

const cliPath = fileURLToPath(new URL('../../dist/api/cli.js', import.meta.url))
const workflowsPath = fileURLToPath(new URL('../workflows.ts', import.meta.url))
const activitiesPath = fileURLToPath(new URL('../activities.ts', import.meta.url))
const startTimeoutMs = 60_000

/** `signalbox serve` on the examples, as a process of its own that can be killed and started again. */
export class ExampleServer {
  readonly port: number
  readonly #dataDir: string
  #process: ChildProcess | undefined
  #log = ''
  #up: Promise<unknown> = Promise.resolve()

  private constructor(port: number, dataDir: string) {
    this.port = port
    this.#dataDir = dataDir
  }

  /** A server that has a free port and is not started yet. */
  static async create(dataDir: string): Promise<ExampleServer> {
    return new ExampleServer(await freePort(), dataDir)
  }

  /** Resolves when the server takes requests: at once, or after the restart that is under way. */
  get up(): Promise<unknown> {
    return this.#up
  }

  /** Resolves when the server takes requests. */
  async start(): Promise<void> {
    const child = spawn(
      process.execPath,
      [
        cliPath,
        'serve',
        `--workflows=${workflowsPath}`,
        `--activities=${activitiesPath}`,
        `--data-dir=${this.#dataDir}`,
        `--port=${this.port}`,
      ],
      { stdio: ['ignore', 'pipe', 'pipe'] },
    )
    this.#process = child
    const keepTail = (chunk: Buffer): void => {
      this.#log = (this.#log + chunk.toString()).slice(-4_000)
    }
    child.stdout.on('data', keepTail)
    child.stderr.on('data', keepTail)

    const deadline = performance.now() + startTimeoutMs
    while (!(await this.#answers())) {
      if (child.exitCode !== null || child.signalCode !== null) {
        throw new Error(`The server ended before it took requests.\n${this.#log}`)
      }
      if (performance.now() > deadline) {
        throw new Error(`The server took no request within ${startTimeoutMs} ms.\n${this.#log}`)
      }
      await delay(10)
    }
  }

  /** Kill the server as a power cut would, start it again on the same folder; the milliseconds until it answers. */
  killAndRestart(): Promise<number> {
    const restart = async (): Promise<number> => {
      await this.kill()
      const started = performance.now()
      await this.start()
      return performance.now() - started
    }
    const restarted = restart()
    this.#up = restarted
    return restarted
  }

  /** SIGKILL; resolves when the process is gone. */
  async kill(): Promise<void> {
    const child = this.#process
    this.#process = undefined
    if (child === undefined || child.exitCode !== null || child.signalCode !== null) return
    const gone = once(child, 'exit')
    child.kill('SIGKILL')
    await gone
  }

  /** For a handler of the exit event, where nothing can be awaited. */
  killNow(): void {
    this.#process?.kill('SIGKILL')
  }

  async #answers(): Promise<boolean> {
    try {
      const url = `http://127.0.0.1:${this.port}/api/v1/namespaces/default/workflows?pageSize=1`
      const response = await fetch(url)
      await response.arrayBuffer()
      return response.ok
    } catch {
      return false // Not listening yet; the caller tries again until its deadline.
    }
  }
}

async function freePort(): Promise<number> {
  const probe = createServer().listen(0, '127.0.0.1')
  await once(probe, 'listening')
  const address = probe.address()
  if (address === null || typeof address === 'string') throw new Error('No port was assigned.')
  probe.close()
  await once(probe, 'close')
  return address.port
}
