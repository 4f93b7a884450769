import type { WorkflowClient } from 'signalbox'
import type { ChildWorkflowCancellationType } from 'signalbox/workflow'
import { describe, expect, test } from 'vitest'
import { eventually } from '../fixtures/eventually.ts'
import {
  type basket,
  cancelsChild,
  done,
  fills,
  give,
  kin,
  leaves,
  manyChildren,
  noted,
  onCue,
  oneChild,
  type relay,
  startsTwice,
  step,
} from '../fixtures/family.ts'
import { EncryptionCodec } from '../fixtures/encryption-codec.ts'
import { Lab, numbers, openRuntime } from '../fixtures/lab.ts'
import { restsIn } from '../fixtures/rests-in.ts'

const code = 'family.ts'

function exists(client: WorkflowClient, workflowId: string): Promise<unknown> {
  return eventually(`there is ${workflowId}`, () =>
    client
      .getHandle(workflowId)
      .describe()
      .then(
        () => true,
        () => false,
      ),
  )
}

function statusOf(client: WorkflowClient, workflowId: string): Promise<string> {
  return client
    .getHandle(workflowId)
    .describe()
    .then(({ status }) => status)
}

async function eventTypes(client: WorkflowClient, workflowId: string): Promise<string[]> {
  const { events } = await client.getHandle(workflowId).fetchHistory()
  return events
    .map(({ eventType }) => eventType.replace('EVENT_TYPE_', ''))
    .filter((type) => !type.startsWith('WORKFLOW_TASK'))
}

