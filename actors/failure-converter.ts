import type { Failure } from './failure.ts'
import {
  ActivityFailure,
  ApplicationFailure,
  CancelledFailure,
  ChildWorkflowFailure,
  isErrorLike,
  ServerFailure,
  TemporalFailure,
  TerminatedFailure,
  TimeoutFailure,
} from './failures.ts'
import { fromPayload, fromPayloads, toPayload, toPayloads } from './payload-converter.ts'
import { finiteMs } from './workflow/duration.ts'

const notAnError =
  ' [A non-Error value was thrown from your code. We recommend throwing Error objects so that we can provide a stack trace]'

/** How failures are converted in place of the default. */
export interface FailureConversion {
  readonly toError: (failure: Failure) => Error
  readonly toFailure: (error: unknown) => Failure
}

let conversion: FailureConversion | undefined

/** From now on convert with this, or by default. */
export function useFailureConversion(inUse: FailureConversion | undefined): void {
  conversion = inUse
}

/** Convert with this during a call. */
export function usingFailureConversion<T>(
  inUse: FailureConversion | undefined,
  convert: () => T,
): T {
  const outer = conversion
  conversion = inUse
  try {
    return convert()
  } finally {
    conversion = outer
  }
}

/** The error that a failure describes, with its stack, details and cause. */
export function failureToError(failure: Failure): Error {
  return conversion === undefined ? defaultFailureToError(failure) : conversion.toError(failure)
}

/** {@link failureToError} by default; what caused it is converted by what is in use. */
export function defaultFailureToError(failure: Failure): Error {
  const error = makeError(failure)
  error.stack = failure.stackTrace ?? ''
  error.failure = failure
  return error
}

function makeError(failure: Failure): TemporalFailure {
  const { message } = failure
  const cause = failure.cause && failureToError(failure.cause)
  if (failure.applicationFailureInfo) {
    const info = failure.applicationFailureInfo
    return new ApplicationFailure(
      message,
      // As from Temporal's protobuf, where a text that is not set is empty.
      info.type ?? '',
      info.nonRetryable ?? false,
      fromPayloads(info.details ?? []),
      cause,
      // Not told on, as in Temporal: it was for whoever tried again.
      undefined,
      info.category,
    )
  }
  if (failure.serverFailureInfo) {
    return new ServerFailure(message, failure.serverFailureInfo.nonRetryable ?? false, cause)
  }
  if (failure.timeoutFailureInfo) {
    const { lastHeartbeatDetails, timeoutType } = failure.timeoutFailureInfo
    const last = lastHeartbeatDetails?.[0]
    return new TimeoutFailure(
      message,
      last === undefined ? undefined : fromPayload(last),
      timeoutType,
    )
  }
  if (failure.terminatedFailureInfo) return new TerminatedFailure(message, cause)
  if (failure.canceledFailureInfo) {
    const details = fromPayloads(failure.canceledFailureInfo.details ?? [])
    return new CancelledFailure(message, details, cause)
  }
  if (failure.childWorkflowExecutionFailureInfo) {
    const { namespace, workflowId, runId, workflowType, retryState } =
      failure.childWorkflowExecutionFailureInfo
    return new ChildWorkflowFailure(
      namespace,
      { workflowId, runId },
      workflowType,
      retryState,
      cause,
    )
  }
  if (failure.activityFailureInfo) {
    const { activityType, activityId, retryState, identity } = failure.activityFailureInfo
    return new ActivityFailure(message, activityType, activityId, retryState, identity, cause)
  }
  return new TemporalFailure(message, cause)
}

/**
 * An error as data, with its stack and causes. An error that came out of a failure gives that failure
 * again. Anything may be thrown in JavaScript, so anything is accepted.
 */
export function errorToFailure(error: unknown): Failure {
  return conversion === undefined ? defaultErrorToFailure(error) : conversion.toFailure(error)
}

