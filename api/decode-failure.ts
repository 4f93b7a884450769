import type { Failure } from '../actors/failure.ts'
import type { Payload } from '../actors/payload.ts'
import { parseEnum, retryState, timeoutType } from './enum-json.ts'
import { invalidField } from './invalid-field.ts'
import { decodePayloads } from './payload-json.ts'
import { parseDuration } from './time-json.ts'

type Json = Readonly<Record<string, unknown>>

/** Causes of causes: more than any error has, and fewer than a stack stands. */
const maxCauses = 20

/**
 * Temporal's `Failure` message in proto3 JSON. Fields that a failure here has no place for are
 * skipped, since a failure tells what happened rather than what to do.
 *
 * @throws SignalboxError SIGNALBOX_ERR_INVALID_ARGUMENT for fields of the wrong type
 */
export function decodeFailure(value: unknown, field: string, depth = 0): Failure {
  const json = object(value, field) ?? {}
  const at = (name: string) => `${field}.${name}`
  if (depth > maxCauses) throw invalidField(at('cause'), `has more than ${maxCauses} causes`)
  const source = text(json, 'source', field)
  const stackTrace = text(json, 'stackTrace', field)
  const cause =
    json['cause'] === undefined ? undefined : decodeFailure(json['cause'], at('cause'), depth + 1)
  return {
    message: text(json, 'message', field) ?? '',
    ...(source === undefined ? {} : { source }),
    ...(stackTrace === undefined ? {} : { stackTrace }),
    ...(cause === undefined ? {} : { cause }),
    ...info(json, field),
  }
}

function info(json: Json, field: string): Partial<Failure> {
  const of = (name: string) => object(json[name], `${field}.${name}`)
  const details = (of: Json, name: string) => list(of['details'], `${field}.${name}.details`)
  const application = of('applicationFailureInfo')
  if (application !== undefined)
    return { applicationFailureInfo: applicationInfo(application, field) }
  const timeout = of('timeoutFailureInfo')
  if (timeout !== undefined) {
    const name = `${field}.timeoutFailureInfo`
    const type = parseEnum(
      timeoutType,
      enumeration(timeout, 'timeoutType', name),
      `${name}.timeoutType`,
    )
    const last = list(timeout['lastHeartbeatDetails'], `${name}.lastHeartbeatDetails`)
    return {
      timeoutFailureInfo: {
        timeoutType: type ?? 'START_TO_CLOSE',
        ...(last === undefined ? {} : { lastHeartbeatDetails: last }),
      },
    }
  }
  const canceled = of('canceledFailureInfo')
  if (canceled !== undefined) {
    const given = details(canceled, 'canceledFailureInfo')
    return { canceledFailureInfo: given === undefined ? {} : { details: given } }
  }
  if (of('terminatedFailureInfo') !== undefined) return { terminatedFailureInfo: {} }
  const server = of('serverFailureInfo')
  if (server !== undefined) {
    return { serverFailureInfo: { nonRetryable: server['nonRetryable'] === true } }
  }
  const activity = of('activityFailureInfo')
  if (activity !== undefined) {
    const name = `${field}.activityFailureInfo`
    const identity = text(activity, 'identity', name)
    return {
      activityFailureInfo: {
        activityType: text(object(activity['activityType'], name) ?? {}, 'name', name) ?? '',
        activityId: text(activity, 'activityId', name) ?? '',
        ...(identity === undefined ? {} : { identity }),
        retryState:
          parseEnum(retryState, enumeration(activity, 'retryState', name), `${name}.retryState`) ??
          'RETRY_POLICY_NOT_SET',
      },
    }
  }
  return {}
}

function applicationInfo(
  json: Json,
  field: string,
): NonNullable<Failure['applicationFailureInfo']> {
  const name = `${field}.applicationFailureInfo`
  const type = text(json, 'type', name)
  const details = list(json['details'], `${name}.details`)
  const delay = parseDuration(text(json, 'nextRetryDelay', name), `${name}.nextRetryDelay`)
  const category = enumeration(json, 'category', name)
  return {
    nonRetryable: json['nonRetryable'] === true,
    ...(type === undefined ? {} : { type }),
    ...(details === undefined ? {} : { details }),
    ...(delay === undefined ? {} : { nextRetryDelayMs: delay }),
    ...(category === 1 || /^(?:APPLICATION_ERROR_CATEGORY_)?BENIGN$/.test(String(category))
      ? { category: 'BENIGN' }
      : {}),
  }
}

function object(value: unknown, field: string): Json | undefined {
  if (value === undefined || value === null) return undefined
  if (typeof value === 'object' && !Array.isArray(value)) return value as Json
  throw invalidField(field, 'must be an object')
}

function text(json: Json, name: string, field: string): string | undefined {
  const value = json[name]
  if (value === undefined || value === null || value === '') return undefined
  if (typeof value !== 'string') throw invalidField(`${field}.${name}`, 'must be a text')
  return value
}

function enumeration(json: Json, name: string, field: string): string | number | undefined {
  const value = json[name]
  if (value === undefined || typeof value === 'string' || typeof value === 'number') return value
  throw invalidField(`${field}.${name}`, 'must be a name or a number')
}

function list(value: unknown, field: string): readonly Payload[] | undefined {
  const payloads = decodePayloads(value, field)
  return payloads.length === 0 ? undefined : payloads
}
