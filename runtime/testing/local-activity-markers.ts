import type { Command } from '../../actors/commands.ts'
import {
  InputKind,
  type LocalActivityResolution,
  type LocalActivityResolvedInput,
} from '../../actors/inputs.ts'
import type { RecordedEvent } from './history-tasks.ts'
import { failureOf, type JsonObject, objectOf, payloadsOf } from './history-values.ts'

/** The outcome of a local activity is no event between tasks but a marker among a task's commands. */
export function isLocalActivityMarker({ type, attributes }: RecordedEvent): boolean {
  return type === 'MARKER_RECORDED' && attributes['markerName'] === 'core_local_activity'
}

/** The local activities of a replayed run that have no outcome yet. */
export class ReplayedLocalActivities {
  readonly #pending = new Map<number, { activityType: string; activityId: string }>()
  /** Those that the workflow itself has given an outcome: their markers are no news to it. */
  readonly #cancelled = new Set<number>()

  /** What a turn has asked for. */
  note(commands: readonly Command[]): void {
    for (const command of commands) {
      if (command.kind === 'scheduleLocalActivity') this.#pending.set(command.seq, command)
      else if (command.kind === 'cancelLocalActivity' && command.resolved !== undefined) {
        this.#pending.delete(command.seq)
        this.#cancelled.add(command.seq)
      }
    }
  }

  /**
   * The input that a marker is. Undefined for one whose outcome the workflow knows.
   *
   * @returns 'unknown' if the code has not asked for the activity
   */
  take(event: RecordedEvent, timeMs: number): LocalActivityResolvedInput | 'unknown' | undefined {
    const details = objectOf(event.attributes['details'])
    const data = markerData(details)
    const seq = Number(data['seq'] ?? 0)
    if (this.#cancelled.delete(seq)) return undefined
    const activity = this.#pending.get(seq)
    if (activity === undefined) return 'unknown'
    this.#pending.delete(seq)
    const time = Math.max(timeMs, millisecondsOf(data['complete_time']) ?? 0)
    const resolution = resolutionOf(data, details, event.attributes['failure'], activity)
    return [InputKind.localActivityResolved, time, seq, resolution]
  }
}

function resolutionOf(
  data: JsonObject,
  details: JsonObject,
  given: unknown,
  activity: { readonly activityType: string; readonly activityId: string },
): LocalActivityResolution {
  const attempt = Number(data['attempt'] ?? 1)
  if (given === undefined) {
    return { status: 'completed', result: payloadsOf(details['result'])[0] ?? null, attempt }
  }
  const failure = failureOf(given)
  const delayMs = millisecondsOf(data['backoff'])
  if (delayMs !== undefined) {
    const originalScheduleTime = millisecondsOf(data['original_schedule_time']) ?? 0
    return { status: 'backoff', failure, attempt, delayMs, originalScheduleTime }
  }
  // The function's own error is what the code sees; only a cancellation is wrapped.
  if (failure.canceledFailureInfo === undefined) return { status: 'failed', failure, attempt }
  const { activityType, activityId } = activity
  return {
    status: 'cancelled',
    failure: {
      message: 'Local Activity cancelled',
      cause: failure,
      activityFailureInfo: { activityType, activityId, retryState: 'CANCEL_REQUESTED' },
    },
    attempt,
  }
}

function markerData(details: JsonObject): JsonObject {
  const [payload] = payloadsOf(details['data'])
  const text = typeof payload === 'string' ? payload : '{}'
  try {
    return objectOf(JSON.parse(text))
  } catch {
    return {}
  }
}

/** A protobuf Timestamp or Duration as core writes it into JSON. */
function millisecondsOf(value: unknown): number | undefined {
  if (typeof value !== 'object' || value === null) return undefined
  const { seconds, nanos } = value as { readonly seconds?: unknown; readonly nanos?: unknown }
  return Number(seconds ?? 0) * 1_000 + Math.round(Number(nanos ?? 0) / 1_000_000)
}
