import { arch, availableParallelism, cpus, release, totalmem } from 'node:os'
import { styleText } from 'node:util'
import type { HarnessOptions, Rounds } from './harness.ts'
import type { Measurement, RatioToCeiling } from './measurement.ts'
import { median } from './median.ts'
import { type Aim, type Group, type Scenario, titleOf } from './scenario.ts'

type NumberField = Exclude<keyof Measurement, 'figures' | 'samples' | 'ofCeiling' | 'during'>
type RatioField = 'rate' | 'p50Ms' | 'p99Ms'

/** What `--json` writes. */
export interface Report {
  readonly date: string
  readonly machine: Readonly<Record<string, string | number>>
  readonly options: Pick<HarnessOptions, 'rounds' | 'size' | 'workflowsMax' | 'dir'>
  readonly scenarios: readonly ScenarioReport[]
}

export interface ScenarioReport {
  readonly name: string
  readonly title: string
  readonly group: Group
  /** Of every figure by itself, over the rounds; the course is that of the last one. */
  readonly median: Measurement
  readonly rounds: readonly Measurement[]
  readonly comparison?: Comparison
  readonly aims: readonly ReportedAim[]
}

/** An aim in words, and whether it was reached. */
export interface ReportedAim {
  readonly aim: Aim
  readonly text: string
  readonly value: number
  readonly reached: boolean
}

/** Medians of the ratios that the rounds had each for itself. */
export interface Comparison extends Pick<RatioToCeiling, RatioField> {
  readonly ceiling: string
}

/** How many times its figure of an earlier report a scenario has now. */
export interface Change {
  /** Of its ratio to the ceiling where it has one, since the machine may have been faster as a whole. */
  readonly rate: number
  /** Undefined where nothing was timed. */
  readonly p99Ms: number | undefined
  /** Undefined if the earlier report does not have it. */
  readonly cpuMicros: number | undefined
}

export function makeReport(
  scenarios: readonly Scenario[],
  results: Rounds,
  { rounds, size, workflowsMax, dir }: HarnessOptions,
): Report {
  return {
    date: new Date().toISOString(),
    machine: {
      cpu: cpus()[0]?.model ?? 'unknown',
      processors: availableParallelism(),
      memoryMiB: Math.round(totalmem() / 2 ** 20),
      kernel: `${process.platform} ${release()} ${arch()}`,
      node: process.version,
    },
    options: { rounds, size, dir, ...(workflowsMax !== undefined && { workflowsMax }) },
    scenarios: scenarios.map((scenario) => reportScenario(scenario, results, workflowsMax)),
  }
}

function reportScenario(
  scenario: Scenario,
  results: Rounds,
  workflowsMax: number | undefined,
): ScenarioReport {
  const { name, group, aims = [] } = scenario
  const rounds = results.get(name) ?? []
  const comparison = compare(scenario, results)
  const middle = medianOf(rounds)
  return {
    name,
    title: titleOf(scenario, workflowsMax),
    group,
    median: middle,
    rounds,
    ...(comparison !== undefined && { comparison }),
    // Of a ceiling that failed nothing can be said.
    aims: aims
      .filter(({ of }) => of === 'itself' || comparison !== undefined)
      .map((aim) => reportAim(aim, middle, comparison)),
  }
}

function medianOf(rounds: readonly Measurement[]): Measurement {
  const figure = (of: NumberField): number => median(rounds.map((round) => round[of] ?? Number.NaN))
  const isTimed = rounds.some(({ p50Ms }) => p50Ms !== undefined)
  const figures = Object.keys(rounds[0]?.figures ?? {}).map(
    (name) => [name, median(rounds.map((round) => round.figures?.[name] ?? Number.NaN))] as const,
  )
  const samples = rounds.at(-1)?.samples
  return {
    operations: figure('operations'),
    seconds: figure('seconds'),
    rate: figure('rate'),
    ...(isTimed && {
      p50Ms: figure('p50Ms'),
      p90Ms: figure('p90Ms'),
      p99Ms: figure('p99Ms'),
      p999Ms: figure('p999Ms'),
      maxMs: figure('maxMs'),
    }),
    cpus: figure('cpus'),
    cpuMicros: figure('cpuMicros'),
    rssMiB: figure('rssMiB'),
    diskBytes: figure('diskBytes'),
    ...(figures.length > 0 && { figures: Object.fromEntries(figures) }),
    ...(samples !== undefined && { samples }),
  }
}

function compare({ name, ceiling }: Scenario, results: Rounds): Comparison | undefined {
  const own = results.get(name)
  const best = ceiling === undefined ? undefined : results.get(ceiling)
  if (ceiling === undefined || own === undefined || best === undefined) return undefined
  const ratio = (of: RatioField): number =>
    median(
      own.map(
        (round, index) =>
          round.ofCeiling?.[of] ?? (round[of] ?? Number.NaN) / (best[index]?.[of] ?? Number.NaN),
      ),
    )
  return { ceiling, rate: ratio('rate'), p50Ms: ratio('p50Ms'), p99Ms: ratio('p99Ms') }
}

