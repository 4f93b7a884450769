import * as sdk from '@temporalio/client'
import { historyFromJSON } from '@temporalio/common/lib/proto-utils.js'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { fileURLToPath } from 'node:url'
import type { WorkflowHandle } from '../../dist/runtime/index.js'
import { SignalboxLab } from './fixtures/signalbox-lab.ts'

/**
 * What becomes of a workflow, as its client is told: the real `@temporalio/client` reads the history that
 * signalbox has of it, and gives the result or throws what signalbox's own client gives or throws.
 */
const workflowsPath = fileURLToPath(new URL('./workflows/index.ts', import.meta.url))
let lab: SignalboxLab

beforeAll(async () => {
  lab = await SignalboxLab.open(workflowsPath)
})
afterAll(() => lab.close())

/** Temporal's client, of a cluster that has this one history. */
async function theirHandle(run: WorkflowHandle): Promise<sdk.WorkflowHandle> {
  const history = historyFromJSON(JSON.parse(JSON.stringify(await run.fetchHistory())))
  const last = history.events?.slice(-1)
  const connection = {
    plugins: [],
    workflowService: {
      getWorkflowExecutionHistory: () =>
        Promise.resolve({ history: { events: last }, nextPageToken: new Uint8Array(0) }),
    },
    close: () => Promise.resolve(),
    ensureConnected: () => Promise.resolve(),
    withDeadline: (_: unknown, call: () => unknown) => call(),
    withMetadata: (_: unknown, call: () => unknown) => call(),
    withAbortSignal: (_: unknown, call: () => unknown) => call(),
  }
  const client = new sdk.Client({ connection: connection as never })
  return client.workflow.getHandle(run.workflowId, undefined, { followRuns: false })
}

async function outcome(result: Promise<unknown>): Promise<unknown> {
  try {
    return { gave: await result }
  } catch (error) {
    return { threw: told(error) }
  }
}

const unseen = ['stack', 'failure', 'cause', 'name', 'code', 'status', 'fields']

/** All that an error says of itself, but for its stack, and for the code and more that only ours have. */
function told(error: unknown): unknown {
  if (!(error instanceof Error)) return error
  const own = Object.entries(error).filter(([name]) => !unseen.includes(name))
  const { name, message, cause } = error
  return { name, message, ...Object.fromEntries(own), cause: cause && told(cause) }
}

type Drive = (run: WorkflowHandle) => Promise<unknown>

type End = readonly [what: string, type: string, args: unknown[], drive?: Drive]

const ends: readonly End[] = [
  ['a result', 'values', [1, { two: [3] }, null]],
  ['no result', 'listener', [], (run) => run.signal('stop')],
  ...['application', 'caused', 'timeout'].map((how): End => [
    `a failure: ${how}`,
    'failsWith',
    [how],
  ]),
  ['a failed activity', 'failsWithActivity', []],
  ['a failure in a handler', 'failsInHandler', [], (run) => run.signal('say', 'it')],
  ['a child that failed', 'child', ['fails', { more: 1 }]],
  ['its options', 'failsByItsOptions', []],
  ['a cancellation', 'child', ['waits'], (run) => run.cancel()],
  ['a termination', 'child', ['waits'], (run) => run.terminate('a reason')],
  ['a termination with an empty reason', 'child', ['waits'], (run) => run.terminate('')],
  ['a termination without a reason', 'child', ['waits'], (run) => run.terminate()],
  ['a timeout', 'child', ['times out']],
  ['another run', 'counts', [1], (run) => run.signal('say', 'go')],
]

describe('a client of Temporal and ours are told the same of', () => {
  test.each(ends.map((end) => [end[0], end] as const))(
    '%s',
    async (what, [, type, args, drive]) => {
      const { workflow } = lab.runtime.client
      const run = await workflow.start(type, {
        workflowId: `end: ${what}`,
        args,
        ...(args[0] === 'times out' ? { workflowRunTimeout: 20 } : {}),
      })
      await drive?.(run)
      const first = workflow.getHandle(run.workflowId, run.firstExecutionRunId, {
        followRuns: false,
      })
      const ours = await outcome(first.result())
      expect(ours).toEqual(await outcome((await theirHandle(first)).result()))
    },
  )
})
