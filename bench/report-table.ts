import { styleText } from 'node:util'
import type { Changes, Shift } from './changes.ts'
import type { Report, ScenarioReport } from './report.ts'
import { ceilingColumns, type Column, costColumns } from './report-columns.ts'
import {
  aboutLines,
  aimsText,
  besideText,
  figuresText,
  hasFigures,
  markedAim,
  rate,
  ratio,
} from './report-text.ts'

const aimHeading = 'aim'
const columns: readonly Column[] = [
  { heading: 'scenario', cell: ({ title }) => title },
  { heading: 'ops/s', cell: ({ median }) => rate(median.rate) },
  ...costColumns,
  ...ceilingColumns,
  { heading: aimHeading, cell: ({ aims }) => aims.map(markedAim).join(', ') },
]
/** Where a terminal is narrow, these are missed least. */
const leftOutFirst = ['p90', 'max', 'p99.9'] as const

/**
 * The report as a table for people.
 *
 * @param width of the terminal; Infinity if it is not one
 */
export function reportTable(report: Report, width = Infinity): string {
  const { scenarios, aims, failures, isComplete } = report
  const about = aboutLines(report).map(([what, text]) => `${what}: ${text}`)
  const shown = columnsFor(scenarios, width)
  const headings = shown.map(({ heading }) => heading)
  const rows = scenarios.map((scenario) => shown.map(({ cell }) => cell(scenario)))
  const [first = '', ...lines] = aligned([headings, ...rows])
  const body = scenarios.flatMap(({ aims, median, comparison }, index) => {
    const text = lines[index] ?? ''
    const below = [
      figuresText(median.figures),
      comparison === undefined ? '' : besideText(comparison),
    ].filter(Boolean)
    return [colouredByAims(text, aims), ...below.map((line) => `  ${line}`)]
  })
  return [
    ...about,
    ...(isComplete ? [] : ['It was interrupted: some rounds are missing.']),
    ...failures.map(({ name, reason }) => `${name} is left out: ${firstLine(reason)}`),
    '',
    styleText('bold', first),
    ...body,
    ...(aims.length === 0 ? [] : ['', aimsText(aims)]),
  ].join('\n')
}

function columnsFor(scenarios: readonly ScenarioReport[], width: number): readonly Column[] {
  const filled = columns.filter(({ cell }) => hasFigures(scenarios.map(cell)))
  const widthOf = (shown: readonly Column[]): number =>
    aligned([
      shown.map(({ heading }) => heading),
      ...scenarios.map((scenario) => shown.map(({ cell }) => cell(scenario))),
    ]).reduce((longest, { length }) => Math.max(longest, length), 0)
  let shown = filled
  for (const dispensable of leftOutFirst) {
    if (widthOf(shown) <= width) break
    shown = shown.filter(({ heading }) => heading !== dispensable)
  }
  return shown
}

/** How each scenario has changed, as a table of its own: it has its own headings. */
export function changesTable({ earlier, differences, scenarios }: Changes): string {
  const rows = scenarios.map(({ title, rate, ofCeiling, p99Ms, cpuMicros }) => [
    title,
    ...[rate, ofCeiling, p99Ms, cpuMicros].map(shiftText),
  ])
  const headings = ['scenario', 'rate × before', 'of ceiling × before', 'p99 ×', 'CPU ×']
  const [first = '', ...lines] = aligned([headings, ...rows])
  return [
    `Compared with ${earlier}`,
    ...differences.map((text) => styleText('yellow', `differs: ${text}`)),
    styleText('bold', first),
    ...lines,
    '≈ within noise: the rounds of then and now have values in common; ? one round, nothing known of noise',
  ].join('\n')
}

/** "1.20", "1.03 ≈". */
function shiftText(shift: Shift | undefined): string {
  if (shift === undefined) return ''
  const mark = shift.isNoise === undefined ? '?' : shift.isNoise ? '≈' : ' '
  return `${ratio(shift.times)} ${mark}`
}

function aligned(rows: readonly (readonly string[])[]): string[] {
  const widths = (rows[0] ?? []).map((_, column) =>
    Math.max(...rows.map((row) => row[column]?.length ?? 0)),
  )
  return rows.map((row) =>
    row
      .map((cell, column) => {
        const width = widths[column] ?? 0
        // Aims are words, and as long as they are many.
        const isText = column === 0 || rows[0]?.[column] === aimHeading
        return isText ? cell.padEnd(width) : cell.padStart(width)
      })
      .join('  ')
      .trimEnd(),
  )
}

function colouredByAims(text: string, aims: ScenarioReport['aims']): string {
  if (aims.length === 0) return text
  return styleText(aims.every(({ reached }) => reached) ? 'green' : 'red', text)
}

function firstLine(text: string): string {
  return text.split('\n', 1)[0] ?? ''
}
