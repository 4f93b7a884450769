import { fileURLToPath } from 'node:url'
import { SignalboxError } from '../runtime/errors.ts'
import { Runtime } from '../runtime/runtime.ts'

/** The benchmarks' workflow file: beside this one, and like it source or built. */
export const benchWorkflowsPath = fileURLToPath(
  new URL(import.meta.url.endsWith('.ts') ? './workflows.ts' : './workflows.js', import.meta.url),
)

/** A runtime with the benchmarks' workflows and every option at its default. */
export function openBenchRuntime(dataDir: string): Promise<Runtime> {
  return Runtime.open({ dataDir, workflowsPath: benchWorkflowsPath })
}

/** True for the error that says that too many inputs wait: the bound works and the load must wait. */
export function isMailboxFull(error: unknown): boolean {
  return error instanceof SignalboxError && error.code === 'SIGNALBOX_ERR_MAILBOX_FULL'
}
