import { beforeAll, describe, expect, it } from 'vitest'
import type { UpdateCommand } from '../../../actors/commands.ts'
import { fromPayload } from '../../../actors/payload-converter.ts'
import type { TurnOutcome } from '../../../actors/turns.ts'
import { InputKind } from '../../../actors/inputs.ts'
import { bundleOf, macrotask, signal, startTime, Theatre, update } from './harness.ts'

let bundle: Awaited<ReturnType<typeof bundleOf>>

beforeAll(async () => {
  bundle = await bundleOf('updates.ts')
})

/** What became of updates, in the order in which the code said so. */
function told(outcome: TurnOutcome): string[] {
  expect(outcome.error).toBeUndefined()
  return outcome.commands
    .filter((command): command is UpdateCommand => command.kind.endsWith('Update'))
    .map((command) => {
      const { kind, updateId, seq } = command
      const what =
        kind === 'acceptUpdate'
          ? ''
          : kind === 'rejectUpdate'
            ? ` ${command.failure.message}`
            : 'result' in command.outcome
              ? ` ${String(fromPayload(command.outcome.result))}`
              : ` failed: ${command.outcome.failure.message}`
      return `${kind} ${updateId} #${seq}${what}`
    })
}

describe('an activation', () => {
  it('has signals first, then updates, as Temporal has', () => {
    const run = new Theatre(bundle).start('listener')
    const outcome = run.turn(
      update('a', 'tell', 'x'),
      signal('note', '1'),
      update('b', 'tell', 'y'),
      signal('note', '2'),
    )
    expect(told(outcome)).toEqual([
      'acceptUpdate a #2',
      'acceptUpdate b #4',
      'completeUpdate a #2 X',
      'completeUpdate b #4 Y',
    ])
    expect(run.query('told')).toEqual([
      'note 1',
      'note 2',
      `tell x ${startTime}`,
      `tell y ${startTime}`,
    ])
  })

  it('does not let an update wait for what it cancels itself', () => {
    const run = new Theatre(bundle).start('setsWhenCancelled')
    const cancel = [InputKind.cancelRequested, run.time, {}] as const
    expect(told(run.turn(update('a', 'tell', 'x'), cancel))).toEqual([
      'rejectUpdate a #2 No registered handler for update: tell. Registered updates: []',
    ])
    expect(told(run.turn(update('b', 'tell', 'x')))).toEqual([
      'acceptUpdate b #4',
      'completeUpdate b #4 X',
    ])
  })

  it('rejects what no handler was set for by its end', () => {
    const run = new Theatre(bundle).start('listener')
    expect(told(run.turn(update('a', 'other'), update('b', 'tell', 'x')))).toEqual([
      'acceptUpdate b #3',
      'completeUpdate b #3 X',
      'rejectUpdate a #2 No registered handler for update: other. Registered updates: [tell]',
    ])
  })

  it('hands buffered updates to handlers as they are set', () => {
    const run = new Theatre(bundle).run('setsLate')
    const outcome = run.begin(
      update('a', 'tell', '1'),
      update('b', 'tell', '2'),
      update('c', 'more', '3'),
    )
    expect(run.query('told')).toEqual(['tell 1', 'again 2', 'default more 3'])
    expect(told(outcome).filter((line) => line.startsWith('accept'))).toEqual([
      'acceptUpdate a #2',
      'acceptUpdate b #3',
      'acceptUpdate c #4',
    ])
  })

  it('that is one rejected update moves no time and leaves conditions alone', () => {
    const run = new Theatre(bundle).start('listener')
    run.time += 1_000
    expect(told(run.turn(update('a', 'tell', 'no')))).toEqual(['rejectUpdate a #2 not this'])
    expect(run.last.commands[0]).toMatchObject({
      failure: { applicationFailureInfo: { type: 'No' } },
    })
    expect(run.query('told')).toEqual([])
  })

  it('done again leaves rejected updates out, and does not validate the others', () => {
    const theatre = new Theatre(bundle)
    const run = theatre.run('listener')
    run.replaying = true
    run.skippedSeqs = [2]
    // What the validator would refuse today was accepted then.
    const outcome = run.begin(update('a', 'tell', 'no'), update('b', 'tell', 'no'))
    expect(told(outcome)).toEqual(['acceptUpdate b #3', 'completeUpdate b #3 NO'])
  })

  it('in which a validator meddles is rejected alone, and fails the turn with others', async () => {
    const theatre = new Theatre(bundle)
    const run = theatre.start('listener')
    const alone = run.turn(update('a', 'tell', 'sleep'))
    expect(told(alone)).toEqual([
      'rejectUpdate a #2 An update validator must not change the workflow: ' +
        'no commands, waits, handlers or cancellation',
    ])
    expect(alone.dirty).toBe(true)
    const other = theatre.start('listener')
    expect(other.turn(update('a', 'tell', 'sleep'), signal('note', '1')).error).toMatchObject({
      name: 'DeterminismViolationError',
    })
    await macrotask()
    expect(theatre.sandbox.takeFloatingRejections()).toEqual([])
  })
})

describe('handlers that still run', () => {
  it('are told of when the workflow returns, unless that was said to be fine', () => {
    const theatre = new Theatre(bundle)
    const run = theatre.start('closing')
    run.turn(update('u-1', 'slow'))
    run.turn(update('u-2', 'abandoned'))
    run.signal('end', 'return')
    expect(run.result).toBe('closed')
    const [line, ...more] = theatre.lines
    expect(more).toEqual([])
    expect(line).toMatchObject({ level: 'WARN' })
    expect(line?.message).toContain('[TMPRL1102]')
    expect(line?.message).toContain('[{"name":"slow","id":"u-1"}]')
  })

  it('are not told of when the workflow fails', () => {
    const theatre = new Theatre(bundle)
    const run = theatre.start('closing')
    run.turn(update('u-1', 'slow'))
    expect(run.signal('end', 'fail').commands.at(-1)).toMatchObject({ kind: 'failWorkflow' })
    expect(theatre.lines).toEqual([])
  })

  it('are what allHandlersFinished waits for', () => {
    const run = new Theatre(bundle).start('patient')
    run.turn(update('u', 'slow'))
    run.signal('end', 'return')
    expect(run.asked).toEqual([])
    run.fire(1)
    expect(run.result).toEqual(['finished false', 'slow'])
  })
})

describe('an update', () => {
  it('is known to its validator and handler, through awaits, and to nobody else', () => {
    const run = new Theatre(bundle).start('informed')
    run.turn(update('u-1', 'slow'), update('u-2', 'slow'))
    run.signal('note', 'go')
    expect(run.query('told')).toEqual([
      'main undefined undefined',
      'validator u-1 slow',
      'handler u-1 slow',
      'validator u-2 slow',
      'handler u-2 slow',
      'signal undefined undefined',
      'later u-1 slow',
      'later u-2 slow',
    ])
  })

  it('is cancelled with the workflow, unless it is shielded', () => {
    const run = new Theatre(bundle).start('scoped')
    run.turn(update('u-1', 'tell', 'plain'), update('u-2', 'tell', 'shielded'))
    expect(told(run.cancel())).toEqual(['completeUpdate u-1 #2 failed: Workflow cancelled'])
    expect(run.query('told')).toEqual(['plain true'])
    expect(told(run.fire(2, 3_600_000))).toEqual(['completeUpdate u-2 #3 shielded'])
  })
})
