import { type Axis, axisOfValues, linearAxis, logarithmicAxis } from './plot-axis.ts'
import { lightColours, type PlotColours } from './plot-colours.ts'
import type { ValueRange } from './value-range.ts'

/** A line of a plot: points from left to right. */
export interface Series {
  readonly name: string
  readonly points: readonly Point[]
}

export interface Point {
  readonly x: number
  readonly y: number
  /** The smallest and largest value that was measured; drawn as a whisker. */
  readonly range?: ValueRange
  /** What the point says did not hold out; drawn hollow. */
  readonly isHollow?: boolean
}

export interface PlotOptions {
  readonly title: string
  /** What there is to know of the figures, below the title. */
  readonly subtitle?: string
  readonly xLabel: string
  readonly yLabel: string
  readonly series: readonly Series[]
  /** What a hollow point says. */
  readonly hollow?: string
  /** Of both axes. Default 'logarithmic'. */
  readonly scale?: 'logarithmic' | 'linear'
  /** Whether points have marks and values beside them. Default true. */
  readonly values?: boolean
}

const width = 720
const height = 450
const edge = 20
const bottom = height - 92
/** Letters of a line: the widest of the usual fonts takes 9.2 of 720 for one of the title, 7.5 for others. */
const titleLetters = 72
const subtitleLetters = 92
/** Whiskers that are lower say nothing: the mark hides them. */
const whiskerMin = 9
const markRadius = 4.5
/** Of a number beside a point or below the axis. */
const numberWidth = 44

/**
 * A plot as SVG text, without anything from outside: it is looked at as it is, or put into a page, whose
 * colours it takes then. The highest and the lowest point of each place on the x axis have their values
 * written beside them.
 */
export function plot(options: PlotOptions, colours: PlotColours = lightColours): string {
  const {
    title,
    subtitle = '',
    xLabel,
    yLabel,
    series,
    scale = 'logarithmic',
    values = true,
  } = options
  const titles = wrapped(title, titleLetters)
  const subtitles = subtitle === '' ? [] : wrapped(subtitle, subtitleLetters)
  const firstSubtitle = 30 + titles.length * 20
  const frame: Frame = {
    left: 76,
    right: width - 40,
    top: firstSubtitle + subtitles.length * 17 + 14,
    bottom,
  }
  const points = series.flatMap(({ points }) => points)
  const xs = points.map(({ x }) => x)
  const ys = points.flatMap(({ y, range = [] }) => [y, ...range])
  const across = { from: frame.left + (values ? numberWidth / 2 : 0), to: frame.right }
  const upwards = { from: frame.bottom - (values ? 24 : 0), to: frame.top + (values ? 10 : 0) }
  const x = scale === 'linear' ? linearAxis(xs, across) : axisOfValues(xs, across)
  const y = scale === 'linear' ? linearAxis(ys, upwards) : logarithmicAxis(ys, upwards)
  const drawn = series.map((one, index) => ({
    ...one,
    index,
    colour: colours.series[index % colours.series.length] ?? colours.text,
  }))
  const middle = (frame.top + frame.bottom) / 2
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${height}" role="img" ` +
      `aria-label="${escaped(title)}" font-family="system-ui, sans-serif" font-size="13" fill="${colours.text}">`,
    `<rect width="${width}" height="${height}" rx="6" fill="${colours.background}"/>`,
    ...titles.map((line, n) => text(edge, 30 + n * 20, line, 'font-weight="600" font-size="16"')),
    ...subtitles.map((line, n) =>
      text(edge, firstSubtitle + n * 17, line, `fill="${colours.faint}"`),
    ),
    ...grid(x, y, frame, colours),
    text((frame.left + frame.right) / 2, bottom + 42, xLabel, 'text-anchor="middle"'),
    text(edge, middle, yLabel, `text-anchor="middle" transform="rotate(-90 ${edge} ${middle})"`),
    ...drawn.map((one) => drawLine(one, x, y)),
    ...(values ? drawn.map((one) => drawMarks(one, x, y, colours)) : []),
    // Last, so that no line goes through a number.
    ...(values ? drawn.map((one) => drawValues(one, series, { x, y, colours })) : []),
    ...legend(
      drawn,
      points.some(({ isHollow }) => isHollow === true) ? options.hollow : undefined,
      colours,
    ),
    '</svg>',
  ].join('\n')
}

interface Frame {
  readonly left: number
  readonly right: number
  readonly top: number
  readonly bottom: number
}

interface DrawnSeries extends Series {
  readonly index: number
  readonly colour: string
}

function grid(
  x: Axis,
  y: Axis,
  { left, right, top, bottom }: Frame,
  colours: PlotColours,
): string[] {
  const horizontal = y.ticks.map((tick) => {
    const at = y.at(tick).toFixed(1)
    const line = `<line x1="${left}" x2="${right}" y1="${at}" y2="${at}" stroke="${colours.grid}"/>`
    return line + text(left - 8, Number(at) + 4, short(tick), 'text-anchor="end"')
  })
  let free = -Infinity
  const vertical = x.ticks.map((tick) => {
    const at = x.at(tick).toFixed(1)
    const line = `<line x1="${at}" x2="${at}" y1="${top}" y2="${bottom}" stroke="${colours.grid}" stroke-opacity=".6"/>`
    // Where ticks are close, not each has room for its number.
    if (Number(at) < free) return line
    free = Number(at) + numberWidth
    return line + text(Number(at), bottom + 20, tickText(tick), 'text-anchor="middle"')
  })
  return [...horizontal, ...vertical]
}

function drawLine({ points, colour }: DrawnSeries, x: Axis, y: Axis): string {
  const path = points.map((point) => `${x.at(point.x).toFixed(1)},${y.at(point.y).toFixed(1)}`)
  return `<polyline points="${path.join(' ')}" fill="none" stroke="${colour}" stroke-width="2"/>`
}

