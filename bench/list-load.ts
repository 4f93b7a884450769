import { Acceptor } from '../runtime/acceptor.ts'
import { Committer } from '../runtime/committer.ts'
import { openLmdbJournal } from '../runtime/journal-lmdb.ts'
import { resolveOptions } from '../runtime/options.ts'
import { RequestLedger } from '../runtime/request-ledger.ts'
import { RunTable } from '../runtime/run-table.ts'
import { Telemetry } from '../runtime/telemetry.ts'
import { VisibilityIndex } from '../runtime/visibility-index.ts'
import { openBenchRuntime } from './bench-runtime.ts'
import { runClosedLoop } from './closed-loop.ts'
import { middleTime } from './middle-time.ts'
import type { LoadSize, Measurement } from './measurement.ts'
import { folderBytes, Meter } from './meter.ts'

const startsPerCommit = 2_000
const customers = 1_000
const pagesEach = 50

/** A page of each, in milliseconds: the middle one of some. */
const pages = {
  statusPageMs: "ExecutionStatus = 'Running'",
  typePageMs: "WorkflowType = 'refund'",
  attributePageMs: "Customer = 'customer-42'",
  bothPageMs: "WorkflowType = 'refund' AND ExecutionStatus = 'Completed'",
  // No refund has one: both indexes are walked to their ends.
  neitherPageMs: "WorkflowType = 'refund' AND Amount >= 0",
  timePageMs: "StartTime < '2026-01-01T00:10:00Z'",
} as const

/**
 * Pages of the list of many workflows by status, one after the other; pages by other filters; and counts.
 * The workflows are written by the engine's own parts, without turns, which is ten times as fast.
 */
export async function measureLists(
  dataDir: string,
  workflows: number,
  size: LoadSize,
): Promise<Measurement> {
  await fill(dataDir, workflows)
  const runtime = await openBenchRuntime(dataDir)
  try {
    const { service } = runtime
    const figures: Record<string, number> = { eachBytes: folderBytes(dataDir) / workflows }
    for (const [name, query] of Object.entries(pages)) {
      figures[name] = await middleTime(pagesEach, () => service.listWorkflows({ query }))
    }
    figures['countMs'] = await middleTime(pagesEach, () =>
      service.countWorkflows({ query: 'GROUP BY ExecutionStatus' }),
    )
    let pageToken: string | undefined
    const operation = async (): Promise<void> => {
      const page = await service.listWorkflows({ query: pages.statusPageMs, pageToken })
      pageToken = page.nextPageToken
    }
    const meter = new Meter({ dataDir })
    const loop = { ...size, inFlight: 1, operation }
    const measurement = meter.measurement(await runClosedLoop(loop))
    const { count } = await service.countWorkflows({})
    if (count !== workflows) throw new Error(`${count} of ${workflows} workflows were counted.`)
    return { ...measurement, figures }
  } finally {
    await runtime.close()
  }
}

/** Every other one has search attributes, every fourth one is closed, one of ten is of another type. */
async function fill(dataDir: string, workflows: number): Promise<void> {
  const journal = await openLmdbJournal({ dataDir })
  const telemetry = new Telemetry(journal, dataDir, () => [])
  const committer: Committer = new Committer(journal, {
    telemetry,
    // As if their turns had ended: the workflows are idle.
    onInputs: (run, seq, count) => {
      run.processed = seq + count - 1
      committer.noteProgress(run)
    },
    onCommitted: () => undefined,
    onPoisoned: (error) => {
      throw error
    },
  })
  const runs = new RunTable(journal, startsPerCommit)
  let time = Date.parse('2026-01-01T00:00:00Z')
  const options = resolveOptions({ dataDir, workflowsPath: 'none' })
  const acceptor = new Acceptor(
    {
      options: { ...options, clock: { ...options.clock, now: () => time } },
      runs,
      committer,
      requests: new RequestLedger(journal, runs),
      telemetry,
    },
    new VisibilityIndex(journal, committer),
    () => undefined,
  )
  for (let n = 0; n < workflows; n += 1) {
    time += 3
    const run = acceptor.start({
      namespace: 'default',
      workflowId: `order-${n}`,
      workflowType: n % 10 === 3 ? 'refund' : 'order',
      args: [],
      ...(n % 2 === 0
        ? { searchAttributes: { Customer: `["customer-${n % customers}"]`, Amount: `[${n}]` } }
        : {}),
    })
    if (n % 4 === 3) {
      acceptor.saveRow(run, { ...run.row, status: 'COMPLETED', closeTime: time + 1 })
    }
    if (n % startsPerCommit === startsPerCommit - 1) {
      await committer.durable
      runs.forgetIdle(startsPerCommit * 2)
    }
  }
  await committer.drain()
  await journal.close()
}
