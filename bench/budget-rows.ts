import type { Share } from './budget-stages.ts'
import type { Measurement } from './measurement.ts'

export interface BudgetRow {
  /** Empty for threads that have no profile. */
  readonly thread: Share['thread'] | ''
  readonly stage: string
  /** Of one operation. */
  readonly micros: number
}

/**
 * What an operation costs: each stage by the time in which the profiles saw it, and as the last row what
 * is left of the measured processor time. That is of threads that have no profile, and must not be spread
 * over those that have one. Shares are of the measured time alone, as the operations are.
 */
export function budgetRows(
  shares: readonly Share[],
  { operations, cpuMicros }: Pick<Measurement, 'operations' | 'cpuMicros'>,
): readonly BudgetRow[] {
  const sums = new Map<string, Share>()
  for (const share of shares) {
    const key = `${share.thread} ${share.stage}`
    sums.set(key, { ...share, micros: (sums.get(key)?.micros ?? 0) + share.micros })
  }
  const rows = [...sums.values()]
    .map((share) => ({ ...share, micros: share.micros / operations }))
    .sort((a, b) => b.micros - a.micros)
  const left = cpuMicros - rows.reduce((sum, { micros }) => sum + micros, 0)
  // Samples tell of real time: less than nothing is left where threads were ready but had no processor.
  const stage =
    left < 0
      ? 'in the above, but waiting for a processor that others had'
      : 'threads without a profile (disk, compiler, collector, profiler)'
  return [...rows, { thread: '', stage, micros: left }]
}
