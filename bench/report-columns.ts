import type { ScenarioReport } from './report.ts'
import { micros, milliseconds, ratio } from './report-text.ts'

/** A column of a table of scenarios. */
export interface Column {
  readonly heading: string
  /** Its text; in the page, HTML. */
  readonly cell: (scenario: ScenarioReport) => string
}

/** How long an operation takes, and of the processor. */
export const costColumns: readonly Column[] = [
  { heading: 'p50 ms', cell: ({ median }) => milliseconds(median.p50Ms) },
  { heading: 'p90', cell: ({ median }) => milliseconds(median.p90Ms) },
  { heading: 'p99', cell: ({ median }) => milliseconds(median.p99Ms) },
  { heading: 'p99.9', cell: ({ median }) => milliseconds(median.p999Ms) },
  { heading: 'max', cell: ({ median }) => milliseconds(median.maxMs) },
  { heading: 'CPU µs', cell: ({ median }) => micros(median.cpuMicros) },
]

/** How that compares with the ceiling. */
export const ceilingColumns: readonly Column[] = [
  { heading: 'of ceiling', cell: ({ comparison }) => ratio(comparison?.rate) },
  { heading: 'p50 ×', cell: ({ comparison }) => ratio(comparison?.p50Ms) },
  { heading: 'p99 ×', cell: ({ comparison }) => ratio(comparison?.p99Ms) },
]
