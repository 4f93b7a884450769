import { spawn } from 'node:child_process'
import { once } from 'node:events'

/** A server in a process of its own, by what it prints: "… listens on http://host:port". */
export class ServerProcess {
  readonly port: number
  readonly pid: number
  readonly #stop: () => Promise<void>

  private constructor(port: number, pid: number, stop: () => Promise<void>) {
    this.port = port
    this.pid = pid
    this.#stop = stop
  }

  static async start(script: string, args: readonly string[]): Promise<ServerProcess> {
    const child = spawn(process.execPath, [...process.execArgv, script, ...args], {
      stdio: ['ignore', 'pipe', 'inherit'],
    })
    const kill = (): void => {
      child.kill('SIGKILL')
    }
    // The server must not outlive the one who measures it.
    process.once('exit', kill)
    const gone = once(child, 'exit')
    const stop = async (): Promise<void> => {
      process.off('exit', kill)
      if (child.exitCode === null && child.signalCode === null) child.kill('SIGTERM')
      await gone
    }
    let printed = ''
    for await (const chunk of child.stdout) {
      printed += String(chunk)
      const [, port] = /listens on http:\/\/[^\s/]+:(\d+)/.exec(printed) ?? []
      if (port !== undefined) {
        return new ServerProcess(Number(port), child.pid ?? 0, stop)
      }
    }
    await stop()
    throw new Error(`${script} ended before it listened.`)
  }

  /** SIGTERM; resolves when the process has ended. */
  stop(): Promise<void> {
    return this.#stop()
  }
}
