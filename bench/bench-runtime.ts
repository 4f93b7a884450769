import { fileURLToPath } from 'node:url'
import type { RuntimeOptions } from '../runtime/options.ts'
import { Runtime } from '../runtime/runtime.ts'

/** The benchmarks' workflow file: beside this one, and like it source or built. */
export const benchWorkflowsPath = fileURLToPath(
  new URL(import.meta.url.endsWith('.ts') ? './workflows.ts' : './workflows.js', import.meta.url),
)

/** A runtime with the benchmarks' workflows, and every option at its default unless given. */
export function openBenchRuntime(
  dataDir: string,
  options: Partial<RuntimeOptions> = {},
): Promise<Runtime> {
  return Runtime.open({ dataDir, workflowsPath: benchWorkflowsPath, ...options })
}