describe('a child', () => {
  test('gives its result, and its parent and root are known', async () => {
    const { client } = await openRuntime({ code })
    const result = await client.workflow.execute(fills, {
      workflowId: 'parent',
      args: [[1, 2, 3], { workflowId: 'child' }],
    })
    const child = await client.workflow.getHandle('child').describe()
    const parent = await client.workflow.getHandle('parent').describe()
    expect(result).toEqual({ id: 'child', given: [1, 2, 3], runId: child.runId })
    expect(child).toMatchObject({
      status: 'COMPLETED',
      parentExecution: { workflowId: 'parent', runId: parent.runId },
      rootExecution: { workflowId: 'parent', runId: parent.runId },
    })
    expect(parent.pendingChildren).toEqual([])
    const related = await client.workflow.getHandle<typeof basket>('child').query<unknown>(kin)
    const { workflowId, runId } = parent
    expect(related).toEqual({
      parent: { workflowId, runId, namespace: 'default' },
      root: { workflowId, runId },
    })
  })

  test('is shown as pending while it runs', async () => {
    const { client } = await openRuntime({ code })
    await client.workflow.start(leaves, { workflowId: 'p', args: ['ABANDON', 'c'] })
    await exists(client.workflow, 'c')
    const { pendingChildren } = await client.workflow.getHandle('p').describe()
    const { runId } = await client.workflow.getHandle('c').describe()
    expect(pendingChildren).toEqual([
      { workflowId: 'c', runId, workflowType: 'basket', parentClosePolicy: 'ABANDON' },
    ])
  })

  test('of many runs beside the others, across slots, and each is heard of once', async () => {
    const { client } = await openRuntime({ code, slots: 3 })
    const sum = await client.workflow.execute(manyChildren, { workflowId: 'm', args: [200] })
    expect(sum).toBe(numbers(200).reduce((total, n) => total + 2 * n, 0))
    const types = await eventTypes(client.workflow, 'm')
    expect(types.filter((type) => type === 'CHILD_WORKFLOW_EXECUTION_STARTED')).toHaveLength(200)
    expect(types.filter((type) => type === 'CHILD_WORKFLOW_EXECUTION_COMPLETED')).toHaveLength(200)
  })

  test('is heard of as it ended', async () => {
    const { client } = await openRuntime({ code })
    const run = (type: string, args: unknown[], options = {}): Promise<unknown> =>
      client.workflow.execute(oneChild, { workflowId: `p-${type}`, args: [type, args, options] })
    expect(await run('double', [4])).toBe(8)
    expect(await run('fails', ['no'])).toBe(
      'ChildWorkflowFailure(fails RETRY_POLICY_NOT_SET): ApplicationFailure(Refused): no',
    )
    expect(await run('sleeps', [], { workflowRunTimeout: 30 })).toBe(
      'ChildWorkflowFailure(sleeps TIMEOUT): TimeoutFailure: Timed out',
    )
    const terminated = run('basket', [[]], { workflowId: 'to terminate' })
    await exists(client.workflow, 'to terminate')
    await client.workflow.getHandle('to terminate').terminate()
    expect(await terminated).toBe(
      'ChildWorkflowFailure(basket NON_RETRYABLE_FAILURE): TerminatedFailure: Terminated',
    )
    const cancelled = run('sleeps', [], { workflowId: 'to cancel' })
    await exists(client.workflow, 'to cancel')
    await client.workflow.getHandle('to cancel').cancel()
    expect(await cancelled).toBe(
      'ChildWorkflowFailure(sleeps NON_RETRYABLE_FAILURE): CancelledFailure: ',
    )
  })

  test('that continues as new is heard of once its chain has ended', async () => {
    const { client } = await openRuntime({ code })
    const running = client.workflow.execute(oneChild, {
      workflowId: 'p',
      args: ['relay', [3], { workflowId: 'c' }],
    })
    const child = client.workflow.getHandle<typeof relay>('c')
    await eventually('the child is at its last run', async () => {
      const { events } = await child.fetchHistory().catch(() => ({ events: [] }))
      return JSON.stringify(events[0] ?? '').includes(Buffer.from('0').toString('base64'))
    })
    await child.signal(done)
    expect(await running).toBe('after 0')
    const { firstExecutionRunId, runId, parentExecution } = await child.describe()
    expect(runId).not.toBe(firstExecutionRunId)
    expect(parentExecution?.workflowId).toBe('p')
    expect(await eventTypes(client.workflow, 'p')).toEqual([
      'WORKFLOW_EXECUTION_STARTED',
      'START_CHILD_WORKFLOW_EXECUTION_INITIATED',
      'CHILD_WORKFLOW_EXECUTION_STARTED',
      'CHILD_WORKFLOW_EXECUTION_COMPLETED',
      'WORKFLOW_EXECUTION_COMPLETED',
    ])
  })

  test('whose workflow id is taken is not started', async () => {
    const { client } = await openRuntime({ code })
    const result = await client.workflow.execute(startsTwice, { workflowId: 'p', args: ['c'] })
    expect(result).toEqual([
      true,
      'WorkflowExecutionAlreadyStartedError: Workflow execution already started',
      [],
    ])
    expect(await eventTypes(client.workflow, 'p')).toContain(
      'START_CHILD_WORKFLOW_EXECUTION_FAILED',
    )
  })

  test.each([
    ['ALLOW_DUPLICATE', 'double', 8],
    [
      'REJECT_DUPLICATE',
      'double',
      'WorkflowExecutionAlreadyStartedError: Workflow execution already started',
    ],
    [
      'ALLOW_DUPLICATE_FAILED_ONLY',
      'double',
      'WorkflowExecutionAlreadyStartedError: Workflow execution already started',
    ],
    ['ALLOW_DUPLICATE_FAILED_ONLY', 'fails', 8],
  ] as const)('of an id that was used before: %s after %s', async (policy, before, result) => {
    const { client } = await openRuntime({ code })
    await client.workflow.execute(before, { workflowId: 'c', args: [4] }).catch(() => undefined)
    const options = { workflowId: 'c', workflowIdReusePolicy: policy }
    expect(
      await client.workflow.execute(oneChild, { workflowId: 'p', args: ['double', [4], options] }),
    ).toBe(result)
  })

  test('may take the place of a running workflow, but not of what its parent hangs from', async () => {
    const { client } = await openRuntime({ code })
    const options = { workflowIdReusePolicy: 'TERMINATE_IF_RUNNING' } as const
    await client.workflow.start<typeof basket>('basket', { workflowId: 'c' })
    const { runId } = await client.workflow.getHandle('c').describe()
    const run = (workflowId: string): Promise<unknown> =>
      client.workflow.execute(oneChild, {
        workflowId: 'p',
        args: ['double', [4], { ...options, workflowId }],
      })
    expect(await run('c')).toBe(8)
    expect((await client.workflow.getHandle('c', runId).describe()).status).toBe('TERMINATED')
    expect(await run('p')).toBe(
      'WorkflowExecutionAlreadyStartedError: Workflow execution already started',
    )
  })

  test('of a type that is not there waits, parked, until it is deployed', async () => {
    const { client } = await openRuntime({ code })
    void client.workflow
      .execute(oneChild, { workflowId: 'p', args: ['nowhere', [], { workflowId: 'c' }] })
      .catch(() => undefined)
    const { parked } = await eventually('the child is parked', async () => {
      const found = await client.workflow
        .getHandle('c')
        .describe()
        .catch(() => undefined)
      return found?.parked !== undefined && found
    })
    expect(parked?.reason).toContain("Failed to initialize workflow of type 'nowhere'")
    await client.workflow.getHandle('c').terminate()
  })
})

