import type { Failure, RetryState, TimeoutType } from '../../actors/failure.ts'
import type { Payload, PayloadMap } from '../../actors/payload.ts'
import { defined } from '../defined.ts'

/* Values of Temporal's messages in proto3 JSON, read leniently: what is missing has its default. */

export type JsonObject = Readonly<Record<string, unknown>>

const nothing: JsonObject = Object.freeze({})

export function objectOf(value: unknown): JsonObject {
  return typeof value === 'object' && value !== null ? (value as JsonObject) : nothing
}

export function listOf(value: unknown): readonly unknown[] {
  return Array.isArray(value) ? value : []
}

export function textOf(value: unknown): string {
  return typeof value === 'string' ? value : ''
}

/** A text, or undefined where it is empty, as unset fields are. */
export function optionalText(value: unknown): string | undefined {
  return textOf(value) || undefined
}

/** An event id: 64 bits, so a string in JSON. */
export function idOf(value: unknown): number {
  return Number(value ?? 0)
}

/** `RETRY_STATE_TIMEOUT` → `TIMEOUT`. */
export function enumOf(value: unknown, prefix: string): string {
  const text = textOf(value)
  return text.startsWith(prefix) ? text.slice(prefix.length) : text
}

/** `"10s"` in milliseconds; undefined for none. */
export function durationOf(value: unknown): number | undefined {
  const match = /^(\d+(?:\.\d+)?)s$/.exec(textOf(value))
  const ms = match === null ? 0 : Math.round(Number(match[1]) * 1_000)
  return ms === 0 ? undefined : ms
}

/** A timestamp in milliseconds since the epoch. @throws TypeError if it is none */
export function timeOf(value: unknown): number {
  const ms = Date.parse(textOf(value))
  if (Number.isNaN(ms)) throw new TypeError(`${JSON.stringify(value)} is no timestamp`)
  return ms
}

export function payloadOf(value: unknown): Payload {
  const { metadata, data } = objectOf(value)
  const bytes = Buffer.from(textOf(data), 'base64')
  const entries = Object.entries(objectOf(metadata)).map(
    ([key, text]) => [key, Buffer.from(textOf(text), 'base64')] as const,
  )
  const encoding = entries.find(([key]) => key === 'encoding')?.[1].toString()
  if (entries.length === 1) {
    if (encoding === 'json/plain') return bytes.toString()
    if (encoding === 'binary/null') return null
    if (encoding === 'binary/plain') return Uint8Array.from(bytes)
  }
  const copied = entries.map(([key, text]) => [key, Uint8Array.from(text)] as const)
  return { metadata: Object.fromEntries(copied), data: Uint8Array.from(bytes) }
}

/** A `Payloads` message. */
export function payloadsOf(value: unknown): Payload[] {
  return listOf(objectOf(value)['payloads']).map(payloadOf)
}

export function optionalPayloads(value: unknown): readonly Payload[] | undefined {
  const payloads = payloadsOf(value)
  return payloads.length === 0 ? undefined : payloads
}

/** `Header`, `Memo` or `SearchAttributes`. */
export function payloadMapOf(value: unknown): PayloadMap | undefined {
  const { fields, indexedFields } = objectOf(value)
  const entries = Object.entries(objectOf(fields ?? indexedFields))
  if (entries.length === 0) return undefined
  return Object.fromEntries(entries.map(([key, payload]) => [key, payloadOf(payload)]))
}

export function retryStateOf(value: unknown): RetryState {
  return (enumOf(value, 'RETRY_STATE_') || 'NON_RETRYABLE_FAILURE') as RetryState
}

export function failureOf(value: unknown): Failure {
  const failure = objectOf(value)
  const base = defined({
    source: optionalText(failure['source']),
    stackTrace: optionalText(failure['stackTrace']),
    cause: failure['cause'] === undefined ? undefined : failureOf(failure['cause']),
  })
  return { message: textOf(failure['message']), ...base, ...failureInfoOf(failure) }
}

function failureInfoOf(failure: JsonObject): Partial<Failure> {
  const [name] = Object.keys(failure).filter((key) => key.endsWith('FailureInfo'))
  if (name === undefined) return {}
  const info = objectOf(failure[name])
  const details = optionalPayloads(info['details'])
  const nonRetryable = info['nonRetryable'] === true ? true : undefined
  const identity = optionalText(info['identity'])
  switch (name) {
    case 'applicationFailureInfo':
      return {
        applicationFailureInfo: defined({
          type: optionalText(info['type']),
          nonRetryable,
          details,
          nextRetryDelayMs: durationOf(info['nextRetryDelay']),
          category:
            info['category'] === 'APPLICATION_ERROR_CATEGORY_BENIGN'
              ? ('BENIGN' as const)
              : undefined,
        }),
      }
    case 'timeoutFailureInfo':
      return {
        timeoutFailureInfo: {
          timeoutType: enumOf(info['timeoutType'], 'TIMEOUT_TYPE_') as TimeoutType,
          ...defined({ lastHeartbeatDetails: optionalPayloads(info['lastHeartbeatDetails']) }),
        },
      }
    case 'canceledFailureInfo':
      return { canceledFailureInfo: defined({ details }) }
    case 'terminatedFailureInfo':
      return { terminatedFailureInfo: defined({ identity }) }
    case 'serverFailureInfo':
      return { serverFailureInfo: defined({ nonRetryable }) }
    case 'activityFailureInfo':
      return {
        activityFailureInfo: {
          activityType: textOf(objectOf(info['activityType'])['name']),
          activityId: textOf(info['activityId']),
          ...defined({ identity }),
          retryState: retryStateOf(info['retryState']),
        },
      }
    case 'childWorkflowExecutionFailureInfo': {
      const { workflowId, runId } = objectOf(info['workflowExecution'])
      return {
        childWorkflowExecutionFailureInfo: {
          namespace: textOf(info['namespace']),
          workflowId: textOf(workflowId),
          runId: textOf(runId),
          workflowType: textOf(objectOf(info['workflowType'])['name']),
          retryState: retryStateOf(info['retryState']),
        },
      }
    }
    default:
      return {}
  }
}
