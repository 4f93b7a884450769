import * as fc from 'fast-check'
import { expect, it } from 'vitest'
import type { Command } from '../../actors/commands.ts'
import {
  bytesOfCommand,
  bytesOfInput,
  EVENTS_BEFORE_CODE_RUNS,
  eventsOfCommand,
  eventsOfInput,
  isContinueAsNewSuggested,
  WORKFLOW_TASK_EVENTS,
} from '../../actors/history-length.ts'
import { type Input, InputKind } from '../../actors/inputs.ts'
import { exportHistory, type HistoryTurn, viewHistory } from '../../runtime/history.ts'
import type { HistoryEvent } from '../../runtime/workflow-service.ts'

/*
 * Goal: what `workflowInfo().historyLength` and `historySize` say in a turn is what the exported
 * history says of that turn, and a page of a history is a piece of the whole.
 * Method: random runs, counted as the actor counts and exported; the actor's counting is repeated
 * here in a few lines.
 */
type Step =
  | { readonly kind: 'signal'; readonly arg: string; readonly commands: number }
  | { readonly kind: 'fire'; readonly pick: number; readonly commands: number }
  | { readonly kind: 'resolve'; readonly pick: number; readonly commands: number }
  | { readonly kind: 'group'; readonly size: number; readonly commands: number }

const commands = fc.nat(3)
const steps: fc.Arbitrary<Step[]> = fc.array(
  fc.oneof(
    fc.record({ kind: fc.constant('signal' as const), arg: fc.string(), commands }),
    fc.record({ kind: fc.constant('fire' as const), pick: fc.nat(), commands }),
    fc.record({ kind: fc.constant('resolve' as const), pick: fc.nat(), commands }),
    fc.record({
      kind: fc.constant('group' as const),
      size: fc.integer({ min: 2, max: 4 }),
      commands,
    }),
  ),
  { maxLength: 40 },
)

interface Simulated {
  readonly turns: HistoryTurn[]
  /** What each turn's code saw; undefined for a turn that had none. */
  readonly seen: ({ readonly length: number; readonly size: number } | undefined)[]
}

/** A run whose timers are now and then fired after they were cancelled. */
function simulate(steps: readonly Step[]): Simulated {
  const turns: HistoryTurn[] = []
  const seen: Simulated['seen'] = []
  const pendingTimers = new Set<number>()
  const cancelledTimers = new Set<number>()
  const pendingActivities = new Set<number>()
  let [timer, activity, seq, length, size, time] = [0, 0, 0, 0, 0, 1_000]
  const issue = (count: number): Command[] => {
    const issued: Command[] = []
    for (let n = 0; n < count; n++) {
      const oldest = [...pendingTimers][0]
      if (n === 2 && oldest !== undefined) {
        pendingTimers.delete(oldest)
        cancelledTimers.add(oldest)
        issued.push({ kind: 'cancelTimer', seq: oldest })
      } else if (n === 1) {
        pendingTimers.add(++timer)
        issued.push({ kind: 'startTimer', seq: timer, delayMs: 10 })
      } else {
        pendingActivities.add(++activity)
        issued.push(scheduleActivity(activity))
      }
    }
    return issued
  }
  const handle = (inputs: readonly Input[], count: number): void => {
    const visible = inputs.filter(
      (input) => input[0] !== InputKind.timerFired || pendingTimers.delete(input[2]),
    )
    for (const input of visible) {
      length += eventsOfInput(input)
      size += bytesOfInput(input)
    }
    seen.push(visible.length > 0 ? { length: length + EVENTS_BEFORE_CODE_RUNS, size } : undefined)
    const issued = visible.length > 0 ? issue(count) : []
    if (visible.length > 0) length += WORKFLOW_TASK_EVENTS
    for (const command of issued) {
      length += eventsOfCommand(command)
      size += bytesOfCommand(command)
    }
    turns.push({
      firstSeq: seq + 1,
      lastSeq: (seq += inputs.length),
      inputs,
      commands: issued,
      ended: true,
    })
  }
  handle([started(time)], 3)
  for (const step of steps) {
    time += 5
    if (step.kind === 'signal') handle([[InputKind.signaled, time, 's', [step.arg]]], step.commands)
    else if (step.kind === 'group') {
      const inputs = Array.from({ length: step.size }, (_none, index): Input => [
        InputKind.signaled,
        time + index,
        'g',
        [],
      ])
      handle(inputs, step.commands)
    } else if (step.kind === 'fire') {
      const timers = [...pendingTimers, ...cancelledTimers]
      const fired = timers[step.pick % timers.length]
      if (fired === undefined) continue
      cancelledTimers.delete(fired)
      handle([[InputKind.timerFired, time, fired]], step.commands)
    } else {
      const activities = [...pendingActivities]
      const resolved = activities[step.pick % activities.length]
      if (resolved === undefined) continue
      pendingActivities.delete(resolved)
      const resolution = { status: 'completed' as const, result: '"done"', attempt: 1 }
      handle([[InputKind.activityResolved, time, resolved, resolution]], step.commands)
    }
  }
  return { turns, seen }
}