describe('when its parent closes', () => {
  const ways = ['return', 'fail', 'again', 'terminate', 'cancel'] as const
  const expected = {
    TERMINATE: 'TERMINATED',
    ABANDON: 'RUNNING',
    REQUEST_CANCEL: 'CANCELED',
  } as const
  const policies = ['TERMINATE', 'ABANDON', 'REQUEST_CANCEL'] as const
  const cases = policies.flatMap((policy) => ways.map((way) => [policy, way] as const))

  test('the policy holds, whatever the way', async () => {
    const { client } = await openRuntime({ code })
    const check = async (policy: keyof typeof expected, way: (typeof ways)[number]) => {
      const workflowId = `${policy} ${way}`
      const childId = `child of ${workflowId}`
      const parent = await client.workflow.start(leaves, {
        workflowId,
        args: [policy, childId, 'sleeps'],
      })
      await eventually('the parent knows of its child', () => parent.query(kin).catch(() => false))
      const { runId } = await parent.describe()
      const first = client.workflow.getHandle(workflowId, runId)
      if (way === 'terminate') await first.terminate()
      else if (way === 'cancel') await first.cancel()
      else await first.signal(step, way)
      await eventually(`${workflowId} has closed`, async () => {
        return (await first.describe()).status !== 'RUNNING'
      })
      // Its cancellation is the child's as well, by the child's cancellation type.
      const asked = policy === 'ABANDON' && way === 'cancel'
      await eventually(`${childId} has heard`, async () => {
        return (
          (await statusOf(client.workflow, childId)) === (asked ? 'CANCELED' : expected[policy])
        )
      })
      expect((await first.describe()).pendingChildren).toEqual([])
    }
    await Promise.all(cases.map(([policy, way]) => check(policy, way)))
  })

  test('by a timeout, the policy holds for children of children too', async () => {
    const { client } = await openRuntime({ code })
    await client.workflow.start(oneChild, {
      workflowId: 'p',
      workflowRunTimeout: 2_500,
      args: [
        'oneChild',
        ['oneChild', ['sleeps', [], { workflowId: 'c3' }], { workflowId: 'c2' }],
        { workflowId: 'c1' },
      ],
    })
    await exists(client.workflow, 'c3')
    for (const id of ['c1', 'c2', 'c3']) {
      await eventually(`${id} is terminated`, async () => {
        return (await statusOf(client.workflow, id)) === 'TERMINATED'
      })
    }
    expect(await statusOf(client.workflow, 'p')).toBe('TIMED_OUT')
    const { rootExecution } = await client.workflow.getHandle('c3').describe()
    expect(rootExecution?.workflowId).toBe('p')
  })
})

