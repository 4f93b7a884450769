import type {
  CancelLocalActivityCommand,
  ScheduleLocalActivityCommand,
} from '../actors/commands.ts'
import type { Failure } from '../actors/failure.ts'
import type { LocalActivityResolution } from '../actors/inputs.ts'
import { failureToJson, type JsonMessage, jsonMessage, payloadToJson } from './history-json.ts'

/* Markers: the events by which Temporal's SDKs record what their server does not know of. */

type Identity = Pick<ScheduleLocalActivityCommand, 'activityId' | 'activityType' | 'seq'>

/**
 * The outcome of a local activity.
 *
 * @param time what the clock of its turn shows: it moves with the outcome, within a workflow task too
 */
export function localActivityMarker(
  command: ScheduleLocalActivityCommand,
  resolution: LocalActivityResolution,
  time: number,
): JsonMessage {
  const backoff = resolution.status === 'backoff' ? resolution : undefined
  const data = markerData(command, resolution.attempt, {
    complete_time: timestamp(time),
    backoff: backoff === undefined ? null : timestamp(backoff.delayMs),
    original_schedule_time: timestamp(
      backoff?.originalScheduleTime ?? command.originalScheduleTime,
    ),
  })
  if (resolution.status === 'completed') return marker(data, payloadToJson(resolution.result))
  // Replayers wrap a cancellation in an ActivityFailure themselves, and nothing else.
  const { failure } = resolution
  return marker(data, undefined, resolution.status === 'cancelled' ? failure.cause : failure)
}

/** The outcome of one whose workflow did not wait for its end. */
export function cancelledLocalActivityMarker(
  seq: number,
  resolved: NonNullable<CancelLocalActivityCommand['resolved']>,
): JsonMessage {
  const { attempt, originalScheduleTime } = resolved
  const data = markerData({ ...resolved, seq }, attempt, {
    complete_time: null,
    backoff: null,
    original_schedule_time: timestamp(originalScheduleTime),
  })
  return marker(data, undefined, { message: 'Activity cancelled', canceledFailureInfo: {} })
}

interface Times {
  readonly complete_time: object | null
  readonly backoff: object | null
  readonly original_schedule_time: object | null
}

function markerData(identity: Identity, attempt: number, times: Times): JsonMessage {
  const { seq, activityId, activityType } = identity
  const names = { seq, attempt, activity_id: activityId, activity_type: activityType }
  return payloadToJson(JSON.stringify({ ...names, ...times }))
}

function marker(data: JsonMessage, result?: JsonMessage, failure?: Failure): JsonMessage {
  return jsonMessage({
    markerName: 'core_local_activity',
    details: jsonMessage({
      data: { payloads: [data] },
      result: result && { payloads: [result] },
    }),
    failure: failure && failureToJson(failure),
  })
}

/** A protobuf Timestamp or Duration as core writes it into JSON. */
function timestamp(ms: number | undefined): object | null {
  if (ms === undefined) return null
  const seconds = Math.floor(ms / 1_000)
  return { seconds, nanos: Math.round((ms - seconds * 1_000) * 1_000_000) }
}
