import { beforeAll, describe, expect, it } from 'vitest'
import type { WorkflowBundle } from '../../../actors/turns.ts'
import { bundleOf, macrotask, signal, Theatre } from './harness.ts'

let bundle: WorkflowBundle
beforeAll(async () => {
  bundle = await bundleOf('signals.ts')
})

describe('order', () => {
  it('gives signals to their handler in the order of the mailbox', () => {
    const run = new Theatre(bundle).start('collect')
    for (let i = 0; i < 100; i++) expect(run.signal('add', i).commands).toEqual([])
    expect(run.query('seen')).toEqual(Array.from({ length: 100 }, (_, i) => i))
    run.signal('done')
    expect(run.result).toEqual(Array.from({ length: 100 }, (_, i) => i))
  })

  it('gives the signal of a signal-with-start in the first turn', () => {
    const run = new Theatre(bundle).run('collect')
    run.begin(signal('add', 'first'), signal('done'))
    expect(run.result).toEqual(['first'])
  })

  it('gives signals of one activation before its other inputs', () => {
    const run = new Theatre(bundle).start('grouped')
    run.turn([4, run.time, 1], signal('add', 1), signal('add', 2))
    expect(run.result).toEqual(['signal 1', 'signal 2', 'timer'])
  })

  it('starts asynchronous handlers in order and lets them interleave', () => {
    const run = new Theatre(bundle).run('concurrent')
    run.begin(signal('add', 1), signal('add', 2), signal('done'))
    expect(run.result).toEqual(['start 1', 'start 2', 'end 1', 'end 2'])
  })
})

describe('signals without a handler', () => {
  it('wait, and reach their handler inside of setHandler, then the default handler', () => {
    const run = new Theatre(bundle).start('late')
    for (const [name, value] of [
      ['x', 1],
      ['a', 2],
      ['b', 3],
      ['a', 4],
    ] as const) {
      run.signal(name, value)
    }
    run.fire(1)
    expect(run.result).toEqual([
      'before',
      'a2',
      'a4',
      'between',
      'default x1',
      'default b3',
      'after',
    ])
  })

  it('are worth a warning when the workflow closes, and are in its metadata before', () => {
    const theatre = new Theatre(bundle)
    const run = theatre.start('collect')
    for (const name of ['ad', 'don', 'ad']) run.signal(name, 1)
    run.signal('add', 1)
    expect(theatre.lines).toEqual([])
    const unhandled = [
      { name: 'ad', count: 2 },
      { name: 'don', count: 1 },
    ]
    expect(run.query('__temporal_workflow_metadata')).toMatchObject({
      signalbox: { unhandledSignals: unhandled },
    })
    run.signal('done')
    expect(run.result).toEqual([1])
    expect(theatre.lines).toEqual([
      expect.objectContaining({ level: 'WARN', message: expect.stringMatching(/that no handler/) }),
    ])
    expect(theatre.lines[0]?.message).toContain(JSON.stringify(unhandled))
  })

  it('are not told of where there are none, nor by more than some names', () => {
    const theatre = new Theatre(bundle)
    const quiet = theatre.start('collect')
    expect(quiet.query('__temporal_workflow_metadata')).not.toHaveProperty('signalbox')
    quiet.signal('done')
    expect(theatre.lines).toEqual([])
    const run = theatre.start('collect')
    for (let i = 0; i < 30; i++) run.signal(`name${i}`)
    run.signal('done')
    expect(theatre.lines[0]?.message).toMatch(/"name19","count":1\}\] and 10 other names$/)
  })

  it.each([false, true])('drain while handlers set and unset handlers, nested: %s', (nested) => {
    const run = new Theatre(bundle).start('reentrantDrain', nested)
    for (const name of ['x1', 'A2', 'A3', 'C4', 'B5', 'x6', 'B7']) {
      run.signal(name.slice(0, 1), Number(name.slice(1)))
    }
    run.fire(1)
    expect(run.result).toEqual([
      'A2',
      'B5',
      'B7',
      'default x1',
      'default A3',
      'default C4',
      'default x6',
    ])
  })

  it('are no error, and are carried over by their numbers when the run continues as new', () => {
    const run = new Theatre(bundle).start('handOver')
    run.signal('unknown', 1)
    run.signal('add', 2)
    run.signal('other', 3)
    run.signal('unknown', 4)
    run.signal('done')
    expect(run.commands).toEqual([
      expect.objectContaining({ kind: 'continueAsNew', carriedSeqs: [2, 4, 5] }),
    ])
  })
})

