import { proxySinks, type Sinks, type WorkflowInterceptorsFactory } from '@temporalio/workflow'
// Required by the watched SDK too: the same module in the same run.
import { used } from './used-exports.cjs'

/**
 * What the SDK's sandbox reports of itself while it replays: the jobs that its core hands to a
 * workflow and the commands that the workflow's code answers with. Plain replay compares little more
 * than the kinds of commands; this is what lets arguments, results and lateness be compared too.
 */
export interface ProbeSinks extends Sinks {
  probe: {
    activated(report: string): void
    concluded(report: string): void
    /** Exports of the SDK that the workflow's code has used since the last turn. */
    used(names: string[]): void
  }
}

/** In JSON; bytes, which payloads are of, as the text that they are in UTF-8. */
export interface ActivationReport {
  readonly time: number
  readonly historyLength: number
  readonly jobs: readonly Readonly<Record<string, unknown>>[]
}

const { probe } = proxySinks<ProbeSinks>()

export const interceptors: WorkflowInterceptorsFactory = () => ({
  internals: [
    {
      activate(input, next) {
        const { jobs = [], historyLength, timestamp } = input.activation
        const report: ActivationReport = {
          time: Number(timestamp?.seconds ?? 0) * 1_000 + (timestamp?.nanos ?? 0) / 1_000_000,
          historyLength: historyLength ?? 0,
          // Before `next`, which takes the first job out of the list.
          jobs: (jobs ?? []) as unknown as ActivationReport['jobs'],
        }
        probe.activated(toText(report))
        next(input)
      },
      concludeActivation(input, next) {
        const output = next(input)
        probe.concluded(toText(output.commands))
        probe.used([...used])
        used.clear()
        return output
      },
    },
  ],
})

function toText(value: unknown): string {
  return JSON.stringify(plain(value))
}

function plain(value: unknown): unknown {
  if (typeof value === 'bigint') return Number(value)
  if (typeof value !== 'object' || value === null) return value
  if (Array.isArray(value)) return value.map(plain)
  if (ArrayBuffer.isView(value)) return new TextDecoder().decode(value as Uint8Array)
  const long = value as { low?: unknown; high?: unknown; unsigned?: unknown }
  if (typeof long.low === 'number' && typeof long.high === 'number') {
    return long.high * 2 ** 32 + (long.low >>> 0)
  }
  // Messages have defaults on their prototypes: only what was set is theirs.
  return Object.fromEntries(
    Object.entries(value)
      .filter(([, field]) => field !== undefined && field !== null)
      .map(([name, field]) => [name, plain(field)]),
  )
}
