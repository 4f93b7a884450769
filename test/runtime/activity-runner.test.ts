import { AsyncResource } from 'node:async_hooks'
import { describe, expect, it } from 'vitest'
import {
  activityInfo,
  ApplicationFailure,
  cancelled,
  CancelledFailure,
  cancellationSignal,
  heartbeat,
  sleep,
  TimeoutFailure,
} from '../../runtime/activity/index.ts'
import { ActivityHarness } from './activity-harness.ts'

const forever = (): Promise<never> => new Promise(() => undefined)

/** Never resolves by itself; rejects as a well-behaved activity does when told to stop. */
const untilCancelled = (): Promise<never> => cancelled()

describe('an attempt', () => {
  it('gives arguments to the function and its result to the run', async () => {
    const harness = new ActivityHarness({
      greet: (name: string, times: number) => Promise.resolve(`${name} `.repeat(times).trim()),
    })
    harness.schedule({ type: 'greet', command: { args: ['"Ann"', '2'] } })
    await harness.settle()
    expect(harness.outcomes).toEqual([
      [1, 1, { status: 'completed', result: '"Ann Ann"', attempt: 1 }],
    ])
    expect(harness.saves).toEqual([])
    expect(harness.runner.size).toBe(0)
  })

  it('takes a function that is not asynchronous, and a result of undefined', async () => {
    const harness = new ActivityHarness({ act: () => undefined })
    harness.schedule()
    expect(harness.outcomes).toEqual([])
    await harness.settle()
    expect(harness.outcomes).toEqual([[1, 1, { status: 'completed', result: null, attempt: 1 }]])
  })

  it('fails retryably where no function has the name, naming those there are', async () => {
    const harness = new ActivityHarness({ known: () => 1, notAFunction: 7 })
    harness.schedule({ type: 'constructor', policy: { maximumAttempts: 1 } })
    await harness.settle()
    expect(harness.outcomes[0]?.[2]).toMatchObject({
      status: 'failed',
      failure: {
        message: 'Activity task failed',
        activityFailureInfo: {
          activityType: 'constructor',
          activityId: '1',
          identity: 'me',
          retryState: 'MAXIMUM_ATTEMPTS_REACHED',
        },
        cause: {
          message:
            'Activity function constructor is not registered on this Worker, available activities: ["known"]',
          applicationFailureInfo: { type: 'NotFoundError', nonRetryable: false },
        },
      },
    })
  })

  it('uses the default activity for names without a function', async () => {
    const harness = new ActivityHarness({ default: () => activityInfo().activityType })
    harness.schedule({ type: 'anything' })
    await harness.settle()
    expect(harness.outcomes[0]?.[2]).toMatchObject({ result: '"anything"' })
  })

  it('fails where arguments, result or error cannot be converted', async () => {
    const harness = new ActivityHarness({
      act: () => 1n,
      odd: () => {
        throw ApplicationFailure.create({ message: 'odd', details: [1n] })
      },
    })
    const policy = { maximumAttempts: 1 }
    harness.schedule({ seq: 1, policy })
    harness.schedule({ seq: 2, policy, command: { args: ['{'] } })
    harness.schedule({ seq: 3, policy, type: 'odd' })
    await harness.settle()
    const messages = harness.outcomes.map(([, , outcome]) =>
      outcome.status === 'failed' ? outcome.failure.cause?.message : undefined,
    )
    expect(messages[0]).toMatch(/Unable to convert 1 to payload/)
    expect(messages[1]).toMatch(/Failed to parse activity args for activity act: .*not valid JSON/)
    expect(messages[2]).toMatch(/cannot be converted/)
  })

  it('fails without retries where the result is larger than the limit', async () => {
    const harness = new ActivityHarness({ act: () => 'x'.repeat(99) }, { maxPayloadBytes: 100 })
    harness.schedule()
    await harness.settle()
    expect(harness.outcomes[0]?.[2]).toMatchObject({
      failure: {
        activityFailureInfo: { retryState: 'NON_RETRYABLE_FAILURE' },
        cause: {
          message: 'Complete result exceeds size limit.',
          serverFailureInfo: { nonRetryable: true },
        },
      },
    })
  })

  it('shortens a failure that is larger than the limit', async () => {
    const act = () => {
      throw new RangeError('x'.repeat(50_000))
    }
    const harness = new ActivityHarness({ act }, { maxPayloadBytes: 10_000 })
    harness.schedule()
    await harness.settle()
    const [, , outcome] = harness.outcomes[0] ?? []
    expect(outcome).toMatchObject({
      failure: {
        cause: {
          message: 'Failure exceeds size limit.',
          cause: { applicationFailureInfo: { type: 'RangeError' } },
        },
      },
    })
    expect(JSON.stringify(outcome).length).toBeLessThan(5_000)
  })

  it('keeps class name, stack and cause of the error that was thrown', async () => {
    class CardDeclined extends Error {}
    const act = () => Promise.reject(new CardDeclined('no funds', { cause: new Error('code 51') }))
    const harness = new ActivityHarness({ act })
    harness.schedule({ policy: { maximumAttempts: 1 } })
    await harness.settle()
    expect(harness.outcomes[0]?.[2]).toMatchObject({
      failure: {
        cause: {
          message: 'no funds',
          stackTrace: expect.stringMatching(/activity-runner\.test/),
          applicationFailureInfo: { type: 'CardDeclined', nonRetryable: false },
          cause: { message: 'code 51' },
        },
      },
    })
  })
})

