import type { Circumstances } from './circumstances.ts'
import type { HarnessOptions, Rounds } from './harness.ts'
import type { Measurement, RatioToCeiling } from './measurement.ts'
import { aimText } from './report-text.ts'
import { type Aim, type Group, type Scenario, titleOf } from './scenario.ts'
import { measured, middleOf, rangeOf, type ValueRange } from './value-range.ts'

/** What is known of a run: where nothing is timed there are no latencies. */
export type Figures = Partial<Measurement> & { readonly rate: number }

/** What `--json` writes. */
export interface Report extends Circumstances {
  /** False while it runs, and of one that was interrupted. */
  readonly isComplete: boolean
  readonly options: Pick<HarnessOptions, 'rounds' | 'size' | 'workflowsMax' | 'dir'>
  /** Every aim of the run, missed ones first. */
  readonly aims: readonly AimOfScenario[]
  readonly failures: readonly Failure[]
  readonly scenarios: readonly ScenarioReport[]
}

export interface ScenarioReport {
  readonly name: string
  readonly title: string
  readonly group: Group
  /** Of every figure by itself, over the rounds; of `maxMs` the largest; the course is that of the last one. */
  readonly median: Figures
  readonly rounds: readonly Figures[]
  readonly comparison?: Comparison
  readonly aims: readonly ReportedAim[]
}

/** An aim in words, and whether it was reached. */
export interface ReportedAim {
  readonly aim: Aim
  readonly text: string
  /** Absent if it was not measured: then it was not reached either. */
  readonly value?: number
  /** The smallest and largest of the rounds. */
  readonly range?: ValueRange
  readonly reached: boolean
}

export interface AimOfScenario extends ReportedAim {
  readonly scenario: string
  readonly title: string
}

/** A scenario that is left out, and why. */
export interface Failure {
  readonly name: string
  readonly reason: string
}

/** How many times its ceiling's figures a scenario had, in one round. */
export type RoundRatio = Partial<RatioToCeiling>

/** Medians of the ratios that the rounds had each for itself. */
export interface Comparison extends RoundRatio {
  readonly ceiling: string
  readonly method: 'side by side' | 'one after the other'
  readonly rate: number
  readonly rounds: readonly RoundRatio[]
}

export interface RunSoFar {
  readonly scenarios: readonly Scenario[]
  readonly results: Rounds
  readonly options: HarnessOptions
  readonly circumstances: Circumstances
  readonly failures: readonly Failure[]
  readonly isComplete: boolean
}

export function makeReport(run: RunSoFar): Report {
  const { rounds, size, workflowsMax, dir } = run.options
  const scenarios = run.scenarios
    .filter(({ name }) => (run.results.get(name)?.length ?? 0) > 0)
    .map((scenario) => reportScenario(scenario, run.results, workflowsMax))
  const aims = scenarios.flatMap(({ name, title, aims }) =>
    aims.map((aim) => ({ scenario: name, title, ...aim })),
  )
  return {
    ...run.circumstances,
    isComplete: run.isComplete,
    options: { rounds, size, dir, ...(workflowsMax !== undefined && { workflowsMax }) },
    aims: aims.sort((a, b) => Number(a.reached) - Number(b.reached)),
    failures: run.failures,
    scenarios,
  }
}

function reportScenario(
  scenario: Scenario,
  results: Rounds,
  workflowsMax: number | undefined,
): ScenarioReport {
  const { name, group, aims = [], ceiling } = scenario
  const rounds: readonly Figures[] = results.get(name) ?? []
  const comparison =
    ceiling === undefined ? undefined : compare(ceiling, rounds, results.get(ceiling) ?? [])
  const median = medianOf(rounds)
  return {
    name,
    title: titleOf(scenario, workflowsMax),
    group,
    median,
    rounds,
    ...(comparison !== undefined && { comparison }),
    // Of a ceiling that failed nothing can be said.
    aims: aims
      .filter(({ of }) => of === 'itself' || comparison !== undefined)
      .map((aim) => reportAim(aim, median, rounds, comparison)),
  }
}

