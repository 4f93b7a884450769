import type { ParentClosePolicyName } from '../actors/commands.ts'

/** A child that a run has started and that has not ended: what the journal keeps of it with its parent. */
export interface ChildLink {
  /** The number of the start command within the parent's run. */
  readonly seq: number
  readonly workflowId: string
  /** The child's first run; those that continue it have it as theirs. */
  readonly firstRunId: string
  readonly workflowType: string
  readonly parentClosePolicy: ParentClosePolicyName
}