describe('retries', () => {
  it('wait longer each time up to the maximum interval', async () => {
    const starts: number[] = []
    const harness = new ActivityHarness({
      act: () => {
        starts.push(harness.clock.now() - 1_000_000)
        throw new Error('again')
      },
    })
    harness.schedule({ policy: { maximumAttempts: 7, maximumIntervalMs: 10_000 } })
    await harness.advance(120_000)
    expect(starts).toEqual([0, 1_000, 3_000, 7_000, 15_000, 25_000, 35_000])
    expect(harness.outcomes).toMatchObject([
      [
        1,
        1,
        {
          status: 'failed',
          attempt: 7,
          failure: { activityFailureInfo: { retryState: 'MAXIMUM_ATTEMPTS_REACHED' } },
        },
      ],
    ])
  })

  it('go on without end, with intervals that stay finite', async () => {
    let attempts = 0
    const harness = new ActivityHarness({
      act: () => {
        attempts++
        throw new Error('again')
      },
    })
    harness.schedule({ policy: { maximumIntervalMs: 0, backoffCoefficient: 1e200 } })
    await harness.advance(10 * 365 * 24 * 3_600_000)
    expect(attempts).toBe(2)
    expect(harness.saves.at(-1)).toMatchObject({ attempt: 3, started: false })
    expect(Number.isSafeInteger(harness.saves.at(-1)?.dueTime)).toBe(true)
  })

  it('are journaled before they run', async () => {
    const attempts: number[] = []
    const harness = new ActivityHarness({
      act: () => {
        attempts.push(activityInfo().attempt)
        if (activityInfo().attempt === 1) throw new Error('again')
        return 'ok'
      },
    })
    harness.autoCommit = false
    harness.schedule()
    await harness.advance(60_000)
    expect(attempts).toEqual([1])
    expect(harness.saves).toMatchObject([
      {
        attempt: 2,
        started: false,
        dueTime: 1_001_000,
        lastFailure: { message: 'again' },
      },
      { attempt: 2, started: true, dueTime: 1_001_000 },
    ])
    harness.commit()
    await harness.settle()
    expect(attempts).toEqual([1, 2])
    expect(harness.outcomes).toMatchObject([[1, 1, { status: 'completed', attempt: 2 }]])
  })

  it('do not run when the journal refuses them', async () => {
    let attempts = 0
    const harness = new ActivityHarness({
      act: () => {
        attempts++
        throw new Error('again')
      },
    })
    harness.failSaves = new Error('EIO')
    harness.schedule()
    await harness.advance(60_000)
    expect(attempts).toBe(1)
    expect(harness.outcomes).toEqual([])
    expect(harness.logs.filter(([level]) => level === 'ERROR')).toHaveLength(2)
    await harness.runner.close(0)
  })

  it.each([
    ['a failure marked so', () => ApplicationFailure.nonRetryable('no', 'Declined')],
    ['a type that the policy names', () => ApplicationFailure.retryable('no', 'Fatal')],
    ['an error class that the policy names', () => new TypeError('no')],
  ])('do not follow %s', async (_what, error) => {
    const harness = new ActivityHarness({ act: () => Promise.reject(error()) })
    harness.schedule({ policy: { nonRetryableErrorTypes: ['Fatal', 'TypeError'] } })
    await harness.advance(60_000)
    expect(harness.outcomes).toMatchObject([
      [
        1,
        1,
        {
          attempt: 1,
          failure: { activityFailureInfo: { retryState: 'NON_RETRYABLE_FAILURE' } },
        },
      ],
    ])
  })

  it('come after nextRetryDelay, but no later than the maximum interval', async () => {
    const starts: number[] = []
    const harness = new ActivityHarness({
      act: () => {
        starts.push(harness.clock.now() - 1_000_000)
        throw ApplicationFailure.create({
          message: 'busy',
          nextRetryDelay: starts.length === 1 ? '7s' : '1 hour',
        })
      },
    })
    harness.schedule({ policy: { maximumIntervalMs: 20_000 } })
    await harness.advance(30_000)
    expect(starts).toEqual([0, 7_000, 27_000])
  })

  it('end at once where the next one would come after scheduleToClose', async () => {
    const harness = new ActivityHarness({
      act: () => {
        throw new Error('again')
      },
    })
    harness.schedule({ command: { scheduleToCloseTimeoutMs: 2_500 } })
    await harness.advance(1_000)
    expect(harness.outcomes).toMatchObject([
      [
        1,
        1,
        {
          attempt: 2,
          failure: {
            message: 'Activity task failed',
            activityFailureInfo: { retryState: 'TIMEOUT' },
            cause: { message: 'again' },
          },
        },
      ],
    ])
  })

  it('log a warning each, but for benign failures', async () => {
    const harness = new ActivityHarness({
      act: () => {
        const category = activityInfo().attempt === 1 ? 'BENIGN' : undefined
        throw ApplicationFailure.create({ message: 'x', ...(category ? { category } : {}) })
      },
    })
    harness.schedule({ policy: { maximumAttempts: 2 } })
    await harness.advance(5_000)
    expect(harness.logs).toMatchObject([
      ['DEBUG', 'Activity failed', { attempt: 1, retrying: true, workflowId: 'wf/1' }],
      ['WARN', 'Activity failed', { attempt: 2, retrying: false, activityType: 'act' }],
    ])
  })
})

