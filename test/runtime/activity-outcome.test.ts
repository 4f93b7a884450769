import * as fc from 'fast-check'
import { expect, it } from 'vitest'
import {
  activityInfo,
  ApplicationFailure,
  cancelled,
  heartbeat,
  sleep,
} from '../../runtime/activity/index.ts'
import type { ActivityTask } from '../../runtime/activity-task.ts'
import { ActivityHarness, nth } from './activity-harness.ts'

/*
 * Goal: whatever order results, timeouts, cancel requests, closed workflows, slow commits and the
 * closing of the runner come in, each activity has exactly one outcome, and the journal was told of
 * every attempt before it ran.
 * Method: random activities with random behaviour per attempt, under a random list of events over a
 * simulated clock; the harness records every call of a port in order.
 */
type Behaviour = 'returns' | 'throws' | 'fatal' | 'heeds' | 'hangs' | 'beats'

interface Plan {
  readonly run: number
  readonly recovered: 'no' | 'lost' | 'waiting'
  readonly attempts: readonly { readonly behaviour: Behaviour; readonly ms: number }[]
  readonly maximumAttempts: number
  readonly scheduleToCloseTimeoutMs: number
  readonly startToCloseTimeoutMs: number
  readonly scheduleToStartTimeoutMs: number
  readonly heartbeatTimeoutMs: number
  readonly cancellationType: 'TRY_CANCEL' | 'WAIT_CANCELLATION_COMPLETED' | 'ABANDON'
}

type Event =
  | { readonly kind: 'advance'; readonly ms: number }
  | { readonly kind: 'cancel'; readonly index: number }
  | { readonly kind: 'abandon'; readonly run: number }
  | { readonly kind: 'commit' }

const duration = fc.constantFrom(0, 1, 500, 1_000, 1_001, 3_000, 5_000)
const plans: fc.Arbitrary<Plan> = fc.record({
  run: fc.integer({ min: 1, max: 3 }),
  recovered: fc.constantFrom('no' as const, 'lost' as const, 'waiting' as const),
  attempts: fc.array(
    fc.record({
      behaviour: fc.constantFrom<Behaviour>(
        'returns',
        'throws',
        'throws',
        'fatal',
        'heeds',
        'hangs',
        'beats',
      ),
      ms: duration,
    }),
    { minLength: 1, maxLength: 4 },
  ),
  maximumAttempts: fc.integer({ min: 1, max: 4 }),
  scheduleToCloseTimeoutMs: fc.constantFrom(0, 0, 2_000, 9_000),
  startToCloseTimeoutMs: fc.constantFrom(1_000, 3_000, 20_000),
  scheduleToStartTimeoutMs: fc.constantFrom(0, 0, 1_000),
  heartbeatTimeoutMs: fc.constantFrom(0, 0, 600),
  cancellationType: fc.constantFrom(
    'TRY_CANCEL' as const,
    'WAIT_CANCELLATION_COMPLETED' as const,
    'ABANDON' as const,
  ),
})
const events: fc.Arbitrary<Event> = fc.oneof(
  { weight: 5, arbitrary: duration.map((ms) => ({ kind: 'advance' as const, ms })) },
  { weight: 2, arbitrary: fc.constant({ kind: 'commit' as const }) },
  { weight: 2, arbitrary: fc.nat(9).map((index) => ({ kind: 'cancel' as const, index })) },
  {
    weight: 1,
    arbitrary: fc.integer({ min: 1, max: 3 }).map((run) => ({ kind: 'abandon' as const, run })),
  },
)

async function behave(plan: Plan): Promise<string> {
  const { attempt } = activityInfo()
  const step = nth(plan.attempts, (attempt - 1) % plan.attempts.length)
  switch (step.behaviour) {
    case 'hangs':
      return new Promise(() => undefined)
    case 'heeds':
      return cancelled()
    case 'beats':
      for (let beat = 0; beat < 5; beat++) {
        heartbeat(beat)
        await new Promise<void>((resolve) => void sleep(step.ms).then(resolve, resolve))
      }
      return 'beaten'
    default:
      // Finishes at its time even if it is told to stop: its result may come too late.
      await new Promise<void>((resolve) => void sleep(step.ms).then(resolve, resolve))
      if (step.behaviour === 'returns') return 'done'
      if (step.behaviour === 'fatal') throw ApplicationFailure.nonRetryable('fatal')
      throw new Error('again')
  }
}

