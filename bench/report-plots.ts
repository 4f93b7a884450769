import { inFlightCounts } from './ceiling-scenarios.ts'
import type { PlotOptions, Point, Series } from './plot.ts'
import type { Figures, Report, ScenarioReport } from './report.ts'
import { idleCounts, recoverySignals } from './scale-scenarios.ts'
import { httpOpenLoopRates, openLoopRates } from './signal-scenarios.ts'
import { middleOf, rangeOf } from './value-range.ts'

type Place = readonly [x: number, scenario: string]

/** The plots of a report, and which have too few points to be drawn. */
export interface ReportPlots {
  readonly plots: readonly PlotOptions[]
  readonly leftOut: readonly { readonly title: string; readonly why: string }[]
}

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
/** The last operations of a run end after the last is due: that alone is no overload, however short the run. */
const sustainedShare = 0.95

/** A plot belongs to a report if one of its scenarios does. */
export function reportPlots(report: Report): ReportPlots {
  const of = new Map(report.scenarios.map((scenario) => [scenario.name, scenario]))
  const drawn = plotsOf(of).map((options) => ({
    ...options,
    series: options.series.filter(({ points }) => points.length > 0),
  }))
  const hasLine = ({ series }: PlotOptions): boolean =>
    series.some(({ points }) => points.length > 1)
  return {
    plots: drawn.filter(hasLine),
    leftOut: drawn
      .filter((options) => options.series.length > 0 && !hasLine(options))
      .map(({ title, xLabel }) => ({
        title,
        why: `there is one point only; take more scenarios of it for a line (${xLabel})`,
      })),
  }
}

/** Whether scenarios of these names are enough for a plot. */
export function canBePlotted(names: readonly string[]): boolean {
  const chosen = new Set(names)
  const linesOf: readonly (readonly Place[])[] = [
    inFlight('one-workflow'),
    inFlight('lmdb'),
    openLoop,
    httpOpenLoop,
    curve,
    idle,
    recovery,
  ]
  const points = linesOf.map((places) => places.filter(([, name]) => chosen.has(name)).length)
  return chosen.has('soak') || points.some((count) => count > 1)
}

const inFlight = (prefix: string): readonly Place[] =>
  inFlightCounts.map((count) => [count, `${prefix}-${count}`])
const openLoop = openLoopRates.map((rate): Place => [rate, `open-loop-${rate}`])
const httpOpenLoop = httpOpenLoopRates.map((rate): Place => [rate, `http-open-loop-${rate}`])
const idle = idleCounts.map((count): Place => [count, `idle-${count}`])
const recovery = recoverySignals.map((count): Place => [count, `recovery-${count}`])