describe('timeouts', () => {
  it('startToClose ends an attempt, which is told, and the next one follows', async () => {
    const reasons: unknown[] = []
    const harness = new ActivityHarness({
      act: async () => {
        if (activityInfo().attempt === 2) return 'ok'
        try {
          return await untilCancelled()
        } catch (error) {
          reasons.push(error)
          throw error
        }
      },
    })
    harness.schedule({ command: { startToCloseTimeoutMs: 5_000 } })
    await harness.advance(4_999)
    expect(reasons).toEqual([])
    await harness.advance(1)
    expect(reasons).toMatchObject([{ message: 'TIMED_OUT' }])
    expect(reasons[0]).toBeInstanceOf(CancelledFailure)
    expect(harness.saves).toMatchObject([
      {
        attempt: 2,
        dueTime: 1_006_000,
        lastFailure: {
          message: 'activity StartToClose timeout',
          timeoutFailureInfo: { timeoutType: 'START_TO_CLOSE' },
        },
      },
    ])
    await harness.advance(1_000)
    expect(harness.outcomes).toMatchObject([[1, 1, { status: 'completed', attempt: 2 }]])
  })

  it('startToClose of the last attempt ends the activity; what comes later is dropped', async () => {
    let finish: (value: string) => void = () => undefined
    const act = () =>
      new Promise((resolve) => {
        finish = resolve
      })
    const harness = new ActivityHarness({ act })
    harness.schedule({ policy: { maximumAttempts: 1 } })
    await harness.advance(10_000)
    finish('too late')
    await harness.advance(60_000)
    expect(harness.outcomes).toMatchObject([
      [
        1,
        1,
        {
          failure: {
            message: 'Activity task timed out',
            activityFailureInfo: { retryState: 'MAXIMUM_ATTEMPTS_REACHED' },
            cause: { timeoutFailureInfo: { timeoutType: 'START_TO_CLOSE' } },
          },
        },
      ],
    ])
  })

  it('startToClose is not retried where the policy names it', async () => {
    const harness = new ActivityHarness({ act: forever })
    harness.schedule({ policy: { nonRetryableErrorTypes: ['TemporalTimeout:StartToClose'] } })
    await harness.advance(10_000)
    expect(harness.outcomes[0]?.[2]).toMatchObject({
      failure: { activityFailureInfo: { retryState: 'NON_RETRYABLE_FAILURE' } },
    })
  })

  it('startToClose without time for a retry counts as scheduleToClose', async () => {
    const harness = new ActivityHarness({ act: forever })
    harness.schedule({ command: { scheduleToCloseTimeoutMs: 10_500 } })
    await harness.advance(10_000)
    expect(harness.outcomes[0]?.[2]).toMatchObject({
      failure: {
        activityFailureInfo: { retryState: 'TIMEOUT' },
        cause: {
          message: expect.stringMatching(/^Not enough time to schedule next retry/),
          timeoutFailureInfo: { timeoutType: 'SCHEDULE_TO_CLOSE' },
          cause: { timeoutFailureInfo: { timeoutType: 'START_TO_CLOSE' } },
        },
      },
    })
  })

  it('scheduleToClose spans all attempts and is not retried', async () => {
    let attempts = 0
    const harness = new ActivityHarness({
      act: () => {
        attempts++
        if (attempts < 3) throw new Error('again')
        return forever()
      },
    })
    harness.schedule({
      command: { scheduleToCloseTimeoutMs: 8_000, startToCloseTimeoutMs: 7_000 },
    })
    await harness.advance(8_000)
    expect(attempts).toBe(3)
    expect(harness.outcomes).toMatchObject([
      [
        1,
        1,
        {
          attempt: 3,
          failure: {
            message: 'Activity task timed out',
            activityFailureInfo: { retryState: 'NON_RETRYABLE_FAILURE' },
            cause: {
              message: 'activity ScheduleToClose timeout',
              timeoutFailureInfo: { timeoutType: 'SCHEDULE_TO_CLOSE' },
              cause: { message: 'again' },
            },
          },
        },
      ],
    ])
  })

  it('scheduleToClose alone is also the bound of an attempt', async () => {
    const harness = new ActivityHarness({ act: () => activityInfo().startToCloseTimeoutMs })
    harness.schedule({ command: { startToCloseTimeoutMs: 0, scheduleToCloseTimeoutMs: 1_234 } })
    await harness.settle()
    expect(harness.outcomes[0]?.[2]).toMatchObject({ result: '1234' })
  })

  it('scheduleToStart ends an activity that waited too long for its place', async () => {
    const started: string[] = []
    const harness = new ActivityHarness(
      {
        act: () => {
          started.push(activityInfo().activityId)
          return forever()
        },
      },
      { maxConcurrentActivities: 1 },
    )
    harness.schedule({ seq: 1 })
    harness.schedule({ seq: 2, command: { scheduleToStartTimeoutMs: 3_000 } })
    harness.schedule({ seq: 3 })
    await harness.advance(3_000)
    expect(harness.outcomes).toMatchObject([
      [
        1,
        2,
        {
          failure: {
            activityFailureInfo: { retryState: 'NON_RETRYABLE_FAILURE' },
            cause: { timeoutFailureInfo: { timeoutType: 'SCHEDULE_TO_START' } },
          },
        },
      ],
    ])
    await harness.advance(7_000)
    expect(started).toEqual(['1', '3'])
  })

  it('heartbeat ends an attempt that has gone silent, with the last details', async () => {
    const harness = new ActivityHarness({
      act: async () => {
        for (let step = 1; step <= 3; step++) {
          heartbeat({ step })
          await sleep(1_500)
        }
        return forever()
      },
    })
    harness.schedule({
      command: { heartbeatTimeoutMs: 2_000, startToCloseTimeoutMs: 60_000 },
      policy: { maximumAttempts: 1 },
    })
    await harness.advance(4_999)
    expect(harness.outcomes).toEqual([])
    await harness.advance(1)
    expect(harness.outcomes).toMatchObject([
      [
        1,
        1,
        {
          failure: {
            cause: {
              message: 'activity Heartbeat timeout',
              timeoutFailureInfo: {
                timeoutType: 'HEARTBEAT',
                lastHeartbeatDetails: ['{"step":3}'],
              },
            },
          },
        },
      ],
    ])
  })

  it('a TimeoutFailure that the function throws is a failure like any other', async () => {
    const act = () => Promise.reject(new TimeoutFailure('slow', undefined, 'SCHEDULE_TO_CLOSE'))
    const harness = new ActivityHarness({ act })
    harness.schedule({ policy: { maximumAttempts: 2 } })
    await harness.advance(5_000)
    expect(harness.outcomes[0]?.[2]).toMatchObject({
      attempt: 2,
      failure: {
        message: 'Activity task failed',
        cause: { applicationFailureInfo: { type: 'TimeoutFailure' } },
      },
    })
  })

  it('arm one timer for all activities, and none once all are done', async () => {
    const harness = new ActivityHarness({ act: () => sleep(1), hang: forever })
    for (let seq = 1; seq <= 50; seq++) harness.schedule({ run: 1, seq, type: 'hang' })
    await harness.settle()
    expect(harness.clock.pendingTimers).toBe(1)
    await harness.runner.close(0)
    expect(harness.clock.pendingTimers).toBe(0)
  })
})

