import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdir, readFile, writeFile } from 'node:fs/promises'
import path from 'node:path'
import { fileURLToPath } from 'node:url'
import { bundleWorkflowCode, Runtime, type WorkflowClient } from 'signalbox'
import type { Orders, Report } from './load-process.ts'
import type { brief, Tally } from './workflows.ts'

const TALLIES = 8
/** Longer than this a round means a hang. */
const ROUND_MS = 60_000

const here = (file: string): string => fileURLToPath(new URL(file, import.meta.url))

interface Brief {
  readonly workflowId: string
  readonly n: number
  readonly runId: string
}

export interface CrashRunOptions {
  /** An empty folder. */
  readonly folder: string
  readonly rounds: number
  /** Gives numbers from 0 to below 1. */
  readonly random: () => number
  readonly onRound?: (round: number, acknowledged: number) => void
}

export interface CrashRunResult {
  readonly acknowledged: number
  readonly briefs: number
  /** How often the workflows continued as new, together. */
  readonly runs: number
}

/**
 * Kill a process under load, again and again, never closing the folder in between, and check after
 * each start that everything it has acknowledged until then is there: once, in order, without a gap.
 *
 * @throws Error naming what is missing, doubled or out of order
 */
export async function crashRun(options: CrashRunOptions): Promise<CrashRunResult> {
  const run = new CrashRun(options)
  return run.run()
}

class CrashRun {
  readonly #options: CrashRunOptions
  readonly #dataDir: string
  readonly #bundleFile: string
  /** Of each tally, the numbers acknowledged are those below this. */
  readonly #acknowledged = Array.from({ length: TALLIES }, () => 0)
  readonly #heard = Array.from({ length: TALLIES }, () => new Set<number>())
  readonly #briefs: Brief[] = []

  constructor(options: CrashRunOptions) {
    this.#options = options
    this.#dataDir = path.join(options.folder, 'data')
    this.#bundleFile = path.join(options.folder, 'bundle.json')
  }

  async run(): Promise<CrashRunResult> {
    const { folder, rounds, random, onRound } = this.#options
    await mkdir(folder, { recursive: true })
    const bundle = await bundleWorkflowCode({ workflowsPath: here('workflows.ts') })
    await writeFile(this.#bundleFile, JSON.stringify(bundle))
    for (let round = 1; round <= rounds; round++) {
      // Every third process is killed while it opens: recovery must stand that too.
      const killAt = round % 3 === 0 ? 'opening' : 'open'
      const delayMs = random() * (killAt === 'opening' ? 120 : 500)
      await this.#round({ round, killAt, delayMs })
      onRound?.(round, this.#total())
    }
    const results = await this.#round({ round: rounds + 1 })
    if (results.length !== TALLIES) throw new Error(`only ${results.length} tallies ended`)
    const runs = results.reduce((sum, tally) => sum + tally.runs, 0)
    await this.#checkHistories(runs)
    return { acknowledged: this.#total(), briefs: this.#briefs.length, runs }
  }

  #total(): number {
    return this.#acknowledged.reduce((sum, count) => sum + count, 0) + this.#briefs.length
  }

  /** One process, until it is killed; without `killAt`, until it has closed by itself. */
  async #round(plan: {
    readonly round: number
    readonly killAt?: 'opening' | 'open'
    readonly delayMs?: number
  }): Promise<Tally[]> {
    const { round, killAt, delayMs } = plan
    const child = await this.#spawn(round, killAt === undefined)
    const hang = setTimeout(() => child.kill('SIGKILL'), ROUND_MS)
    child.on('message', (stage) => {
      if (stage === killAt) setTimeout(() => child.kill('SIGKILL'), delayMs)
    })
    const [code, signal] = (await once(child, 'exit')) as [number | null, string | null]
    clearTimeout(hang)
    const reports = parse(await readFile(this.#file(round, 'report'), 'utf8'))
    for (const report of reports) this.#hear(report)
    const closed = reports.some(({ is }) => is === 'closed')
    if (killAt === undefined ? !closed || code !== 0 : signal !== 'SIGKILL') {
      throw new Error(`round ${round} ended with ${signal ?? `code ${code}`}`)
    }
    return reports.flatMap((report) => (report.is === 'result' ? [report.tally] : []))
  }

  #file(round: number, name: string): string {
    return path.join(this.#options.folder, `${name}-${round}`)
  }

  async #spawn(round: number, last: boolean): Promise<ChildProcess> {
    const orders: Orders = {
      dataDir: this.#dataDir,
      bundleFile: this.#bundleFile,
      reportFile: this.#file(round, 'report'),
      round,
      acknowledged: this.#acknowledged,
      slots: 1 + (round % 3),
      last,
    }
    const file = this.#file(round, 'orders')
    await writeFile(file, JSON.stringify(orders))
    return spawn(process.execPath, ['--import', 'tsx', here('load-process.ts'), file], {
      stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
    })
  }

  #hear(report: Report): void {
    if (report.is === 'state' || report.is === 'result') {
      this.#check(report.of, report.tally)
      // What it has is durable, whether it was acknowledged or not.
      this.#acknowledge(report.of, report.tally.next)
    } else if (report.is === 'acknowledged') {
      const heard = this.#heard[report.of]
      heard?.add(report.n)
      let next = this.#acknowledged[report.of] ?? 0
      while (heard?.delete(next) === true) next++
      this.#acknowledge(report.of, next)
    } else if (report.is === 'brief') {
      this.#briefs.push(report)
    }
  }