/** Whether the figure is what it ought to be: by itself, or as a ratio to the ceiling. */
function reportAim(aim: Aim, median: Measurement, comparison: Comparison | undefined): ReportedAim {
  const figures: object =
    aim.of === 'ceiling' ? { ...comparison } : { ...median.figures, ...median }
  const value = Number((figures as Record<string, unknown>)[aim.figure] ?? Number.NaN)
  const reached = 'atLeast' in aim ? value >= aim.atLeast : value <= aim.atMost
  return { aim, text: aimText(aim), value, reached }
}

export function comparedWith(report: Report, earlier: Report): ReadonlyMap<string, Change> {
  const before = new Map(earlier.scenarios.map((scenario) => [scenario.name, scenario]))
  const changes = new Map<string, Change>()
  for (const { name, median, comparison } of report.scenarios) {
    const then = before.get(name)
    if (then === undefined) continue
    const cpuBefore = (then.median as Partial<Measurement>).cpuMicros
    changes.set(name, {
      rate:
        comparison === undefined || then.comparison === undefined
          ? median.rate / then.median.rate
          : comparison.rate / then.comparison.rate,
      p99Ms:
        median.p99Ms === undefined || then.median.p99Ms === undefined
          ? undefined
          : median.p99Ms / then.median.p99Ms,
      cpuMicros: cpuBefore === undefined ? undefined : median.cpuMicros / cpuBefore,
    })
  }
  return changes
}

/** The report as a table for people. */
export function reportTable(
  { machine, options, scenarios }: Report,
  compared: ReadonlyMap<string, Change> = new Map(),
): string {
  const usual = [
    'scenario',
    'ops/s',
    'p50 ms',
    'p99 ms',
    'p99.9',
    'CPU µs',
    'of ceiling',
    'p50 ×',
    'p99 ×',
    'aim',
  ]
  const headings = compared.size === 0 ? usual : [...usual, '× before', 'p99', 'CPU']
  const rows = scenarios.map(({ name, title, median, comparison, aims }) => {
    const change = compared.get(name)
    const changed = [change?.rate, change?.p99Ms, change?.cpuMicros].map(ratio)
    return [
      title,
      Math.round(median.rate).toLocaleString('en'),
      milliseconds(median.p50Ms),
      milliseconds(median.p99Ms),
      milliseconds(median.p999Ms),
      median.cpuMicros.toFixed(median.cpuMicros < 10 ? 2 : 0),
      ratio(comparison?.rate),
      ratio(comparison?.p50Ms),
      ratio(comparison?.p99Ms),
      aims.map(markedAim).join(', '),
      ...(compared.size === 0 ? [] : changed),
    ]
  })
  const widths = headings.map((heading, column) =>
    Math.max(heading.length, ...rows.map((row) => row[column]?.length ?? 0)),
  )
  const line = (row: readonly string[]): string =>
    row
      .map((cell, column) => {
        const width = widths[column] ?? 0
        return column === 0 ? cell.padEnd(width) : cell.padStart(width)
      })
      .join('  ')
  const lines = rows.flatMap((row, index) => {
    const { aims = [], median } = scenarios[index] ?? {}
    const text = line(row)
    const coloured =
      aims.length === 0
        ? text
        : styleText(aims.every(({ reached }) => reached) ? 'green' : 'red', text)
    const figures = figuresText(median?.figures)
    return figures === '' ? [coloured] : [coloured, `  ${figures}`]
  })
  const about =
    `${machine['processors']} × ${machine['cpu']}, ${machine['kernel']}, Node ${machine['node']}; ` +
    `medians of ${options.rounds} rounds of ${options.size.seconds} s`
  return [about, '', styleText('bold', line(headings)), ...lines].join('\n')
}

export function markedAim({ text, reached }: ReportedAim): string {
  return `${text} ${reached ? '✓' : '✗'}`
}

/** "open 210 ms, memory 90 MiB": what a scenario measured beside its rate and latencies. */
export function figuresText(figures: Measurement['figures'] = {}): string {
  return Object.entries(figures)
    .map(([name, value]) => `${figureName(name)} ${shortNumber(value)}${unitOf(name)}`)
    .join(', ')
}

function figureName(name: string): string {
  return name
    .replace(/(Ms|MiB|Bytes)$/, '')
    .replace(/^p999$/, 'p99.9')
    .replaceAll(/[A-Z]/g, (letter) => ` ${letter.toLowerCase()}`)
}

function unitOf(name: string): string {
  if (name === 'rate') return ' a second'
  const [, unit] = /(Ms|MiB|Bytes)$/.exec(name) ?? []
  return unit === undefined ? '' : ` ${unit === 'MiB' ? unit : unit.toLowerCase()}`
}

function shortNumber(value: number): string {
  return value >= 100
    ? Math.round(value).toLocaleString('en')
    : String(Number(value.toPrecision(3)))
}

function milliseconds(ms: number | undefined): string {
  if (ms === undefined) return '–'
  return ms < 10 ? ms.toFixed(2) : ms.toFixed(1)
}

function ratio(value: number | undefined): string {
  return value === undefined || Number.isNaN(value) ? '' : value.toFixed(2)
}

function aimText(aim: Aim): string {
  const unit = aim.of === 'ceiling' ? '' : unitOf(aim.figure)
  const name = aim.figure === 'rate' ? '' : `${figureName(aim.figure)} `
  return 'atLeast' in aim
    ? `${name}≥ ${aim.atLeast.toLocaleString('en')}${unit}`
    : `${name}≤ ${aim.atMost.toLocaleString('en')}${unit}`
}