describe('heartbeats', () => {
  it('are journaled at once and then at most once per 0.8 of the heartbeat timeout', async () => {
    const harness = new ActivityHarness({
      act: async () => {
        for (let step = 0; step < 30; step++) {
          heartbeat(step)
          await sleep(1_000)
        }
      },
    })
    harness.schedule({ command: { heartbeatTimeoutMs: 10_000, startToCloseTimeoutMs: 60_000 } })
    await harness.advance(24_500)
    const saved = harness.saves.map(({ heartbeatDetails }) => heartbeatDetails?.[0])
    // At 8 s, 16 s and 24 s the details of that second are not there yet: the timers fire in order.
    expect(saved).toHaveLength(4)
    expect(saved[0]).toBe('0')
    expect(Number(saved[1])).toBeGreaterThanOrEqual(7)
    expect(Number(saved[3])).toBeGreaterThanOrEqual(23)
  })

  it('hand the newest details to the next attempt, journaled with it', async () => {
    const seen: unknown[] = []
    const harness = new ActivityHarness({
      act: () => {
        const { attempt, heartbeatDetails } = activityInfo()
        seen.push(heartbeatDetails)
        heartbeat({ page: attempt })
        heartbeat({ page: attempt * 10 })
        if (attempt < 3) throw new Error('again')
        return 'ok'
      },
    })
    harness.schedule()
    await harness.advance(10_000)
    expect(seen).toEqual([undefined, { page: 10 }, { page: 20 }])
    expect(harness.saves[1]).toMatchObject({ attempt: 2, heartbeatDetails: ['{"page":10}'] })
  })

  it('without details are signs of life that need no record', async () => {
    const harness = new ActivityHarness({
      act: async () => {
        for (let step = 0; step < 5; step++) {
          await sleep(900)
          heartbeat()
        }
      },
    })
    harness.schedule({ command: { heartbeatTimeoutMs: 1_000 } })
    await harness.advance(10_000)
    expect(harness.outcomes).toMatchObject([[1, 1, { status: 'completed' }]])
    expect(harness.saves).toEqual([])
  })

  it('with details that are too large throw in the function', async () => {
    const harness = new ActivityHarness(
      { act: () => heartbeat('x'.repeat(200)) },
      { maxPayloadBytes: 100 },
    )
    harness.schedule({ policy: { maximumAttempts: 1 } })
    await harness.settle()
    expect(harness.outcomes[0]?.[2]).toMatchObject({
      failure: { cause: { message: expect.stringMatching(/exceed/) } },
    })
  })

  it('of an attempt that is over are dropped', async () => {
    const beats: (() => void)[] = []
    const harness = new ActivityHarness({
      act: () => {
        const { attempt } = activityInfo()
        const beat = heartbeat.bind(undefined, attempt)
        beats.push(AsyncResource.bind(beat))
        return attempt === 1 ? forever() : 'ok'
      },
    })
    harness.schedule()
    await harness.advance(10_500)
    beats[0]?.()
    await harness.advance(10_000)
    expect(harness.outcomes).toMatchObject([[1, 1, { status: 'completed', attempt: 2 }]])
    for (const save of harness.saves) expect(save.heartbeatDetails).toBeUndefined()
  })
})

