import type { Payload } from '../actors/payload.ts'
import type { RetryPolicyData } from '../actors/inputs.ts'
import type { ErrorCode } from '../runtime/errors.ts'
import type { StartRequest } from '../runtime/workflow-service.ts'
import { idConflictPolicy, idReusePolicy, parseEnum } from './enum-json.ts'
import { invalidField } from './invalid-field.ts'
import { decodePayloadMap, decodePayloads } from './payload-json.ts'
import { optionalId } from './request-ids.ts'
import type { StartBody } from './schemas.ts'
import { withTraceContext } from './trace-context.ts'
import { parseDuration, parseTimeout } from './time-json.ts'

/** What start and signal-with-start refuse. */
export const startErrors: readonly ErrorCode[] = [
  'SIGNALBOX_ERR_WORKFLOW_ALREADY_STARTED',
  'SIGNALBOX_ERR_WORKFLOW_TYPE_UNKNOWN',
  'SIGNALBOX_ERR_MAILBOX_FULL',
  'SIGNALBOX_ERR_PAYLOAD_TOO_LARGE',
  'SIGNALBOX_ERR_REQUEST_ID_REUSED',
  'SIGNALBOX_ERR_NOT_IMPLEMENTED',
  'SIGNALBOX_ERR_INDETERMINATE',
]

/** What start and signal-with-start have in common, except for the request id. */
export function decodeStart(
  namespace: string,
  workflowId: string,
  body: Omit<StartBody, 'requestEagerExecution'>,
  trace: Payload | undefined,
): StartRequest {
  return {
    namespace,
    workflowId,
    workflowType: optionalId(body.workflowType?.name, 'workflowType.name') ?? '',
    taskQueue: optionalId(body.taskQueue?.name, 'taskQueue.name'),
    args: decodePayloads(body.input, 'input'),
    identity: optionalId(body.identity, 'identity'),
    idReusePolicy: parseEnum(idReusePolicy, body.workflowIdReusePolicy, 'workflowIdReusePolicy'),
    idConflictPolicy: parseEnum(
      idConflictPolicy,
      body.workflowIdConflictPolicy,
      'workflowIdConflictPolicy',
    ),
    executionTimeoutMs: parseTimeout(body.workflowExecutionTimeout, 'workflowExecutionTimeout'),
    runTimeoutMs: parseTimeout(body.workflowRunTimeout, 'workflowRunTimeout'),
    taskTimeoutMs: parseTimeout(body.workflowTaskTimeout, 'workflowTaskTimeout'),
    startDelayMs: parseTimeout(body.workflowStartDelay, 'workflowStartDelay'),
    retryPolicy: body.retryPolicy === undefined ? undefined : decodeRetryPolicy(body.retryPolicy),
    cronSchedule: optionalId(body.cronSchedule, 'cronSchedule'),
    memo: decodePayloadMap(body.memo?.fields, 'memo.fields'),
    searchAttributes: decodePayloadMap(
      body.searchAttributes?.indexedFields,
      'searchAttributes.indexedFields',
    ),
    headers: withTraceContext(decodePayloadMap(body.header?.fields, 'header.fields'), trace),
  }
}

/** Temporal's defaults: from one second, doubling, to a hundred times the first, without end. */
function decodeRetryPolicy(policy: NonNullable<StartBody['retryPolicy']>): RetryPolicyData {
  const initialIntervalMs =
    parseTimeout(policy.initialInterval, 'retryPolicy.initialInterval') ?? 1000
  const maximumIntervalMs =
    parseDuration(policy.maximumInterval, 'retryPolicy.maximumInterval') || 100 * initialIntervalMs
  if (maximumIntervalMs < initialIntervalMs) {
    throw invalidField('retryPolicy.maximumInterval', 'must not be less than initialInterval')
  }
  const backoffCoefficient = readNumber(policy.backoffCoefficient, 'retryPolicy.backoffCoefficient')
  if (backoffCoefficient !== 0 && backoffCoefficient < 1) {
    throw invalidField('retryPolicy.backoffCoefficient', 'must be at least 1')
  }
  const maximumAttempts = readNumber(policy.maximumAttempts, 'retryPolicy.maximumAttempts')
  if (!Number.isInteger(maximumAttempts) || maximumAttempts < 0 || maximumAttempts > 2 ** 31 - 1) {
    throw invalidField('retryPolicy.maximumAttempts', 'must be a whole number, 0 for no limit')
  }
  return {
    initialIntervalMs,
    backoffCoefficient: backoffCoefficient === 0 ? 2 : backoffCoefficient,
    maximumIntervalMs,
    maximumAttempts,
    nonRetryableErrorTypes: policy.nonRetryableErrorTypes ?? [],
  }
}

/** A number as JSON writes it: no spaces, no hexadecimal digits. */
const decimal = /^-?\d+(?:\.\d+)?(?:[eE][+-]?\d+)?$/

/** A number or, as proto3 JSON allows, its text. Missing is 0. */
function readNumber(value: number | string | undefined, field: string): number {
  if (value === undefined) return 0
  const text = String(value)
  const number = Number(text)
  if (!decimal.test(text) || !Number.isFinite(number)) {
    throw invalidField(field, 'must be a number')
  }
  return number
}
