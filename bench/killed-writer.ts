import { fork } from 'node:child_process'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'

export interface WriterTask {
  readonly dataDir: string
  readonly workflows: number
  /** Signals of each workflow, the one that starts it included. */
  readonly signalsEach: number
  /** Timers of each workflow, due in a month; with them it has one signal. */
  readonly timersEach: number
  /** So long nothing happens, once all that is done. */
  readonly idleMs: number
  /** Lone signals to another workflow at the end: a service that is hardly used before it dies. */
  readonly lastSignals: number
}

const processPath = fileURLToPath(
  new URL(
    import.meta.url.endsWith('.ts') ? './writer-process.ts' : './writer-process.js',
    import.meta.url,
  ),
)

/** Has another process fill the data folder, and kills that one (SIGKILL) once it has. */
export async function fillAndKill(task: WriterTask): Promise<void> {
  const child = fork(processPath, {
    execArgv: process.execArgv,
    stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
  })
  const kill = (): void => {
    child.kill('SIGKILL')
  }
  // It must not outlive the one for whom it writes.
  process.once('exit', kill)
  const gone = once(child, 'exit')
  child.send(task)
  const filled = await Promise.race([once(child, 'message'), gone.then(() => undefined)])
  kill()
  await gone
  process.off('exit', kill)
  if (filled === undefined) throw new Error('The process that fills the data folder has failed.')
}