describe('cancellation', () => {
  it('reaches a running function, which ends as cancelled with its details', async () => {
    const harness = new ActivityHarness({
      act: async () => {
        try {
          return await untilCancelled()
        } catch {
          throw new CancelledFailure('stopped half way', ['half'])
        }
      },
    })
    harness.schedule()
    await harness.settle()
    harness.runner.requestCancel(1, 1)
    await harness.settle()
    expect(harness.saves).toMatchObject([{ cancelRequested: true, attempt: 1, started: true }])
    expect(harness.outcomes).toMatchObject([
      [
        1,
        1,
        {
          status: 'cancelled',
          attempt: 1,
          failure: {
            message: 'Activity cancelled',
            activityFailureInfo: { retryState: 'CANCEL_REQUESTED' },
            cause: { canceledFailureInfo: { details: ['"half"'] } },
          },
        },
      ],
    ])
  })

  it('counts an AbortError of the signal as cancelled', async () => {
    const act = () =>
      new Promise((_resolve, reject) => {
        cancellationSignal().addEventListener('abort', () => {
          reject(new DOMException('This operation was aborted', 'AbortError'))
        })
      })
    const harness = new ActivityHarness({ act })
    harness.schedule()
    await harness.settle()
    harness.runner.requestCancel(1, 1)
    await harness.settle()
    expect(harness.outcomes).toMatchObject([[1, 1, { status: 'cancelled' }]])
  })

  it('leaves the result to the function that completes nevertheless', async () => {
    const act = () => cancelled().catch(() => 'finished anyway')
    const harness = new ActivityHarness({ act })
    harness.schedule()
    await harness.settle()
    harness.runner.requestCancel(1, 1)
    await harness.settle()
    expect(harness.outcomes).toMatchObject([[1, 1, { result: '"finished anyway"' }]])
  })

  it('ends retries: another error or a timeout is then the outcome', async () => {
    const harness = new ActivityHarness({
      act: () => cancelled().catch(() => Promise.reject(new Error('cleanup failed'))),
      hang: forever,
    })
    harness.schedule({ seq: 1 })
    harness.schedule({ seq: 2, type: 'hang' })
    await harness.settle()
    harness.runner.requestCancel(1, 1)
    harness.runner.requestCancel(1, 2)
    await harness.advance(60_000)
    expect(harness.outcomes).toMatchObject([
      [
        1,
        1,
        {
          status: 'failed',
          failure: {
            activityFailureInfo: { retryState: 'CANCEL_REQUESTED' },
            cause: { message: 'cleanup failed' },
          },
        },
      ],
      [
        1,
        2,
        {
          status: 'failed',
          failure: {
            activityFailureInfo: { retryState: 'CANCEL_REQUESTED' },
            cause: { timeoutFailureInfo: { timeoutType: 'START_TO_CLOSE' } },
          },
        },
      ],
    ])
  })

  it('ends at once an activity of which nothing runs', async () => {
    const harness = new ActivityHarness(
      {
        act: () => {
          throw new Error('again')
        },
        hang: forever,
      },
      { maxConcurrentActivities: 1 },
    )
    harness.schedule({ seq: 1 })
    await harness.settle()
    harness.schedule({ seq: 2, type: 'hang' })
    harness.schedule({ seq: 3 })
    await harness.settle()
    harness.runner.requestCancel(1, 1)
    harness.runner.requestCancel(1, 3)
    expect(harness.outcomes).toEqual([])
    await harness.settle()
    const notStarted = {
      status: 'cancelled',
      failure: { cause: { canceledFailureInfo: { details: ['"ACTIVITY_ID_NOT_STARTED"'] } } },
    }
    expect(harness.outcomes).toMatchObject([
      [1, 1, notStarted],
      [1, 3, notStarted],
    ])
  })

  it('ends an attempt that is being journaled without running it', async () => {
    let attempts = 0
    const harness = new ActivityHarness({
      act: () => {
        attempts++
        throw new Error('again')
      },
    })
    harness.autoCommit = false
    harness.schedule()
    await harness.advance(1_000)
    expect(harness.saves.at(-1)).toMatchObject({ attempt: 2, started: true })
    harness.runner.requestCancel(1, 1)
    await harness.settle()
    harness.commit()
    await harness.advance(60_000)
    expect(attempts).toBe(1)
    expect(harness.outcomes).toMatchObject([[1, 1, { status: 'cancelled', attempt: 2 }]])
  })

  it('with TRY_CANCEL tells the function as well; with ABANDON nobody', async () => {
    const told: string[] = []
    const harness = new ActivityHarness({
      act: () => {
        const { activityId } = activityInfo()
        return cancelled().catch((error: unknown) => {
          told.push(activityId)
          throw error
        })
      },
    })
    harness.schedule({ seq: 1, command: { cancellationType: 'TRY_CANCEL' } })
    harness.schedule({ seq: 2, command: { cancellationType: 'ABANDON' } })
    await harness.settle()
    harness.runner.requestCancel(1, 1)
    harness.runner.requestCancel(1, 2)
    await harness.settle()
    expect(told).toEqual(['1'])
    expect(harness.outcomes).toMatchObject([[1, 1, { status: 'cancelled' }]])
  })

  it('thrown without a request is a failure like any other', async () => {
    const act = () => Promise.reject(new CancelledFailure('by myself'))
    const harness = new ActivityHarness({ act })
    harness.schedule({ policy: { maximumAttempts: 2 } })
    await harness.advance(5_000)
    expect(harness.outcomes[0]?.[2]).toMatchObject({
      attempt: 2,
      failure: { cause: { applicationFailureInfo: { type: 'CancelledFailure' } } },
    })
  })

  it('of an unknown activity does nothing', async () => {
    const harness = new ActivityHarness({})
    harness.runner.requestCancel(1, 1)
    await harness.settle()
    expect(harness.outcomes).toEqual([])
  })
})