const averaged = [
  'operations',
  'seconds',
  'p50Ms',
  'p90Ms',
  'p99Ms',
  'p999Ms',
  'cpus',
  'cpuMicros',
  'rssMiB',
  'diskBytes',
] as const

function medianOf(rounds: readonly Figures[]): Figures {
  const figures = Object.keys(rounds[0]?.figures ?? {}).flatMap((name) => {
    const middle = middleOf(rounds.map((round) => round.figures?.[name]))
    return middle === undefined ? [] : [[name, middle] as const]
  })
  const samples = rounds.at(-1)?.samples
  const maxMs = rangeOf(rounds.map((round) => round.maxMs))?.[1]
  return {
    rate: middleOf(rounds.map(({ rate }) => rate)) ?? 0,
    ...middles(rounds, averaged),
    ...(maxMs !== undefined && { maxMs }),
    ...(figures.length > 0 && { figures: Object.fromEntries(figures) }),
    ...(samples !== undefined && { samples }),
  }
}

/** The medians of some fields; those that were not measured are absent. */
function middles<Field extends string>(
  rounds: readonly { readonly [name in Field]?: number }[],
  fields: readonly Field[],
): { readonly [name in Field]?: number } {
  const found = fields.flatMap((field) => {
    const middle = middleOf(rounds.map((round) => round[field]))
    return middle === undefined ? [] : [[field, middle] as const]
  })
  return Object.fromEntries(found) as { readonly [name in Field]?: number }
}

const ratios = ['p50Ms', 'p99Ms', 'ownRate', 'ceilingRate', 'pairs'] as const

/** A scenario's rounds beside those of its ceiling; undefined if they have none in common. */
export function compare(
  ceiling: string,
  own: readonly Figures[],
  best: readonly Figures[],
): Comparison | undefined {
  const rounds = own.map((round, index) => round.ofCeiling ?? ratioOf(round, best[index]))
  const rate = middleOf(rounds.map((round) => round.rate))
  if (rate === undefined) return undefined
  const isBeside = own.some((round) => round.ofCeiling !== undefined)
  return {
    ceiling,
    method: isBeside ? 'side by side' : 'one after the other',
    rate,
    ...middles(rounds, ratios),
    rounds,
  }
}

function ratioOf(own: Figures, ceiling: Figures | undefined): RoundRatio {
  const fields = ['rate', 'p50Ms', 'p99Ms'] as const
  const found = fields.flatMap((field) =>
    measured([(own[field] ?? Number.NaN) / (ceiling?.[field] ?? Number.NaN)]).map(
      (ratio) => [field, ratio] as const,
    ),
  )
  return Object.fromEntries(found)
}

/** Whether the figure is what it ought to be: by itself, or as a ratio to the ceiling. */
function reportAim(
  aim: Aim,
  median: Figures,
  rounds: readonly Figures[],
  comparison: Comparison | undefined,
): ReportedAim {
  const figureOf = (measurement: object | undefined): number | undefined => {
    const value = (measurement as Readonly<Record<string, unknown>> | undefined)?.[aim.figure]
    return typeof value === 'number' && Number.isFinite(value) ? value : undefined
  }
  const own = (of: Figures): number | undefined => figureOf({ ...of.figures, ...of })
  const value = aim.of === 'ceiling' ? figureOf(comparison) : own(median)
  const range = rangeOf(
    aim.of === 'ceiling' ? (comparison?.rounds ?? []).map(figureOf) : rounds.map(own),
  )
  const isReached = (value: number): boolean =>
    'atLeast' in aim ? value >= aim.atLeast : value <= aim.atMost
  return {
    aim,
    text: aimText(aim),
    ...(value !== undefined && { value }),
    ...(range !== undefined && { range }),
    reached: value !== undefined && isReached(value),
  }
}
