import { measureFdatasync } from './fdatasync-ceiling.ts'
import { measureBareFastify, measureHttp } from './http-load.ts'
import { measureLmdb } from './lmdb-ceiling.ts'
import type { LoadSize, Measurement } from './measurement.ts'
import { measureBatches } from './batch-load.ts'
import { measureColdQueries } from './cold-query-load.ts'
import { measureReplay } from './replay-load.ts'
import { measureSignals } from './signal-load.ts'
import { measureStarts } from './start-load.ts'
import { measureSteps } from './step-load.ts'
import { measureTurns } from './turn-load.ts'
import { activitySeries, timerFan } from './workflows.ts'

export interface Scenario {
  readonly name: string
  /** What is done, as it stands in the table. */
  readonly title: string
  /** The scenario that shows how fast this one could be at best. */
  readonly ceiling?: string
  readonly aim?: Aim
  /** How many workflows it takes; fewer may be asked for to try it out. */
  readonly workflows?: number
  readonly measure: (context: ScenarioContext) => Promise<Measurement>
}

/** What a figure ought to be: as a ratio to the ceiling's, or by itself. */
export type Aim =
  | { readonly of: 'ceiling' | 'itself'; readonly figure: 'rate'; readonly atLeast: number }
  | {
      readonly of: 'ceiling' | 'itself'
      readonly figure: 'p50Ms' | 'p99Ms'
      readonly atMost: number
    }

export interface ScenarioContext {
  /** An empty folder; removed afterwards by whoever made it. */
  readonly dataDir: string
  readonly size: LoadSize
  /** The scenario's own number, or the smaller one that was asked for. */
  readonly workflows: number
}

const httpConnections = 64
const inFlightCounts = [1, 256, 4_096] as const

const lmdbCeilings = inFlightCounts.map((inFlight): Scenario => ({
  name: `lmdb-${inFlight}`,
  title: `LMDB alone, a put a record, ${count(inFlight)} in flight`,
  measure: ({ dataDir, size }) => measureLmdb(dataDir, inFlight, size),
}))

const ceilings: readonly Scenario[] = [
  {
    name: 'fdatasync',
    title: 'append and fdatasync, 1 in flight',
    measure: ({ dataDir, size }) => measureFdatasync(dataDir, size),
  },
  ...lmdbCeilings,
  {
    name: 'bare-fastify',
    title: `bare Fastify, ${httpConnections} connections`,
    measure: ({ size }) => measureBareFastify(httpConnections, size),
  },
]

function signals(
  name: string,
  workflows: number,
  inFlight: (typeof inFlightCounts)[number],
  aim?: Aim,
): Scenario {
  const what = workflows === 1 ? '1 workflow' : `${count(workflows)} workflows`
  return {
    name,
    title: `signals to ${what}, ${count(inFlight)} in flight`,
    ceiling: `lmdb-${inFlight}`,
    ...(aim !== undefined && { aim }),
    workflows,
    measure: ({ dataDir, size, workflows }) =>
      measureSignals(dataDir, { workflows, inFlight }, size),
  }
}

function http(name: string, workflows: number): Scenario {
  const what = workflows === 1 ? '1 workflow' : `${count(workflows)} workflows`
  return {
    name,
    title: `HTTP signals to ${what}, ${httpConnections} connections`,
    ceiling: 'bare-fastify',
    aim: { of: 'ceiling', figure: 'rate', atLeast: 0.6 },
    workflows,
    measure: ({ dataDir, size, workflows }) =>
      measureHttp(dataDir, { workflows, connections: httpConnections }, size),
  }
}

function batches(name: string, workflows: number, ceiling: string): Scenario {
  const what = workflows === 1 ? '1 workflow' : `${count(workflows)} workflows`
  return {
    name,
    title: `HTTP batches of signals to ${what}, a line each`,
    ceiling,
    aim: { of: 'ceiling', figure: 'rate', atLeast: 0.6 },
    workflows,
    measure: ({ dataDir, size, workflows }) => measureBatches(dataDir, workflows, size),
  }
}

/** Every scenario, ceilings first. */
export const scenarios: readonly Scenario[] = [
  ...ceilings,
  signals('one-workflow-1', 1, 1, { of: 'ceiling', figure: 'p50Ms', atMost: 1.5 }),
  signals('one-workflow-256', 1, 256),
  signals('one-workflow-4096', 1, 4_096, { of: 'ceiling', figure: 'rate', atLeast: 0.6 }),
  signals('workflows-1000', 1_000, 4_096),
  signals('workflows-100000', 100_000, 4_096, { of: 'ceiling', figure: 'rate', atLeast: 0.4 }),
  http('http-one-workflow', 1),
  http('http-1000-workflows', 1_000),
  batches('http-batches-one-workflow', 1, 'one-workflow-4096'),
  batches('http-batches-1000-workflows', 1_000, 'workflows-1000'),
  {
    name: 'turns',
    title: 'turns in the sandbox alone',
    aim: { of: 'itself', figure: 'rate', atLeast: 300_000 },
    measure: ({ size }) => measureTurns(size),
  },
  {
    name: 'replay',
    title: 'replay of one history of signals',
    aim: { of: 'itself', figure: 'rate', atLeast: 400_000 },
    measure: ({ dataDir, size }) => measureReplay(dataDir, size),
  },
  {
    name: 'cold-queries',
    title: 'queries of workflows with 100 signals, not in memory',
    aim: { of: 'itself', figure: 'p50Ms', atMost: 2 },
    workflows: 2_000,
    measure: ({ dataDir, size, workflows }) => measureColdQueries(dataDir, workflows, size),
  },
  {
    name: 'activities',
    title: 'activities of 1,000 workflows at a time, each awaited',
    aim: { of: 'itself', figure: 'rate', atLeast: 20_000 },
    workflows: 1_000,
    measure: ({ dataDir, size, workflows }) =>
      measureSteps(dataDir, activitySeries, workflows, size),
  },
  {
    name: 'timers',
    title: 'timers of 1,000 workflows at a time, twenty due at once',
    aim: { of: 'itself', figure: 'rate', atLeast: 20_000 },
    workflows: 1_000,
    measure: ({ dataDir, size, workflows }) => measureSteps(dataDir, timerFan, workflows, size),
  },
  {
    name: 'signal-with-start',
    title: 'signalWithStart of new workflows, 4,096 in flight',
    ceiling: 'lmdb-4096',
    aim: { of: 'itself', figure: 'rate', atLeast: 15_000 },
    measure: ({ dataDir, size }) => measureStarts(dataDir, 4_096, size),
  },
]

export function findScenario(name: string): Scenario {
  const scenario = scenarios.find((scenario) => scenario.name === name)
  if (scenario === undefined) throw new Error(`There is no scenario ${name}; see --list.`)
  return scenario
}

/** The named scenarios with the ceilings that they are compared with, in the order of the list. */
export function withCeilings(names: readonly string[]): readonly Scenario[] {
  const wanted = new Set(names)
  for (const name of names) {
    const { ceiling } = findScenario(name)
    if (ceiling !== undefined) wanted.add(ceiling)
  }
  return scenarios.filter(({ name }) => wanted.has(name))
}

function count(number: number): string {
  return number.toLocaleString('en')
}