describe('abandonRun', () => {
  it('tells functions that the workflow is gone and reports nothing', async () => {
    const reasons: unknown[] = []
    const harness = new ActivityHarness(
      {
        act: () =>
          cancelled().catch((error: unknown) => {
            reasons.push(error)
            return 'late'
          }),
      },
      { maxConcurrentActivities: 2 },
    )
    for (let seq = 1; seq <= 3; seq++) harness.schedule({ run: 1, seq })
    harness.schedule({ run: 2, seq: 1 })
    await harness.settle()
    harness.runner.abandonRun(1)
    expect(reasons).toEqual([])
    await harness.settle()
    expect(reasons).toMatchObject([{ message: 'NOT_FOUND' }, { message: 'NOT_FOUND' }])
    expect(harness.outcomes).toEqual([])
    expect(harness.runner.pending(1)).toEqual([])
    expect(harness.runner.pending(2)).toMatchObject([{ state: 'STARTED' }])
  })
})

describe('the bound on concurrency', () => {
  it('lets the others wait in order, and a timed-out function gives its place up', async () => {
    const started: string[] = []
    const harness = new ActivityHarness(
      {
        act: () => {
          started.push(activityInfo().activityId)
          return forever()
        },
      },
      { maxConcurrentActivities: 2 },
    )
    for (let seq = 1; seq <= 5; seq++) harness.schedule({ seq, policy: { maximumAttempts: 1 } })
    await harness.settle()
    expect(started).toEqual(['1', '2'])
    expect(harness.runner.pending(1).map(({ state }) => state)).toEqual([
      'STARTED',
      'STARTED',
      'SCHEDULED',
      'SCHEDULED',
      'SCHEDULED',
    ])
    await harness.advance(10_000)
    expect(started).toEqual(['1', '2', '3', '4'])
  })

  it('starts a long queue in slices, so that other work of the process goes on', async () => {
    let done = 0
    let doneAtFirstTurn = 0
    const harness = new ActivityHarness({ act: () => void done++ })
    for (let seq = 1; seq <= 1_000; seq++) harness.schedule({ seq })
    setImmediate(() => {
      doneAtFirstTurn = done
    })
    await harness.settle()
    for (let turn = 0; turn < 10; turn++) await harness.settle()
    expect(done).toBe(1_000)
    expect(doneAtFirstTurn).toBeLessThan(1_000)
  })
})

