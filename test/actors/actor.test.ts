import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { Actor } from '../../actors/actor.ts'
import type { Command } from '../../actors/commands.ts'
import { type Input, InputKind } from '../../actors/inputs.ts'
import type { TurnCommands } from '../../actors/records.ts'
import type { Activation, Sandbox, TurnError, TurnOutcome } from '../../actors/turns.ts'

/** A sandbox whose code is a function: the commands of an activation, or an error. */
class ScriptedSandbox implements Sandbox {
  readonly workflowTypes = ['scripted']
  readonly sharesQueue = false
  readonly canEnter = true
  readonly activations: Activation[] = []
  readonly #code: (activation: Activation) => readonly Command[] | TurnError

  constructor(code: (activation: Activation) => readonly Command[] | TurnError) {
    this.#code = code
  }

  activate(_run: number, activation: Activation): TurnOutcome {
    this.activations.push({ ...activation, inputs: [...activation.inputs] })
    const outcome = this.#code(activation)
    return 'name' in outcome ? { commands: [], error: outcome } : { commands: outcome }
  }

  query(): never {
    throw new Error('no query was expected')
  }

  dispose(): void {}

  takeFloatingRejections(): [] {
    return []
  }
}

const started: Input = [
  InputKind.started,
  1_000,
  {
    namespace: 'default',
    workflowId: 'w',
    runId: 'r',
    workflowType: 'scripted',
    taskQueue: 'default',
    args: [],
    firstExecutionRunId: 'r',
    attempt: 1,
    taskTimeoutMs: 10_000,
  },
]
const signal = (n: number): Input => [InputKind.signaled, 1_000 + n, 'add', [String(n)]]
const inputs = (count: number): Input[] =>
  Array.from({ length: count }, (_, i) => (i === 0 ? started : signal(i)))

const timer = (seq: number): Command => ({ kind: 'startTimer', seq, delayMs: 10 })
const activity = (seq: number, activityType: string): Command => ({
  kind: 'scheduleActivity',
  seq,
  activityId: String(seq),
  activityType,
  args: [],
  retryPolicy: {
    initialIntervalMs: 1,
    backoffCoefficient: 1,
    maximumIntervalMs: 1,
    maximumAttempts: 1,
    nonRetryableErrorTypes: [],
  },
  cancellationType: 'TRY_CANCEL',
})
const complete: Command = { kind: 'completeWorkflow', result: null }

function runAll(actor: Actor): TurnError | undefined {
  while (actor.runnable) {
    const error = actor.turn()
    if (error !== undefined) return error
  }
  return undefined
}

/** An actor that replays `count` inputs with these journaled commands, then goes on. */
function replay(
  journaled: readonly TurnCommands[],
  code: (activation: Activation) => readonly Command[] | TurnError,
  count: number,
  order: 'inputs first' | 'commands first' = 'inputs first',
): { actor: Actor; sandbox: ScriptedSandbox; error: TurnError | undefined } {
  const sandbox = new ScriptedSandbox(code)
  const actor = new Actor(1, count, { closed: false, groups: [] }, sandbox)
  let error: TurnError | undefined
  if (order === 'commands first') error = actor.expect(journaled)
  actor.receive(1, inputs(count), 0)
  error ??= runAll(actor)
  if (order === 'inputs first') error ??= actor.expect(journaled)
  actor.receive(count + 1, [signal(count)], 0)
  actor.loaded()
  error ??= runAll(actor)
  return { actor, sandbox, error }
}

