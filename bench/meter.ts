import { readdirSync, readFileSync, statSync } from 'node:fs'
import { join } from 'node:path'
import type { LoadResult } from './closed-loop.ts'
import type { LatencyRecorder } from './latency-recorder.ts'
import type { Measurement } from './measurement.ts'

interface Metered {
  /** The data folder whose growth is measured. */
  readonly dataDir?: string
  /** The process id of a server that is measured too. */
  readonly server?: number
}

/** Linux counts processor time in these. */
const ticksPerSecond = 100
const blockBytes = 512

/** Measures what a load takes, from its making on. */
export class Meter {
  readonly #metered: Metered
  readonly #cpuBefore: number
  readonly #bytesBefore: number
  readonly #madeAt: number

  constructor(metered: Metered = {}) {
    this.#metered = metered
    this.#bytesBefore = this.#bytes()
    this.#cpuBefore = this.#cpuSeconds()
    this.#madeAt = systemMicros()
  }

  /** What the loop measured, with what was used since this meter was made. */
  measurement({ operations, seconds, latencies }: LoadResult): Measurement {
    const during = [this.#madeAt, systemMicros()] as const
    const cpuSeconds = this.#cpuSeconds() - this.#cpuBefore
    return {
      operations,
      seconds,
      rate: operations / seconds,
      ...percentilesOf(latencies),
      cpus: cpuSeconds / seconds,
      cpuMicros: (cpuSeconds / operations) * 1e6,
      rssMiB: this.#rssMiB(),
      diskBytes: Math.max(0, this.#bytes() - this.#bytesBefore) / operations,
      during,
    }
  }

  #cpuSeconds(): number {
    const { user, system } = process.cpuUsage()
    const own = (user + system) / 1e6
    const { server } = this.#metered
    return server === undefined ? own : own + cpuSecondsOf(server)
  }

  #rssMiB(): number {
    const { server } = this.#metered
    const ofServer = server === undefined ? undefined : largestRssMiBOf(server)
    return ofServer ?? process.resourceUsage().maxRSS / 1024
  }

  #bytes(): number {
    const { dataDir } = this.#metered
    return dataDir === undefined ? 0 : folderBytes(dataDir)
  }
}

/** As a measurement has them: none where nothing was timed. */
export function percentilesOf(
  latencies: LatencyRecorder,
): Pick<Measurement, 'p50Ms' | 'p90Ms' | 'p99Ms' | 'p999Ms' | 'maxMs'> {
  const [p50Ms, p90Ms, p99Ms, p999Ms] = latencies.percentiles(0.5, 0.9, 0.99, 0.999)
  if (p50Ms === undefined || p90Ms === undefined) return {}
  if (p99Ms === undefined || p999Ms === undefined) return {}
  return { p50Ms, p90Ms, p99Ms, p999Ms, maxMs: latencies.max }
}

/** Of the clock by which V8 stamps its profiles: that of all processes since the system began. */
function systemMicros(): number {
  return Number(process.hrtime.bigint() / 1_000n)
}

/** What the process has in memory of its own, without pages of files; all of it where Linux does not tell. */
export function anonymousMiB(): number {
  const status = process.platform === 'linux' ? readFileSync('/proc/self/status', 'utf8') : ''
  const [, kibi] = /^RssAnon:\s+(\d+) kB$/m.exec(status) ?? []
  return kibi === undefined ? process.memoryUsage().rss / 2 ** 20 : Number(kibi) / 1024
}

/** What the files of a folder take on the disk; those with holes less than their length. */
export function folderBytes(folder: string): number {
  let bytes = 0
  for (const entry of readdirSync(folder, { withFileTypes: true, recursive: true })) {
    if (entry.isFile()) bytes += statSync(join(entry.parentPath, entry.name)).blocks * blockBytes
  }
  return bytes
}

/** Of another process, by /proc: 0 where there is none. */
function cpuSecondsOf(pid: number): number {
  const stat = readProc(pid, 'stat')
  // Fields are counted from behind the name, which may hold anything.
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ')
  return (Number(fields[11] ?? 0) + Number(fields[12] ?? 0)) / ticksPerSecond
}

function largestRssMiBOf(pid: number): number | undefined {
  const [, kib] = /^VmHWM:\s*(\d+) kB/m.exec(readProc(pid, 'status')) ?? []
  return kib === undefined ? undefined : Number(kib) / 1024
}

function readProc(pid: number, file: string): string {
  try {
    return readFileSync(`/proc/${pid}/${file}`, 'utf8')
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return ''
    throw error
  }
}
