import { escaped, plot, type Series } from './plot.ts'
import { aimText, type Report, type ScenarioReport } from './report.ts'

/** The plots that can be drawn of what the report has: those of which it has two points or more. */
export function reportPlots(report: Report): readonly string[] {
  const of = new Map(report.scenarios.map((scenario) => [scenario.name, scenario]))
  const series = (
    name: string,
    points: readonly (readonly [x: number, scenario: string])[],
    y: (scenario: ScenarioReport) => number,
  ): Series => ({
    name,
    points: points.flatMap(([x, scenario]) => {
      const found = of.get(scenario)
      return found === undefined ? [] : [[x, y(found)] as const]
    }),
  })
  const rate = ({ median }: ScenarioReport): number => median.rate
  const inFlight = (prefix: string) =>
    [1, 256, 4_096].map((count) => [count, `${prefix}-${count}`] as const)
  const workflows = [
    [1, 'one-workflow-4096'],
    [1_000, 'workflows-1000'],
    [100_000, 'workflows-100000'],
  ] as const
  return [
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
      title: 'Many workflows: signals a second, 4,096 in flight',
      xLabel: 'workflows',
      yLabel: 'a second',
      series: [series('signalbox', workflows, rate)],
    },
    {
      title: 'One workflow: how long a sender waits',
      xLabel: 'signals in flight',
      yLabel: 'ms',
      series: (['p50Ms', 'p90Ms', 'p99Ms', 'p999Ms'] as const).map((figure) =>
        series(
          figure.replace('Ms', '').replace('999', '99.9'),
          inFlight('one-workflow'),
          ({ median }) => median[figure],
        ),
      ),
    },
  ]
    .map((options) => ({
      ...options,
      series: options.series.filter(({ points }) => points.length > 1),
    }))
    .filter(({ series }) => series.length > 0)
    .map((options) => plot(options))
}

/** One page that needs nothing else: plots, the table, the machine. */
export function htmlReport(report: Report, compared: ReadonlyMap<string, number>): string {
  const { machine, options, scenarios, date } = report
  const about =
    `${machine['processors']} × ${machine['cpu']}, ${machine['kernel']}, Node ${machine['node']}; ` +
    `medians of ${options.rounds} rounds of ${options.size.seconds} s; ${date}`
  const headings = ['scenario', 'a second', 'p50 ms', 'p90', 'p99', 'p99.9', 'CPUs', 'RSS MiB']
  const more = ['of ceiling', 'aim', ...(compared.size > 0 ? ['× before'] : [])]
  const rows = scenarios.map((scenario) => {
    const { title, median, comparison, aim, aimReached, name } = scenario
    const before = compared.get(name)
    const cells = [
      title,
      Math.round(median.rate).toLocaleString('en'),
      ...[median.p50Ms, median.p90Ms, median.p99Ms, median.p999Ms].map((ms) => ms.toFixed(2)),
      median.cpus.toFixed(2),
      Math.round(median.rssMiB).toLocaleString('en'),
      comparison?.rate.toFixed(2) ?? '',
      aim === undefined ? '' : `${aimText(aim)} ${aimReached === true ? '✓' : '✗'}`,
      ...(compared.size > 0 ? [before?.toFixed(2) ?? ''] : []),
    ]
    return `<tr>${cells.map((cell) => `<td>${escaped(cell)}</td>`).join('')}</tr>`
  })
  return `<!doctype html>
<html lang="en">
<meta charset="utf-8">
<title>signalbox benchmark</title>
<style>
body { font: 15px system-ui, sans-serif; max-width: 76rem; margin: 2rem auto; padding: 0 1rem; color: #222; background: #fff }
figure { display: inline-block; width: min(100%, 36rem); margin: 0 1rem 1rem 0 }
table { border-collapse: collapse; width: 100% }
td, th { padding: .3rem .6rem; border-bottom: 1px solid #ddd; text-align: right; font-variant-numeric: tabular-nums }
td:first-child, th:first-child { text-align: left }
</style>
<h1>signalbox benchmark</h1>
<p>${escaped(about)}</p>
${reportPlots(report)
  .map((svg) => `<figure>${svg}</figure>`)
  .join('\n')}
<table>
<tr>${[...headings, ...more].map((heading) => `<th>${escaped(heading)}</th>`).join('')}</tr>
${rows.join('\n')}
</table>
</html>
`
}
