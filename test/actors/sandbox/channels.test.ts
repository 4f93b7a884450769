import fc from 'fast-check'
import { beforeAll, describe, expect, it } from 'vitest'
import { InputKind } from '../../../actors/inputs.ts'
import type { WorkflowBundle } from '../../../actors/turns.ts'
import { bundleOf, signal, Theatre } from './harness.ts'

let bundle: WorkflowBundle
let theatre: Theatre
beforeAll(async () => {
  bundle = await bundleOf('channels.ts')
  theatre = new Theatre(bundle)
})

describe('a signal channel', () => {
  it('has what came before it was asked for, and gives it out in order', () => {
    const run = theatre.start('receive')
    run.signal('order', 'a')
    run.signal('order', 'b')
    run.fire(1)
    expect(run.asked).toEqual(['startTimer 2'])
    run.signal('order', 'c')
    expect(run.asked).toEqual(['cancelTimer 2', 'startTimer 3'])
    run.fire(3)
    run.signal('order', 'd')
    expect(run.result).toEqual([
      2,
      true,
      'order',
      'a',
      { ok: true, value: 'b', more: true },
      { ok: false, more: true },
      { ok: true, value: 'c', more: true },
      { ok: false, more: true },
      'd',
    ])
  })

  it('serves receivers in the order in which they began to wait', () => {
    const run = theatre.start('fair')
    run.turn(signal('order', 1), signal('order', 2))
    for (const value of [3, 4, 5, 6]) run.signal('order', value)
    expect(run.result).toEqual(['a 1', 'b 2', 'c 3', 'a 4', 'b 5', 'c 6'])
  })

  it.each([true, false])(
    'loses nothing when a receiver is cancelled; signal first: %s',
    (first) => {
      const run = theatre.start('cancelledReceiver')
      const inputs = [signal('order', 'x'), signal('stop')]
      run.turn(...(first ? inputs : inputs.toReversed()))
      run.signal('order', 'y')
      // Either way the value came before the cancellation could reach the receiver.
      expect(run.result).toEqual(['x', true, 'left 0', 'y'])
    },
  )

  it('gives what nobody has received to the next run', () => {
    const run = theatre.start('handOver', 1)
    for (const value of ['a', 'b']) run.signal('order', value)
    run.signal('other')
    run.signal('order', 'c')
    run.signal('done')
    expect(run.commands).toMatchObject([{ kind: 'continueAsNew', carriedSeqs: [3, 4, 5] }])
  })
})

it('a channel has the first argument of a signal, and says once that there were others', () => {
  const run = theatre.start('fair')
  for (const value of [1, 2, 3, 4, 5]) run.turn(signal('order', value, 'more', 'and more'))
  run.signal('order', 6)
  expect(run.result).toEqual(['a 1', 'b 2', 'c 3', 'a 4', 'b 5', 'c 6'])
  const warnings = theatre.lines.filter((line) => line.run === run.number)
  expect(warnings).toMatchObject([
    {
      level: 'WARN',
      message: 'A channel carries the first argument of a signal; the others were dropped',
    },
  ])
  expect(warnings[0]?.attributesJson).toContain('"signal":"order"')
})

describe('a signal channel with a parser', () => {
  it('drops what the parser refuses, says so, and goes on', () => {
    const run = theatre.start('parsed')
    run.turn(signal('amount', 1), signal('amount', 'much'), signal('amount', 2))
    expect(run.result).toEqual([1, 2, 'another parse function'])
    const warnings = theatre.lines.filter((line) => line.run === run.number)
    expect(warnings).toMatchObject([{ level: 'WARN', message: 'Dropped a corrupt signal value' }])
    expect(warnings[0]?.attributesJson).toContain('no number: much')
  })
})

it('a signal whose payload is no JSON fails the turn, as it does with a handler', () => {
  const run = theatre.start('fair')
  const outcome = run.turn([InputKind.signaled, run.time, 'order', ['{oops']])
  expect(outcome.commands).toEqual([])
  expect(outcome.error?.message).toContain('JSON')
})

describe('getUnhandledSignalNames', () => {
  it('lists signals that no handler and no receiver has taken', () => {
    const run = theatre.start('unhandled')
    run.turn(signal('zebra'), signal('order', 'a'), signal('order', 'b'), signal('look'))
    expect(run.query('trace')).toEqual([['order', 'zebra']])
    run.turn(signal('take'), signal('take'), signal('look'))
    expect(run.result).toEqual([['order', 'zebra'], ['zebra']])
  })
})

describe('a selector', () => {
  it('runs one branch a time, the first that is ready in the order of registration', () => {
    const run = theatre.start('select')
    run.turn(signal('first', 1), signal('second', 2), signal('answer', 'yes'))
    expect(run.query('trace')).toEqual([false, 'second 2', '|', 'first 1', '|', 'answer yes', '|'])
    run.signal('first', 3)
    run.fire(1, 5000)
    run.signal('second', 4)
    expect((run.result as unknown[]).slice(7)).toEqual([
      'first 3',
      '|',
      'failed late',
      '|',
      'second 4',
      '|',
    ])
  })

  it('takes nothing that its callback does not take', () => {
    const run = theatre.start('lazyBranch')
    run.signal('order', 'kept')
    expect(run.result).toEqual([2, true, 'kept'])
  })

  it('with a default branch does not wait', () => {
    expect(theatre.start('defaultNow').result).toEqual(['settled', 'default'])
  })

  it('never loses a signal to a default branch, whenever it comes', () => {
    fc.assert(
      fc.property(
        fc.array(fc.constantFrom('signal', 'two', 'timer'), { maxLength: 30 }),
        (steps) => {
          const timers = steps.filter((step) => step === 'timer').length
          const sent: number[] = []
          const run = theatre.start('blockingDefault', 1000)
          let timer = 1
          const send = () => {
            sent.push(sent.length)
            return signal('order', sent.length - 1)
          }
          for (const step of steps) {
            if (step === 'timer') run.fire(timer++, 10)
            else run.turn(...(step === 'two' ? [send(), send()] : [send()]))
          }
          run.fire(timer, 10)
          expect(run.query('trace')).toEqual(sent)
          expect(timers).toBe(timer - 1)
        },
      ),
    )
  })

  it('does what Go’s snippet does', () => {
    const run = theatre.start('snippet', 'mine')
    run.signal('mine', 'SOME_VALUE')
    expect(run.result).toBe('SOME_VALUE')
    const other = theatre.start('snippet', 'mine')
    expect(other.signal('mine', 'ANOTHER').error?.message).toBe('signalVal')
  })
})
