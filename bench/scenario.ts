import type { LoadSize, Measurement } from './measurement.ts'

export interface Scenario {
  readonly name: string
  /** What is done, as it stands in the table: of as many workflows, where there are so many that fewer may be taken. */
  readonly title: string | ((workflows: number) => string)
  readonly group: Group
  /** The scenario that shows how fast this one could be at best. */
  readonly ceiling?: string
  readonly aims?: readonly Aim[]
  /** How many workflows it takes; fewer may be asked for to try it out. */
  readonly workflows?: number
  readonly measure: (context: ScenarioContext) => Promise<Measurement>
}

/** Scenarios are chosen by their names or by those of these groups. */
export const groups = {
  ceilings: 'what the machine can do at best: LMDB, Fastify and the disk alone',
  signals: 'signals in process, by signals in flight and by number of workflows',
  http: 'signals over HTTP, a request each or in batches',
  engine: 'turns, replay, activities, timers, starts',
  'open-loop': 'signals at fixed rates: latency against rate',
  scale: 'a million idle workflows, timers and signals; recovery after a crash (about ten minutes)',
  soak: 'mixed load for as long as --seconds says',
} as const
export type Group = keyof typeof groups

/** What runs unless something else is chosen. */
export const defaultGroups: readonly Group[] = [
  'ceilings',
  'signals',
  'http',
  'engine',
  'open-loop',
]

/** What a figure ought to be: as a ratio to the ceiling's, or by itself. */
export type Aim = {
  readonly of: 'ceiling' | 'itself'
  /** Of a measurement or, by itself, one of its further figures. */
  readonly figure: string
} & ({ readonly atLeast: number } | { readonly atMost: number })

export interface ScenarioContext {
  /** An empty folder; removed afterwards by whoever made it. */
  readonly dataDir: string
  readonly size: LoadSize
  /** The scenario's own number, or the smaller one that was asked for. */
  readonly workflows: number
}

export const atLeast = (of: Aim['of'], figure: string, value: number): Aim => ({
  of,
  figure,
  atLeast: value,
})

export const atMost = (of: Aim['of'], figure: string, value: number): Aim => ({
  of,
  figure,
  atMost: value,
})

export function count(number: number): string {
  return number.toLocaleString('en')
}

/** As it stands in the table when no more than `workflowsMax` workflows are taken. */
export function titleOf({ title, workflows = 0 }: Scenario, workflowsMax = Infinity): string {
  return typeof title === 'string' ? title : title(Math.min(workflows, workflowsMax))
}

/** "1 workflow", "1,000 workflows". */
export function workflowsText(workflows: number): string {
  return workflows === 1 ? '1 workflow' : `${count(workflows)} workflows`
}
