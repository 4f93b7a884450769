/** One workflow task, as a history has it or as the SDK's sandbox had it: what went in and what came out. */
export interface Turn {
  /** `workflowInfo().historyLength`: the id of WORKFLOW_TASK_STARTED. */
  readonly historyLength: number
  /** `Date.now()`, in milliseconds since the epoch. */
  readonly time: number
  readonly jobs: readonly Fields[]
  readonly commands: readonly Fields[]
}

/** A job or a command: its kind and what it carries, all of it as plain data. */
export interface Fields {
  readonly kind: string
  readonly [field: string]: unknown
}

/** What a message says, as `readable` has it. */
export type Attributes = Readonly<Record<string, unknown>>

/** Leave out what is not there, so that both sides say it in the same way. */
export function fields(kind: string, values: Readonly<Record<string, unknown>>): Fields {
  const present = Object.entries(values).filter(([, value]) => value !== undefined)
  return { kind, ...Object.fromEntries(present) }
}