describe('cancelling the scope of a child', () => {
  const cancelled = 'ChildWorkflowFailure(tidies NON_RETRYABLE_FAILURE): CancelledFailure: '
  const run = async (
    type: ChildWorkflowCancellationType,
    moment: 'same turn' | 'started',
  ): Promise<{ log: unknown; status: string | undefined }> => {
    const { client } = await openRuntime({ code })
    const log = await client.workflow.execute(cancelsChild, {
      workflowId: 'p',
      args: [type, 'tidies', moment],
    })
    const child = await client.workflow
      .getHandle('p/child')
      .result()
      .catch(() => undefined)
    const status = await statusOf(client.workflow, 'p/child').catch(() => undefined)
    return { log, status: child === undefined ? status : `${status}: ${JSON.stringify(child)}` }
  }

  test.each([
    'ABANDON',
    'TRY_CANCEL',
    'WAIT_CANCELLATION_COMPLETED',
    'WAIT_CANCELLATION_REQUESTED',
  ] as const)('%s before it was sent: it is never started', async (type) => {
    expect(await run(type, 'same turn')).toEqual({ log: [cancelled], status: undefined })
  })

  test('TRY_CANCEL asks it, and goes on at once', async () => {
    expect(await run('TRY_CANCEL', 'started')).toEqual({
      log: ['started', cancelled],
      status: 'COMPLETED: "tidied"',
    })
  })

  test.each(['WAIT_CANCELLATION_COMPLETED', 'WAIT_CANCELLATION_REQUESTED'] as const)(
    '%s asks it, and waits for its end',
    async (type) => {
      expect(await run(type, 'started')).toEqual({
        log: ['started', 'result tidied'],
        status: 'COMPLETED: "tidied"',
      })
    },
  )

  test('ABANDON does not even ask it', async () => {
    const { client } = await openRuntime({ code })
    const log = await client.workflow.execute(cancelsChild, {
      workflowId: 'p',
      args: ['ABANDON', 'basket', 'started'],
    })
    expect(log).toEqual([
      'started',
      'ChildWorkflowFailure(basket NON_RETRYABLE_FAILURE): CancelledFailure: ',
    ])
    const child = client.workflow.getHandle<typeof basket>('p/child')
    await child.signal(give, 7)
    await child.signal(done)
    expect(await child.result()).toEqual([7])
  })

  test('the parent may be cancelled while its child is on its way', async () => {
    const { client } = await openRuntime({ code })
    const parents = await Promise.all(
      numbers(20).map(async (n) => {
        const parent = await client.workflow.start(oneChild, {
          workflowId: `p${n}`,
          args: ['tidies', [], { workflowId: `c${n}` }],
        })
        await parent.cancel()
        return parent
      }),
    )
    for (const parent of parents) {
      const result = await parent.result()
      // It was cancelled before it began, between its start and the child's, or after.
      expect(['tidied', cancelled, 'CancelledFailure: Workflow cancelled']).toContain(result)
    }
  })
})

test('a parent comes back with its children after its actor has left memory', async () => {
  const { client } = await openRuntime({ code, limits: { maxCachedWorkflows: 1 } })
  const parents = await Promise.all(
    numbers(10).map((n) =>
      client.workflow.start(leaves, { workflowId: `p${n}`, args: ['ABANDON', `c${n}`] }),
    ),
  )
  await Promise.all(numbers(10).map((n) => exists(client.workflow, `c${n}`)))
  for (const [n, parent] of parents.entries()) {
    const child = client.workflow.getHandle<typeof basket>(`c${n}`)
    await child.signal(give, n)
    expect(await child.query(noted)).toEqual([n])
    expect(await parent.query(kin)).toBe((await child.describe()).runId)
    await parent.signal(step, 'return')
    expect(await parent.result()).toBe('left')
  }
})

test('what children are given and give, and signals, rest encoded in the journal', async () => {
  const lab = await Lab.create()
  const dataConverter = { payloadCodecs: [new EncryptionCodec()] }
  const { client } = await lab.open({ code, dataConverter })
  const result = await client.workflow.execute(oneChild, {
    workflowId: 'p',
    args: ['echoes', ['PLAIN-text'], { workflowId: 'c', memo: { note: 'PLAIN-memo' } }],
  })
  expect(result).toBe('PLAIN-text')
  expect((await client.workflow.getHandle('c').describe()).memo).toEqual({ note: '"PLAIN-memo"' })
  const target = await client.workflow.start<typeof basket>('basket', { workflowId: 'b' })
  const sender = await client.workflow.start(onCue, {
    workflowId: 's',
    args: ['signal', 'b', ['PLAIN-signal' as never]],
  })
  await sender.signal(step, 'now')
  await sender.result()
  await target.signal(done)
  expect(await target.result()).toEqual(['PLAIN-signal'])
  await lab.close()
  expect(await restsIn(lab.dataDir, 'PLAIN-')).toBe(false)
  expect(await restsIn(lab.dataDir, 'echoes')).toBe(true)
})
