import { type Input, InputKind } from '../../inputs.ts'
import type { Activator } from '../activator.ts'

/** Temporal's order within an activation. */
export const RANKS = [0, 1, 2, 3] as const

export function rankOf(input: Input): (typeof RANKS)[number] {
  if (input[0] === InputKind.signaled) return 0
  if (isUpdate(input)) return 1
  return input[0] === InputKind.localActivityResolved ? 3 : 2
}

export function isUpdate(input: Input): boolean {
  return input[0] === InputKind.updateRequested
}

/**
 * Whether an input is something that happens to the run.
 *
 * @param skippedSeqs updates that were rejected when the turn was done first
 */
export function isNews(
  activator: Activator,
  input: Input,
  seq: number,
  skippedSeqs: readonly number[],
): boolean {
  switch (input[0]) {
    case InputKind.updateRequested:
      return !skippedSeqs.includes(seq)
    case InputKind.timerFired:
      return activator.awaitsTimer(input[2])
    case InputKind.activityResolved:
    case InputKind.localActivityResolved:
      return activator.awaitsActivity(input[2])
    case InputKind.childStarted:
    case InputKind.childResolved:
    case InputKind.externalSignalResolved:
    case InputKind.externalCancelResolved:
      return activator.awaitsLinked(input)
    case InputKind.signaled:
    case InputKind.cancelRequested:
    case InputKind.reset:
      return true
    default:
      return false
  }
}

/** Give an input to what it is for. */
export function perform(activator: Activator, input: Input, seq: number): void {
  switch (input[0]) {
    case InputKind.signaled:
      activator.handlers.dispatch({
        name: input[2],
        args: input[3],
        seq,
        headers: input[4]?.headers,
      })
      break
    case InputKind.updateRequested: {
      const [, time, updateId, name, args, attributes] = input
      const headers = attributes?.headers
      activator.updates.dispatch({ seq, updateId, name, args, headers, time })
      break
    }
    case InputKind.activityResolved:
      activator.activities.resolve(input[2], input[3])
      break
    case InputKind.localActivityResolved:
      activator.activities.resolveLocal(input[2], input[3])
      break
    case InputKind.timerFired:
      activator.timers.fire(input[2])
      break
    case InputKind.cancelRequested:
      activator.cancelWorkflow()
      break
    case InputKind.childStarted:
    case InputKind.childResolved:
    case InputKind.externalSignalResolved:
    case InputKind.externalCancelResolved:
      activator.links.resolve(input)
      break
    default:
  }
}