describe('Actor', () => {
  test('turns beyond the replay wait until the journal has been sent whole', () => {
    const sandbox = new ScriptedSandbox(() => [])
    const actor = new Actor(1, 2, { closed: false, groups: [] }, sandbox)
    actor.receive(1, inputs(4), 0)
    expect(runAll(actor)).toBeUndefined()
    expect(actor.processed).toBe(2)
    expect(sandbox.activations.map(({ replaying }) => replaying)).toEqual([true, true])
    actor.loaded()
    expect(runAll(actor)).toBeUndefined()
    expect(actor.processed).toBe(4)
    expect(sandbox.activations.map(({ replaying }) => replaying)).toEqual([
      true,
      true,
      false,
      false,
    ])
  })

  test('a replay issues nothing; a new turn issues what its code asks for', () => {
    const { actor, error } = replay([[1, [timer(1)]]], ({ firstSeq }) => [timer(firstSeq)], 1)
    expect(error).toBeUndefined()
    expect(actor.takeResults()).toEqual({
      progressed: true,
      turns: [[2, [{ ...timer(2), dueTime: 1_011 }]]],
    })
    expect(actor.takeResults()).toEqual({ progressed: false, turns: [] })
  })

  const then: readonly TurnCommands[] = [
    [1, [activity(1, 'reserve'), timer(1)]],
    [3, [activity(2, 'pay')]],
  ]
  const differences: [string, TurnCommands[]][] = [
    ['a dropped command', [[1, [activity(1, 'reserve')]], then[1] as TurnCommands]],
    ['a dropped turn', [then[0] as TurnCommands]],
    ['the first turn dropped', [then[1] as TurnCommands]],
    [
      'a surplus command',
      [[1, [activity(1, 'reserve'), timer(1), timer(2)]], then[1] as TurnCommands],
    ],
    ['a surplus turn', [...then, [4, [timer(2)]]]],
    [
      'a surplus turn in between',
      [then[0] as TurnCommands, [2, [timer(2)]], then[1] as TurnCommands],
    ],
    ['swapped commands', [[1, [timer(1), activity(1, 'reserve')]], then[1] as TurnCommands]],
    ['another activity', [then[0] as TurnCommands, [3, [activity(2, 'refund')]]]],
    ['another kind', [then[0] as TurnCommands, [3, [timer(2)]]]],
    ['a command a turn too late', [then[0] as TurnCommands, [4, [activity(2, 'pay')]]]],
    ['an early end', [then[0] as TurnCommands, [3, [complete]]]],
  ]
  describe.each(['inputs first', 'commands first'] as const)('with %s', (order) => {
    const codeOf =
      (turns: readonly TurnCommands[]) =>
      ({ firstSeq }: Activation): readonly Command[] =>
        turns.find(([seq]) => seq === firstSeq)?.[1] ?? []

    test('the same commands pass', () => {
      expect(replay(then, codeOf(then), 4, order).error).toBeUndefined()
    })

    test.each(differences)('%s is found', (_what, now) => {
      const { error, actor } = replay(then, codeOf(now), 4, order)
      expect(error).toMatchObject({ name: 'DeterminismViolationError', nonDeterministic: true })
      expect(error?.message).toContain('Nondeterminism')
      expect(actor.runnable).toBe(false)
      expect(actor.takeResults().turns).toEqual([])
    })
  })

  test('any difference in any turn is found, and nothing else is', () => {
    const command = fc.oneof(
      fc.integer({ min: 1, max: 3 }).map(timer),
      fc
        .tuple(fc.integer({ min: 1, max: 3 }), fc.constantFrom('a', 'b'))
        .map((of) => activity(...of)),
    )
    const turns = fc.array(fc.array(command, { maxLength: 2 }), { minLength: 1, maxLength: 6 })
    fc.assert(
      fc.property(
        turns,
        fc.option(turns),
        fc.constantFrom('inputs first' as const, 'commands first' as const),
        (journaled, other, order) => {
          const now = other ?? journaled
          const count = Math.max(journaled.length, now.length)
          const recorded = journaled.flatMap((commands, i): TurnCommands[] =>
            commands.length === 0 ? [] : [[i + 1, commands]],
          )
          const { error } = replay(
            recorded,
            ({ firstSeq }) => now[firstSeq - 1] ?? [],
            count,
            order,
          )
          const text = (all: readonly (readonly Command[])[]): string =>
            JSON.stringify(Array.from({ length: count }, (_, i) => all[i] ?? []))
          expect(error === undefined).toBe(text(journaled) === text(now))
        },
      ),
    )
  })

  test('what is left over on either side is found once all is replayed, before any further turn', () => {
    const sides: [journaled: TurnCommands[], now: Command[]][] = [
      [[[2, [timer(1)]]], []],
      [[], [timer(1)]],
    ]
    for (const [journaled, now] of sides) {
      const sandbox = new ScriptedSandbox(({ firstSeq }) => (firstSeq === 2 ? now : []))
      const actor = new Actor(1, 2, { closed: false, groups: [] }, sandbox)
      expect(actor.expect(journaled)).toBeUndefined()
      actor.receive(1, inputs(2), 0)
      expect(runAll(actor)).toBeUndefined()
      expect(actor.checkReplay()).toBeUndefined()
      actor.loaded()
      expect(actor.checkReplay()).toMatchObject({ nonDeterministic: true })
    }
  })

  test('an end in a turn after which the journal went on is found, whatever came then', () => {
    const { error } = replay([], ({ firstSeq }) => (firstSeq === 2 ? [complete] : []), 3)
    expect(error).toMatchObject({ nonDeterministic: true })
    expect(error?.message).toContain('no end of the run')
  })

  test('a turn that fails has not ended, and what ended before it is kept', () => {
    const sandbox = new ScriptedSandbox(({ firstSeq }) =>
      firstSeq === 3 ? { name: 'TypeError', message: 'a defect' } : [timer(firstSeq)],
    )
    const actor = new Actor(1, 0, { closed: false, groups: [] }, sandbox)
    actor.receive(1, inputs(5), 0)
    actor.loaded()
    expect(runAll(actor)).toMatchObject({ message: 'a defect' })
    expect(actor.processed).toBe(2)
    expect(actor.runnable).toBe(false)
    expect(actor.takeResults().turns.map(([seq]) => seq)).toEqual([1, 2])
  })

  test('a group of inputs is one activation, and waits until it is whole', () => {
    const sandbox = new ScriptedSandbox(() => [])
    const actor = new Actor(1, 0, { closed: false, groups: [[2, 4]] }, sandbox)
    actor.loaded()
    actor.receive(1, inputs(3), 0)
    expect(runAll(actor)).toBeUndefined()
    expect(actor.processed).toBe(1)
    actor.receive(4, [signal(3), signal(4)], 0)
    expect(runAll(actor)).toBeUndefined()
    expect(sandbox.activations.map(({ inputs }) => inputs.length)).toEqual([1, 3, 1])
    expect(actor.processed).toBe(5)
  })

  test('nothing is done after the command that ends the run', () => {
    const sandbox = new ScriptedSandbox(({ firstSeq }) => (firstSeq === 2 ? [complete] : []))
    const actor = new Actor(1, 0, { closed: false, groups: [] }, sandbox)
    actor.receive(1, inputs(5), 0)
    actor.loaded()
    expect(runAll(actor)).toBeUndefined()
    expect(actor.ended).toBe(true)
    expect(actor.processed).toBe(2)
  })

  test('of a closed run nothing beyond its last turn is ever done', () => {
    const sandbox = new ScriptedSandbox(() => [])
    const actor = new Actor(1, 3, { closed: true, groups: [] }, sandbox)
    actor.receive(1, inputs(6), 0)
    actor.loaded()
    expect(runAll(actor)).toBeUndefined()
    expect(actor.processed).toBe(3)
    expect(actor.ended).toBe(true)
  })

  test('the clock never runs backwards', () => {
    const sandbox = new ScriptedSandbox(() => [])
    const actor = new Actor(1, 0, { closed: false, groups: [] }, sandbox)
    const at = (time: number): Input => [InputKind.signaled, time, 'add', []]
    actor.receive(1, [started, at(1_500), at(1_200), at(1_600), at(1)], 0)
    actor.loaded()
    runAll(actor)
    expect(sandbox.activations.map(({ time }) => time)).toEqual([1_000, 1_500, 1_500, 1_600, 1_600])
  })

  test('a timer that fires after it was cancelled, or twice, makes no turn', () => {
    const fired = (seq: number): Input => [InputKind.timerFired, 2_000, seq]
    const sandbox = new ScriptedSandbox(({ firstSeq }) => {
      if (firstSeq === 1) return [timer(1), timer(2)]
      return firstSeq === 2 ? [{ kind: 'cancelTimer', seq: 1 }] : []
    })
    const actor = new Actor(1, 0, { closed: false, groups: [] }, sandbox)
    actor.receive(1, [started, signal(1), fired(1), fired(2), fired(2)], 0)
    actor.loaded()
    expect(runAll(actor)).toBeUndefined()
    expect(actor.processed).toBe(5)
    expect(sandbox.activations.map(({ firstSeq }) => firstSeq)).toEqual([1, 2, 4])
    const cancelled = actor.takeResults().turns.flatMap(([, commands]) => commands)
    expect(cancelled).toContainEqual({ kind: 'cancelTimer', seq: 1, dueTime: 1_010 })
  })
})