describe('recovery', () => {
  it('runs a lost attempt again under the next number, after its backoff', async () => {
    const attempts: number[] = []
    const harness = new ActivityHarness({
      act: () => {
        attempts.push(activityInfo().attempt)
        return activityInfo().heartbeatDetails as unknown
      },
    })
    harness.runner.recover(
      harness.task({ task: { attempt: 3, started: true, heartbeatDetails: ['"page 7"'] } }),
    )
    expect(harness.saves).toEqual([])
    await harness.settle()
    expect(harness.saves).toMatchObject([
      {
        attempt: 4,
        started: false,
        dueTime: 1_004_000,
        lastFailure: {
          message: expect.stringMatching(/attempt 3 was under way when its process ended/),
          timeoutFailureInfo: { timeoutType: 'START_TO_CLOSE' },
        },
      },
    ])
    await harness.advance(4_000)
    expect(attempts).toEqual([4])
    expect(harness.outcomes).toMatchObject([[1, 1, { result: '"page 7"', attempt: 4 }]])
  })

  it('ends a lost attempt that was the last one, without running it again', async () => {
    let attempts = 0
    const harness = new ActivityHarness({ act: () => attempts++ })
    harness.runner.recover(harness.task({ task: { attempt: 3 }, policy: { maximumAttempts: 3 } }))
    expect(harness.outcomes).toEqual([])
    await harness.advance(60_000)
    expect(attempts).toBe(0)
    expect(harness.outcomes).toMatchObject([
      [
        1,
        1,
        {
          status: 'failed',
          attempt: 3,
          failure: {
            message: 'Activity task timed out',
            activityFailureInfo: { retryState: 'MAXIMUM_ATTEMPTS_REACHED' },
            cause: { timeoutFailureInfo: { timeoutType: 'START_TO_CLOSE' } },
          },
        },
      ],
    ])
    expect(harness.saves).toEqual([])
  })

  it('ends a lost attempt when scheduleToClose leaves no time for another', async () => {
    const harness = new ActivityHarness({ act: () => 1 })
    const scheduledTime = harness.clock.now() - 60_000
    harness.runner.recover(
      harness.task({
        command: { scheduleToCloseTimeoutMs: 60_500, heartbeatTimeoutMs: 1_000 },
        task: { scheduledTime, heartbeatDetails: ['7'] },
      }),
    )
    await harness.settle()
    expect(harness.outcomes[0]?.[2]).toMatchObject({
      failure: {
        activityFailureInfo: { retryState: 'TIMEOUT' },
        cause: {
          timeoutFailureInfo: { timeoutType: 'SCHEDULE_TO_CLOSE', lastHeartbeatDetails: ['7'] },
          cause: { timeoutFailureInfo: { timeoutType: 'HEARTBEAT' } },
        },
      },
    })
  })

  it('lets an attempt that had not begun wait for its time', async () => {
    const attempts: number[] = []
    const harness = new ActivityHarness({ act: () => attempts.push(activityInfo().attempt) })
    const dueTime = harness.clock.now() + 5_000
    harness.runner.recover(harness.task({ seq: 1, task: { attempt: 2, started: false, dueTime } }))
    harness.runner.recover(harness.task({ seq: 2, task: { attempt: 1, started: false } }))
    await harness.advance(4_999)
    expect(attempts).toEqual([1])
    await harness.advance(1)
    expect(attempts).toEqual([1, 2])
    expect(harness.saves).toMatchObject([
      { attempt: 1, started: true },
      { attempt: 2, started: true },
    ])
  })

  it('remembers that cancellation was requested', async () => {
    let attempts = 0
    const harness = new ActivityHarness({ act: () => attempts++ })
    const cancelRequested = true
    harness.runner.recover(
      harness.task({ seq: 1, task: { started: false, attempt: 2, cancelRequested } }),
    )
    harness.runner.recover(harness.task({ seq: 2, task: { cancelRequested } }))
    await harness.advance(60_000)
    expect(attempts).toBe(0)
    expect(harness.outcomes).toMatchObject([
      [1, 2, { failure: { activityFailureInfo: { retryState: 'CANCEL_REQUESTED' } } }],
      [1, 1, { status: 'cancelled' }],
    ])
  })

  it('refuses an activity that is there already', () => {
    const harness = new ActivityHarness({ act: forever })
    harness.schedule()
    expect(() => harness.schedule()).toThrow(/scheduled twice/)
  })
})

