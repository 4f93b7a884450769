import fc from 'fast-check'
import { beforeAll, expect, it } from 'vitest'
import type { Command } from '../../../actors/commands.ts'
import { isTerminal } from '../../../actors/commands.ts'
import { InputKind, type Input } from '../../../actors/inputs.ts'
import type { WorkflowBundle } from '../../../actors/turns.ts'
import { bundleOf, inMacrotask, signal, Theatre, type Run } from './harness.ts'

let bundle: WorkflowBundle
beforeAll(async () => {
  bundle = await bundleOf('programs.ts')
})

type Step =
  | { readonly kind: 'signal'; readonly name: string; readonly value: number }
  | { readonly kind: 'timer' | 'activity' | 'fail'; readonly pick: number }
  | { readonly kind: 'cancel' }
  | { readonly kind: 'group'; readonly values: readonly number[] }

const step: fc.Arbitrary<Step> = fc.oneof(
  // Rare, since it ends most runs.
  { weight: 1, arbitrary: fc.constant({ kind: 'cancel' as const }) },
  {
    weight: 20,
    arbitrary: fc.record({
      kind: fc.constant('signal' as const),
      name: fc.constantFrom('a', 'b', 'c', 'd'),
      value: fc.nat(9),
    }),
  },
  {
    weight: 20,
    arbitrary: fc.record({
      kind: fc.constantFrom('timer' as const, 'activity' as const, 'fail' as const),
      pick: fc.nat(20),
    }),
  },
  {
    weight: 4,
    arbitrary: fc.record({ kind: fc.constant('group' as const), values: fc.array(fc.nat(9)) }),
  },
)

/** What the host would have pending after these commands. */
class Host {
  timers: number[] = []
  activities: number[] = []

  take(commands: readonly Command[]): boolean {
    for (const command of commands) {
      if (command.kind === 'startTimer') this.timers.push(command.seq)
      if (command.kind === 'scheduleActivity') this.activities.push(command.seq)
      if (command.kind === 'cancelTimer') {
        expect(this.timers).toContain(command.seq)
        this.timers = this.timers.filter((seq) => seq !== command.seq)
      }
      if (command.kind === 'requestCancelActivity') expect(this.activities).toContain(command.seq)
    }
    return commands.some(isTerminal)
  }

  inputs(step: Step, time: number): Input[] {
    switch (step.kind) {
      case 'signal':
        return [signal(step.name, step.value)]
      case 'group':
        return step.values.map((value) => signal('a', value))
      case 'cancel':
        return [[InputKind.cancelRequested, time, {}]]
      case 'timer': {
        const seq = this.timers.splice(step.pick % (this.timers.length || 1), 1)[0]
        return seq === undefined ? [] : [[InputKind.timerFired, time, seq]]
      }
      default: {
        const seq = this.activities.splice(step.pick % (this.activities.length || 1), 1)[0]
        if (seq === undefined) return []
        const failure = { message: 'no', applicationFailureInfo: { type: 'No' } }
        return [
          [
            InputKind.activityResolved,
            time,
            seq,
            step.kind === 'fail'
              ? { status: 'failed', failure, attempt: 1 }
              : { status: 'completed', result: String(step.pick), attempt: 1 },
          ],
        ]
      }
    }
  }
}

function live(theatre: Theatre, steps: readonly Step[]): { run: Run; states: unknown[] } {
  const run = theatre.start('everything')
  const host = new Host()
  let closed = host.take(run.commands)
  const states = [run.ask('state')]
  for (const next of steps) {
    if (closed || run.last.error) break
    run.time += 10
    const inputs = host.inputs(next, run.time)
    if (inputs.length === 0) continue
    run.turn(...inputs)
    closed = host.take(run.commands)
    if (!run.last.error) states.push(run.ask('state'))
  }
  return { run, states }
}

it('the same inputs give the same commands and the same answers, in any context and company', async () => {
  const theatre = new Theatre(bundle)
  expect(theatre.sandbox.sharesQueue).toBe(false)
  await inMacrotask(() => compare(theatre, new Theatre(bundle)))
})

function compare(theatre: Theatre, other: Theatre): void {
  expect(other.sandbox.sharesQueue).toBe(true)
  const bystander = other.start('everything')
  let turns = 0
  fc.assert(
    fc.property(fc.array(step, { minLength: 20, maxLength: 80 }), (steps) => {
      const { run, states } = live(theatre, steps)
      expect(run.last.error).toBeUndefined()
      const again = other.run('everything')
      again.replaying = true
      const answers: unknown[] = []
      run.turns.forEach((inputs, at) => {
        again.time = run.times[at] ?? 0
        again.turn(...inputs)
        answers.push(again.ask('state'))
        // Another run's turn in between changes nothing.
        bystander.signal('a', 0)
      })
      expect(again.outcomes).toEqual(run.outcomes)
      expect(answers).toEqual(states)
      turns += run.turns.length
      theatre.sandbox.dispose(run.number)
      other.sandbox.dispose(again.number)
    }),
    { numRuns: 150 },
  )
  expect(turns).toBeGreaterThan(1000)
}
