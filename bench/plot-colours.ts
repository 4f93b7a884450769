/** Colours of a plot, as SVG has them. */
export interface PlotColours {
  readonly background: string
  readonly text: string
  readonly faint: string
  readonly grid: string
  readonly series: readonly string[]
}

/** Each has 4.5:1 against its background, and they are told apart by people who do not see all colours. */
export const lightColours: PlotColours = {
  background: '#ffffff',
  text: '#222222',
  faint: '#595959',
  grid: '#dddddd',
  series: ['#0072b2', '#b34700', '#00745a', '#a3447c', '#806000'],
}

const darkColours: PlotColours = {
  background: '#16181c',
  text: '#dddddd',
  faint: '#a8a8a8',
  grid: '#3a3d42',
  series: ['#5ab4f0', '#ff9a52', '#3ecf9f', '#ea9fca', '#e8b64c'],
}

/** Those of the page that a plot is in, which has them by `lightVariables` or `darkVariables`. */
export const pageColours: PlotColours = {
  background: 'var(--background)',
  text: 'var(--text)',
  faint: 'var(--faint)',
  grid: 'var(--grid)',
  series: lightColours.series.map((_, index) => `var(--series-${index})`),
}

function variables({ background, text, faint, grid, series }: PlotColours): string {
  const own = { background, text, faint, grid }
  return [
    ...Object.entries(own).map(([name, value]) => `--${name}: ${value}`),
    ...series.map((value, index) => `--series-${index}: ${value}`),
  ].join('; ')
}

export const lightVariables = variables(lightColours)
export const darkVariables = variables(darkColours)
