import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import type { Failure } from '../../actors/failure.ts'
import { errorToFailure, failureToError, userStack } from '../../actors/failure-converter.ts'
import * as failures from '../../actors/failures.ts'

const {
  ActivityFailure,
  ApplicationFailure,
  CancelledFailure,
  ChildWorkflowFailure,
  ServerFailure,
  TemporalFailure,
  TerminatedFailure,
  TimeoutFailure,
} = failures

function thrown(failure: Failure): Error {
  return failureToError(failure)
}

describe('errors as data and back', () => {
  const cause = new RangeError('inner', { cause: 'not even an error' })
  const errors = [
    ApplicationFailure.create({
      message: 'app',
      type: 'Declined',
      nonRetryable: true,
      details: [{ code: 7 }, undefined, new Uint8Array([1])],
      nextRetryDelay: '3 seconds',
      cause,
      category: 'BENIGN',
    }),
    new CancelledFailure('cancelled', ['why']),
    new TerminatedFailure('terminated', cause),
    new TimeoutFailure('too late', { at: 3 }, 'HEARTBEAT'),
    new ServerFailure('server', true),
    new ActivityFailure(
      'act',
      'charge',
      '7',
      'TIMEOUT',
      'me',
      new TimeoutFailure('t', undefined, 'START_TO_CLOSE'),
    ),
    new ChildWorkflowFailure('ns', { workflowId: 'w', runId: 'r' }, 'child', 'TIMEOUT', cause),
    new TemporalFailure('plain'),
  ]

  it.each(errors.map((error) => [error.name, error] as const))('keep %s', (_, error) => {
    const failure = errorToFailure(error)
    // What is written is plain data.
    expect(structuredClone(failure)).toEqual(failure)
    const back = thrown(failure)
    expect(back.constructor).toBe(error.constructor)
    expect(back.message).toBe(error.message)
    expect(back.stack).toBe(failure.stackTrace)
    // An error that came out of a failure gives that very failure again, wherever it is thrown on.
    expect(errorToFailure(back)).toBe(failure)
    const own = (value: Error): object =>
      Object.fromEntries(
        Object.entries(value).filter(([key]) => !['failure', 'cause', 'stack'].includes(key)),
      )
    if (error instanceof ApplicationFailure) {
      // Only the failure tells it on, as in Temporal.
      expect(own(back)).toEqual({ ...own(error), nextRetryDelay: undefined })
      expect(failure.applicationFailureInfo?.nextRetryDelayMs).toBe(3000)
    } else expect(own(back)).toEqual(own(error))
  })

  it('keep causes of any kind', () => {
    const back = thrown(errorToFailure(errors[0]))
    expect(back.cause).toBeInstanceOf(TemporalFailure)
    expect((back.cause as Error).message).toBe('inner')
    expect(((back.cause as Error).cause as Error).message).toMatch(
      /^not even an error \[A non-Error/,
    )
  })

  it('take whatever was thrown', () => {
    fc.assert(
      fc.property(fc.anything(), (value) => {
        const failure = errorToFailure(value)
        expect(typeof failure.message).toBe('string')
      }),
    )
    const circular: Record<string, unknown> = {}
    circular['self'] = circular
    expect(errorToFailure(circular).message).toMatch(/^\[object Object\]/)
  })

  it('leave the engine’s frames out of stacks', () => {
    const stack = [
      'Error: at work',
      '    at sleep (signalbox:api:1:1)',
      '    at mine (signalbox:workflows:2:2)',
      '    at signalbox:api:1:1',
      '    at Script.runInContext (node:vm:1:1)',
      '    at host (file:///host.js:1:1)',
    ].join('\n')
    expect(userStack(stack)).toBe('Error: at work\n    at mine (signalbox:workflows:2:2)')
    expect(userStack('Error: x\n    at f (file:///a.js:1:1)')).toBe(
      'Error: x\n    at f (file:///a.js:1:1)',
    )
  })
})

describe('the classes', () => {
  it('are recognised across copies by their brand, subclasses by their prototype', () => {
    const brand = Symbol.for('__temporal_isApplicationFailure')
    expect(Object.defineProperty({}, brand, { value: true }) instanceof ApplicationFailure).toBe(
      true,
    )
    class Own extends ApplicationFailure {}
    expect(new Own('x') instanceof ApplicationFailure).toBe(true)
    expect(new Own('x') instanceof TemporalFailure).toBe(true)
    expect(new Own('x') instanceof Own).toBe(true)
    expect(ApplicationFailure.create({ message: 'x' }) instanceof Own).toBe(false)
    expect(new Error('x') instanceof TemporalFailure).toBe(false)
    const nothing: unknown = null
    expect(nothing instanceof TemporalFailure).toBe(false)
  })

  it('make failures by Temporal’s short ways', () => {
    expect(ApplicationFailure.retryable('m', null, 1, 2)).toMatchObject({
      type: 'Error',
      nonRetryable: false,
      details: [1, 2],
    })
    expect(ApplicationFailure.nonRetryable('m', 'T')).toMatchObject({
      type: 'T',
      nonRetryable: true,
    })
    class Declined extends Error {}
    const made = ApplicationFailure.fromError(new Declined('no'), { nonRetryable: true })
    expect(made).toMatchObject({ message: 'no', type: 'Declined', nonRetryable: true })
    expect(ApplicationFailure.fromError(made)).toBe(made)
  })

  it('tell a cancellation, also one inside', () => {
    const cancelled = new CancelledFailure('c')
    expect(failures.isCancellation(cancelled)).toBe(true)
    expect(
      failures.isCancellation(
        new ActivityFailure('a', 't', '1', 'CANCEL_REQUESTED', undefined, cancelled),
      ),
    ).toBe(true)
    expect(failures.isCancellation(new TemporalFailure('x', cancelled))).toBe(false)
    expect(
      failures.rootCause(new TemporalFailure('x', new TemporalFailure('y', new Error('z')))),
    ).toBe('z')
    expect(failures.rootCause('text')).toBe('text')
  })
})
