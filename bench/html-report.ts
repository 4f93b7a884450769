import type { Changes, Shift } from './changes.ts'
import { pageStyle } from './html-style.ts'
import { escaped, plot } from './plot.ts'
import { pageColours } from './plot-colours.ts'
import type { AimOfScenario, Report, ScenarioReport } from './report.ts'
import { reportPlots } from './report-plots.ts'
import { ceilingColumns, type Column, costColumns } from './report-columns.ts'
import {
  aboutLines,
  aimFigure,
  aimsText,
  askedText,
  besideText,
  figuresText,
  hasFigures,
  markedAim,
  rangeText,
  rate,
  ratio,
  shortNumber,
} from './report-text.ts'
import { rangeOf } from './value-range.ts'

/** One page that needs nothing else: which aims are met, plots, the tables. */
export function htmlReport(report: Report, changes?: Changes): string {
  const { plots, leftOut } = reportPlots(report)
  const about = aboutLines(report).map(
    ([what, text]) => `<tr><th>${escaped(what)}</th><td>${escaped(text)}</td></tr>`,
  )
  return `<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>signalbox benchmark</title>
<style>
${pageStyle}</style>
<h1>signalbox benchmark</h1>
${lead(report)}
${aimsSection(report.aims)}
${plots.length === 0 ? '' : '<h2>Plots</h2>'}
<div class="plots">
${plots.map((options) => `<figure>${plot(options, pageColours)}</figure>`).join('\n')}
</div>
${leftOut.map(({ title, why }) => `<p><small>Not drawn: “${escaped(title)}”: ${escaped(why)}.</small></p>`).join('\n')}
<h2>All figures</h2>
<p><small>Rates are medians of the rounds, with the smallest and largest. A ratio to a ceiling is the median of the
ratios of the rounds, measured side by side where the line below says so: it is not the quotient of two rates of this table.</small></p>
${scenarioTable(report.scenarios)}
${changes === undefined ? '' : changesSection(changes)}
<h2>What was measured, and where</h2>
<table class="about">
${about.join('\n')}
</table>
</html>
`
}

function lead({ aims, failures, isComplete, machine, options }: Report): string {
  const rounds = options.rounds === 1 ? 'one round' : `${options.rounds} rounds`
  return [
    `<p class="lead">${aims.length === 0 ? '' : `<strong>${aimsText(aims)}</strong>, `}on ${machine.processors} × ` +
      `${escaped(machine.cpu)}, in ${rounds} of ${options.size.seconds} s.</p>`,
    ...(isComplete ? [] : ['<p class="missed">It was interrupted: some rounds are missing.</p>']),
    ...failures.map(
      ({ name, reason }) =>
        `<p class="missed">${escaped(name)} is left out: ${escaped(reason.split('\n', 1)[0] ?? '')}</p>`,
    ),
  ].join('\n')
}

/** In one look: how far each figure is from what it ought to be. */
function aimsSection(aims: Report['aims']): string {
  if (aims.length === 0) return ''
  const rows = aims.map((one) => {
    const { title, value, range, reached } = one
    const kind = reached ? 'met' : 'missed'
    const cells = [
      escaped(aimFigure(one)),
      askedText(one),
      value === undefined ? 'not measured' : aimNumber(value),
      range === undefined || range[0] === range[1] ? '' : rangeText(range, aimNumber),
      `<span class="${kind}">${bar(one)}</span>`,
      `<span class="${kind}">${reached ? '✓ met' : '✗ missed'}</span>`,
    ]
    return `<tr><td>${escaped(title)}</td>${cells.map((cell) => `<td>${cell}</td>`).join('')}</tr>`
  })
  return `<h2>Aims</h2>
${table(['scenario', 'figure', 'asked', 'is', 'rounds', 'beside what is asked', ''], rows)}`
}

function aimNumber(value: number): string {
  // More places than elsewhere: 1.30 looks as if it met 1.3, which 1.304 misses.
  return value < 10 && !Number.isInteger(value) ? value.toFixed(3) : shortNumber(value)
}

/** As long as the figure is good: what is asked reaches the line in the middle, twice as good the end. */
function bar({ aim, value, reached }: AimOfScenario): string {
  if (value === undefined) return ''
  const good = 'atLeast' in aim ? value / aim.atLeast : aim.atMost / value
  // None of what there may be none of: 0 / 0.
  const share = Number.isFinite(good) ? Math.min(1, good / 2) : Number(reached)
  return `<span class="bar"><i style="width: ${(share * 100).toFixed(0)}%"></i><b></b></span>`
}

const columns: readonly Column[] = [
  { heading: 'a second', cell: ({ median }) => rate(median.rate) },
  ...costColumns,
  { heading: 'CPUs', cell: ({ median }) => ratio(median.cpus) },
  { heading: 'RSS MiB', cell: ({ median }) => rate(median.rssMiB) },
  { heading: 'disk bytes', cell: ({ median }) => rate(median.diskBytes) },
  ...ceilingColumns,
  {
    heading: 'aim',
    cell: ({ aims }) =>
      aims
        .map(
          (aim) =>
            `<span class="${aim.reached ? 'met' : 'missed'}">${escaped(markedAim(aim))}</span>`,
        )
        .join('<br>'),
  },
]

function scenarioTable(scenarios: readonly ScenarioReport[]): string {
  const shown = columns.filter(({ cell }) => hasFigures(scenarios.map(cell)))
  const rows = scenarios.map((scenario) => {
    const { title, median, comparison, rounds } = scenario
    const rates = rangeOf(rounds.map((round) => round.rate))
    const below = [
      rates === undefined || rounds.length < 2 ? '' : `${rangeText(rates, rate)} a second`,
      comparison === undefined ? '' : besideText(comparison),
      figuresText(median.figures),
    ].filter(Boolean)
    const first = `${escaped(title)}${below.map((line) => `<small>${escaped(line)}</small>`).join('')}`
    return `<tr><td>${first}</td>${shown.map(({ cell }) => `<td>${cell(scenario)}</td>`).join('')}</tr>`
  })
  return table(['scenario', ...shown.map(({ heading }) => heading)], rows)
}

function changesSection({ earlier, differences, scenarios }: Changes): string {
  const rows = scenarios.map(
    ({ title, rate, ofCeiling, p99Ms, cpuMicros }) =>
      `<tr><td>${escaped(title)}</td>${[rate, ofCeiling, p99Ms, cpuMicros].map((shift) => `<td>${shiftCell(shift)}</td>`).join('')}</tr>`,
  )
  return `<h2>Compared with ${escaped(earlier)}</h2>
${differences.map((text) => `<p class="missed">Differs: ${escaped(text)}.</p>`).join('\n')}
<p><small>How many times its earlier value each figure has. Within noise: the rounds of then and now have values in common.</small></p>
${table(['scenario', 'rate × before', 'of ceiling × before', 'p99 × before', 'CPU × before'], rows)}`
}

function shiftCell(shift: Shift | undefined): string {
  if (shift === undefined) return ''
  const noise =
    shift.isNoise === undefined ? 'one round: noise unknown' : shift.isNoise ? 'within noise' : ''
  return `${ratio(shift.times)}${noise === '' ? '' : `<small>${noise}</small>`}`
}

function table(headings: readonly string[], rows: readonly string[]): string {
  return `<div class="box"><table class="wide">
<tr>${headings.map((heading) => `<th>${escaped(heading)}</th>`).join('')}</tr>
${rows.join('\n')}
</table></div>`
}
