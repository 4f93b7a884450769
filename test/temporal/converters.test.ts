import * as temporal from '@temporalio/common'
import { temporal as proto } from '@temporalio/proto'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import * as ours from '../../actors/workflow/index.ts'

/** Classes and converters of either package, which have the same shape. */
type Package = Pick<
  typeof ours,
  | 'ActivityFailure'
  | 'ApplicationFailure'
  | 'CancelledFailure'
  | 'ChildWorkflowFailure'
  | 'defaultPayloadConverter'
  | 'DefaultFailureConverter'
  | 'ServerFailure'
  | 'TemporalFailure'
  | 'TerminatedFailure'
  | 'TimeoutFailure'
>
const theirs = temporal as unknown as Package

/** How to make an error of one package, whichever it is. */
type Make = (from: Package) => Error

const text = fc.string({ maxLength: 5 })
const value = fc.oneof(fc.jsonValue({ maxDepth: 2 }), fc.uint8Array({ minLength: 1, maxLength: 4 }))
const details = fc.array(value, { maxLength: 2 })

const { error } = fc.letrec<{ error: Make; cause: Make | undefined }>((tie) => ({
  cause: fc.option(tie('error'), { nil: undefined, maxDepth: 3 }),
  error: fc.oneof(
    { maxDepth: 3, withCrossShrink: true },
    text.map(
      (message): Make =>
        () =>
          new RangeError(message),
    ),
    fc
      .record({
        message: text,
        type: fc.option(text, { nil: undefined }),
        nonRetryable: fc.boolean(),
        details,
        nextRetryDelay: fc.option(fc.constantFrom(1, 2_500, '3 seconds'), { nil: undefined }),
        category: fc.option(fc.constant('BENIGN'), { nil: undefined }),
        cause: tie('cause'),
      })
      .map(
        ({ cause, ...options }): Make =>
          (from) =>
            from.ApplicationFailure.create({ ...options, cause: cause?.(from) } as never),
      ),
    fc.record({ message: text, details, cause: tie('cause') }).map(
      ({ message, details, cause }): Make =>
        (from) =>
          new from.CancelledFailure(message, details, cause?.(from)),
    ),
    fc
      .record({
        message: text,
        last: value.filter(Boolean),
        type: fc.constantFrom('HEARTBEAT', 'START_TO_CLOSE'),
      })
      .map(
        ({ message, last, type }): Make =>
          (from) =>
            new from.TimeoutFailure(message, last, type as 'HEARTBEAT'),
      ),
    fc.record({ message: text, id: text, type: text.filter(Boolean), cause: tie('cause') }).map(
      ({ message, id, type, cause }): Make =>
        (from) =>
          new from.ActivityFailure(message, type, id, 'TIMEOUT', 'me', cause?.(from)),
    ),
    fc
      .record({
        workflowId: text.filter(Boolean),
        runId: text.filter(Boolean),
        type: text.filter(Boolean),
        cause: tie('cause'),
      })
      .map(
        ({ type, cause, ...execution }): Make =>
          (from) =>
            new from.ChildWorkflowFailure('ns', execution, type, 'TIMEOUT', cause?.(from)),
      ),
    fc.record({ message: text, final: fc.boolean(), cause: tie('cause') }).map(
      ({ message, final, cause }): Make =>
        (from) =>
          new from.ServerFailure(message, final, cause?.(from)),
    ),
    fc.record({ message: text, cause: tie('cause') }).map(
      ({ message, cause }): Make =>
        (from) =>
          new from.TerminatedFailure(message, cause?.(from)),
    ),
    fc.record({ message: text, cause: tie('cause') }).map(
      ({ message, cause }): Make =>
        (from) =>
          new from.TemporalFailure(message, cause?.(from)),
    ),
  ),
}))

