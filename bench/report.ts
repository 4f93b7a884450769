import { arch, availableParallelism, cpus, release, totalmem } from 'node:os'
import { styleText } from 'node:util'
import type { HarnessOptions, Rounds } from './harness.ts'
import type { Measurement } from './measurement.ts'
import type { Aim, Scenario } from './scenarios.ts'

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
  /** Of every figure by itself, over the rounds. */
  readonly median: Measurement
  readonly rounds: readonly Measurement[]
  readonly comparison?: Comparison
  readonly aim?: Aim
  readonly aimReached?: boolean
}

export interface Comparison {
  readonly ceiling: string
  /** Medians of the ratios that the rounds had each for itself. */
  readonly rate: number
  readonly p50Ms: number
  readonly p99Ms: number
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
    scenarios: scenarios.map((scenario) => reportScenario(scenario, results)),
  }
}

function reportScenario(scenario: Scenario, results: Rounds): ScenarioReport {
  const { name, title, aim } = scenario
  const rounds = results.get(name) ?? []
  const figure = (of: keyof Measurement): number => median(rounds.map((round) => round[of]))
  const comparison = compare(scenario, results)
  const middle: Measurement = {
    operations: figure('operations'),
    seconds: figure('seconds'),
    rate: figure('rate'),
    p50Ms: figure('p50Ms'),
    p90Ms: figure('p90Ms'),
    p99Ms: figure('p99Ms'),
    p999Ms: figure('p999Ms'),
    cpus: figure('cpus'),
    rssMiB: figure('rssMiB'),
  }
  return {
    name,
    title,
    median: middle,
    rounds,
    ...(comparison !== undefined && { comparison }),
    ...(aim !== undefined && { aim, aimReached: isReached(aim, middle, comparison) }),
  }
}

function compare({ name, ceiling }: Scenario, results: Rounds): Comparison | undefined {
  const own = results.get(name)
  const best = ceiling === undefined ? undefined : results.get(ceiling)
  if (ceiling === undefined || own === undefined || best === undefined) return undefined
  const ratio = (of: keyof Measurement): number =>
    median(own.map((round, index) => round[of] / (best[index]?.[of] ?? Number.NaN)))
  return { ceiling, rate: ratio('rate'), p50Ms: ratio('p50Ms'), p99Ms: ratio('p99Ms') }
}

/** Whether the figure is what it ought to be: by itself, or as a ratio to the ceiling. */
function isReached(aim: Aim, median: Measurement, comparison: Comparison | undefined): boolean {
  const figures = aim.of === 'ceiling' ? comparison : median
  const value = figures?.[aim.figure] ?? Number.NaN
  return 'atLeast' in aim ? value >= aim.atLeast : value <= aim.atMost
}

/**
 * How many times as fast as in an earlier report each scenario was: by its ratio to the ceiling where it
 * has one, since the machine may have been faster or slower as a whole, else by its rate.
 */
export function comparedWith(report: Report, earlier: Report): ReadonlyMap<string, number> {
  const before = new Map(earlier.scenarios.map((scenario) => [scenario.name, scenario]))
  const times = new Map<string, number>()
  for (const { name, median, comparison } of report.scenarios) {
    const then = before.get(name)
    if (then === undefined) continue
    const ratio =
      comparison === undefined || then.comparison === undefined
        ? median.rate / then.median.rate
        : comparison.rate / then.comparison.rate
    times.set(name, ratio)
  }
  return times
}

/** The middle one, or the mean of the two in the middle. */
function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b)
  const upper = sorted[Math.floor(sorted.length / 2)] ?? Number.NaN
  const lower = sorted[Math.floor((sorted.length - 1) / 2)] ?? Number.NaN
  return (lower + upper) / 2
}

/** The report as a table for people. */
export function reportTable(
  { machine, options, scenarios }: Report,
  compared: ReadonlyMap<string, number> = new Map(),
): string {
  const usual = ['scenario', 'ops/s', 'p50 ms', 'p99 ms', 'of ceiling', 'p50 ×', 'p99 ×', 'aim']
  const headings = compared.size === 0 ? usual : [...usual, '× before']
  const rows = scenarios.map(({ name, title, median, comparison, aim, aimReached }) => [
    title,
    Math.round(median.rate).toLocaleString('en'),
    milliseconds(median.p50Ms),
    milliseconds(median.p99Ms),
    comparison === undefined ? '' : comparison.rate.toFixed(2),
    comparison === undefined ? '' : comparison.p50Ms.toFixed(2),
    comparison === undefined ? '' : comparison.p99Ms.toFixed(2),
    aim === undefined ? '' : `${aimText(aim)} ${aimReached === true ? '✓' : '✗'}`,
    ...(compared.size === 0 ? [] : [compared.get(name)?.toFixed(2) ?? '']),
  ])
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
  const lines = rows.map((row, index) => {
    const reached = scenarios[index]?.aimReached
    return reached === undefined ? line(row) : styleText(reached ? 'green' : 'red', line(row))
  })
  const about =
    `${machine['processors']} × ${machine['cpu']}, ${machine['kernel']}, Node ${machine['node']}; ` +
    `medians of ${options.rounds} rounds of ${options.size.seconds} s`
  return [about, '', styleText('bold', line(headings)), ...lines].join('\n')
}

function milliseconds(ms: number): string {
  return ms < 10 ? ms.toFixed(2) : ms.toFixed(1)
}

/** The aim in words. */
export function aimText(aim: Aim): string {
  const unit = aim.of === 'ceiling' ? '' : aim.figure === 'rate' ? ' a second' : ' ms'
  const name = aim.figure === 'rate' ? '' : `${aim.figure.replace('Ms', '')} `
  return 'atLeast' in aim
    ? `${name}≥ ${aim.atLeast.toLocaleString('en')}${unit}`
    : `${name}≤ ${aim.atMost}${unit}`
}