function plotsOf(of: ReadonlyMap<string, ScenarioReport>): readonly PlotOptions[] {
  const series = (
    name: string,
    places: readonly Place[],
    point: (scenario: ScenarioReport) => Omit<Point, 'x'> | undefined,
  ): Series => ({
    name,
    points: places.flatMap(([x, scenario]) => {
      const found = of.get(scenario)
      const drawn = found === undefined ? undefined : point(found)
      return drawn === undefined ? [] : [{ x, ...drawn }]
    }),
  })
  const latencies = (places: readonly Place[], overload = false): Series[] =>
    percentiles.map(([name, field]) =>
      series(name, places, (scenario) => {
        const point = pointOf((measurement) => measurement[field])(scenario)
        const asked = places.find(([, name]) => name === scenario.name)?.[0]
        const isHollow = overload && !isSustained(scenario.median, asked)
        return point === undefined ? undefined : { ...point, isHollow }
      }),
    )
  const cpu = pointOf(({ cpuMicros }) => cpuMicros)
  const figure = (name: string) => pointOf(({ figures }) => figures?.[name])
  const whiskers = 'Medians of the rounds; whiskers from the smallest to the largest.'
  const overloaded = 'not sustained'
  const overload = `${whiskers} Hollow: less than 95 % of the asked rate was done, so what waits grows without bound.`
  const isBeside = inFlightCounts.some(
    (count) => of.get(`one-workflow-${count}`)?.comparison?.ownRate !== undefined,
  )
  return [
    {
      title: 'One workflow: durable, processed signals a second',
      subtitle: isBeside
        ? `Measured side by side, in turns, as the ratios of the table. ${whiskers}`
        : `Measured one after the other: for ratios see the table. ${whiskers}`,
      xLabel: 'signals in flight',
      yLabel: 'a second',
      series: [
        series(
          'signalbox',
          inFlight('one-workflow'),
          (scenario) => besidePoint(scenario, 'ownRate') ?? ratePoint(scenario),
        ),
        series('LMDB alone, a put a record', inFlight('lmdb'), (ceiling) => {
          const compared = of.get(ceiling.name.replace(/^lmdb/, 'one-workflow'))
          return besidePoint(compared, 'ceilingRate') ?? ratePoint(ceiling)
        }),
      ],
    },
    {
      title: 'One workflow: how long a sender waits, by signals in flight',
      subtitle: whiskers,
      xLabel: 'signals in flight',
      yLabel: 'ms',
      series: latencies(inFlight('one-workflow')),
    },
    {
      title: 'One workflow: how long after its time a signal is processed',
      subtitle: overload,
      hollow: overloaded,
      xLabel: 'signals a second, at fixed times',
      yLabel: 'ms',
      series: latencies(openLoop, true),
    },
    {
      title: 'Over HTTP, a request each: how long after its time a signal is durable',
      subtitle: overload,
      hollow: overloaded,
      xLabel: 'signals a second, at fixed times, 256 connections',
      yLabel: 'ms',
      series: latencies(httpOpenLoop, true),
    },
    {
      title: 'What a signal costs, by number of workflows that get signals',
      subtitle: whiskers,
      xLabel: 'workflows, 4,096 signals in flight',
      yLabel: 'µs',
      series: [
        series('processor time', curve, cpu),
        series(
          'time (1 / rate)',
          curve,
          pointOf(({ rate }) => 1e6 / rate),
        ),
      ],
    },
    {
      title: 'What a signal costs beside workflows that do nothing',
      subtitle: whiskers,
      xLabel: 'idle workflows',
      yLabel: 'µs of processor time',
      series: [series('256 in flight to one workflow', idle, cpu)],
    },
    {
      title: 'After kill -9: how long until it works again, by signals in the journal',
      subtitle: whiskers,
      xLabel: 'signals, of 1,000 workflows',
      yLabel: 'ms',
      series: [
        series('open', recovery, figure('openMs')),
        series('first signal processed', recovery, figure('firstSignalMs')),
      ],
    },
    ...coursePlots(of.get('soak')),
  ]
}

/** The median of a figure, with the smallest and largest of the rounds. */
function pointOf(
  figure: (measurement: Figures) => number | undefined,
): (scenario: ScenarioReport) => Omit<Point, 'x'> | undefined {
  return ({ rounds }) => pointOfValues(rounds.map(figure))
}

function pointOfValues(values: readonly (number | undefined)[]): Omit<Point, 'x'> | undefined {
  const [y, range] = [middleOf(values), rangeOf(values)]
  return y === undefined || range === undefined ? undefined : { y, range }
}

const ratePoint = pointOf(({ rate }) => rate)

/** Undefined where nothing was compared side by side. */
function besidePoint(
  scenario: ScenarioReport | undefined,
  of: 'ownRate' | 'ceilingRate',
): Omit<Point, 'x'> | undefined {
  return pointOfValues((scenario?.comparison?.rounds ?? []).map((round) => round[of]))
}

function isSustained({ rate, figures }: Figures, asked = 0): boolean {
  return rate >= sustainedShare * (figures?.['askedRate'] ?? asked)
}

/** The course of a long run. */
function coursePlots(scenario: ScenarioReport | undefined): PlotOptions[] {
  const samples = scenario?.median.samples ?? []
  const course = (name: string, field: 'memoryMiB' | 'diskMiB' | 'p50Ms' | 'p99Ms'): Series => ({
    name,
    points: samples.flatMap((sample) => {
      const y: number | undefined = sample[field]
      return y === undefined ? [] : [{ x: sample.seconds, y }]
    }),
  })
  const common = {
    subtitle: 'The course of the last round.',
    xLabel: 'seconds',
    scale: 'linear',
    values: false,
  } as const
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