function started(time: number): Input {
  const attributes = {
    namespace: 'default',
    workflowId: 'w',
    runId: 'r',
    workflowType: 't',
    taskQueue: 'q',
    args: ['"argument"'],
    firstExecutionRunId: 'r',
    attempt: 1,
    taskTimeoutMs: 10_000,
  }
  return [InputKind.started, time, attributes]
}

function scheduleActivity(seq: number): Command {
  return {
    kind: 'scheduleActivity',
    seq,
    activityId: String(seq),
    activityType: 'a',
    args: ['1'],
    startToCloseTimeoutMs: 1,
    retryPolicy: {
      initialIntervalMs: 1,
      backoffCoefficient: 1,
      maximumIntervalMs: 1,
      maximumAttempts: 1,
      nonRetryableErrorTypes: [],
    },
    cancellationType: 'ABANDON',
  }
}

const run = { runId: 'r', status: 'RUNNING' as const }

it('the history length and size that a turn saw are those of its WORKFLOW_TASK_STARTED', () => {
  fc.assert(
    fc.property(steps, (steps) => {
      const { turns, seen } = simulate(steps)
      const tasks = exportHistory(turns, run).filter(
        ({ eventType }) => eventType === 'EVENT_TYPE_WORKFLOW_TASK_STARTED',
      )
      const exported = tasks.map((event: HistoryEvent) => {
        const [, size] = /"historySizeBytes":"(\d+)"/.exec(JSON.stringify(event)) ?? []
        return { length: Number(event.eventId), size: Number(size) }
      })
      expect(exported).toEqual(seen.filter((values) => values !== undefined))
    }),
    { numRuns: 300 },
  )
})

it('a window shows the same events as the whole', () => {
  fc.assert(
    fc.property(
      steps,
      fc.integer({ min: 1, max: 60 }),
      fc.integer({ min: 1, max: 30 }),
      (steps, from, limit) => {
        const { turns } = simulate(steps)
        const whole = exportHistory(turns, run)
        const view = viewHistory(turns, run, { from, limit })
        expect(view.length).toBe(whole.length)
        expect(view.events).toEqual(whole.slice(from - 1, from - 1 + limit))
      },
    ),
    { numRuns: 200 },
  )
})

it('events of turns that have ended never change when the run goes on', () => {
  fc.assert(
    fc.property(steps, fc.nat(), (steps, cut) => {
      const { turns } = simulate(steps)
      const waiting = cut % turns.length
      const then = turns.map((turn, index) =>
        index < turns.length - waiting ? turn : { ...turn, commands: [], ended: false },
      )
      const before = viewHistory(then, run)
      const after = exportHistory(turns, run)
      const settled = before.events.slice(0, before.settledLength)
      expect(after.slice(0, before.settledLength)).toEqual(settled)
      expect(viewHistory(then, run, { settledOnly: true }).events).toEqual(settled)
    }),
    { numRuns: 200 },
  )
})

it('continue-as-new is suggested from 4,096 events or 4 MiB on', () => {
  expect(isContinueAsNewSuggested(4_095, 4 * 1024 * 1024 - 1)).toBe(false)
  expect(isContinueAsNewSuggested(4_096, 0)).toBe(true)
  expect(isContinueAsNewSuggested(3, 4 * 1024 * 1024)).toBe(true)
})

it('the estimate of bytes grows with whatever can grow', () => {
  const failure = { message: 'x'.repeat(100), stackTrace: 'y'.repeat(50), cause: { message: 'zz' } }
  expect(bytesOfCommand({ kind: 'failWorkflow', failure })).toBe(64 + 152)
  const header = { headers: { trace: new Uint8Array(10) } }
  expect(bytesOfInput([InputKind.signaled, 0, 'name', ['"abc"', null], header])).toBe(
    64 + 4 + 5 + 15,
  )
  const encoded = { metadata: {}, data: new Uint8Array(7) }
  expect(bytesOfCommand({ kind: 'completeWorkflow', result: encoded })).toBe(64 + 7)
})