  #acknowledge(of: number, next: number): void {
    this.#acknowledged[of] = Math.max(this.#acknowledged[of] ?? 0, next)
  }

  #check(of: number, { next, violations }: Tally): void {
    if (violations.length > 0) throw new Error(`tally${of}: ${violations.join('; ')}`)
    const acknowledged = Math.max(...this.#heardOf(of), (this.#acknowledged[of] ?? 0) - 1)
    if (next <= acknowledged) {
      throw new Error(`tally${of} has ${next} numbers, and ${acknowledged} was acknowledged`)
    }
  }

  *#heardOf(of: number): Iterable<number> {
    yield -1
    // Few: those that were acknowledged before an earlier number.
    yield* this.#heard[of] ?? []
  }

  async #checkHistories(runs: number): Promise<void> {
    const bundle = await bundleWorkflowCode({ workflowsPath: here('workflows.ts') })
    const runtime = await Runtime.open({ dataDir: this.#dataDir, workflowBundle: bundle, slots: 1 })
    try {
      const client = runtime.client.workflow
      await checkChains(client, runs)
      await checkBriefs(client, this.#briefs)
    } finally {
      await runtime.close()
    }
  }
}

/** The last line may have been cut short by the kill: then it is none. */
function parse(text: string): readonly Report[] {
  const lines = text.split('\n')
  lines.pop()
  return lines.map((line) => JSON.parse(line) as Report)
}

/** Of every run: event ids without a gap, one end for each activity and timer that it began. */
async function checkChains(client: WorkflowClient, expectedRuns: number): Promise<void> {
  let runs = 0
  for await (const { workflowId, runId, workflowType, status } of client.list()) {
    if (workflowType !== 'tally') continue
    runs++
    const { events } = await client.getHandle(workflowId, runId).fetchHistory()
    const count = (type: string): number =>
      events.filter(({ eventType }) => eventType === `EVENT_TYPE_${type}`).length
    const name = `${workflowId} (run ${runId})`
    if (events.some(({ eventId }, i) => eventId !== String(i + 1))) {
      throw new Error(`${name}: event ids are not dense`)
    }
    if (count('ACTIVITY_TASK_SCHEDULED') !== count('ACTIVITY_TASK_COMPLETED')) {
      throw new Error(`${name}: an activity has no outcome, or two`)
    }
    if (count('TIMER_STARTED') !== count('TIMER_FIRED')) {
      throw new Error(`${name}: a timer did not fire, or fired twice`)
    }
    if (status !== 'CONTINUED_AS_NEW' && status !== 'COMPLETED') {
      throw new Error(`${name}: is ${status}`)
    }
  }
  if (runs !== expectedRuns) throw new Error(`${runs} runs, and ${expectedRuns} were counted`)
}

/** What was acknowledged for a run that closes with its first signal is in the result of that run. */
async function checkBriefs(client: WorkflowClient, briefs: readonly Brief[]): Promise<void> {
  const results = new Map<string, readonly number[]>()
  for (const { workflowId, n, runId } of briefs) {
    const seen =
      results.get(runId) ?? (await client.getHandle<typeof brief>(workflowId, runId).result()).seen
    results.set(runId, seen)
    if (seen.filter((one) => one === n).length !== 1) {
      throw new Error(`${workflowId} (run ${runId}) acknowledged ${n} and has ${seen.join(', ')}`)
    }
  }
}
