import { openSync, readFileSync, writeSync } from 'node:fs'
import type { WaitFor, WorkflowBundle } from 'signalbox'
import { openLmdbJournal } from '../../dist/runtime/journal-lmdb.js'
import { EngineHost } from '../fixtures/engine-host.ts'
import type { brief, Tally, tally } from './workflows.ts'

/** What the process is told, as JSON in the file that is its argument. */
export interface Orders {
  readonly dataDir: string
  readonly bundleFile: string
  readonly reportFile: string
  readonly round: number
  /** Of each tally, how many numbers are known to be acknowledged. */
  readonly acknowledged: readonly number[]
  readonly slots: number
  /** Send nothing more: let everything finish, tell the results, and close. */
  readonly last: boolean
}

/** What it writes to its report, one JSON text a line. `opening` and `open` it sends to its parent too. */
export type Report =
  | { readonly is: 'opening' | 'open' | 'closed' }
  | { readonly is: 'state'; readonly of: number; readonly tally: Tally }
  | { readonly is: 'acknowledged'; readonly of: number; readonly n: number }
  | {
      readonly is: 'brief'
      readonly workflowId: string
      readonly n: number
      readonly runId: string
    }
  | { readonly is: 'result'; readonly of: number; readonly tally: Tally }

const IN_FLIGHT = 64

function report(what: Report): void {
  // A file takes it whole before the process can be killed, where a pipe may be full.
  writeSync(reportFile, `${JSON.stringify(what)}\n`)
  if (what.is === 'opening' || what.is === 'open') process.send?.(what.is)
}

const orders = JSON.parse(readFileSync(process.argv[2] ?? '', 'utf8')) as Orders
const reportFile = openSync(orders.reportFile, 'a')
const bundle = JSON.parse(readFileSync(orders.bundleFile, 'utf8')) as WorkflowBundle
report({ is: 'opening' })
const journal = await openLmdbJournal({
  dataDir: orders.dataDir,
  // Small, so that a checkpoint is nearly always under way when the process is killed.
  logWindowBytes: 48 * 1024,
  logWindowRows: 150,
})
const { client, close } = await open()
report({ is: 'open' })
const tallies = orders.acknowledged.map((_, of) => client.getHandle<typeof tally>(`tally${of}`))
const starts = await Promise.all(orders.acknowledged.map(resume))
if (orders.last) await finish()
else await Promise.all([...starts.map((from, of) => load(of, from)), startBriefs()])

async function open(): Promise<{ client: EngineHost['client']; close: () => Promise<void> }> {
  const host = await EngineHost.open(journal, bundle, {
    slots: orders.slots,
    activities: { record: async (n: number) => `did ${n}` },
    // In some rounds actors have to leave memory and come back all the time.
    limits: { maxCachedWorkflows: orders.round % 4 === 0 ? 6 : 1_000 },
  })
  return { client: host.client, close: () => host.close() }
}

/** Start the workflow if it is new, tell where it is, and say again what may not have been heard. */
async function resume(acknowledged: number, of: number): Promise<number> {
  const handle = await client.start<typeof tally>('tally', {
    workflowId: `tally${of}`,
    requestId: 'the one and only',
  })
  const found = await handle.query<Tally>('state')
  report({ is: 'state', of, tally: found })
  const from = Math.max(0, acknowledged - 5)
  for (let n = from; n < found.next; n++) if (hasRequestId(n)) await send(of, n)
  return found.next
}

function hasRequestId(n: number): boolean {
  return n % 3 === 0
}

async function send(of: number, n: number, waitFor: WaitFor = 'durable'): Promise<void> {
  const handle = client.getHandle(`tally${of}`)
  const requestId = hasRequestId(n) ? { requestId: `n${n}` } : {}
  await handle.signal({ signal: 'add', waitFor, ...requestId }, n)
  report({ is: 'acknowledged', of, n })
}

/** Until the process is killed. */
async function load(of: number, from: number): Promise<void> {
  let inFlight = 0
  let resume: (() => void) | undefined
  for (let n = from; ; n++) {
    // Now and then the sender waits for the workflow, so that it is never far behind.
    if (n % 100 === 99) {
      await send(of, n, 'processed')
      continue
    }
    inFlight++
    void send(of, n).then(() => {
      inFlight--
      resume?.()
    })
    if (inFlight >= IN_FLIGHT) await new Promise<void>((resolve) => (resume = resolve))
  }
}

/** Until the process is killed: several senders race for each of many workflows. */
async function startBriefs(): Promise<void> {
  for (let k = 0; ; k++) {
    const workflowId = `brief${orders.round}-${k}`
    await Promise.all(
      [1, 2, 3, 4].map(async (n) => {
        for (let delay = n % 3; delay > 0; delay--) await new Promise(setImmediate)
        const handle = await client.signalWithStart<typeof brief>('brief', {
          workflowId,
          requestId: `${n}`,
          signal: 'add',
          signalArgs: [n],
        })
        report({ is: 'brief', workflowId, n, runId: handle.signaledRunId ?? '' })
      }),
    )
  }
}

async function finish(): Promise<void> {
  for (const [of, handle] of tallies.entries()) {
    await handle.signal('finish')
    report({ is: 'result', of, tally: await handle.result() })
  }
  await close()
  report({ is: 'closed' })
  process.disconnect()
}
