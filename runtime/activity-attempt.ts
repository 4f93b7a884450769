import type { Failure } from '../actors/failure.ts'
import type { Converters } from '../actors/converters.ts'
import { CancelledFailure, CompleteAsyncError } from '../actors/failures.ts'
import type { Payload } from '../actors/payload.ts'
import { fromPayloads, toPayload } from '../actors/payload-converter.ts'
import { composeInterceptors, toHeaders } from '../actors/workflow/interceptors.ts'
import { retryPolicyOf } from '../actors/workflow/retry-policy.ts'
import {
  failureBytes,
  payloadBytes,
  RUNTIME_SOURCE,
  sizeLimitFailure,
  thrownFailure,
} from './activity-failure.ts'
import type { AttemptEvents, AttemptOutcome, RunningAttempt } from './activity-executor.ts'
import type { ActivityTimeouts } from './activity-policy.ts'
import { type ActivityTask, isLocal } from './activity-task.ts'
import { ActivityCancellation, type ActivityCancelReason } from './activity/cancellation.ts'
import { asyncLocalStorage, Context, type Info } from './activity/context.ts'
import type { ActivityInterceptorsFactory } from './activity/interceptors.ts'
import type { LogWriter } from './activity/logger.ts'
import type { Client } from './client.ts'
import type { Clock } from './clock.ts'
import { SignalboxError } from './errors.ts'
import { encodeTaskToken } from './task-token.ts'

// The runtime calls functions whose arguments it cannot know.
export type ActivityFunction = (...args: unknown[]) => unknown

export interface AttemptPorts extends AttemptEvents {
  readonly clock: Clock
  readonly log: LogWriter
  readonly maxPayloadBytes: number
  readonly client: () => Client | undefined
  /** Undefined where the default ones convert. */
  readonly converters?: Converters | undefined
  readonly interceptors?: readonly ActivityInterceptorsFactory[] | undefined
}

/**
 * One call of an activity function: its context, its arguments, its outcome.
 *
 * Guarantee: `ended` is called at most once, and never after {@link detach}: what a function returns
 * after it was timed out or its workflow has closed is dropped here.
 */
export class ActivityAttempt implements RunningAttempt {
  readonly cancellation = new ActivityCancellation()
  readonly #task: ActivityTask
  readonly #timeouts: ActivityTimeouts
  readonly #ports: AttemptPorts
  #detached = false

  constructor(task: ActivityTask, timeouts: ActivityTimeouts, ports: AttemptPorts) {
    this.#task = task
    this.#timeouts = timeouts
    this.#ports = ports
  }

  /** Call the function. Nothing that it does makes this throw. */
  run(activities: ReadonlyMap<string, ActivityFunction>): void {
    const { activityType, args } = this.#task.command
    const fn = activities.get(activityType) ?? activities.get('default')
    if (fn === undefined) {
      this.#fail(notRegistered(activityType, activities))
      return
    }
    let values: unknown[]
    try {
      values = this.#convert(() => fromPayloads(args))
    } catch (error) {
      this.#fail(this.#convert(() => unreadableArguments(activityType, error)))
      return
    }
    this.#call(fn, values)
  }

  cancel(reason: ActivityCancelReason): void {
    this.cancellation.request(reason)
  }

  /** From now on the function is on its own: its outcome and its heartbeats are dropped. */
  detach(): void {
    this.#detached = true
  }

  #call(fn: ActivityFunction, values: unknown[]): void {
    try {
      const makeInfo = () => this.#convert(() => activityInfo(this.#task, this.#timeouts))
      // Details that cannot be converted fail the attempt before its function has begun.
      const info = this.#task.heartbeatDetails === undefined ? makeInfo : makeInfo()
      const context = new Context(info, {
        clock: this.#ports.clock,
        cancellation: this.cancellation,
        heartbeat: (details) => this.#heartbeat(details),
        log: this.#ports.log,
        client: this.#ports.client,
      })
      const result = asyncLocalStorage.run(context, this.#intercepted(fn, context), ...values)
      if (isThenable(result)) {
        result.then(
          (value) => this.#complete(value),
          (error: unknown) => this.#throwing(error),
        )
      } else this.#complete(result)
    } catch (error) {
      this.#throwing(error)
    }
  }

