import { expect } from 'vitest'
import { historyTurns } from './history-turns.ts'
import type { Recorded, Replayed } from './replayer.ts'
import type { Turn } from './turn.ts'

/**
 * Guarantee: the SDK took the history, and every turn of it had the same jobs, time and history length,
 * and answered with the same commands, arguments and results, in the same order.
 */
export function expectSameTurns(runs: readonly Recorded[], replayed: readonly Replayed[]): void {
  expect(replayed.map(({ error }) => error?.message)).toEqual(runs.map(() => undefined))
  const ours = runs.map(({ history }, at) => {
    const { childCancels } = replayed[at] as Replayed
    return historyTurns(history)
      .filter((turn) => isSeen(turn, replayed[at] as Replayed))
      .map((turn) => ({
        ...turn,
        jobs: turn.jobs.filter(
          ({ kind, number }) => kind !== 'externalCancel' || !childCancels.has(number),
        ),
      }))
  })
  expect(replayed.map(({ turns }, at) => turns.map(withinHistory(runs[at] as Recorded)))).toEqual(
    ours,
  )
}

/**
 * Where a history ends with a workflow task that had no commands, a run that is still open, the SDK's core
 * takes the history as it is for that of the task: one event longer than it was when the task began.
 */
function withinHistory({ history }: Recorded): (turn: Turn) => Turn {
  const last = history.events.at(-1)
  const isOpen = last?.eventType === 'EVENT_TYPE_WORKFLOW_TASK_COMPLETED'
  return (turn) =>
    isOpen && turn.historyLength === Number(last.eventId)
      ? { ...turn, historyLength: turn.historyLength - 1 }
      : turn
}

/**
 * The outcome of what was cancelled without waiting for it, and the start of a child that was cancelled
 * so before it was known, has an event and a workflow task, in
 * Temporal as with us, but workflow code does not hear of it and the SDK does not enter it.
 */
function isSeen({ historyLength, jobs, commands }: Turn, replayed: Replayed): boolean {
  if (commands.length > 0 || jobs.length === 0) return true
  if (replayed.turns.some((turn) => turn.historyLength === historyLength)) return true
  return !jobs.every(({ kind, id, number }) => {
    // That a child was asked to cancel itself the core keeps to itself.
    if (kind === 'externalCancel') return replayed.childCancels.has(number)
    return ['activity', 'child', 'childStart'].includes(kind) && replayed.resolvedByCore.has(id)
  })
}
