import { SignalboxError } from '../runtime/errors.ts'
import type { ErrorCode, StatusName } from '../runtime/errors.ts'
import { writeJson } from './json-text.ts'
import type { JsonValue } from './json-text.ts'

/** The google.rpc codes and their HTTP statuses. */
const statuses: Readonly<Record<StatusName, readonly [code: number, http: number]>> = {
  INVALID_ARGUMENT: [3, 400],
  DEADLINE_EXCEEDED: [4, 504],
  NOT_FOUND: [5, 404],
  ALREADY_EXISTS: [6, 409],
  PERMISSION_DENIED: [7, 403],
  RESOURCE_EXHAUSTED: [8, 429],
  FAILED_PRECONDITION: [9, 400],
  UNIMPLEMENTED: [12, 501],
  INTERNAL: [13, 500],
  UNAVAILABLE: [14, 503],
  DATA_LOSS: [15, 500],
  UNAUTHENTICATED: [16, 401],
}

/** An error as the API answers it: google.rpc.Status as JSON text, and what goes beside it. */
export interface StatusAnswer {
  readonly http: number
  readonly body: string
  /** In seconds; only where trying the same request again can help. */
  readonly retryAfter?: number
}

const typePrefix = 'type.googleapis.com/'
const detailPrefix = `${typePrefix}temporal.api.errordetails.v1.`

/**
 * The answer to a request that failed. Errors of signalbox are told as they are; of any other only
 * `requestId` is told, by which the server's log has it, since its message may hold anything.
 */
export function statusAnswer(error: unknown, requestId: string): StatusAnswer {
  if (error instanceof SignalboxError) {
    const [code, http] = statuses[error.status]
    const body = statusBody(code, error.message, errorDetails(error))
    const retryAfter = retryAfterSeconds(error)
    return retryAfter === undefined ? { http, body } : { http, body, retryAfter }
  }
  const details = [errorInfo('SIGNALBOX_ERR_INTERNAL')]
  return { http: 500, body: statusBody(13, internalProblem(requestId), details) }
}

/** All that a client is told of an error inside: its message may hold anything. */
export function internalProblem(requestId: string): string {
  return `Internal error; the server's log has it as request ${requestId}`
}

/** The google.rpc code of an HTTP status; of others the code of all that the client, or the server, did wrong. */
const codesByHttp: Readonly<Record<number, number>> = {
  401: 16,
  403: 7,
  404: 5,
  408: 4,
  409: 10,
  429: 8,
  501: 12,
  503: 14,
  504: 4,
}

/**
 * The answer to a request that HTTP itself refuses, such as a body too large or a wrong media type, or
 * a hook of the service around the plugin.
 */
export function httpAnswer(http: number, message: string): StatusAnswer {
  const code = codesByHttp[http] ?? (http < 500 ? 3 : 13)
  return { http, body: statusBody(code, message, []) }
}

function statusBody(code: number, message: string, details: readonly JsonValue[]): string {
  return writeJson({ code, message, details })
}

function retryAfterSeconds(error: SignalboxError): number | undefined {
  if (error.status !== 'RESOURCE_EXHAUSTED' && error.status !== 'UNAVAILABLE') return undefined
  const ms = error.fields['retryAfterMs']
  return typeof ms === 'number' ? Math.max(1, Math.ceil(ms / 1000)) : 1
}

function errorDetails(error: SignalboxError): readonly JsonValue[] {
  const details: JsonValue[] = []
  const temporal = temporalDetail(error)
  if (temporal !== undefined) details.push(temporal)
  const field = error.fields['field']
  if (typeof field === 'string') {
    details.push({
      '@type': `${typePrefix}google.rpc.BadRequest`,
      fieldViolations: [{ field, description: error.message }],
    })
  }
  details.push(errorInfo(error.code, error.fields))
  return details
}

/** Temporal's own detail message, which its clients look for. */
function temporalDetail(error: SignalboxError): JsonValue | undefined {
  switch (error.code) {
    case 'SIGNALBOX_ERR_WORKFLOW_ALREADY_STARTED':
      return {
        '@type': `${detailPrefix}WorkflowExecutionAlreadyStartedFailure`,
        startRequestId: text(error.fields['startRequestId'] ?? error.fields['requestId']),
        runId: text(error.fields['runId']),
        firstExecutionRunId: text(error.fields['firstExecutionRunId']),
      }
    case 'SIGNALBOX_ERR_WORKFLOW_NOT_FOUND':
    case 'SIGNALBOX_ERR_ACTIVITY_NOT_FOUND':
      return { '@type': `${detailPrefix}NotFoundFailure` }
    case 'SIGNALBOX_ERR_QUERY_FAILED':
    case 'SIGNALBOX_ERR_QUERY_NOT_REGISTERED':
      return { '@type': `${detailPrefix}QueryFailedFailure` }
    case 'SIGNALBOX_ERR_PERMISSION_DENIED':
      return { '@type': `${detailPrefix}PermissionDeniedFailure`, reason: error.message }
    case 'SIGNALBOX_ERR_WORKFLOW_NOT_READY':
      return { '@type': `${detailPrefix}WorkflowNotReadyFailure` }
    case 'SIGNALBOX_ERR_MAILBOX_FULL':
    case 'SIGNALBOX_ERR_TOO_MANY_REQUESTS':
      return {
        '@type': `${detailPrefix}ResourceExhaustedFailure`,
        cause: `RESOURCE_EXHAUSTED_CAUSE_${
          error.code === 'SIGNALBOX_ERR_MAILBOX_FULL' ? 'BUSY_WORKFLOW' : 'RPS_LIMIT'
        }`,
        scope: 'RESOURCE_EXHAUSTED_SCOPE_NAMESPACE',
      }
    default:
      return undefined
  }
}

function errorInfo(reason: ErrorCode, fields: Readonly<Record<string, unknown>> = {}): JsonValue {
  const metadata: [string, string][] = []
  for (const [name, value] of Object.entries(fields)) {
    if (typeof value === 'string' || typeof value === 'number' || typeof value === 'boolean') {
      metadata.push([name, String(value)])
    }
  }
  return {
    '@type': `${typePrefix}google.rpc.ErrorInfo`,
    reason,
    domain: 'signalbox',
    metadata: metadata.length === 0 ? undefined : Object.fromEntries(metadata),
  }
}

function text(value: unknown): string | undefined {
  return typeof value === 'string' && value !== '' ? value : undefined
}
