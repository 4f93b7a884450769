import { AsyncLocalStorage } from './async-local-storage.ts'
import { assertInWorkflowContext } from './current-run.ts'

/** The update whose handler the code runs in. */
export interface UpdateInfo {
  /** Unique within the run. */
  readonly id: string
  readonly name: string
}

const current = new AsyncLocalStorage<UpdateInfo>()
let asked = false

/**
 * Whether code asks {@link currentUpdateInfo}. Only then is an update carried across awaits: it slows
 * every await of the context.
 */
export function carryUpdateInfo(on: boolean): void {
  asked = on
}

/** Run an update's validator and handler as its own. */
export function runInUpdate<T>(info: UpdateInfo, body: () => T): T {
  return asked ? current.run(info, body) : body()
}

/** The update in whose handler or validator the caller runs; undefined outside of one. */
export function currentUpdateInfo(): UpdateInfo | undefined {
  assertInWorkflowContext(
    'Workflow.currentUpdateInfo(...) may only be used from a Workflow Execution.',
  )
  return current.getStore()
}
