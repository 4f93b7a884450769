import { escaped } from './plot.ts'
import { type Change, figuresText, markedAim, type Report } from './report.ts'
import { reportPlots } from './report-plots.ts'

/** One page that needs nothing else: plots, the table, the machine. */
export function htmlReport(report: Report, compared: ReadonlyMap<string, Change>): string {
  const { machine, options, scenarios, date } = report
  const about =
    `${machine['processors']} × ${machine['cpu']}, ${machine['kernel']}, Node ${machine['node']}; ` +
    `medians of ${options.rounds} rounds of ${options.size.seconds} s; ${date}`
  const headings = [
    'scenario',
    'a second',
    'p50 ms',
    'p90',
    'p99',
    'p99.9',
    'CPU µs',
    'CPUs',
    'RSS MiB',
    'disk bytes',
    'of ceiling',
    'aim',
    ...(compared.size > 0 ? ['× before', 'p99 ×', 'CPU ×'] : []),
  ]
  const rows = scenarios.map((scenario) => {
    const { title, median, comparison, aims, name } = scenario
    const change = compared.get(name)
    const changed = [change?.rate, change?.p99Ms, change?.cpuMicros].map(
      (value) => value?.toFixed(2) ?? '',
    )
    const cells = [
      Math.round(median.rate).toLocaleString('en'),
      ...[median.p50Ms, median.p90Ms, median.p99Ms, median.p999Ms].map(
        (ms) => ms?.toFixed(2) ?? '–',
      ),
      median.cpuMicros.toFixed(2),
      median.cpus.toFixed(2),
      Math.round(median.rssMiB).toLocaleString('en'),
      Math.round(median.diskBytes).toLocaleString('en'),
      comparison?.rate.toFixed(2) ?? '',
      aims.map(markedAim).join(', '),
      ...(compared.size > 0 ? changed : []),
    ]
    const figures = escaped(figuresText(median.figures))
    const first = `<td>${escaped(title)}${figures === '' ? '' : `<small>${figures}</small>`}</td>`
    const reached = aims.every(({ reached }) => reached)
    const kind = aims.length === 0 ? '' : ` class="${reached ? 'reached' : 'missed'}"`
    return `<tr${kind}>${first}${cells.map((cell) => `<td>${escaped(cell)}</td>`).join('')}</tr>`
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
small { display: block; color: #666 }
.reached td:nth-child(12) { color: #00704a }
.missed td:nth-child(12) { color: #b03a00 }
@media (prefers-color-scheme: dark) {
  body { color: #ddd; background: #16181c }
  td, th { border-color: #333 }
  small { color: #999 }
}
</style>
<h1>signalbox benchmark</h1>
<p>${escaped(about)}</p>
${reportPlots(report)
  .map((svg) => `<figure>${svg}</figure>`)
  .join('\n')}
<table>
<tr>${headings.map((heading) => `<th>${escaped(heading)}</th>`).join('')}</tr>
${rows.join('\n')}
</table>
</html>
`
}
