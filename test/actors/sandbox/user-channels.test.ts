import fc from 'fast-check'
import { beforeAll, describe, expect, it } from 'vitest'
import { bundleOf, signal, Theatre } from './harness.ts'

let theatre: Theatre
beforeAll(async () => {
  theatre = new Theatre(await bundleOf('user-channels.ts'))
})

describe('a channel', () => {
  it('makes senders wait that have no room', () => {
    const lines = theatre.start('capacities').result
    expect(lines).toEqual([
      false,
      0,
      0,
      '',
      1,
      1,
      'sent 1',
      true,
      2,
      true,
      true,
      false,
      4,
      1,
      2,
      'sent 3',
      'sent 4',
      2,
      3,
      4,
    ])
  })

  it('gives out what it has after it was closed, and then says so', () => {
    const closed = { ok: false, more: false }
    expect(theatre.start('closing').result).toEqual([
      true,
      1,
      'ChannelClosedError',
      'ChannelClosedError',
      true,
      "Sent to channel 'work', which is closed",
      { ok: true, value: 'kept', more: true },
      closed,
      closed,
      closed,
      'ChannelClosedError',
      'ChannelClosedError',
      closed,
    ])
  })

  it('keeps the order and every value through a pipeline of any capacity', () => {
    fc.assert(
      fc.property(fc.integer({ min: 0, max: 60 }), fc.integer({ min: 0, max: 8 }), (n, room) => {
        const squares = Array.from({ length: n }, (_, i) => i * i)
        expect(theatre.start('pipeline', n, room).result).toEqual(squares)
      }),
      { numRuns: 40 },
    )
  })

  it('passes on many values as fast as few', () => {
    expect(theatre.start('pipeline', 20_000, 20_000).result).toHaveLength(20_000)
  })

  it.each([
    [true, ['value', undefined, false]],
    [false, ['cancelled', false]],
  ])('loses and repeats nothing when a send is cancelled; taken first: %s', (taken, lines) => {
    const run = theatre.start('cancelledSend', taken)
    run.fire(1, 1)
    expect(run.result).toEqual(lines.map((line) => line ?? null))
  })

  it('takes what came by signal', () => {
    const run = theatre.start('mixed')
    run.turn(signal('order', 'a'), signal('order', 'b'))
    run.signal('order', 'c')
    expect(run.result).toEqual(['a', 'b', 'c'])
  })
})

describe('a selector', () => {
  it('sends one value a select, at once or when a receiver takes it', () => {
    expect(theatre.start('sendBranches').result).toEqual([
      true,
      'sent roomy',
      false,
      1,
      0,
      2,
      1,
      'to strict',
      'sent strict',
      1,
      0,
      'to roomy',
      'sent roomy',
      'to roomy',
      0,
      0,
      'ChannelClosedError',
    ])
  })

  it.each([true, false])(
    'meets another on a channel without capacity; sender first: %s',
    (first) => {
      const lines = theatre.start('selectorsMeet', first).result as unknown[]
      expect(new Set(lines)).toEqual(new Set([7, 'sent']))
      expect(lines).toHaveLength(2)
    },
  )

  it('sends nothing once it was cancelled', () => {
    const run = theatre.start('cancelledSelect')
    run.fire(1, 1)
    expect(run.result).toEqual(['cancelled', 0, false])
  })

  it('runs the branch of a closed channel once, and removes it', () => {
    const run = theatre.start('closedBranch')
    expect(run.result).toEqual([true, 'last', false, null, 'default', false])
  })
})

describe('locks', () => {
  it('let one in at a time, in the order in which they were asked', () => {
    const run = theatre.start('locks')
    for (const timer of [1, 2, 3, 4]) run.fire(timer, 10)
    expect(run.result).toEqual([
      true,
      false,
      3,
      'a in',
      'a out',
      'b in',
      'b out',
      'c in',
      'c out',
      false,
      true,
      false,
      'cancelled',
      false,
    ])
  })

  it('of a semaphore are served in order, and refuse what cannot be', () => {
    const run = theatre.start('semaphore')
    run.fire(1, 1)
    expect(run.result).toEqual([
      1,
      false,
      'cancelled',
      'small',
      0,
      3,
      'Released 1 permits of a semaphore, more than were taken',
      'Asked for 4 permits of a semaphore that has 3',
      'Permits must be a whole number above 0: 0',
      'Permits must be a whole number above 0: 1.5',
      'Unlocked a mutex that is not locked',
      'The count of a wait group cannot be -1',
      'The capacity of a channel must be a whole number from 0: -1',
    ])
  })
})

describe('serially', () => {
  it('runs the calls of a handler one after the other, in the order of the signals', () => {
    const run = theatre.start('serialHandlers', 4)
    run.turn(signal('work', 'a', 10), signal('work', 'b', 0), signal('work', 'c', 10))
    expect(run.query('trace')).toEqual(['a in'])
    run.signal('work', 'd', 0)
    run.fire(1, 10)
    expect(run.query('trace')).toEqual(['a in', 'a out', 'b in', 'b out', 'c in'])
    run.fire(2, 10)
    expect(run.result).toEqual(
      ['a', 'b', 'c', 'd'].flatMap((name) => [`${name} in`, `${name} out`]),
    )
  })

  it('keeps the order for any signals and timers', () => {
    fc.assert(
      fc.property(
        fc.array(fc.tuple(fc.integer({ min: 0, max: 1 }), fc.boolean()), { maxLength: 20 }),
        (steps) => {
          const run = theatre.start('serialHandlers', -1)
          let timer = 0
          const pending = (): boolean => {
            const lines = run.query('trace') as string[]
            return lines.length % 2 === 1
          }
          for (const [index, [ms, fire]] of steps.entries()) {
            run.signal('work', String(index), ms)
            if (fire && pending()) run.fire(++timer, 1)
          }
          while (pending()) run.fire(++timer, 1)
          expect(run.query('trace')).toEqual(steps.flatMap((_, i) => [`${i} in`, `${i} out`]))
        },
      ),
      { numRuns: 50 },
    )
  })

  it('fails the workflow with the failure of a call, as any handler does', () => {
    const run = theatre.start('serialHandlers', 2, 'a')
    run.turn(signal('work', 'a', 10), signal('work', 'b', 0))
    run.fire(1, 10)
    expect(run.commands.at(-1)).toMatchObject({
      kind: 'failWorkflow',
      failure: { message: 'a failed' },
    })
  })

  it('goes on after a call that failed', () => {
    const run = theatre.start('failingCalls')
    for (const timer of [1, 2, 3, 4]) run.fire(timer, 1)
    expect(run.result).toEqual([0, 1, 2, 0, 'RangeError', 20, 3, 30])
  })
})