describe('failures', () => {
  /** What code sees of an error that it catches. */
  const seen = (caught: unknown): unknown => {
    if (!(caught instanceof Error)) return caught
    const {
      failure: _failure,
      stack: _stack,
      cause,
      ...own
    } = caught as unknown as Record<string, unknown>
    return {
      class: caught.constructor.name,
      name: caught.name,
      message: caught.message,
      own: plain(own),
      cause: seen(cause),
    }
  }

  test.each([false, true])(
    'are written and read as the SDK does; attributes encoded: %s',
    (encodeCommonAttributes) => {
      const through = (from: Package, make: Make): unknown[] => {
        const converter = new from.DefaultFailureConverter({ encodeCommonAttributes })
        const { defaultPayloadConverter } = from
        const written = sent(converter.errorToFailure(make(from), defaultPayloadConverter))
        const read = converter.failureToError(written, defaultPayloadConverter)
        const again = sent(converter.errorToFailure(read, defaultPayloadConverter))
        return [wire(written), seen(read), wire(again)]
      }
      fc.assert(
        fc.property(error, (make) => {
          expect(through(ours, make)).toEqual(through(theirs, make))
        }),
        { numRuns: 500 },
      )
    },
  )

  test.each([null, undefined, 7, 'text', { a: 1 }, [1], () => 1, Symbol('s'), 10n])(
    'that were no errors: %s',
    (thrown) => {
      const written = (from: Package): unknown =>
        wire(
          sent(
            new from.DefaultFailureConverter().errorToFailure(thrown, from.defaultPayloadConverter),
          ),
        )
      expect(written(ours)).toEqual(written(theirs))
    },
  )
})

describe('payloads', () => {
  const converted = (from: Package, given: unknown): unknown => {
    try {
      const payload = from.defaultPayloadConverter.toPayload(given)
      return [plain(payload), plain(from.defaultPayloadConverter.fromPayload(payload))]
    } catch (thrown) {
      const { name, message } = thrown as Error
      return { name, message }
    }
  }

  test('are written and read as the SDK does', () => {
    fc.assert(
      fc.property(fc.oneof(value, fc.anything()), (given) => {
        expect(converted(ours, given)).toEqual(converted(theirs, given))
      }),
      { numRuns: 2_000 },
    )
  })

  test.each([
    ['a bigint', 10n],
    ['what refers to itself', selfish()],
  ])('that cannot be: %s', (_, given) => {
    expect(converted(ours, given)).toEqual(converted(theirs, given))
  })

  test.each([
    ['a function', () => 1],
    ['a symbol', Symbol('s')],
    ['what will not be JSON', { toJSON: () => undefined }],
  ])('that the SDK writes and cannot read are refused: %s', (_, given) => {
    expect(converted(theirs, given)).toMatchObject({ name: 'SyntaxError' })
    expect(() => ours.defaultPayloadConverter.toPayload(given)).toThrow(ours.ValueError)
  })

  test.each([
    ['of an unknown encoding', { metadata: { encoding: bytes('other/plain') }, data: bytes('1') }],
    ['without an encoding', { metadata: {}, data: bytes('1') }],
    ['without metadata', { data: bytes('1') }],
    ['that are no JSON', { metadata: { encoding: bytes('json/plain') }, data: bytes('{') }],
    ['without data', { metadata: { encoding: bytes('json/plain') } }],
  ])('that cannot be read: %s', (_, payload) => {
    const read = (from: Package): unknown => {
      try {
        return from.defaultPayloadConverter.fromPayload(payload)
      } catch (thrown) {
        const { name, message } = thrown as Error
        return { name, message }
      }
    }
    expect(read(ours)).toEqual(read(theirs))
  })
})

function bytes(said: string): Uint8Array {
  return new TextEncoder().encode(said)
}

function selfish(): unknown {
  const one: { self?: unknown } = {}
  one.self = one
  return one
}

/** As plain data: without what is not set, bytes and `Long`s as what they hold. */
function plain(given: unknown): unknown {
  if (given instanceof Uint8Array) return [...given]
  if (Array.isArray(given)) return given.map(plain)
  if (typeof given !== 'object' || given === null) return given
  if ('toNumber' in given && typeof given.toNumber === 'function') return given.toNumber()
  return Object.fromEntries(
    Object.entries(given)
      .filter(([, inner]) => inner !== undefined && inner !== null)
      .map(([name, inner]) => [name, plain(inner)]),
  )
}

const { Failure } = proto.api.failure.v1

/** As it arrives when it was sent as protobuf: only what the message has. */
function sent(failure: object): never {
  return Failure.decode(Failure.encode(Failure.fromObject(failure)).finish()) as never
}

/** A failure without its source and its stacks, which are each package's own. */
function wire(failure: object): unknown {
  const {
    source: _source,
    stackTrace: _stackTrace,
    encodedAttributes,
    cause,
    ...rest
  } = plain(failure) as Record<string, object>
  return {
    ...rest,
    isEncoded: encodedAttributes !== undefined,
    ...(cause === undefined ? {} : { cause: wire(cause) }),
  }
}