  /** Convert by the runtime's own converters, if it has any. */
  #convert<T>(convert: () => T): T {
    const { converters } = this.#ports
    return converters === undefined ? convert() : converters.use(convert)
  }

  /** The function with its interceptors around it. Without any it is the function itself. */
  #intercepted(fn: ActivityFunction, context: Context): ActivityFunction {
    const factories = this.#ports.interceptors
    if (factories === undefined || factories.length === 0) return fn
    const made = factories.map((make) => make(context))
    context.interceptLog(made.flatMap(({ outbound }) => outbound ?? []))
    const execute = composeInterceptors(
      made.flatMap(({ inbound }) => inbound ?? []),
      'execute',
      async ({ args }) => fn(...args),
    )
    const headers = toHeaders(this.#task.command.headers)
    return (...args) => execute({ args, headers })
  }

  #heartbeat(details: unknown): void {
    // A local activity has no heartbeat: nobody would look at it before its one outcome is there.
    if (this.#detached || isLocal(this.#task)) return
    const payload = this.#convert(() => toPayload(details))
    const bytes = payloadBytes(payload)
    if (bytes > this.#ports.maxPayloadBytes) {
      throw new SignalboxError(
        'SIGNALBOX_ERR_PAYLOAD_TOO_LARGE',
        `heartbeat details of ${bytes} bytes exceed ${this.#ports.maxPayloadBytes} bytes`,
      )
    }
    this.#ports.heartbeat([payload])
  }

  #complete(value: unknown): void {
    if (this.#detached) return
    let result: Payload
    try {
      result = this.#convert(() => toPayload(value))
    } catch (error) {
      this.#fail(this.#convert(() => thrownFailure(error)))
      return
    }
    if (payloadBytes(result) > this.#ports.maxPayloadBytes) {
      this.#fail(sizeLimitFailure('Complete result exceeds size limit.'))
    } else this.#end({ status: 'completed', result })
  }

  #throwing(error: unknown): void {
    if (this.#detached) return
    if (error instanceof CompleteAsyncError) {
      if (isLocal(this.#task)) this.#fail(notAsynchronous(error))
      else this.#end({ status: 'async' })
      return
    }
    const { reason } = this.cancellation
    if (reason !== undefined && (error instanceof CancelledFailure || isAbortError(error))) {
      if (reason === 'CANCELLED') {
        const details = this.#convert(() => thrownFailureDetails(error))
        this.#end({ status: 'cancelled', details })
      } else this.#fail(shutdownFailure())
      return
    }
    const failure = this.#convert(() => thrownFailure(error))
    const tooLarge = failureBytes(failure) > this.#ports.maxPayloadBytes
    this.#fail(
      tooLarge ? sizeLimitFailure('Failure exceeds size limit.', shortened(failure)) : failure,
    )
  }

  #fail(failure: Failure): void {
    this.#end({ status: 'failed', failure })
  }

  #end(outcome: AttemptOutcome): void {
    if (this.#detached) return
    this.#detached = true
    this.#ports.ended(outcome)
  }
}

function activityInfo(task: ActivityTask, timeouts: ActivityTimeouts): Info {
  const { command, workflow, heartbeatDetails } = task
  const { namespace, workflowId, runId } = workflow
  const { seq } = command
  const taskToken = Buffer.from(
    encodeTaskToken({ namespace, workflowId, runId, seq, attempt: task.attempt }).buffer,
  )
  return {
    taskToken,
    base64TaskToken: taskToken.toString('base64'),
    activityId: command.activityId,
    activityType: command.activityType,
    attempt: task.attempt,
    idempotencyKey: `${workflowId}/${runId}/${command.activityId}`,
    isLocal: isLocal(task),
    inWorkflow: true,
    namespace,
    activityNamespace: namespace,
    workflowNamespace: namespace,
    workflowExecution: { workflowId, runId },
    workflowType: workflow.workflowType,
    taskQueue: command.taskQueue ?? workflow.taskQueue ?? '',
    scheduledTimestampMs: task.scheduledTime,
    currentAttemptScheduledTimestampMs: task.dueTime,
    scheduleToCloseTimeoutMs: orZero(timeouts.scheduleToCloseMs),
    startToCloseTimeoutMs: orZero(timeouts.startToCloseMs),
    heartbeatDetails:
      heartbeatDetails === undefined ? undefined : fromPayloads(heartbeatDetails)[0],
    retryPolicy: retryPolicyOf(command.retryPolicy),
    ...(timeouts.heartbeatMs === Infinity || !command.heartbeatTimeoutMs
      ? {}
      : { heartbeatTimeoutMs: timeouts.heartbeatMs }),
  }
}

function orZero(timeoutMs: number): number {
  return timeoutMs === Infinity ? 0 : timeoutMs
}

function isThenable(value: unknown): value is PromiseLike<unknown> {
  return (
    typeof value === 'object' &&
    value !== null &&
    'then' in value &&
    typeof value.then === 'function'
  )
}

/** What libraries throw when the signal that they were given aborts. */
function isAbortError(error: unknown): boolean {
  return (
    error instanceof Error &&
    (error.name === 'AbortError' || ('code' in error && error.code === 'ABORT_ERR'))
  )
}

function thrownFailureDetails(error: unknown): readonly Payload[] | undefined {
  if (!(error instanceof CancelledFailure) || error.details.length === 0) return undefined
  return error.details.map((detail) => toPayload(detail))
}

function notRegistered(
  activityType: string,
  activities: ReadonlyMap<string, ActivityFunction>,
): Failure {
  const names = JSON.stringify([...activities.keys()])
  return {
    message:
      `Activity function ${activityType} is not registered on this Worker, ` +
      `available activities: ${names}`,
    source: RUNTIME_SOURCE,
    applicationFailureInfo: { type: 'NotFoundError', nonRetryable: false },
  }
}

function unreadableArguments(activityType: string, error: unknown): Failure {
  const failure = thrownFailure(error)
  return {
    ...failure,
    message: `Failed to parse activity args for activity ${activityType}: ${failure.message}`,
  }
}

function notAsynchronous(error: Error): Failure {
  return {
    message:
      'A local activity cannot be completed asynchronously: let the function return its result',
    ...(error.stack === undefined ? {} : { stackTrace: error.stack }),
    applicationFailureInfo: { type: 'CompleteAsyncError', nonRetryable: true },
  }
}

/** The attempt was stopped because the runtime closes; another attempt may follow after its return. */
function shutdownFailure(): Failure {
  return {
    message: 'The activity was cancelled since its runtime is closing',
    source: RUNTIME_SOURCE,
    applicationFailureInfo: { type: 'WorkerShutdown', nonRetryable: false },
  }
}

const SHORT_TEXT = 1_000

function shortened(failure: Failure): Failure {
  const type = failure.applicationFailureInfo?.type
  return {
    message: failure.message.slice(0, SHORT_TEXT),
    ...(failure.stackTrace === undefined
      ? {}
      : { stackTrace: failure.stackTrace.slice(0, SHORT_TEXT) }),
    applicationFailureInfo: type === undefined ? {} : { type: type.slice(0, SHORT_TEXT) },
  }
}
