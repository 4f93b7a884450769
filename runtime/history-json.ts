import type { Failure } from '../actors/failure.ts'
import type { RetryPolicyData } from '../actors/inputs.ts'
import type { EncodedPayload, Payload, PayloadMap } from '../actors/payload.ts'

/** A message in proto3 JSON. Fields that are undefined are left out. */
export interface JsonMessage {
  readonly [field: string]: JsonValue
}
export type JsonValue = string | number | boolean | JsonMessage | readonly JsonValue[]

/** Drop what is undefined: proto3 JSON leaves out what is not set, and readers refuse `undefined`. */
export function jsonMessage(fields: Readonly<Record<string, JsonValue | undefined>>): JsonMessage {
  const message: Record<string, JsonValue> = {}
  for (const [name, value] of Object.entries(fields)) {
    if (value !== undefined) message[name] = value
  }
  return message
}

/** A payload in the long form: base64 metadata and data. */
export function payloadToJson(payload: Payload): JsonMessage {
  if (payload === null) return { metadata: { encoding: NULL_ENCODING } }
  if (typeof payload === 'string') {
    return { metadata: { encoding: JSON_ENCODING }, data: base64(Buffer.from(payload)) }
  }
  if (payload instanceof Uint8Array) {
    return { metadata: { encoding: BYTES_ENCODING }, data: base64(payload) }
  }
  const metadata: Record<string, string> = {}
  for (const [key, bytes] of Object.entries(payload.metadata)) metadata[key] = base64(bytes)
  const { data } = payload
  return jsonMessage({ metadata, data: data.length === 0 ? undefined : base64(data) })
}

/** A `Payloads` message; undefined, so left out, for none. */
export function payloadsToJson(payloads: readonly Payload[] | undefined): JsonMessage | undefined {
  if (payloads === undefined || payloads.length === 0) return undefined
  return { payloads: payloads.map(payloadToJson) }
}

/** A message whose one field is a map of payloads: `Header` and `Memo` (fields), `SearchAttributes`. */
export function payloadMapToJson(
  map: PayloadMap | undefined,
  field: 'fields' | 'indexedFields' = 'fields',
): JsonMessage | undefined {
  if (map === undefined) return undefined
  const payloads: Record<string, JsonValue> = {}
  for (const [key, payload] of Object.entries(map)) payloads[key] = payloadToJson(payload)
  return { [field]: payloads }
}

/** A failure with its causes, payloads in the long form. */
export function failureToJson(failure: Failure): JsonMessage {
  return jsonMessage({
    message: failure.message,
    source: failure.source,
    stackTrace: failure.stackTrace === '' ? undefined : failure.stackTrace,
    cause: failure.cause && failureToJson(failure.cause),
    ...failureInfoToJson(failure),
  })
}

function failureInfoToJson(failure: Failure): JsonMessage {
  if (failure.applicationFailureInfo !== undefined) {
    const info = failure.applicationFailureInfo
    const applicationFailureInfo = jsonMessage({
      type: info.type,
      nonRetryable: info.nonRetryable === true ? true : undefined,
      details: payloadsToJson(info.details),
      nextRetryDelay: optionalDuration(info.nextRetryDelayMs),
      category: info.category && `APPLICATION_ERROR_CATEGORY_${info.category}`,
    })
    return { applicationFailureInfo }
  }
  if (failure.timeoutFailureInfo !== undefined) {
    const { timeoutType, lastHeartbeatDetails } = failure.timeoutFailureInfo
    const timeoutFailureInfo = jsonMessage({
      timeoutType: `TIMEOUT_TYPE_${timeoutType}`,
      lastHeartbeatDetails: payloadsToJson(lastHeartbeatDetails),
    })
    return { timeoutFailureInfo }
  }
  if (failure.canceledFailureInfo !== undefined) {
    const details = payloadsToJson(failure.canceledFailureInfo.details)
    return { canceledFailureInfo: jsonMessage({ details }) }
  }
  if (failure.terminatedFailureInfo !== undefined) {
    const { identity } = failure.terminatedFailureInfo
    return { terminatedFailureInfo: jsonMessage({ identity }) }
  }
  if (failure.serverFailureInfo !== undefined) {
    const nonRetryable = failure.serverFailureInfo.nonRetryable === true ? true : undefined
    return { serverFailureInfo: jsonMessage({ nonRetryable }) }
  }
  return originToJson(failure)
}

