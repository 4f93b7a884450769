import { beforeAll, describe, expect, it } from 'vitest'
import type { WorkflowBundle } from '../../../actors/turns.ts'
import { bundleOf, signal, startTime, Theatre } from './harness.ts'

let bundle: WorkflowBundle
beforeAll(async () => {
  bundle = await bundleOf('waiting.ts')
})

describe('timers', () => {
  it('move the time of the workflow and nothing else does', () => {
    const run = new Theatre(bundle).start('timers')
    expect(run.commands).toEqual([{ kind: 'startTimer', seq: 1, delayMs: 2000 }])
    run.fire(1, 2000)
    expect(run.commands).toEqual([{ kind: 'startTimer', seq: 2, delayMs: 1 }])
    run.fire(2, 1)
    expect(run.commands).toEqual([{ kind: 'startTimer', seq: 3, delayMs: 3_153_600_000_000 }])
    run.fire(3, 5)
    expect(run.result).toEqual([startTime, startTime + 2000, startTime + 2001])
  })

  it('of setTimeout are durable and can be cleared', () => {
    const run = new Theatre(bundle).start('timeouts')
    // The one that was cleared at once never left the turn.
    expect(run.commands).toEqual([{ kind: 'startTimer', seq: 2, delayMs: 20 }])
    run.signal('poke', 'set')
    run.fire(2)
    expect(run.query('trace')).toEqual(['fired 1 two'])
    run.signal('poke', 'clear')
    expect(run.commands).toEqual([{ kind: 'cancelTimer', seq: 3 }])
    run.fire(3)
    expect(run.query('trace')).toEqual(['fired 1 two'])
    // As in Temporal, clearing one that has fired uses up a number and does nothing else.
    run.signal('poke', 'clear what has fired')
    expect(run.commands).toEqual([{ kind: 'startTimer', seq: 5, delayMs: 40 }])
  })

  it('that fire after they were cancelled move neither time nor conditions', () => {
    const run = new Theatre(bundle).start('conditions')
    run.signal('poke', 1)
    expect(run.asked).toEqual(['cancelTimer 2', 'startTimer 3'])
    const { time } = run
    expect(run.fire(2, 60_000)).toEqual({ commands: [] })
    expect(run.query('trace')).toEqual(['at once: true', 'in time: true'])
    run.time = time
    run.fire(3, 5000)
    expect(run.query('trace')).toContain('too late: false')
  })
})

describe('condition', () => {
  it('is looked at until nothing changes any more, within the turn', () => {
    const run = new Theatre(bundle).start('conditions')
    // A condition that holds at once has its timer for no longer than the turn.
    expect(run.asked).toEqual(['startTimer 2'])
    run.signal('poke', 2)
    expect(run.query('trace')).toEqual([
      'at once: true',
      'first: undefined',
      'second: undefined',
      'in time: true',
      'chained: undefined',
    ])
  })

  it('fails the turn if its predicate throws', () => {
    const run = new Theatre(bundle).start('brokenCondition')
    expect(run.signal('poke').error).toMatchObject({ name: 'TypeError' })
  })

  it('sees a handler as running until its promises have settled', () => {
    const run = new Theatre(bundle).start('finishedHandlers')
    run.signal('poke')
    expect(run.result).toEqual(['in handler false', 'at once false'])
  })
})

