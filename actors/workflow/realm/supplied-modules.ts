import type { StartedAttributes } from '../../inputs.ts'
import * as encoding from '../../text-encoding.ts'
import { Activator } from '../activator.ts'
import { setCurrentRun } from '../current-run.ts'
import * as api from '../index.ts'
import { assertModule } from './assert-module.ts'
import { harden } from './harden.ts'
import type { Factory } from './realm.ts'
import { makeRunGlobal } from './run-global.ts'
import { WorkflowTextDecoder, WorkflowTextEncoder } from './text-codec.ts'
import { WorkflowURL, WorkflowURLSearchParams } from './url.ts'

const workflowModule: Readonly<Record<string, unknown>> = Object.defineProperty(
  { ...api },
  '__esModule',
  { value: true },
)

const urlModule = Object.freeze({ URL: WorkflowURL, URLSearchParams: WorkflowURLSearchParams })

const utilModule = Object.freeze({
  TextEncoder: WorkflowTextEncoder,
  TextDecoder: WorkflowTextDecoder,
})

const encodingModule = Object.freeze({ ...encoding })

/** What the bundler leaves out of a bundle: the authoring API under whichever name, and `url`. */
export function requireModule(name: string): unknown {
  if (name === '@temporalio/common/lib/encoding') return encodingModule
  const shared = sharedModules.get(name)
  if (shared !== undefined) return shared
  switch (name) {
    case 'url':
    case 'node:url':
      return urlModule
    case 'util':
    case 'node:util':
      return utilModule
    case 'assert':
    case 'node:assert':
      return assertModule
    default:
      return workflowModule
  }
}

const sharedModules = new Map<string, object>()

/**
 * Evaluate modules once for all runs. What they export is frozen with all that can be reached from it,
 * so that no run can tell another anything by it.
 */
export function shareModules(sharedFactory: Factory, names: readonly string[]): void {
  setCurrentRun(new Activator(-1, nobody, 0))
  const module: { exports: Record<string, object> } = { exports: {} }
  // What they put on it is theirs, and frozen with them.
  const sharedGlobal = makeRunGlobal()
  sharedFactory(sharedGlobal, requireModule, module, module.exports)
  names.forEach((name, at) => {
    const exported = { ...module.exports[`m${at}`] }
    Object.defineProperty(exported, '__esModule', { value: true })
    sharedModules.set(name, exported)
  })
  harden([sharedGlobal, ...sharedModules.values()])
  setCurrentRun(undefined)
}

/** For code that runs as no run's. */
export const nobody: StartedAttributes = {
  namespace: 'default',
  workflowId: '',
  runId: '',
  workflowType: '',
  taskQueue: '',
  args: [],
  firstExecutionRunId: '',
  attempt: 1,
  taskTimeoutMs: 10_000,
}

/** What must be frozen before any code of the user runs. */
export const suppliedModules: readonly unknown[] = [
  api,
  workflowModule,
  encodingModule,
  assertModule,
]
