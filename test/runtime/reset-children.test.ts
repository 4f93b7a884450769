import type { WorkflowClient } from 'signalbox'
import { describe, expect, test } from 'vitest'
import { eventually } from '../fixtures/eventually.ts'
import { basket, done, give, noted, oneChild, writesTo } from '../fixtures/family.ts'
import { openRuntime } from '../fixtures/lab.ts'

const code = 'family.ts'

const kid = (client: { readonly workflow: WorkflowClient }, id: string) =>
  client.workflow.getHandle<typeof basket>(id)

/** A parent that waits for its child, and has handled that the child was started. */
async function parentOf(
  client: { readonly workflow: WorkflowClient },
  child: string,
  parentClosePolicy: 'TERMINATE' | 'ABANDON' = 'TERMINATE',
) {
  const parent = await client.workflow.start(oneChild, {
    workflowId: `parent of ${child}`,
    args: ['basket', [[]], { workflowId: child, parentClosePolicy }],
  })
  await eventually('it has handled the start', async () => (await tasks(parent)).length === 2)
  return parent
}

async function tasks(handle: Awaited<ReturnType<WorkflowClient['start']>>): Promise<number[]> {
  const { events } = await handle.fetchHistory()
  return events
    .filter(({ eventType }) => eventType === 'EVENT_TYPE_WORKFLOW_TASK_COMPLETED')
    .map(({ eventId }) => Number(eventId))
}

const runsOf = async (client: { readonly workflow: WorkflowClient }, workflowId: string) => {
  const statuses: string[] = []
  for await (const { status } of client.workflow.list({ query: `WorkflowId = '${workflowId}'` })) {
    statuses.push(status)
  }
  return statuses
}

describe('A reset of a parent', () => {
  test('keeps a child that was started before the point', async () => {
    const { client } = await openRuntime({ code })
    const parent = await parentOf(client, 'c')
    await kid(client, 'c').signal(give, 1)
    const { runId } = await parent.reset({ type: 'LastWorkflowTask' })
    const anew = client.workflow.getHandle('parent of c')
    expect(await anew.describe()).toMatchObject({
      runId,
      pendingChildren: [{ workflowId: 'c', workflowType: 'basket' }],
    })
    expect(await kid(client, 'c').describe()).toMatchObject({
      status: 'RUNNING',
      parentExecution: { workflowId: 'parent of c', runId },
    })
    const old = client.workflow.getHandle('parent of c', parent.firstExecutionRunId)
    expect(await old.describe()).toMatchObject({ status: 'TERMINATED', pendingChildren: [] })
    await kid(client, 'c').signal(give, 2)
    await kid(client, 'c').signal(done)
    expect(await anew.result()).toEqual([1, 2])
    expect(await runsOf(client, 'c')).toEqual(['COMPLETED'])
  })

  test('gives the outcome of a child that has ended since, however the parent ended', async () => {
    const { client } = await openRuntime({ code })
    const finished = await parentOf(client, 'f')
    await kid(client, 'f').signal(give, 1)
    await kid(client, 'f').signal(done)
    expect(await finished.result()).toEqual([1])
    const [, second = 0] = await tasks(finished)
    await finished.reset({ eventId: second })
    expect(await client.workflow.getHandle('parent of f').result()).toEqual([1])
    expect(await runsOf(client, 'f')).toEqual(['COMPLETED'])

    // The old run never heard of it.
    const gone = await parentOf(client, 'g', 'ABANDON')
    await gone.terminate()
    await kid(client, 'g').signal(give, 2)
    await kid(client, 'g').signal(done)
    expect(await kid(client, 'g').result()).toEqual([2])
    await gone.reset({ type: 'LastWorkflowTask' })
    expect(await client.workflow.getHandle('parent of g').result()).toEqual([2])
    expect(await runsOf(client, 'g')).toEqual(['COMPLETED'])
  })

  test('applies the parent close policy to a child that was started after it', async () => {
    const { client } = await openRuntime({ code })
    const parent = await parentOf(client, 'c')
    await kid(client, 'c').signal(give, 1)
    await parent.reset({ type: 'FirstWorkflowTask' })
    await eventually('there is another child', async () => (await runsOf(client, 'c')).length === 2)
    expect(await runsOf(client, 'c')).toEqual(['RUNNING', 'TERMINATED'])
    await kid(client, 'c').signal(give, 2)
    await kid(client, 'c').signal(done)
    expect(await client.workflow.getHandle('parent of c').result()).toEqual([2])
  })

  test('does not send again what was sent before the point', async () => {
    const { client } = await openRuntime({ code })
    await client.workflow.start(basket, { workflowId: 'target' })
    const writer = await client.workflow.start(writesTo, {
      workflowId: 'writer',
      args: [['target']],
    })
    expect(await writer.result()).toEqual(['target has it'])
    await writer.reset({ type: 'LastWorkflowTask' })
    expect(await client.workflow.getHandle('writer').result()).toEqual(['target has it'])
    expect(await kid(client, 'target').query(noted)).toEqual([0])
    await kid(client, 'target').signal(done)
  })
})

test('the parent of a workflow that is reset waits for its new run', async () => {
  const { client } = await openRuntime({ code })
  const parent = await parentOf(client, 'c')
  const child = kid(client, 'c')
  await child.signal({ signal: give, waitFor: 'processed' }, 1)
  await child.signal({ signal: give, waitFor: 'processed' }, 2)
  await child.reset({ type: 'LastWorkflowTask' })
  await kid(client, 'c').signal(give, 3)
  await kid(client, 'c').signal(done)
  expect(await parent.result()).toEqual([1, 2, 3])
  expect(await runsOf(client, 'c')).toEqual(['COMPLETED', 'TERMINATED'])
})
