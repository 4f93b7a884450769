/** A line of a plot: points from left to right. */
export interface Series {
  readonly name: string
  readonly points: readonly (readonly [x: number, y: number])[]
}

export interface PlotOptions {
  readonly title: string
  readonly xLabel: string
  readonly yLabel: string
  readonly series: readonly Series[]
  /** Of both axes. Default 'logarithmic'. */
  readonly scale?: 'logarithmic' | 'linear'
  /** Whether points have marks and values beside them. Default true. */
  readonly values?: boolean
}

const width = 720
const height = 420
const margin = { left: 76, right: 24, top: 48, bottom: 88 } as const
/** Told apart by people who do not see all colours, and on light and dark pages alike. */
const colours = ['#0072b2', '#d55e00', '#009e73', '#cc79a7', '#e69f00'] as const

/**
 * A plot as SVG text, without anything from outside: it is looked at as it is, or put into a page. The
 * highest and the lowest point of each place on the x axis have their values written beside them.
 */
export function plot(options: PlotOptions): string {
  const { title, xLabel, yLabel, series, scale = 'logarithmic', values = true } = options
  const axis = scale === 'linear' ? linearAxis : logarithmicAxis
  const xs = series.flatMap(({ points }) => points.map(([x]) => x))
  const ys = series.flatMap(({ points }) => points.map(([, y]) => y))
  const x = axis(xs, margin.left, width - margin.right)
  const y = axis(ys, height - margin.bottom, margin.top)
  const lines = series.map((one, index) =>
    drawSeries(one, index, values ? series : undefined, x, y),
  )
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${height}" role="img" ` +
      `aria-label="${escaped(title)}" font-family="system-ui, sans-serif" font-size="13">`,
    `<rect width="${width}" height="${height}" fill="#ffffff"/>`,
    text(margin.left, 26, title, 'font-weight="600" font-size="16"'),
    ...grid(x, y),
    text(width / 2, height - 46, xLabel, 'text-anchor="middle"'),
    text(
      18,
      height / 2 - 20,
      yLabel,
      `text-anchor="middle" transform="rotate(-90 18 ${height / 2 - 20})"`,
    ),
    ...lines,
    ...legend(series),
    '</svg>',
  ].join('\n')
}

interface Axis {
  readonly ticks: readonly number[]
  /** Where a value lies. */
  at(value: number): number
}

/** From the power of ten below the smallest value to the one above the largest. */
function logarithmicAxis(values: readonly number[], from: number, to: number): Axis {
  const lowest = Math.floor(Math.log10(Math.min(...values)))
  const highest = Math.max(lowest + 1, Math.ceil(Math.log10(Math.max(...values))))
  const ticks = Array.from({ length: highest - lowest + 1 }, (_, n) => 10 ** (lowest + n))
  const at = (value: number): number =>
    from + ((Math.log10(value) - lowest) / (highest - lowest)) * (to - from)
  return { ticks, at }
}

/** From 0 to a round number above the largest value. */
function linearAxis(values: readonly number[], from: number, to: number): Axis {
  const largest = Math.max(...values, Number.MIN_VALUE)
  const power = 10 ** Math.floor(Math.log10(largest))
  const step = [0.2, 0.5, 1, 2].map((times) => times * power).find((step) => largest / step <= 6)
  const distance = step ?? power * 2
  const highest = Math.ceil(largest / distance) * distance
  const ticks = Array.from({ length: Math.round(highest / distance) + 1 }, (_, n) => n * distance)
  return { ticks, at: (value) => from + (value / highest) * (to - from) }
}

function grid(x: Axis, y: Axis): string[] {
  const horizontal = y.ticks.map((tick) => {
    const at = y.at(tick).toFixed(1)
    const line = `<line x1="${margin.left}" x2="${width - margin.right}" y1="${at}" y2="${at}" stroke="#dddddd"/>`
    return line + text(margin.left - 8, Number(at) + 4, short(tick), 'text-anchor="end"')
  })
  const vertical = x.ticks.map((tick) => {
    const at = x.at(tick).toFixed(1)
    const line = `<line x1="${at}" x2="${at}" y1="${margin.top}" y2="${height - margin.bottom}" stroke="#eeeeee"/>`
    return line + text(Number(at), height - margin.bottom + 20, short(tick), 'text-anchor="middle"')
  })
  return [...horizontal, ...vertical]
}

function drawSeries(
  { points }: Series,
  index: number,
  /** Of which the values are written; undefined for a line without marks. */
  all: readonly Series[] | undefined,
  x: Axis,
  y: Axis,
): string {
  const colour = colours[index % colours.length] ?? colours[0]
  const places = points.map(([px, py]) => [x.at(px), y.at(py)] as const)
  const path = places.map(([px, py]) => `${px.toFixed(1)},${py.toFixed(1)}`).join(' ')
  const marks =
    all === undefined
      ? []
      : places.map(([px, py], n) => {
          const circle = `<circle cx="${px.toFixed(1)}" cy="${py.toFixed(1)}" r="4" fill="${colour}"/>`
          const [at, value] = points[n] ?? [0, 0]
          const here = all.flatMap((one) => one.points.filter(([x]) => x === at).map(([, y]) => y))
          const shift =
            value === Math.max(...here) ? -10 : value === Math.min(...here) ? 20 : undefined
          if (shift === undefined) return circle
          const anchor = n === 0 ? 'start' : n === places.length - 1 ? 'end' : 'middle'
          return (
            circle + text(px, py + shift, short(value), `text-anchor="${anchor}" fill="${colour}"`)
          )
        })
  return [
    `<polyline points="${path}" fill="none" stroke="${colour}" stroke-width="2"/>`,
    ...marks,
  ].join('')
}

function legend(series: readonly Series[]): string[] {
  const step = (width - margin.left - margin.right) / series.length
  return series.map(({ name }, index) => {
    const colour = colours[index % colours.length] ?? colours[0]
    const at = margin.left + index * step
    return (
      `<rect x="${at.toFixed(1)}" y="${height - 26}" width="14" height="4" fill="${colour}"/>` +
      text(at + 20, height - 20, name)
    )
  })
}

function text(x: number, y: number, content: string, attributes = ''): string {
  const colour = attributes.includes('fill=') ? '' : ' fill="#222222"'
  return `<text x="${x.toFixed(1)}" y="${y.toFixed(1)}"${colour} ${attributes}>${escaped(content)}</text>`
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
