import type { Activator } from './activator.ts'
import { assertInWorkflowContext } from './current-run.ts'

/** The list of a run's patches is no search attribute any more once it is this long, as on Temporal. */
const MAX_CHANGE_VERSION_BYTES = 2 * 1024

/** The patches of a run: which its history has, and what was decided. */
export class PatchTable {
  readonly #activator: Activator
  /** Those whose marker is in the history of this turn or an earlier one. */
  readonly #recorded = new Set<string>()
  readonly #decided = new Set<string>()

  constructor(activator: Activator) {
    this.#activator = activator
  }

  /** The turn that begins has, or is about to do again, the markers of these. */
  record(patchIds: readonly string[]): void {
    for (const patchId of patchIds) this.#recorded.add(patchId)
  }

  /**
   * Guarantee: true for ever once it was true, and the journal has a marker that makes it true at
   * the same place in every replay. What is false in a replay is not final: code that gets that far
   * in a new turn takes the new way from there.
   */
  decide(patchId: string, deprecated: boolean): boolean {
    if (this.#decided.has(patchId)) return true
    const isRecorded = this.#recorded.has(patchId)
    if (this.#activator.replaying && !isRecorded) return false
    const known = new Set(this.#recorded).add(patchId)
    const versions = [...known].sort()
    const isIndexed =
      new TextEncoder().encode(JSON.stringify(versions)).length < MAX_CHANGE_VERSION_BYTES
    this.#activator.push({
      kind: 'setPatchMarker',
      patchId,
      deprecated,
      ...(isIndexed ? { changeVersions: versions } : {}),
    })
    this.#recorded.add(patchId)
    this.#decided.add(patchId)
    return true
  }
}

const notInWorkflow =
  'Workflow.patch(...) and Workflow.deprecatePatch may only be used from a Workflow Execution.'

/**
 * Whether to take a new way through the workflow: true in runs that get here for the first time from
 * now on, false while a run is replayed that was here before the patch was deployed. The answer is
 * recorded, so it never changes within a run.
 *
 * @param patchId names the change; the same id gives the same answer wherever it is asked
 */
export function patched(patchId: string): boolean {
  return assertInWorkflowContext(notInWorkflow).patches.decide(patchId, false)
}

/**
 * The old way of a patch is gone from the code: to be called in its place while there are still runs
 * whose history has the patch's marker, and to be removed after them.
 */
export function deprecatePatch(patchId: string): void {
  assertInWorkflowContext(notInWorkflow).patches.decide(patchId, true)
}