describe('close', () => {
  it('lets functions finish within the grace and reports them', async () => {
    const harness = new ActivityHarness({ act: () => sleep(2_000).then(() => 'done') })
    harness.schedule()
    await harness.settle()
    const closing = harness.runner.close(5_000)
    await harness.advance(2_000)
    await closing
    expect(harness.outcomes).toMatchObject([[1, 1, { status: 'completed', result: '"done"' }]])
    expect(harness.clock.pendingTimers).toBe(0)
  })

  it('then stops them: those that heed it are due again, the others stay lost in the journal', async () => {
    const reasons: unknown[] = []
    const harness = new ActivityHarness({
      heeds: () =>
        cancelled().catch((error: unknown) => {
          reasons.push(error)
          throw error
        }),
      ignores: forever,
      last: untilCancelled,
    })
    harness.schedule({ seq: 1, type: 'heeds' })
    harness.schedule({ seq: 2, type: 'ignores' })
    harness.schedule({ seq: 3, type: 'last', policy: { maximumAttempts: 1 } })
    await harness.settle()
    const closing = harness.runner.close(5_000)
    await harness.advance(5_000)
    await closing
    expect(reasons).toMatchObject([{ message: 'WORKER_SHUTDOWN' }])
    expect(harness.saves).toMatchObject([
      {
        command: { seq: 1 },
        attempt: 2,
        started: false,
        lastFailure: { applicationFailureInfo: { type: 'WorkerShutdown' } },
      },
    ])
    expect(harness.outcomes).toMatchObject([
      [1, 3, { failure: { cause: { applicationFailureInfo: { type: 'WorkerShutdown' } } } }],
    ])
    expect(harness.runner.size).toBe(0)
  })

  it('begins nothing more, and journals what never began as such', async () => {
    const started: string[] = []
    const harness = new ActivityHarness(
      {
        act: () => {
          started.push(activityInfo().activityId)
          return sleep(1_000)
        },
      },
      { maxConcurrentActivities: 1 },
    )
    harness.schedule({ seq: 1 })
    harness.schedule({ seq: 2 })
    await harness.settle()
    const closing = harness.runner.close(60_000)
    harness.schedule({ seq: 3 })
    await harness.advance(1_000)
    await closing
    expect(started).toEqual(['1'])
    expect(harness.saves).toMatchObject([
      { command: { seq: 2 }, attempt: 1, started: false },
      { command: { seq: 3 }, attempt: 1, started: false },
    ])
    harness.schedule({ seq: 4 })
    harness.runner.recover(harness.task({ seq: 5 }))
    await harness.settle()
    expect(harness.runner.size).toBe(0)
    expect(harness.saves.slice(2)).toMatchObject([{ command: { seq: 4 }, started: false }])
  })

  it('does not begin an attempt whose journaling ends meanwhile, and waits for what it saves', async () => {
    let attempts = 0
    const harness = new ActivityHarness({
      act: () => {
        attempts++
        throw new Error('again')
      },
    })
    harness.autoCommit = false
    harness.schedule()
    await harness.advance(1_000)
    let closed = false
    const closing = harness.runner.close(60_000).then(() => {
      closed = true
    })
    await harness.settle()
    harness.commit()
    await harness.settle()
    expect(harness.saves.at(-1)).toMatchObject({ attempt: 2, started: false })
    expect(closed).toBe(false)
    harness.commit()
    await harness.settle()
    await closing
    expect(attempts).toBe(1)
  })

  it('may be called twice', async () => {
    const harness = new ActivityHarness({ act: forever })
    harness.schedule()
    await Promise.all([harness.runner.close(0), harness.runner.close(0)])
    expect(harness.runner.size).toBe(0)
  })
})