/** {@link errorToFailure} by default; what caused it is converted by what is in use. */
export function defaultErrorToFailure(error: unknown): Failure {
  if (error instanceof TemporalFailure) return error.failure ?? temporalFailure(error)
  if (isErrorLike(error)) return plainFailure(error)
  return { message: describeNonError(error) + notAnError, source }
}

const source = 'signalbox'

function plainFailure(error: Error): Failure {
  return {
    message: error.message,
    source,
    stackTrace: userStack(error.stack ?? ''),
    ...(error.cause !== undefined && error.cause !== null
      ? { cause: errorToFailure(error.cause) }
      : {}),
  }
}

function temporalFailure(error: TemporalFailure): Failure {
  const base = plainFailure(error)
  if (error instanceof ActivityFailure) {
    const { activityType, retryState, identity } = error
    return {
      ...base,
      activityFailureInfo: {
        activityType,
        activityId: error.activityId ?? '',
        retryState,
        ...(identity === undefined ? {} : { identity }),
      },
    }
  }
  if (error instanceof ChildWorkflowFailure) {
    const { execution, workflowType, retryState } = error
    return {
      ...base,
      childWorkflowExecutionFailureInfo: {
        namespace: error.namespace ?? '',
        workflowId: execution.workflowId,
        runId: execution.runId,
        workflowType,
        retryState,
      },
    }
  }
  if (error instanceof ApplicationFailure) {
    return { ...base, applicationFailureInfo: applicationInfo(error) }
  }
  if (error instanceof CancelledFailure) {
    const { details } = error
    return {
      ...base,
      canceledFailureInfo: details.length > 0 ? { details: toPayloads(details) } : {},
    }
  }
  if (error instanceof TimeoutFailure) {
    const { lastHeartbeatDetails: last, timeoutType } = error
    return {
      ...base,
      timeoutFailureInfo: {
        timeoutType,
        ...(last === undefined ? {} : { lastHeartbeatDetails: [toPayload(last)] }),
      },
    }
  }
  if (error instanceof ServerFailure) {
    return { ...base, serverFailureInfo: { nonRetryable: error.nonRetryable } }
  }
  if (error instanceof TerminatedFailure) return { ...base, terminatedFailureInfo: {} }
  return base
}

function applicationInfo(
  error: ApplicationFailure,
): NonNullable<Failure['applicationFailureInfo']> {
  const { type, nonRetryable, details, nextRetryDelay, category } = error
  return {
    nonRetryable: nonRetryable ?? false,
    ...(type === undefined || type === null ? {} : { type }),
    ...(details && details.length > 0 ? { details: toPayloads(details) } : {}),
    ...(nextRetryDelay === undefined || nextRetryDelay === null
      ? {}
      : { nextRetryDelayMs: finiteMs(nextRetryDelay) }),
    ...(category ? { category } : {}),
  }
}

/**
 * A stack without the engine's own frames and without those of the host that called into the context:
 * they say nothing to the author of the code and change with our versions.
 */
export function userStack(stack: string): string {
  const lines = stack.split('\n')
  // The way into a context: through node:vm, or with no frame between it and the engine's own files.
  const ofContext = lines.findIndex((line) => /^\s+at .*\bsignalbox:(?:workflows|api):/.test(line))
  const entry = lines.findIndex(
    (line, at) =>
      /^\s+at .*[( ]node:vm:/.test(line) ||
      (ofContext >= 0 &&
        at > ofContext &&
        /[\\/]actors[\\/](?:sandbox|microtask-checkpoint)\.[jt]s:\d/.test(line)),
  )
  const inside = entry < 0 ? lines : lines.slice(0, entry)
  return inside.filter((line) => !/^\s+at .*\bsignalbox:api:/.test(line)).join('\n')
}

function describeNonError(value: unknown): string {
  if (typeof value !== 'object' || value === null) return String(value)
  try {
    return JSON.stringify(value) ?? Object.prototype.toString.call(value)
  } catch {
    return Object.prototype.toString.call(value)
  }
}
