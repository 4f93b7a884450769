import type { AimOfScenario, Comparison, Figures, Report, ReportedAim } from './report.ts'
import type { Aim } from './scenario.ts'
import { rangeOf, type ValueRange } from './value-range.ts'

/** "≥ 0.6", "open ≤ 10 ms". */
export function aimText(aim: Aim): string {
  const unit = aim.of === 'ceiling' ? '' : unitOf(aim.figure)
  const name = aim.figure === 'rate' ? '' : `${figureName(aim.figure)} `
  return 'atLeast' in aim
    ? `${name}≥ ${aim.atLeast.toLocaleString('en')}${unit}`
    : `${name}≤ ${aim.atMost.toLocaleString('en')}${unit}`
}

export function markedAim({ text, reached }: ReportedAim): string {
  return `${text} ${reached ? '✓' : '✗'}`
}

/** What an aim is about: "rate, times the ceiling's", "open, ms". */
export function aimFigure({ aim }: AimOfScenario): string {
  const unit = aim.of === 'ceiling' ? " times the ceiling's" : unitOf(aim.figure)
  return `${figureName(aim.figure)}${unit === '' ? '' : `,${unit}`}`
}

/** "≥ 0.6": beside the name of its figure. */
export function askedText({ aim }: AimOfScenario): string {
  return 'atLeast' in aim
    ? `≥ ${aim.atLeast.toLocaleString('en')}`
    : `≤ ${aim.atMost.toLocaleString('en')}`
}

/** "open 210 ms, memory 90 MiB": what a scenario measured beside its rate and latencies. */
export function figuresText(figures: Figures['figures'] = {}): string {
  return Object.entries(figures)
    .map(([name, value]) => `${figureName(name)} ${shortNumber(value)}${unitOf(name)}`)
    .join(', ')
}

/** Which rates the ratio is made of: those of the table were measured at another time. */
export function besideText({ ownRate, ceilingRate, pairs, rounds }: Comparison): string {
  const ratios = rangeOf(rounds.map(({ rate }) => rate))
  const ofRounds =
    ratios === undefined || rounds.length < 2 ? '' : `ratio ${rangeText(ratios, ratio)}`
  if (ownRate === undefined || ceilingRate === undefined) return ofRounds
  const own = rangeOf(rounds.map((round) => round.ownRate))
  const best = rangeOf(rounds.map((round) => round.ceilingRate))
  return [
    `side by side ${rateWithRange(ownRate, own)} to ${rateWithRange(ceilingRate, best)} a second`,
    ...(pairs === undefined ? [] : [`${shortNumber(pairs)} pairs`]),
    ...(ofRounds === '' ? [] : [ofRounds]),
  ].join(', ')
}

function rateWithRange(middle: number, range: ValueRange | undefined): string {
  const all = range === undefined || range[0] === range[1] ? '' : ` (${rangeText(range, rate)})`
  return `${rate(middle)}${all}`
}

/** "1,800 … 2,100". */
export function rangeText(
  [smallest, largest]: ValueRange,
  text: (value: number) => string,
): string {
  return `${text(smallest)} … ${text(largest)}`
}

/** "11 of 14 aims are met". */
export function aimsText(aims: Report['aims']): string {
  const met = aims.filter(({ reached }) => reached).length
  return `${met} of ${aims.length} aims ${met === 1 ? 'is' : 'are'} met`
}

export function figureName(name: string): string {
  return name
    .replace(/(Ms|MiB|Bytes|Micros)$/, '')
    .replace(/^p999$/, 'p99.9')
    .replaceAll(/[A-Z]/g, (letter) => ` ${letter.toLowerCase()}`)
}

function unitOf(name: string): string {
  if (/^rate$|Rate$/.test(name)) return ' a second'
  const [, unit] = /(Ms|MiB|Bytes)$/.exec(name) ?? []
  return unit === undefined ? '' : ` ${unit === 'MiB' ? unit : unit.toLowerCase()}`
}

export function shortNumber(value: number): string {
  return value >= 100
    ? Math.round(value).toLocaleString('en')
    : String(Number(value.toPrecision(3)))
}

/** Empty for what was not measured. */
export function rate(value: number | undefined): string {
  return value === undefined ? '' : Math.round(value).toLocaleString('en')
}

export const untimed = '–'

export function milliseconds(ms: number | undefined): string {
  if (ms === undefined || Number.isNaN(ms)) return untimed
  return ms < 10 ? ms.toFixed(2) : ms.toFixed(1)
}

/** Whether a column has anything to say. */
export function hasFigures(cells: readonly string[]): boolean {
  return cells.some((cell) => cell !== '' && cell !== untimed)
}

/** Empty for what was not measured. */
export function micros(value: number | undefined): string {
  return value === undefined ? '' : value.toFixed(value < 10 ? 2 : 0)
}

/** Empty for what was not measured. */
export function ratio(value: number | undefined): string {
  return value === undefined || Number.isNaN(value) ? '' : value.toFixed(2)
}

/** What the figures belong to, line by line. */
export function aboutLines(report: Report): readonly (readonly [what: string, text: string])[] {
  const { machine, options, version, commit, fileSystem, v8Flags, argv } = report
  const { seconds, operations, warmUp } = options.size
  const bounds = (most: number): string =>
    Number.isFinite(most) ? ` or ${most.toLocaleString('en')} operations` : ''
  const memory = `${(machine.memoryMiB / 1024).toFixed(1)} GiB`
  const workflows =
    options.workflowsMax === undefined
      ? 'all workflows'
      : `${options.workflowsMax.toLocaleString('en')} workflows at most`
  return [
    ['signalbox', commit === undefined ? version : `${version}, commit ${commitText(commit)}`],
    ['machine', `${machine.processors} × ${machine.cpu}, ${memory}, ${machine.kernel}`],
    ['node', `${machine.node}, ${v8Flags.join(' ')} (the group scale without)`],
    ['disk', `${options.dir} (${fileSystem})`],
    [
      'each run',
      `${seconds} s${bounds(operations)}, after ${warmUp.seconds} s${bounds(warmUp.operations)} of warming up; ${workflows}`,
    ],
    ['figures', `medians of ${options.rounds === 1 ? 'one round' : `${options.rounds} rounds`}`],
    ['called with', argv.join(' ') || 'no options'],
    ['began', report.date],
  ]
}

/** "bcbc48ad48af, changed since". */
export function commitText(commit: string): string {
  return `${commit.slice(0, 12)}${commit.endsWith('-dirty') ? ', changed since' : ''}`
}
