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
}

export interface Comparison {
  readonly ceiling: string
  /** Medians of the ratios that the rounds had each for itself. */
  readonly rate: number
  readonly p50Ms: number
  readonly p99Ms: number
  readonly aim?: Aim
  readonly aimReached?: boolean
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
  const { name, title } = scenario
  const rounds = results.get(name) ?? []
  const figure = (of: keyof Measurement): number => median(rounds.map((round) => round[of]))
  const comparison = compare(scenario, results)
  return {
    name,
    title,
    median: {
      operations: figure('operations'),
      seconds: figure('seconds'),
      rate: figure('rate'),
      p50Ms: figure('p50Ms'),
      p99Ms: figure('p99Ms'),
      cpus: figure('cpus'),
      rssMiB: figure('rssMiB'),
    },
    rounds,
    ...(comparison !== undefined && { comparison }),
  }
}

function compare({ name, ceiling, aim }: Scenario, results: Rounds): Comparison | undefined {
  const own = results.get(name)
  const best = ceiling === undefined ? undefined : results.get(ceiling)
  if (ceiling === undefined || own === undefined || best === undefined) return undefined
  const ratio = (of: keyof Measurement): number =>
    median(own.map((round, index) => round[of] / (best[index]?.[of] ?? Number.NaN)))
  const ratios = { rate: ratio('rate'), p50Ms: ratio('p50Ms'), p99Ms: ratio('p99Ms') }
  if (aim === undefined) return { ceiling, ...ratios }
  const aimReached = aim.figure === 'rate' ? ratios.rate >= aim.atLeast : ratios.p50Ms <= aim.atMost
  return { ceiling, ...ratios, aim, aimReached }
}

/** The middle one, or the mean of the two in the middle. */
function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b)
  const upper = sorted[Math.floor(sorted.length / 2)] ?? Number.NaN
  const lower = sorted[Math.floor((sorted.length - 1) / 2)] ?? Number.NaN
  return (lower + upper) / 2
}

/** The report as a table for people. */
export function reportTable({ machine, options, scenarios }: Report): string {
  const headings = ['scenario', 'ops/s', 'p50 ms', 'p99 ms', 'of ceiling', 'p50 ×', 'p99 ×', 'aim']
  const rows = scenarios.map(({ title, median, comparison }) => [
    title,
    Math.round(median.rate).toLocaleString('en'),
    milliseconds(median.p50Ms),
    milliseconds(median.p99Ms),
    comparison === undefined ? '' : comparison.rate.toFixed(2),
    comparison === undefined ? '' : comparison.p50Ms.toFixed(2),
    comparison === undefined ? '' : comparison.p99Ms.toFixed(2),
    aimText(comparison),
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
    const reached = scenarios[index]?.comparison?.aimReached
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

function aimText(comparison: Comparison | undefined): string {
  const aim = comparison?.aim
  if (aim === undefined) return ''
  const text = aim.figure === 'rate' ? `≥ ${aim.atLeast}` : `p50 ≤ ${aim.atMost}`
  return `${text} ${comparison?.aimReached === true ? '✓' : '✗'}`
}
