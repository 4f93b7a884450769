import type { EarlierReport, EarlierScenario } from './earlier-report.ts'
import {
  compare,
  type Comparison,
  type Figures,
  type Report,
  type ScenarioReport,
} from './report.ts'
import { commitText } from './report-text.ts'
import { middleOf, overlap, rangeOf } from './value-range.ts'

/** How many times its earlier value a figure has now. */
export interface Shift {
  readonly times: number
  /** Whether the rounds of then and now have values in common; undefined of a single round. */
  readonly isNoise: boolean | undefined
}

/** What of a scenario has changed; absent where one of the reports does not have it. */
export interface Change {
  readonly name: string
  readonly title: string
  readonly rate?: Shift
  /** Of the ratio of the rates: the machine may have been faster as a whole. */
  readonly ofCeiling?: Shift
  readonly p99Ms?: Shift
  readonly cpuMicros?: Shift
}

export interface Changes {
  /** Which report it is compared with. */
  readonly earlier: string
  /** What else differs between the runs, so that not all is owed to signalbox. */
  readonly differences: readonly string[]
  readonly scenarios: readonly Change[]
}

export function changesSince(report: Report, earlier: EarlierReport): Changes {
  const before = new Map(earlier.scenarios.map((scenario) => [scenario.name, scenario]))
  const scenarios = report.scenarios.flatMap((now) => {
    const then = before.get(now.name)
    if (then === undefined) return []
    return [changeOf(now, then, comparisonOf(then, before))]
  })
  const methods = report.scenarios.flatMap(({ name, comparison }) => {
    const then = before.get(name)
    const method = then === undefined ? undefined : comparisonOf(then, before)?.method
    return comparison === undefined || method === undefined || method === comparison.method
      ? []
      : [`${name} is compared with its ceiling ${comparison.method}, then ${method}`]
  })
  const commit = earlier.commit === undefined ? '' : `, commit ${commitText(earlier.commit)}`
  const version = earlier.version === undefined ? '' : `, signalbox ${earlier.version}${commit}`
  return {
    earlier: `${earlier.date}${version}${earlier.isComplete === false ? ', not complete' : ''}`,
    differences: [...differencesOf(report, earlier), ...methods],
    scenarios,
  }
}

/** Of its rounds, not of what the report made of them: earlier ones had another comparison. */
function comparisonOf(
  { comparison, rounds }: EarlierScenario,
  all: ReadonlyMap<string, EarlierScenario>,
): Comparison | undefined {
  if (comparison === undefined) return undefined
  return compare(comparison.ceiling, rounds, all.get(comparison.ceiling)?.rounds ?? [])
}

function changeOf(
  { name, title, rounds, comparison }: ScenarioReport,
  { rounds: then }: EarlierScenario,
  comparisonThen: Comparison | undefined,
): Change {
  const figure = (of: 'rate' | 'p99Ms' | 'cpuMicros'): Shift | undefined =>
    shift(valuesOf(rounds, of), valuesOf(then, of))
  const rate = figure('rate')
  const ofCeiling = shift(
    (comparison?.rounds ?? []).map((round) => round.rate),
    (comparisonThen?.rounds ?? []).map((round) => round.rate),
  )
  const p99Ms = figure('p99Ms')
  const cpuMicros = figure('cpuMicros')
  return {
    name,
    title,
    ...(rate !== undefined && { rate }),
    ...(ofCeiling !== undefined && { ofCeiling }),
    ...(p99Ms !== undefined && { p99Ms }),
    ...(cpuMicros !== undefined && { cpuMicros }),
  }
}

function valuesOf(
  rounds: readonly Figures[],
  of: 'rate' | 'p99Ms' | 'cpuMicros',
): readonly (number | undefined)[] {
  return rounds.map((round) => round[of])
}

function shift(
  now: readonly (number | undefined)[],
  then: readonly (number | undefined)[],
): Shift | undefined {
  const [middle, before] = [middleOf(now), middleOf(then)]
  const [range, rangeBefore] = [rangeOf(now), rangeOf(then)]
  if (middle === undefined || range === undefined) return undefined
  if (before === undefined || rangeBefore === undefined || before === 0) return undefined
  // One round has no range, so nothing is known of the noise.
  const isKnown = now.length > 1 && then.length > 1
  return { times: middle / before, isNoise: isKnown ? overlap(range, rangeBefore) : undefined }
}

/** Only of what both reports say. */
function differencesOf(report: Report, earlier: EarlierReport): string[] {
  // As it is read again: a bound that is Infinity has become null.
  const now = JSON.parse(JSON.stringify(report)) as EarlierReport
  const facts = (of: EarlierReport): Readonly<Record<string, unknown>> => ({
    rounds: of.options.rounds,
    seconds: of.options.size.seconds,
    size: of.options.size.operations ?? 'no bound',
    'warm-up seconds': of.options.size.warmUp?.seconds,
    'warm-up operations': of.options.size.warmUp?.operations,
    workflows: of.options.workflowsMax ?? 'all',
    'processor model': of.machine['cpu'],
    processors: of.machine['processors'],
    'memory, MiB': of.machine['memoryMiB'],
    kernel: of.machine['kernel'],
    node: of.machine['node'],
    'file system': of.fileSystem,
    'V8 flags': of.v8Flags?.join(' '),
  })
  const then = facts(earlier)
  return Object.entries(facts(now))
    .filter(([name, value]) => then[name] !== undefined && then[name] !== value)
    .map(([name, value]) => `${name}: ${String(value)}, then ${String(then[name])}`)
}
