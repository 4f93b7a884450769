import { invalidField } from './invalid-field.ts'

/** A protobuf enum: its prefix, and its names by number from 1. 0 is always UNSPECIFIED. */
export interface ProtoEnum<Name extends string> {
  readonly prefix: string
  readonly names: readonly Name[]
}

function protoEnum<const Names extends readonly string[]>(
  prefix: string,
  names: Names,
): ProtoEnum<Names[number]> {
  return { prefix, names }
}

export const workflowStatus = protoEnum('WORKFLOW_EXECUTION_STATUS', [
  'RUNNING',
  'COMPLETED',
  'FAILED',
  'CANCELED',
  'TERMINATED',
  'CONTINUED_AS_NEW',
  'TIMED_OUT',
  'PAUSED',
])
export const idReusePolicy = protoEnum('WORKFLOW_ID_REUSE_POLICY', [
  'ALLOW_DUPLICATE',
  'ALLOW_DUPLICATE_FAILED_ONLY',
  'REJECT_DUPLICATE',
  'TERMINATE_IF_RUNNING',
])
export const idConflictPolicy = protoEnum('WORKFLOW_ID_CONFLICT_POLICY', [
  'FAIL',
  'USE_EXISTING',
  'TERMINATE_EXISTING',
])
export const queryRejectCondition = protoEnum('QUERY_REJECT_CONDITION', [
  'NONE',
  'NOT_OPEN',
  'NOT_COMPLETED_CLEANLY',
])
export const historyEventFilterType = protoEnum('HISTORY_EVENT_FILTER_TYPE', [
  'ALL_EVENT',
  'CLOSE_EVENT',
])
export const updateStage = protoEnum('UPDATE_WORKFLOW_EXECUTION_LIFECYCLE_STAGE', [
  'ADMITTED',
  'ACCEPTED',
  'COMPLETED',
])
/** Deprecated in favour of the types to exclude, and still sent. */
export const resetReapplyType = protoEnum('RESET_REAPPLY_TYPE', ['SIGNAL', 'NONE', 'ALL_ELIGIBLE'])
export const resetReapplyExcludeType = protoEnum('RESET_REAPPLY_EXCLUDE_TYPE', [
  'SIGNAL',
  'UPDATE',
  'NEXUS',
  'CANCEL_REQUEST',
])
export const taskQueueKind = protoEnum('TASK_QUEUE_KIND', ['NORMAL', 'STICKY'])
export const pendingActivityState = protoEnum('PENDING_ACTIVITY_STATE', [
  'SCHEDULED',
  'STARTED',
  'CANCEL_REQUESTED',
])
export const parentClosePolicy = protoEnum('PARENT_CLOSE_POLICY', [
  'TERMINATE',
  'ABANDON',
  'REQUEST_CANCEL',
])
export const timeoutType = protoEnum('TIMEOUT_TYPE', [
  'START_TO_CLOSE',
  'SCHEDULE_TO_START',
  'SCHEDULE_TO_CLOSE',
  'HEARTBEAT',
])
export const retryState = protoEnum('RETRY_STATE', [
  'IN_PROGRESS',
  'NON_RETRYABLE_FAILURE',
  'TIMEOUT',
  'MAXIMUM_ATTEMPTS_REACHED',
  'RETRY_POLICY_NOT_SET',
  'INTERNAL_SERVER_ERROR',
  'CANCEL_REQUESTED',
])

/**
 * An enum field of a request: its number, its name with or without the prefix, or the PascalCase
 * name that Temporal used to print. Unspecified and missing are both undefined.
 */
export function parseEnum<Name extends string>(
  type: ProtoEnum<Name>,
  value: string | number | undefined,
  field: string,
): Name | undefined {
  if (value === undefined) return undefined
  const number = typeof value === 'number' ? value : /^\d{1,3}$/.test(value) ? Number(value) : -1
  if (number === 0) return undefined
  const byNumber = type.names[number - 1]
  if (byNumber !== undefined) return byNumber
  if (typeof value === 'string') {
    const name = shortName(type, value)
    if (name === 'UNSPECIFIED') return undefined
    const byName = type.names.find((candidate) => candidate === name)
    if (byName !== undefined) return byName
  }
  throw invalidField(field, `must be one of ${type.names.join(', ')}`)
}

/** An enum field of an answer: the full name, such as WORKFLOW_EXECUTION_STATUS_RUNNING. */
export function formatEnum<Name extends string>(type: ProtoEnum<Name>, name: Name): string {
  return `${type.prefix}_${name}`
}

/** The name as Temporal's list filter and group values have it, such as ContinuedAsNew. */
export function pascalName(name: string): string {
  return name
    .toLowerCase()
    .replace(/(?:^|_)([a-z])/g, (_match, letter: string) => letter.toUpperCase())
}

function shortName(type: ProtoEnum<string>, value: string): string {
  const screaming = /[a-z]/.test(value)
    ? value.replace(/([a-z0-9])([A-Z])/g, '$1_$2').toUpperCase()
    : value
  const prefix = `${type.prefix}_`
  return screaming.startsWith(prefix) ? screaming.slice(prefix.length) : screaming
}
