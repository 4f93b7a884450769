import type { ClosedLoopResult } from './closed-loop.ts'
import type { Measurement } from './measurement.ts'

/** Turns what a loop counted into a measurement, with the CPU time that was spent since `before`. */
export function measurementOf(
  { operations, seconds, latencies }: ClosedLoopResult,
  before: NodeJS.CpuUsage,
): Measurement {
  const { user, system } = process.cpuUsage(before)
  const [p50Ms = 0, p90Ms = 0, p99Ms = 0, p999Ms = 0] = latencies.percentiles(0.5, 0.9, 0.99, 0.999)
  return {
    operations,
    seconds,
    rate: operations / seconds,
    p50Ms,
    p90Ms,
    p99Ms,
    p999Ms,
    cpus: (user + system) / 1e6 / seconds,
    rssMiB: process.resourceUsage().maxRSS / 1024,
  }
}