describe('handlers', () => {
  it('of a name win over the default one and can be removed', () => {
    const run = new Theatre(bundle).start('cleared')
    run.signal('add', 1)
    run.signal('other')
    run.signal('add', 'last')
    run.signal('add', 2)
    run.signal('done')
    expect(run.result).toEqual(['add 1', 'default other', 'add last', 'default add'])
  })

  it('have no handler by their name alone, which does not say what it is the name of', () => {
    const { error } = new Theatre(bundle).run('handlerByName').begin()
    expect(error).toMatchObject({
      name: 'TypeError',
      message: expect.stringContaining("defineSignal('paid')") as string,
    })
  })

  it('cannot have reserved names', () => {
    const run = new Theatre(bundle).start('reservedNames')
    expect(run.signal('__temporal_sneaky').error).toMatchObject({ name: 'TypeError' })
    const other = new Theatre(bundle).start('reservedNames')
    other.signal('end')
    expect(other.result).toEqual([
      "TypeError: Cannot use signal name: '__temporal_x', with reserved prefix: '__temporal_'",
      "TypeError: Cannot use signal name: '__stack_trace', which is a reserved name",
      "TypeError: Cannot use signal name: '__enhanced_stack_trace', which is a reserved name",
      'end',
    ])
  })

  it('fail the workflow with an application failure', () => {
    const run = new Theatre(bundle).start('failingHandler')
    run.signal('add', 'application')
    expect(run.commands).toEqual([
      {
        kind: 'failWorkflow',
        failure: expect.objectContaining({
          message: 'no',
          applicationFailureInfo: { type: 'Refused', nonRetryable: false },
        }),
      },
    ])
  })

  it('fail the workflow with a cancellation nobody asked for, and cancel it with one', () => {
    const uncalledFor = new Theatre(bundle).start('failingHandler')
    uncalledFor.signal('add', 'cancelled')
    expect(uncalledFor.asked).toEqual(['failWorkflow'])
    const asked = new Theatre(bundle).start('failingHandler')
    asked.turn([5, asked.time, {}], signal('add', 'cancelled'))
    expect(asked.asked).toEqual(['cancelWorkflow'])
  })

  it('continue the workflow as new', () => {
    const run = new Theatre(bundle).start('failingHandler')
    run.signal('add', 'again')
    expect(run.asked).toEqual(['continueAsNew'])
  })

  it.each([
    ['asynchronous', 'add', ['bug'], 'TypeError', 'a bug'],
    ['synchronous', 'sync', [], 'RangeError', 'a sync bug'],
  ])('fail the turn with any other error: %s', async (_, name, args, type, message) => {
    const theatre = new Theatre(bundle)
    const run = theatre.start('failingHandler')
    expect(run.signal(name, ...args)).toMatchObject({
      commands: [],
      error: { name: type, message, stack: expect.stringContaining('signalbox:workflows') },
    })
    await macrotask()
    expect(theatre.sandbox.takeFloatingRejections()).toEqual([])
  })

  it('that have not ended when the workflow completes are worth a warning', () => {
    const theatre = new Theatre(bundle)
    const run = theatre.start('unfinished', 'WARN_AND_ABANDON', 'complete')
    run.signal('add', 1)
    run.signal('add', 2)
    run.signal('done')
    expect(run.asked).toEqual(['completeWorkflow'])
    expect(theatre.lines).toEqual([
      expect.objectContaining({
        level: 'WARN',
        message: expect.stringMatching(/TMPRL1102.*\[\{"name":"add","count":2\}\]/),
      }),
    ])
  })

  it.each([
    ['ABANDON', 'complete'],
    ['WARN_AND_ABANDON', 'fail'],
  ])('are abandoned without a warning: %s, %s', (policy, how) => {
    const theatre = new Theatre(bundle)
    const run = theatre.start('unfinished', policy, how)
    run.signal('add', 1)
    run.signal('done')
    expect(theatre.lines).toEqual([])
    expect(run.asked).toEqual([how === 'fail' ? 'failWorkflow' : 'completeWorkflow'])
  })

  it('can be waited for', () => {
    const theatre = new Theatre(bundle)
    const run = theatre.start('unfinished', 'WARN_AND_ABANDON', 'wait')
    run.signal('add', 1)
    run.signal('done')
    expect(run.commands).toEqual([])
    run.fire(1)
    expect(run.asked).toEqual(['completeWorkflow'])
    expect(theatre.lines).toEqual([])
  })
})

it('keeps the first terminal command of a turn, after all others', () => {
  const run = new Theatre(bundle).start('twoEnds')
  run.turn(signal('add', 1), signal('done'))
  expect(run.asked).toEqual(['startTimer 1', 'startTimer 2', 'failWorkflow'])
})