function taskOf(harness: ActivityHarness, plan: Plan, seq: number): ActivityTask {
  const { run, maximumAttempts, recovered, attempts: _attempts, ...command } = plan
  const attempt = recovered === 'no' ? 1 : Math.min(2, maximumAttempts)
  const started = recovered !== 'waiting'
  const dueTime = harness.clock.now() + (started ? 0 : 700)
  const policy = { maximumAttempts }
  return harness.task({ run, seq, command, policy, task: { attempt, started, dueTime } })
}

async function play(
  planned: readonly Plan[],
  happening: readonly Event[],
  bound: number,
  closing: boolean,
): Promise<void> {
  const begun = new Map<number, number[]>()
  const tasks: ActivityTask[] = []
  // Collected, since what an activity throws is the runner's to handle.
  const violations: string[] = []
  const harness = new ActivityHarness(
    {
      act: () => {
        const seq = Number(activityInfo().activityId)
        const { attempt } = activityInfo()
        const task = nth(tasks, seq - 1)
        const before = begun.get(seq) ?? []
        begun.set(seq, [...before, attempt])
        if (attempt <= (before.at(-1) ?? 0)) violations.push(`${seq}: attempt ${attempt} again`)
        const isFirstStart = attempt === 1 && task.started && task.attempt === 1
        if (!isFirstStart && committed(harness, seq) !== attempt) {
          violations.push(`${seq}: attempt ${attempt} was not durable`)
        }
        return behave(nth(planned, seq - 1))
      },
    },
    { maxConcurrentActivities: bound },
  )
  harness.autoCommit = false
  const abandoned = new Set<number>()
  for (const [index, plan] of planned.entries()) {
    const task = taskOf(harness, plan, index + 1)
    tasks.push(task)
    if (plan.recovered === 'no') harness.runner.schedule(task)
    else harness.runner.recover(task)
  }
  for (const event of happening) {
    switch (event.kind) {
      case 'advance':
        await harness.advance(event.ms)
        break
      case 'commit':
        harness.commit()
        break
      case 'cancel':
        harness.runner.requestCancel(planned[event.index]?.run ?? 1, event.index + 1)
        break
      case 'abandon':
        abandoned.add(event.run)
        harness.runner.abandonRun(event.run)
        harness.abandoned.add(event.run)
        break
    }
  }
  harness.autoCommit = true
  harness.commit()
  if (closing) {
    const closed = harness.runner.close(1_500)
    await harness.advance(1_500)
    await closed
  } else await harness.advance(400_000)
  expect(violations).toEqual([])
  checkOutcomes(harness, planned, abandoned, closing)
  for (const [seq, attempts] of begun) {
    expect(attempts.at(-1)).toBeLessThanOrEqual(nth(planned, seq - 1).maximumAttempts)
  }
}

function checkOutcomes(
  harness: ActivityHarness,
  planned: readonly Plan[],
  abandoned: ReadonlySet<number>,
  closing: boolean,
): void {
  const counts = new Map<number, number>()
  for (const [run, seq] of harness.outcomes) {
    expect(run).toBe(planned[seq - 1]?.run)
    counts.set(seq, (counts.get(seq) ?? 0) + 1)
  }
  for (const [index, plan] of planned.entries()) {
    const count = counts.get(index + 1) ?? 0
    const mayHaveNone = closing || abandoned.has(plan.run)
    expect(count).toBeLessThanOrEqual(1)
    if (!mayHaveNone) expect(count).toBe(1)
  }
  expect(harness.savedAfterOutcome).toEqual([])
  expect(harness.runner.size).toBe(0)
  expect(harness.clock.pendingTimers).toBeLessThanOrEqual(1)
}

function committed(harness: ActivityHarness, seq: number): number | undefined {
  return harness.committed.findLast((task) => task.command.seq === seq && task.started)?.attempt
}

it('each activity has exactly one outcome, and no attempt runs that the journal does not know', async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.array(plans, { minLength: 1, maxLength: 8 }),
      fc.array(events, { maxLength: 25 }),
      fc.integer({ min: 1, max: 4 }),
      fc.boolean(),
      play,
    ),
    { numRuns: 400 },
  )
}, 60_000)
