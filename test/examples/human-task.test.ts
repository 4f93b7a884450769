import { expect, test, vi } from 'vitest'
import {
  claim,
  complete,
  giveBack,
  humanTask,
  reject,
  taskStatus,
} from '../../examples/human-task/workflows.ts'
import { ActivityLog, openExample } from './example-runtime.ts'

async function openTask(request: { title: string; remindEveryMs?: number }) {
  const log = new ActivityLog()
  const { runtime } = await openExample('human-task', {
    publishTask: log.record('publishTask'),
    remindOfTask: log.record('remindOfTask'),
    withdrawTask: log.record('withdrawTask'),
  })
  const handle = await runtime.client.workflow.start(humanTask, {
    workflowId: 'task/1',
    args: ['1', request],
  })
  return { log, handle }
}

test('a task is claimed, returned, claimed by another and completed; wrong actions change nothing', async () => {
  const { log, handle } = await openTask({ title: 'Approve' })

  await handle.signal(complete, 'ann', { early: true })
  await handle.signal(claim, 'ann')
  await handle.signal(claim, 'bob')
  await handle.signal(complete, 'bob', { stolen: true })
  expect(await handle.query(taskStatus)).toMatchObject({ state: 'claimed', user: 'ann' })
  await handle.signal(giveBack, 'ann')
  await handle.signal(reject, 'ann', 'too late')
  await handle.signal(claim, 'bob')
  await handle.signal(complete, 'bob', { approved: true })

  expect(await handle.result()).toEqual({
    state: 'completed',
    user: 'bob',
    form: { approved: true },
    refused: [
      { action: 'complete', user: 'ann', reason: 'the task is open' },
      { action: 'claim', user: 'bob', reason: 'claimed by ann' },
      { action: 'complete', user: 'bob', reason: 'claimed by ann' },
      { action: 'reject', user: 'ann', reason: 'the task is open' },
    ],
  })
  expect(log.calls).toEqual([
    ['publishTask', '1', 'Approve'],
    ['withdrawTask', '1'],
  ])
})

test('a task can be rejected by its holder', async () => {
  const { log, handle } = await openTask({ title: 'Approve' })
  await handle.signal(claim, 'ann')
  await handle.signal(reject, 'ann', 'no budget')
  expect(await handle.result()).toEqual({
    state: 'rejected',
    user: 'ann',
    rejectReason: 'no budget',
    refused: [],
  })
  expect(log.named('withdrawTask')).toHaveLength(1)
})

test('people are reminded: everybody while nobody holds the task, then its holder', async () => {
  const { log, handle } = await openTask({ title: 'Approve', remindEveryMs: 50 })
  await vi.waitFor(() => expect(log.named('remindOfTask').length).toBeGreaterThan(1), 20_000)
  await handle.signal(claim, 'ann')
  const reminded = (): unknown[] => log.named('remindOfTask').map(([, , user]) => user)
  await vi.waitFor(() => expect(reminded()).toContain('ann'), 20_000)
  await handle.signal(complete, 'ann', {})
  await handle.result()

  const users = reminded()
  const first = users.indexOf('ann')
  expect(first).toBeGreaterThan(1)
  expect(users.slice(0, first).every((user) => user === undefined || user === null)).toBe(true)
  expect(users.slice(first).every((user) => user === 'ann')).toBe(true)
})