function originToJson(failure: Failure): JsonMessage {
  if (failure.activityFailureInfo !== undefined) {
    const { activityType, activityId, identity, retryState } = failure.activityFailureInfo
    const activityFailureInfo = jsonMessage({
      identity,
      activityType: { name: activityType },
      activityId,
      retryState: `RETRY_STATE_${retryState}`,
    })
    return { activityFailureInfo }
  }
  if (failure.childWorkflowExecutionFailureInfo !== undefined) {
    const { namespace, workflowId, runId, workflowType, retryState } =
      failure.childWorkflowExecutionFailureInfo
    const childWorkflowExecutionFailureInfo = {
      namespace,
      workflowExecution: { workflowId, runId },
      workflowType: { name: workflowType },
      retryState: `RETRY_STATE_${retryState}`,
    }
    return { childWorkflowExecutionFailureInfo }
  }
  return {}
}

export function retryPolicyToJson(policy: RetryPolicyData): JsonMessage {
  const { maximumAttempts, nonRetryableErrorTypes: types } = policy
  return jsonMessage({
    initialInterval: durationToJson(policy.initialIntervalMs),
    backoffCoefficient: policy.backoffCoefficient,
    maximumInterval: durationToJson(policy.maximumIntervalMs),
    maximumAttempts: maximumAttempts === 0 ? undefined : maximumAttempts,
    nonRetryableErrorTypes: types.length === 0 ? undefined : types,
  })
}

/** A `Duration`: seconds with an `s`, and 3, 6 or 9 digits of a second where there are such parts. */
export function durationToJson(durationMs: number): string {
  const seconds = Math.floor(durationMs / 1_000)
  const nanos = Math.trunc((durationMs % 1_000) * 1_000_000)
  if (nanos === 0) return `${seconds}s`
  return `${seconds}.${String(nanos)
    .padStart(9, '0')
    .replace(/(000){1,2}$/, '')}s`
}

export function optionalDuration(durationMs: number | undefined): string | undefined {
  return durationMs === undefined || durationMs === 0 ? undefined : durationToJson(durationMs)
}

/** A `Timestamp`: RFC 3339 in UTC with milliseconds. */
export function timeToJson(timeMs: number): string {
  return new Date(timeMs).toISOString()
}

const JSON_ENCODING = base64(Buffer.from('json/plain'))
const NULL_ENCODING = base64(Buffer.from('binary/null'))
const BYTES_ENCODING = base64(Buffer.from('binary/plain'))

function base64(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('base64')
}

/** The `userMetadata` of an event: a summary, and what else it is shown with. */
export function userMetadataField(
  summary: string | EncodedPayload | undefined,
  metadata: PayloadMap = {},
): JsonMessage {
  const shown = Object.entries(metadata).map(([name, payload]) => [name, payloadToJson(payload)])
  if (summary !== undefined) {
    const payload = typeof summary === 'string' ? JSON.stringify(summary) : summary
    shown.push(['summary', payloadToJson(payload)])
  }
  return shown.length === 0 ? {} : { userMetadata: Object.fromEntries(shown) as JsonMessage }
}

const attributesKeys = new Map<string, string>()

/** `workflowTaskStartedEventAttributes` for `WORKFLOW_TASK_STARTED`. */
export function attributesKey(type: string): string {
  let key = attributesKeys.get(type)
  if (key === undefined) {
    const camel = type
      .toLowerCase()
      .replace(/_(\w)/g, (_match, letter: string) => letter.toUpperCase())
    key = `${camel}EventAttributes`
    attributesKeys.set(type, key)
  }
  return key
}
