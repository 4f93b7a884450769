import { inFlightCounts } from './ceiling-scenarios.ts'
import { plot, type PlotOptions, type Series } from './plot.ts'
import type { Report, ScenarioReport } from './report.ts'
import { idleCounts, recoverySignals } from './scale-scenarios.ts'
import { httpOpenLoopRates, openLoopRates } from './signal-scenarios.ts'

type Place = readonly [x: number, scenario: string]

const curve: readonly Place[] = [
  [1, 'one-workflow-4096'],
  [10, 'workflows-10'],
  [100, 'workflows-100'],
  [1_000, 'workflows-1000'],
  [10_000, 'workflows-10000'],
  [100_000, 'workflows-100000'],
]
const percentiles = [
  ['p50', 'p50Ms'],
  ['p90', 'p90Ms'],
  ['p99', 'p99Ms'],
  ['p99.9', 'p999Ms'],
] as const

/** The plots that can be drawn of what the report has: those of which it has two points or more. */
export function reportPlots(report: Report): readonly string[] {
  const of = new Map(report.scenarios.map((scenario) => [scenario.name, scenario]))
  const series = (
    name: string,
    places: readonly Place[],
    y: (scenario: ScenarioReport) => number | undefined,
  ): Series => ({
    name,
    points: places.flatMap(([x, scenario]) => {
      const found = of.get(scenario)
      const value = found === undefined ? undefined : y(found)
      return value === undefined ? [] : [[x, value] as const]
    }),
  })
  const rate = ({ median }: ScenarioReport): number => median.rate
  const cpu = ({ median }: ScenarioReport): number => median.cpuMicros
  const figure =
    (name: string) =>
    ({ median }: ScenarioReport): number | undefined =>
      median.figures?.[name]
  const latencies = (places: readonly Place[]): Series[] =>
    percentiles.map(([name, field]) => series(name, places, ({ median }) => median[field]))
  const inFlight = (prefix: string): readonly Place[] =>
    inFlightCounts.map((count) => [count, `${prefix}-${count}`])
  const rates = openLoopRates.map((rate): Place => [rate, `open-loop-${rate}`])
  const httpRates = httpOpenLoopRates.map((rate): Place => [rate, `http-open-loop-${rate}`])
  const idle = idleCounts.map((count): Place => [count, `idle-${count}`])
  const recovery = recoverySignals.map((count): Place => [count, `recovery-${count}`])
  const plots: readonly PlotOptions[] = [
    {
      title: 'One workflow: durable, processed signals a second',
      xLabel: 'signals in flight',
      yLabel: 'a second',
      series: [
        series('signalbox', inFlight('one-workflow'), rate),
        series('LMDB alone, a put a record', inFlight('lmdb'), rate),
      ],
    },
    {
      title: 'One workflow: how long a sender waits, by signals in flight',
      xLabel: 'signals in flight',
      yLabel: 'ms',
      series: latencies(inFlight('one-workflow')),
    },
    {
      title: 'One workflow: how long after its time a signal is processed, by rate',
      xLabel: 'signals a second, at fixed times',
      yLabel: 'ms',
      series: latencies(rates),
    },
    {
      title: 'Over HTTP, a request each: how long after its time it is durable, by rate',
      xLabel: 'signals a second, at fixed times, 256 connections',
      yLabel: 'ms',
      series: latencies(httpRates),
    },
    {
      title: 'What a signal costs, by number of workflows that get signals',
      xLabel: 'workflows, 4,096 signals in flight',
      yLabel: 'µs',
      series: [
        series('processor time', curve, cpu),
        series('time (1 / rate)', curve, (scenario) => 1e6 / rate(scenario)),
      ],
    },
    {
      title: 'What a signal costs beside workflows that do nothing',
      xLabel: 'idle workflows',
      yLabel: 'µs of processor time',
      series: [series('256 in flight to one workflow', idle, cpu)],
    },
    {
      title: 'After kill -9: how long until it works again, by signals in the journal',
      xLabel: 'signals, of 1,000 workflows',
      yLabel: 'ms',
      series: [
        series('open', recovery, figure('openMs')),
        series('first signal processed', recovery, figure('firstSignalMs')),
      ],
    },
    ...coursePlots(of.get('soak')),
  ]
  return plots
    .map((options) => ({
      ...options,
      series: options.series.filter(({ points }) => points.length > 1),
    }))
    .filter(({ series }) => series.length > 0)
    .map((options) => plot(options))
}

/** The course of a long run. */
function coursePlots(scenario: ScenarioReport | undefined): PlotOptions[] {
  const samples = scenario?.median.samples ?? []
  const course = (name: string, y: 'memoryMiB' | 'diskMiB' | 'p50Ms' | 'p99Ms'): Series => ({
    name,
    points: samples.flatMap((sample) => {
      const value = sample[y]
      return value === undefined ? [] : [[sample.seconds, value] as const]
    }),
  })
  const common = { xLabel: 'seconds', scale: 'linear', values: false } as const
  return [
    {
      ...common,
      title: 'Mixed load: memory and disk',
      yLabel: 'MiB',
      series: [course('memory of its own', 'memoryMiB'), course('data folder', 'diskMiB')],
    },
    {
      ...common,
      title: 'Mixed load: how long a call takes',
      yLabel: 'ms',
      series: [course('p50', 'p50Ms'), course('p99', 'p99Ms')],
    },
  ]
}
