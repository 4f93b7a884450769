/** A chain of runs by continue-as-new, and what its end looks like. */
export interface Chain {
  readonly firstRunId: string
  /** The call that began it. */
  readonly from: number
  /** The acknowledged call that is to end it. */
  endedBy: number | undefined
  terminated: boolean
}

export interface Entry {
  readonly call: number
  readonly item: string
}

/** One workflow id: all that was acknowledged for it, in the order of the calls. */
export interface WorkflowModel {
  readonly workflowId: string
  readonly accepted: Entry[]
  readonly chains: Chain[]
  readonly requests: Map<string, string>
}

export interface Model {
  nextCall: number
  readonly workflows: readonly WorkflowModel[]
}

export function newModel(prefix: string, workflows: number): Model {
  return {
    nextCall: 0,
    workflows: Array.from({ length: workflows }, (_, i) => ({
      workflowId: `${prefix}-${i}`,
      accepted: [],
      chains: [],
      requests: new Map(),
    })),
  }
}

/** What chain number `index` must have been given, in order. */
export function portionOf(workflow: WorkflowModel, index: number): string[] {
  const from = workflow.chains[index]?.from ?? 0
  const until = workflow.chains[index + 1]?.from ?? Number.POSITIVE_INFINITY
  return workflow.accepted
    .filter(({ call }) => call >= from && call < until)
    .map(({ item }) => item)
}
