import path from 'node:path'
import type { WorkflowClient, WorkflowSummary } from 'signalbox'
import { expect, test } from 'vitest'
import { parseVisibilityQuery } from '../../runtime/visibility-filter.ts'
import { copyFolder } from '../journal/stores.ts'
import { eventually } from '../fixtures/eventually.ts'
import { Lab, temporaryFolder } from '../fixtures/lab.ts'
import { amount, customer, findable, finish, tagTyped } from '../fixtures/lifecycle.ts'

/*
 * Lists and counts are right at every moment, and after a kill at any moment: they have what `describe`
 * says of each workflow.
 */

const workflows = 120
const queries = [
  '',
  "ExecutionStatus = 'Running'",
  "ExecutionStatus != 'Running' AND WorkflowType = 'findable'",
  "Customer = 'ada'",
  "Customer IN ('ada', 'bob') AND ExecutionStatus = 'Completed'",
  'Amount > 60',
  'Amount BETWEEN 10 AND 20 OR Customer IS NULL',
  "WorkflowId = 'w7'",
  "WorkflowId STARTS_WITH 'w1'",
  'CloseTime IS NOT NULL',
  "StartTime > '2020-01-01' AND NOT Customer = 'ada'",
  "StartTime < '2020-01-01'",
]

async function listed(client: WorkflowClient, query: string): Promise<readonly string[]> {
  const found: WorkflowSummary[] = []
  for await (const run of client.list({ query, pageSize: 7 })) found.push(run)
  return found.map(({ workflowId }) => workflowId)
}

async function compare(client: WorkflowClient, ids: readonly string[]): Promise<void> {
  const summaries: WorkflowSummary[] = []
  for (const id of ids) {
    const found = await client
      .getHandle(id)
      .describe()
      .catch(() => undefined)
    if (found !== undefined) summaries.push(found)
  }
  for (const query of queries) {
    const filter = parseVisibilityQuery(query)
    const expected = summaries.filter((summary) => filter.matches(summary))
    const names = expected.map(({ workflowId }) => workflowId)
    expect([...(await listed(client, query))].sort(), query).toEqual([...names].sort())
    const grouped = await client.count(`${query} GROUP BY ExecutionStatus`)
    expect(grouped.count, query).toBe(expected.length)
    const sum = grouped.groups?.reduce((total, { count }) => total + count, 0)
    expect(sum).toBe(expected.length)
  }
}

/** The same once what is under way has been done and is on disk. */
async function compareInTheEnd(client: WorkflowClient, ids: readonly string[]): Promise<void> {
  let mismatch: unknown
  await eventually('lists and describe agree', async () => {
    try {
      await compare(client, ids)
      return true
    } catch (error) {
      mismatch = error
      return false
    }
  }).catch(() => {
    throw mismatch
  })
}

test('lists have what describe says, while workflows start, change and close, and after a kill', async () => {
  const lab = await Lab.create()
  const { client } = await lab.open({ code: 'lifecycle.ts' })
  const ids = Array.from({ length: workflows }, (_, i) => `w${i}`)
  const copies = await temporaryFolder()
  const copyTo = (n: number): string => path.join(copies, `copy-${n}`)
  await Promise.all(
    ids.map(async (workflowId, i) => {
      const handle = await client.workflow.start(findable, {
        workflowId,
        ...(i % 3 === 0
          ? {}
          : { typedSearchAttributes: [{ key: customer, value: i % 2 === 0 ? 'ada' : 'bob' }] }),
      })
      await handle.signal(
        { signal: tagTyped, waitFor: 'processed' },
        i % 5 === 0 ? 'carol' : 'ada',
        i % 4 === 0 ? null : i,
      )
      // In the middle of everything: what a kill at this moment leaves.
      if (i % 40 === 20) copyFolder(lab.dataDir, copyTo(i))
      if (i % 2 === 0) {
        await handle.signal(finish)
        await handle.result()
      }
    }),
  )
  await compareInTheEnd(client.workflow, ids)
  expect(amount.type).toBe('INT')
  const newestFirst = await listed(client.workflow, '')
  await lab.close()
  const again = await lab.open({ code: 'lifecycle.ts' })
  expect(await listed(again.client.workflow, '')).toEqual(newestFirst)
  await compareInTheEnd(again.client.workflow, ids)
  await lab.close()
  for (const i of [20, 60, 100]) {
    const copy = Lab.at(copyTo(i))
    const runtime = await copy.open({ code: 'lifecycle.ts' })
    await compareInTheEnd(runtime.client.workflow, ids)
    await copy.close()
  }
}, 120_000)

test('counts what is listed, also with more alternatives than are looked up one by one', async () => {
  const lab = await Lab.create()
  const { client } = await lab.open({ code: 'lifecycle.ts' })
  const start = (n: number, type: string) =>
    client.workflow.start(type, { workflowId: `${type}-${n}`, args: [] })
  for (let n = 0; n < 5; n++) {
    await start(n, 'findable')
    await start(n, 'pulse')
  }
  const types = Array.from({ length: 120 }, (_, n) => `'type-${n}'`).join(', ')
  const filters = [
    `WorkflowType IN ('findable', ${types}) AND StartTime > '2020-01-01'`,
    `WorkflowType IN ('findable', ${types}) AND StartTime < '2020-01-01'`,
    Array.from({ length: 20 }, (_, n) => `StartTime > '20${n + 60}-01-01'`).join(' OR '),
  ]
  for (const filter of filters) {
    const { count } = await client.workflow.count(filter)
    expect(count, filter).toBe((await listed(client.workflow, filter)).length)
  }
  expect((await client.workflow.count(filters[0])).count).toBe(5)
  await expect(listed(client.workflow, 'GROUP BY ExecutionStatus')).rejects.toMatchObject({
    code: 'SIGNALBOX_ERR_INVALID_ARGUMENT',
  })
})
