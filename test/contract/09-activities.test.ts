import { ActivityFailure, ApplicationFailure, type WorkflowFailedError } from 'signalbox'
import { Context } from 'signalbox/activity'
import { describe, expect, test } from 'vitest'
import { openGatedEngine } from '../fixtures/engine-lab.ts'
import { eventually } from '../fixtures/eventually.ts'
import { Lab, numbers, openRuntime } from '../fixtures/lab.ts'
import { charge, charger, finish, givingUp, retrying } from '../fixtures/workflows.ts'

interface Call {
  readonly key: string
  readonly attempt: number
}

function callOf(): Call {
  const { activityId, workflowExecution, attempt } = Context.current().info
  return {
    key: `${workflowExecution.workflowId}/${workflowExecution.runId}/${activityId}`,
    attempt,
  }
}

describe('9 Activities run at least once', () => {
  test('a failing one is retried under one idempotency key until it succeeds', async () => {
    const calls: Call[] = []
    const { client } = await openRuntime({
      activities: {
        flaky: async (failures: number) => {
          calls.push(callOf())
          if (calls.length <= failures) throw new Error(`failure ${calls.length}`)
          return `attempt ${Context.current().info.attempt}`
        },
      },
    })
    expect(await client.workflow.execute(retrying, { workflowId: 'w', args: [3] })).toBe(
      'attempt 4',
    )
    expect(calls.map(({ attempt }) => attempt)).toEqual([1, 2, 3, 4])
    expect(new Set(calls.map(({ key }) => key)).size).toBe(1)
  })

  test('never more often than the policy says, and the last failure is the outcome', async () => {
    let calls = 0
    const { client } = await openRuntime({
      activities: {
        hopeless: async () => {
          calls++
          throw ApplicationFailure.create({ message: `failure ${calls}`, type: 'Hopeless' })
        },
      },
    })
    const failed = await client.workflow
      .execute(givingUp, { workflowId: 'w' })
      .catch((error: unknown) => error as WorkflowFailedError)
    expect(failed).toMatchObject({ code: 'SIGNALBOX_ERR_WORKFLOW_FAILED' })
    const cause = (failed as WorkflowFailedError).cause
    expect(cause).toBeInstanceOf(ActivityFailure)
    expect(cause?.cause).toMatchObject({ message: 'failure 5', type: 'Hopeless' })
    expect(calls).toBe(5)
  })

  test('each has one outcome, in the order of its workflow', async () => {
    const calls = new Map<string, number>()
    const { client } = await openRuntime({
      activities: {
        record: async (what: string) => {
          calls.set(what, (calls.get(what) ?? 0) + 1)
          if (calls.size % 7 === 0) await new Promise((resolve) => setTimeout(resolve, 1))
          return `did ${what}`
        },
      },
    })
    const handles = await Promise.all(
      numbers(10).map((i) => client.workflow.start(charger, { workflowId: `w${i}` })),
    )
    await Promise.all(
      handles.flatMap((handle, i) => numbers(20).map((n) => handle.signal(charge, `${i}/${n}`))),
    )
    for (const [i, handle] of handles.entries()) {
      await handle.signal(finish)
      expect(await handle.result()).toEqual(numbers(20).map((n) => `did ${i}/${n}`))
    }
    expect([...calls.values()].every((count) => count === 1)).toBe(true)
  })

  test('one that was under way at a restart runs again, under the same key, and counts once', async () => {
    const lab = await Lab.create()
    const keys: string[] = []
    let { client } = await lab.open({
      limits: { closeTimeoutMs: 50 },
      activities: {
        record: () => {
          keys.push(callOf().key)
          return new Promise(() => undefined)
        },
      },
    })
    await client.workflow.start(charger, { workflowId: 'w' })
    await client.workflow.getHandle('w').signal(charge, 'a')
    await eventually('it is under way', () => keys.length > 0)
    ;({ client } = await lab.reopen({
      activities: {
        record: async (what: string) => {
          keys.push(callOf().key)
          return `did ${what}`
        },
      },
    }))
    const handle = client.workflow.getHandle<typeof charger>('w')
    await handle.signal(finish)
    expect(await handle.result()).toEqual(['did a'])
    expect(keys).toHaveLength(2)
    expect(new Set(keys).size).toBe(1)
  })

  test('its outcome is journaled before the workflow sees it', async () => {
    let end: (() => void) | undefined
    const { client, gate } = await openGatedEngine({
      activities: {
        record: (what: string) =>
          new Promise((resolve) => {
            end = () => resolve(`did ${what}`)
          }),
      },
    })
    const handle = await client.start(charger, { workflowId: 'w' })
    await handle.signal(charge, 'a')
    await handle.signal(finish)
    await eventually('it is under way', () => end !== undefined)
    gate.hold()
    end?.()
    await eventually('the outcome is being written', () => gate.waiting > 0)
    await new Promise((resolve) => setTimeout(resolve, 40))
    expect((await handle.describe()).status).toBe('RUNNING')
    gate.release()
    expect(await handle.result()).toEqual(['did a'])
  })

  test('one that nobody gave fails as an activity, not the runtime', async () => {
    const { client } = await openRuntime({ activities: {} })
    const failed = await client.workflow
      .execute(retrying, { workflowId: 'w', args: [0] })
      .catch((error: unknown) => error as WorkflowFailedError)
    expect(failed).toMatchObject({ code: 'SIGNALBOX_ERR_WORKFLOW_FAILED' })
    expect((failed as WorkflowFailedError).cause).toBeInstanceOf(ActivityFailure)
  })
})
