import { describe, expect, it } from 'vitest'
import {
  activityInfo,
  cancellationDetails,
  cancellationSignal,
  cancelled,
  CancelledFailure,
  Context,
  heartbeat,
  inActivityContext,
  log,
  sleep,
} from '../../runtime/activity/index.ts'
import { ActivityHarness } from './activity-harness.ts'

describe('the activity context', () => {
  it('is there across awaits and callbacks, each activity having its own', async () => {
    const seen: string[] = []
    const harness = new ActivityHarness({
      act: async () => {
        await Promise.resolve()
        seen.push(activityInfo().activityId)
        await sleep(10)
        await new Promise<void>((resolve) => {
          setImmediate(() => {
            seen.push(Context.current().info.activityId)
            resolve()
          })
        })
      },
    })
    harness.schedule({ seq: 1 })
    harness.schedule({ seq: 2 })
    await harness.advance(10)
    await harness.settle()
    expect(seen).toEqual(['1', '2', '1', '2'])
  })

  it('is absent elsewhere, and says so', () => {
    expect(inActivityContext()).toBe(false)
    for (const call of [activityInfo, heartbeat, cancelled, cancellationSignal]) {
      expect(call).toThrow('Activity context not initialized')
    }
  })

  it('tells what the activity is, with one idempotency key for all attempts', async () => {
    const infos: unknown[] = []
    const harness = new ActivityHarness({
      act: () => {
        infos.push(activityInfo())
        expect(inActivityContext()).toBe(true)
        if (activityInfo().attempt === 1) throw new Error('again')
      },
    })
    harness.schedule({ run: 4, seq: 7, command: { heartbeatTimeoutMs: 99_000 } })
    await harness.advance(1_000)
    expect(infos).toMatchObject([
      {
        activityId: '7',
        activityType: 'act',
        attempt: 1,
        idempotencyKey: 'wf/4/run-4/7',
        isLocal: false,
        inWorkflow: true,
        namespace: 'default',
        workflowExecution: { workflowId: 'wf/4', runId: 'run-4' },
        workflowType: 'workflow',
        taskQueue: 'queue',
        scheduledTimestampMs: 1_000_000,
        currentAttemptScheduledTimestampMs: 1_000_000,
        scheduleToCloseTimeoutMs: 0,
        startToCloseTimeoutMs: 10_000,
        heartbeatTimeoutMs: 10_000,
        heartbeatDetails: undefined,
        retryPolicy: { backoffCoefficient: 2 },
      },
      {
        attempt: 2,
        idempotencyKey: 'wf/4/run-4/7',
        scheduledTimestampMs: 1_000_000,
        currentAttemptScheduledTimestampMs: 1_001_000,
      },
    ])
  })

  it('logs with the ids of activity and workflow', async () => {
    const harness = new ActivityHarness({
      act: () => {
        log.info('charging', { amount: 7 })
        log.log('TRACE', 'detail')
      },
    })
    harness.schedule()
    await harness.settle()
    expect(harness.logs).toMatchObject([
      ['INFO', 'charging', { amount: 7, workflowId: 'wf/1', activityType: 'act', attempt: 1 }],
      ['TRACE', 'detail', { activityId: '1' }],
    ])
  })

  it('shows cancellation by promise, signal, sleep and details alike, asked for early or late', async () => {
    const seen: Record<string, unknown> = {}
    const harness = new ActivityHarness({
      act: async () => {
        seen['before'] = cancellationDetails()
        const early = cancellationSignal()
        await sleep('1 hour').catch((error: unknown) => {
          seen['sleep'] = error
        })
        seen['early'] = early.reason
        seen['late'] = cancellationSignal().aborted
        await cancelled().catch((error: unknown) => {
          seen['promise'] = error
        })
        await sleep(1).catch((error: unknown) => {
          seen['lateSleep'] = error
        })
        seen['after'] = cancellationDetails()
      },
    })
    harness.schedule({ command: { startToCloseTimeoutMs: 7_200_000 } })
    await harness.settle()
    harness.runner.requestCancel(1, 1)
    await harness.settle()
    expect(seen).toMatchObject({
      before: undefined,
      early: { message: 'CANCELLED' },
      late: true,
      after: { cancelRequested: true, timedOut: false, notFound: false, workerShutdown: false },
    })
    for (const key of ['sleep', 'promise', 'lateSleep', 'early']) {
      expect(seen[key], key).toBeInstanceOf(CancelledFailure)
    }
    await harness.runner.close(0)
    expect(harness.clock.pendingTimers).toBe(0)
  })

  it('refuses to sleep for what is no duration', async () => {
    const harness = new ActivityHarness({ act: (text: '1s') => sleep(text) })
    harness.schedule({ command: { args: ['"soon"'] }, policy: { maximumAttempts: 1 } })
    await harness.settle()
    expect(harness.outcomes[0]?.[2]).toMatchObject({
      failure: { cause: { applicationFailureInfo: { type: 'TypeError' } } },
    })
  })

  it('does not bring the process down where nobody watches the cancelled promise', async () => {
    const rejections: unknown[] = []
    const watch = (reason: unknown): void => void rejections.push(reason)
    process.on('unhandledRejection', watch)
    const harness = new ActivityHarness({
      act: () => {
        void cancelled()
        return new Promise(() => undefined)
      },
    })
    harness.schedule()
    await harness.settle()
    harness.runner.requestCancel(1, 1)
    await harness.settle()
    await harness.settle()
    process.off('unhandledRejection', watch)
    expect(rejections).toEqual([])
  })
})
