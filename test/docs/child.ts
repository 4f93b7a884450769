import { spawn } from 'node:child_process'
import { once } from 'node:events'

export interface Ended {
  readonly code: number | null
  readonly signal: NodeJS.Signals | null
  readonly stdout: string
  readonly stderr: string
}

/** Run a program without input to its end; it is ended after `timeoutMs`. */
export async function runToEnd(
  file: string,
  args: readonly string[],
  options: { readonly cwd: string; readonly env: NodeJS.ProcessEnv; readonly timeoutMs: number },
): Promise<Ended> {
  const { timeoutMs, ...rest } = options
  // npm waits for answers on an open stdin.
  const child = spawn(file, args, { ...rest, stdio: ['ignore', 'pipe', 'pipe'] })
  let stdout = ''
  let stderr = ''
  child.stdout.setEncoding('utf8').on('data', (text: string) => (stdout += text))
  child.stderr.setEncoding('utf8').on('data', (text: string) => (stderr += text))
  const timer = setTimeout(() => child.kill('SIGTERM'), timeoutMs)
  await once(child, 'close')
  clearTimeout(timer)
  return { code: child.exitCode, signal: child.signalCode, stdout, stderr }
}

/** The same for a program that has to succeed; gives back its stdout. */
export async function runWell(...[file, args, options]: Parameters<typeof runToEnd>) {
  const { code, signal, stdout, stderr } = await runToEnd(file, args, options)
  if (code === 0) return stdout
  throw new Error(`${file} ${args.join(' ')} ended with ${code ?? signal}:\n${stdout}\n${stderr}`)
}
