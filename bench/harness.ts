import { type ChildProcess, fork } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import type { LoadSize, Measurement } from './measurement.ts'
import type { ScenarioAnswer, ScenarioTask } from './scenario-task.ts'
import type { Scenario } from './scenario.ts'

export interface HarnessOptions {
  /** How often each scenario runs. */
  readonly rounds: number
  readonly size: LoadSize
  /** Scenarios with more workflows take this many. Default: as many as they have. */
  readonly workflowsMax?: number
  /** Where the data folders are made: the disk that is measured. */
  readonly dir: string
  /** Beside those that every scenario has. */
  readonly nodeFlags?: readonly string[]
  /** A scenario has failed: the others go on without it. Default: the first failure ends all. */
  readonly onFailure?: (scenario: Scenario, error: unknown) => void
  readonly onRun?: (progress: {
    scenario: Scenario
    round: number
    run: number
    runs: number
  }) => void
  /** A run has ended well: what there is until now. The next one waits for what it returns. */
  readonly onResult?: (results: Rounds) => Promise<void>
  /** Ends the run that is under way, whose measurement is lost; what was measured before is returned. */
  readonly interruption?: AbortSignal
}

/** The runs of each scenario, by its name, in the order of the rounds. */
export type Rounds = ReadonlyMap<string, readonly Measurement[]>

const processPath = fileURLToPath(
  new URL(
    import.meta.url.endsWith('.ts') ? './scenario-process.ts' : './scenario-process.js',
    import.meta.url,
  ),
)
/**
 * For scenarios of throughput and their ceilings alike: what waits for the disk must not be taken for
 * long-lived by the garbage collector. Node's default young generation holds less than 4,096 signals in
 * flight. Scenarios of size tell of memory, and so take what Node gives.
 */
export const throughputFlags = ['--max-semi-space-size=64'] as const
/** The names of data folders begin so. */
export const folderPrefix = 'signalbox-bench-'
/** How long a process may take to end itself and its servers once it has been told to. */
const endingMs = 2_000
/** Node takes a longer one for none. */
const longestTimerMs = 2 ** 31 - 1
/** What a run may take beside its load: starting 100,000 workflows or a million, asking them all, closing. */
const preparationSeconds = { usual: 180, long: 1_200 } as const

/**
 * Runs scenarios in turn, round after round, each run in a fresh process and an empty folder. Every
 * other round goes backwards, so that what changes slowly (a warm disk, a noisy neighbour) falls on
 * all of them alike.
 */
export async function runRounds(
  scenarios: readonly Scenario[],
  options: HarnessOptions,
): Promise<Rounds> {
  const results = new Map<string, Measurement[]>(scenarios.map(({ name }) => [name, []]))
  const runs = options.rounds * scenarios.length
  const isInterrupted = (): boolean => options.interruption?.aborted === true
  let run = 0
  for (let round = 0; round < options.rounds; round += 1) {
    const order = round % 2 === 0 ? scenarios : scenarios.toReversed()
    for (const scenario of order) {
      if (isInterrupted()) return results
      options.onRun?.({ scenario, round, run, runs })
      run += 1
      const rounds = results.get(scenario.name)
      if (rounds === undefined) continue
      try {
        rounds.push(await runInFreshProcess(scenario, options))
      } catch (error) {
        if (isInterrupted()) return results
        if (options.onFailure === undefined) throw error
        results.delete(scenario.name)
        options.onFailure(scenario, error)
        continue
      }
      await options.onResult?.(results)
    }
  }
  return results
}

async function runInFreshProcess(
  { name, group, workflows = 0 }: Scenario,
  { size, workflowsMax = Infinity, dir, nodeFlags = [], interruption }: HarnessOptions,
): Promise<Measurement> {
  const dataDir = await mkdtemp(join(dir, folderPrefix))
  const preparation = preparationSeconds[group === 'scale' || group === 'soak' ? 'long' : 'usual']
  // With its ceiling beside it a scenario warms up twice and loads three times as long.
  const timeoutMs = (2 * size.warmUp.seconds + 3 * size.seconds + preparation) * 1000
  const late = new AbortController()
  const timer = setTimeout(() => late.abort(), Math.min(timeoutMs, longestTimerMs))
  try {
    const child = fork(processPath, {
      execArgv: [...(group === 'scale' ? [] : throughputFlags), ...nodeFlags],
      stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
      serialization: 'advanced', // JSON would make null of a bound that is Infinity.
    })
    const task: ScenarioTask = { name, dataDir, size, workflows: Math.min(workflows, workflowsMax) }
    const answer = await ask(child, task, [late.signal, ...(interruption ? [interruption] : [])])
    if (answer?.measurement !== undefined) return answer.measurement
    const ending = child.signalCode ?? `exit code ${child.exitCode}`
    const why = late.signal.aborted ? 'it took too long' : ending
    throw new Error(`${name} failed (${why}): ${answer?.error ?? 'no answer'}`)
  } finally {
    clearTimeout(timer)
    // Servers of a process that was killed may still be writing there.
    await rm(dataDir, { recursive: true, force: true, maxRetries: 10, retryDelay: 100 })
  }
}

/** The answer of a run's process once that has ended; undefined if it gave none, or one of `endings` came first. */
async function ask(
  child: ChildProcess,
  task: ScenarioTask,
  endings: readonly AbortSignal[],
): Promise<ScenarioAnswer | undefined> {
  let killing: NodeJS.Timeout | undefined
  const end = (): void => {
    // Disconnected, the process ends and takes its servers along, unless it is too busy to notice.
    if (child.connected) child.disconnect()
    killing ??= setTimeout(() => child.kill('SIGKILL'), endingMs)
  }
  let answer: ScenarioAnswer | undefined
  child.once('message', (message: ScenarioAnswer) => {
    answer = message
  })
  try {
    const exit = once(child, 'exit')
    child.send(task)
    for (const ending of endings) {
      if (ending.aborted) end()
      else ending.addEventListener('abort', end)
    }
    await exit
    return answer
  } finally {
    for (const ending of endings) ending.removeEventListener('abort', end)
    clearTimeout(killing)
  }
}