describe('activities', () => {
  it('are scheduled with their arguments, timeouts and every default filled in', () => {
    const run = new Theatre(bundle).start('activities')
    expect(run.commands).toEqual([
      {
        kind: 'scheduleActivity',
        seq: 1,
        activityId: '1',
        activityType: 'charge',
        args: ['"order"', '100'],
        taskQueue: 'queue',
        startToCloseTimeoutMs: 60_000,
        heartbeatTimeoutMs: 500,
        retryPolicy: {
          initialIntervalMs: 2000,
          backoffCoefficient: 2,
          maximumIntervalMs: 200_000,
          maximumAttempts: 3,
          nonRetryableErrorTypes: ['Fatal'],
        },
        cancellationType: 'TRY_CANCEL',
      },
    ])
    run.complete(1, 'paid')
    expect(run.commands).toMatchObject([{ args: [new Uint8Array([1, 2, 3]), null] }])
    run.complete(2, new Uint8Array([4, 5]))
    expect(run.result).toBe('paid true 4,5')
  })

  it('take Temporal’s retry policy where none is given', () => {
    const run = new Theatre(bundle).start('defaults', { scheduleToCloseTimeout: '1h' })
    expect(run.commands).toMatchObject([
      {
        scheduleToCloseTimeoutMs: 3_600_000,
        retryPolicy: {
          initialIntervalMs: 1000,
          backoffCoefficient: 2,
          maximumIntervalMs: 100_000,
          maximumAttempts: 0,
          nonRetryableErrorTypes: [],
        },
      },
    ])
  })

  it('may have options for one call', () => {
    const run = new Theatre(bundle).start('overridden')
    expect(run.commands).toMatchObject([
      {
        activityId: 'mine',
        startToCloseTimeoutMs: 1000,
        scheduleToCloseTimeoutMs: 7000,
        retryPolicy: { maximumAttempts: 9, initialIntervalMs: 500 },
      },
    ])
  })

  it('fail with ActivityFailure and the cause that the activity threw', () => {
    const cause = {
      message: 'declined',
      applicationFailureInfo: { type: 'Declined', nonRetryable: true, details: ['{"code":7}'] },
    }
    const run = new Theatre(bundle).start('failing')
    run.resolve(1, { status: 'failed', failure: cause, attempt: 1 })
    expect(run.result).toEqual(['true', 'fail 1 NON_RETRYABLE_FAILURE', 'true', '[{"code":7}]'])
  })

  it('that nobody catches fail the workflow with all they know', () => {
    const run = new Theatre(bundle).start('uncaught')
    const failure = {
      message: 'Activity task failed',
      cause: { message: 'declined', applicationFailureInfo: { type: 'Declined' } },
      activityFailureInfo: {
        activityType: 'fail',
        activityId: '1',
        retryState: 'MAXIMUM_ATTEMPTS_REACHED' as const,
      },
    }
    run.resolve(1, { status: 'failed', failure, attempt: 4 })
    expect(run.commands).toEqual([{ kind: 'failWorkflow', failure }])
  })

  it('refuse wrong options by Temporal’s errors', () => {
    const run = new Theatre(bundle).start('invalidOptions')
    expect(run.result).toEqual([
      'TypeError: Got empty activity options',
      'TypeError: Required either scheduleToCloseTimeout or startToCloseTimeout',
      "TypeError: Invalid duration string: 'soon'",
      'ValueError: RetryPolicy.maximumAttempts must be a positive integer',
      'ValueError: RetryPolicy.maximumAttempts must be an integer',
      'ValueError: RetryPolicy.backoffCoefficient must be greater than 0',
      'ValueError: RetryPolicy.initialInterval cannot be 0',
      'ValueError: RetryPolicy.maximumInterval cannot be 0',
      'ValueError: RetryPolicy.maximumInterval cannot be less than its initialInterval',
      'Required either scheduleToCloseTimeout or startToCloseTimeout',
      "Invalid duration string: 'not a time'",
    ])
  })

  it.each([
    ['TRY_CANCEL', ['requestCancelActivity 1'], true],
    ['ABANDON', [], true],
    ['WAIT_CANCELLATION_COMPLETED', ['requestCancelActivity 1'], false],
  ])('are cancelled by %s', (type, commands, atOnce) => {
    const run = new Theatre(bundle).start('cancelledActivity', type)
    run.signal('poke')
    expect(run.asked).toEqual(commands)
    const cancelled = ['activity: ActivityFailure Activity cancelled (cancelled)']
    expect(run.query('trace')).toEqual(atOnce ? cancelled : [])
    const failure = { message: 'stopped', canceledFailureInfo: {} }
    run.resolve(1, { status: 'cancelled', failure, attempt: 1 })
    // What comes after an activity was given up is not heard of any more.
    expect(run.query('trace')).toEqual(cancelled)
  })

  it('and timers that are cancelled in the turn that began them leave no command', () => {
    const run = new Theatre(bundle).start('withdrawn')
    expect(run.commands).toEqual([])
    expect(run.query('trace')).toEqual([
      'timer: CancelledFailure Cancellation scope cancelled (cancelled)',
      'activity: ActivityFailure Activity cancelled (cancelled)',
      'begun in a cancelled scope: CancelledFailure Cancellation scope cancelled (cancelled)',
    ])
  })
})

describe('cancellation scopes', () => {
  it('know each other across awaits and cancel what is in them', () => {
    const run = new Theatre(bundle).start('scopes')
    expect(run.asked).toEqual(['startTimer 1', 'startTimer 2', 'startTimer 3'])
    expect(run.query('trace')).toEqual(['root true true', 'outside true', 'inside true true'])
    const [shielded, timeout, timed] = run.commands.map((command) =>
      command.kind === 'startTimer' ? command.delayMs : 0,
    )
    expect([shielded, timeout, timed]).toEqual([1000, 500, 10_000])
    run.fire(2, 500)
    expect(run.asked).toEqual(['cancelTimer 3'])
    expect(run.query('trace')).toContain(
      'timed: CancelledFailure Cancellation scope cancelled (cancelled)',
    )
    run.cancel()
    expect(run.asked).toEqual(['startTimer 4'])
    const trace = run.query('trace') as string[]
    for (const name of ['child', 'trigger', 'requested', 'main']) {
      expect(trace).toContain(`${name}: CancelledFailure Workflow cancelled (cancelled)`)
    }
    expect(trace).toContain('after true')
    run.fire(1)
    expect(run.query('trace')).toContain('shielded: done')
    run.fire(4, 50)
    expect(run.asked).toEqual(['cancelWorkflow'])
  })

  it('of main are not those of handlers', () => {
    const run = new Theatre(bundle).start('scopesOfHandlers')
    run.turn(signal('poke'))
    expect(run.query('trace')).toEqual(['handler true'])
  })

  it('leave a trigger alone that is resolved', () => {
    const run = new Theatre(bundle).start('trigger')
    run.signal('poke', 'value')
    expect(run.result).toBe('value')
  })
})
