import { CompleteAsyncError, Context } from 'signalbox/activity'
import { describe, expect, it } from 'vitest'
import type { ActivityExecution } from '../../runtime/activity-execution.ts'
import type { AttemptOutcome } from '../../runtime/activity-executor.ts'
import { decodeTaskToken, encodeTaskToken } from '../../runtime/task-token.ts'
import { ActivityHarness, nth } from './activity-harness.ts'

const leaves = () => Promise.reject(new CompleteAsyncError())

function found(harness: ActivityHarness): ActivityExecution {
  const execution = harness.runner.find(1, { seq: 1 })
  if (execution === undefined) throw new Error('the activity has an outcome')
  return execution
}

const conclude = (harness: ActivityHarness, outcome: AttemptOutcome): void =>
  harness.runner.conclude(found(harness), outcome, () => undefined)

describe('an activity that is completed from outside', () => {
  it('waits without a place among the running ones, and is journaled as waiting', async () => {
    const harness = new ActivityHarness(
      { act: leaves, other: () => 'done' },
      { maxConcurrentActivities: 1 },
    )
    harness.schedule()
    harness.schedule({ seq: 2, type: 'other' })
    await harness.settle()
    expect(harness.outcomes.map(([, seq]) => seq)).toEqual([2])
    expect(nth(harness.committed, 0)).toMatchObject({ completesAsync: true, started: true })
    expect(harness.runner.pending(1)).toMatchObject([{ state: 'STARTED', attempt: 1 }])
    conclude(harness, { status: 'completed', result: '"from outside"' })
    expect(nth(harness.outcomes, 1)[2]).toEqual({
      status: 'completed',
      result: '"from outside"',
      attempt: 1,
    })
    expect(harness.runner.size).toBe(0)
  })

  it('may be completed while its function runs, which is then told to stop and not heard', async () => {
    let aborted: unknown
    const act = async (): Promise<string> => {
      const { cancellationSignal } = Context.current()
      await new Promise((resolve) => cancellationSignal.addEventListener('abort', resolve))
      aborted = cancellationSignal.reason
      return 'too late'
    }
    const harness = new ActivityHarness({ act })
    harness.schedule()
    await harness.settle()
    conclude(harness, { status: 'completed', result: '1' })
    await harness.settle()
    expect(aborted).toMatchObject({ message: 'NOT_FOUND' })
    expect(harness.outcomes).toHaveLength(1)
  })

  it('is tried again under a new attempt when its failure is told, and when it times out', async () => {
    const attempts: number[] = []
    const act = () => {
      attempts.push(Context.current().info.attempt)
      return leaves()
    }
    const harness = new ActivityHarness({ act })
    harness.schedule()
    await harness.settle()
    conclude(harness, { status: 'failed', failure: { message: 'no', applicationFailureInfo: {} } })
    await harness.advance(1_000)
    expect(attempts).toEqual([1, 2])
    // startToClose is 10 seconds.
    await harness.advance(10_000)
    await harness.advance(2_000)
    expect(attempts).toEqual([1, 2, 3])
    expect(found(harness).task).toMatchObject({
      attempt: 3,
      lastFailure: { timeoutFailureInfo: { timeoutType: 'START_TO_CLOSE' } },
    })
  })

  it('must heartbeat, and stays alive by it', async () => {
    const harness = new ActivityHarness({ act: leaves })
    harness.schedule({
      command: { heartbeatTimeoutMs: 2_000, startToCloseTimeoutMs: 60_000 },
      policy: { maximumAttempts: 1 },
    })
    await harness.settle()
    for (let beat = 1; beat <= 3; beat++) {
      await harness.advance(1_500)
      harness.runner.beat(found(harness), [`${beat}`], () => undefined)
    }
    expect(harness.outcomes).toEqual([])
    await harness.advance(2_000)
    expect(nth(harness.outcomes, 0)[2]).toMatchObject({
      failure: {
        cause: { timeoutFailureInfo: { timeoutType: 'HEARTBEAT', lastHeartbeatDetails: ['3'] } },
      },
    })
  })

  it('goes on after a restart, its time counted from its start', async () => {
    const before = new ActivityHarness({ act: leaves })
    const task = before.schedule()
    await before.settle()
    const kept = nth(before.committed, 0)
    const after = new ActivityHarness({ act: leaves })
    after.runner.recover({ ...kept, startedTime: task.dueTime - 4_000 })
    await after.settle()
    expect(after.runner.pending(1)).toMatchObject([{ state: 'STARTED', attempt: 1 }])
    await after.advance(6_000)
    expect(found(after).task).toMatchObject({ attempt: 2 })
    expect(found(after).task.completesAsync).toBeUndefined()
    await after.advance(1_000)
    conclude(after, { status: 'completed', result: '7' })
    expect(nth(after.outcomes, 0)[2]).toMatchObject({ result: '7', attempt: 2 })
  })

  it('is not ended by a cancel request, which its heartbeat is told of', async () => {
    const harness = new ActivityHarness({ act: leaves })
    harness.schedule()
    await harness.settle()
    harness.runner.requestCancel(1, 1)
    await harness.settle()
    expect(harness.outcomes).toEqual([])
    expect(found(harness).task.cancelRequested).toBe(true)
    conclude(harness, { status: 'cancelled', details: ['"heard"'] })
    expect(nth(harness.outcomes, 0)[2]).toMatchObject({
      status: 'cancelled',
      failure: { cause: { canceledFailureInfo: { details: ['"heard"'] } } },
    })
  })
})

describe('a task token', () => {
  const token = { namespace: 'default', workflowId: 'wörk', runId: 'r', seq: 3, attempt: 2 }

  it('says which attempt it stands for', () => {
    expect(decodeTaskToken(encodeTaskToken(token))).toEqual(token)
  })

  it('is refused if it is not one', () => {
    for (const bytes of ['', 'x', '[]', '["signalbox/1",1,2,3,4,5]', '{}']) {
      expect(() => decodeTaskToken(Buffer.from(bytes))).toThrow(
        expect.objectContaining({ code: 'SIGNALBOX_ERR_INVALID_ARGUMENT' }),
      )
    }
  })
})