function drawMarks(
  { points, colour, index }: DrawnSeries,
  x: Axis,
  y: Axis,
  colours: PlotColours,
): string {
  return points
    .map(({ x: value, y: height, range, isHollow = false }) => {
      const [px, py] = [x.at(value), y.at(height)]
      const whisker =
        range === undefined
          ? ''
          : drawWhisker(
              px,
              range.map((end) => y.at(end)),
              colour,
            )
      const fill = isHollow ? colours.background : colour
      return whisker + mark(index, px, py, `fill="${fill}" stroke="${colour}" stroke-width="2"`)
    })
    .join('')
}

function drawWhisker(px: number, [low = 0, high = 0]: readonly number[], colour: string): string {
  if (low - high < whiskerMin) return ''
  const at = px.toFixed(1)
  const cap = (py: number): string =>
    `<path d="M${(px - 5).toFixed(1)} ${py.toFixed(1)}h10" stroke="${colour}" stroke-width="1.5"/>`
  return `<path d="M${at} ${low.toFixed(1)}V${high.toFixed(1)}" stroke="${colour}" stroke-width="1.5"/>${cap(low)}${cap(high)}`
}

/** Series differ in form, too: a page may be printed, and not everyone sees all colours. */
function mark(index: number, px: number, py: number, attributes: string): string {
  const r = markRadius
  const at = (dx: number, dy: number): string => `${(px + dx).toFixed(1)},${(py + dy).toFixed(1)}`
  const forms = [
    `<circle cx="${px.toFixed(1)}" cy="${py.toFixed(1)}" r="${r - 0.5}" ${attributes}/>`,
    `<polygon points="${at(-r, -r)} ${at(r, -r)} ${at(r, r)} ${at(-r, r)}" ${attributes}/>`,
    `<polygon points="${at(0, -r - 1)} ${at(r + 0.5, r)} ${at(-r - 0.5, r)}" ${attributes}/>`,
    `<polygon points="${at(0, -r - 1.5)} ${at(r + 1.5, 0)} ${at(0, r + 1.5)} ${at(-r - 1.5, 0)}" ${attributes}/>`,
  ]
  return forms[index % forms.length] ?? ''
}

/** Of the highest and the lowest point of each place: beyond their whiskers, with a halo over the lines. */
function drawValues(
  { points, colour }: DrawnSeries,
  all: readonly Series[],
  { x, y, colours }: { x: Axis; y: Axis; colours: PlotColours },
): string {
  return points
    .map((point) => {
      const here = all.flatMap(({ points }) => points.filter((other) => other.x === point.x))
      const isHighest = here.every((other) => point.y >= other.y)
      const isLowest = here.every((other) => point.y <= other.y)
      if (!isHighest && !isLowest) return ''
      const ends = [point.y, ...(point.range ?? [])].map((value) => y.at(value))
      // Of one alone, which is both, it stands above.
      const at = isHighest ? Math.min(...ends) - 11 : Math.max(...ends) + 20
      return text(
        x.at(point.x),
        at,
        short(point.y),
        `text-anchor="middle" fill="${colour}" paint-order="stroke" stroke="${colours.background}" ` +
          'stroke-width="4" stroke-linejoin="round"',
      )
    })
    .join('')
}

function legend(
  series: readonly DrawnSeries[],
  hollow: string | undefined,
  colours: PlotColours,
): string[] {
  const entries = [
    ...series.map(({ name, colour, index }) => ({ name, index, fill: colour, stroke: colour })),
    ...(hollow === undefined
      ? []
      : [{ name: hollow, index: 0, fill: colours.background, stroke: colours.text }]),
  ]
  // Each as wide as its text needs, in letters: with a long one, equal shares would run into each other.
  const letters = entries.map(({ name }) => name.length + 7)
  const all = letters.reduce((sum, one) => sum + one, 0)
  const letter = Math.min(8.5, (width - 2 * edge) / all)
  let at = edge + 6
  return entries.map(({ name, index, fill, stroke }, n) => {
    const place = at
    at += (letters[n] ?? 0) * letter
    return (
      mark(index, place, height - 24, `fill="${fill}" stroke="${stroke}" stroke-width="2"`) +
      text(place + 12, height - 20, name)
    )
  })
}

function text(x: number, y: number, content: string, attributes = ''): string {
  return `<text x="${x.toFixed(1)}" y="${y.toFixed(1)}" ${attributes}>${escaped(content)}</text>`
}

/** Lines of whole words. */
function wrapped(content: string, letters: number): readonly string[] {
  const lines: string[] = []
  let line = ''
  for (const word of content.split(' ')) {
    if (line !== '' && line.length + 1 + word.length > letters) {
      lines.push(line)
      line = word
    } else line = line === '' ? word : `${line} ${word}`
  }
  return [...lines, line]
}

/** What was chosen is not rounded: 4,096. */
function tickText(value: number): string {
  return value < 10_000 && value % 100 !== 0 ? value.toLocaleString('en') : short(value)
}

/** 1,200,000 as 1.2 M. */
function short(value: number): string {
  if (value >= 1e6) return `${Number((value / 1e6).toPrecision(3))} M`
  if (value >= 1e3) return `${Number((value / 1e3).toPrecision(3))} k`
  return String(Number(value.toPrecision(3)))
}

/** Text that may stand in an element or an attribute of SVG and HTML. */
export function escaped(content: string): string {
  return content
    .replaceAll('&', '&amp;')
    .replaceAll('<', '&lt;')
    .replaceAll('>', '&gt;')
    .replaceAll('"', '&quot;')
}
