import { composeInterceptors } from '../../actors/workflow/interceptors.ts'
import type { ActivityOutboundCallsInterceptor } from './interceptors.ts'
import { AsyncLocalStorage } from 'node:async_hooks'
import { IllegalStateError } from '../../actors/failures.ts'
import { type Duration, finiteMs } from '../../actors/workflow/duration.ts'
import { notBuilt } from '../../actors/workflow/not-built.ts'
import type { RetryPolicy } from '../../actors/workflow/retry-policy.ts'
import type { Client } from '../client.ts'
import type { Clock } from '../clock.ts'
import type { ActivityCancelReason, ActivityCancellation } from './cancellation.ts'
import { type Logger, type LogWriter, loggerOver } from './logger.ts'

/** What an activity may know about itself. Times in milliseconds since the epoch. */
export interface Info {
  /** Stands for this attempt; whoever has it can complete the activity, once the function has thrown CompleteAsyncError. */
  readonly taskToken: Uint8Array
  readonly base64TaskToken: string
  readonly activityId: string
  readonly activityType: string
  /** From 1; grows with each retry. */
  readonly attempt: number
  /**
   * The same for every attempt of this activity and different for every other one: hand it to
   * services that remove duplicates, since an activity runs at least once, not exactly once.
   */
  readonly idempotencyKey: string
  readonly isLocal: boolean
  readonly inWorkflow: boolean
  readonly namespace: string
  /** @deprecated the same as `namespace` */
  readonly activityNamespace: string
  /** @deprecated the same as `namespace` */
  readonly workflowNamespace: string
  readonly workflowExecution: { readonly workflowId: string; readonly runId: string }
  readonly workflowType: string
  readonly taskQueue: string
  /** When the workflow scheduled the activity. */
  readonly scheduledTimestampMs: number
  /** When this attempt was due. */
  readonly currentAttemptScheduledTimestampMs: number
  /** 0 where there is none. */
  readonly scheduleToCloseTimeoutMs: number
  readonly startToCloseTimeoutMs: number
  readonly heartbeatTimeoutMs?: number
  /** What the last heartbeat carried, of an earlier attempt: where to go on from. */
  // oxlint-disable-next-line typescript/no-explicit-any -- Temporal's type, so that its code compiles
  readonly heartbeatDetails: any
  readonly retryPolicy?: RetryPolicy
}

/** Why the activity was cancelled, as flags. */
export interface ActivityCancellationDetails {
  readonly cancelRequested: boolean
  readonly notFound: boolean
  readonly timedOut: boolean
  readonly workerShutdown: boolean
  readonly paused: boolean
  readonly reset: boolean
}

/** How the context reaches the runner of its attempt. */
export interface ContextPorts {
  readonly clock: Clock
  readonly cancellation: ActivityCancellation
  readonly heartbeat: (details: unknown) => void
  readonly log: LogWriter
  readonly client: () => Client | undefined
}

const storageSymbol = Symbol.for('__temporal_activity_context_storage__')
const shared = globalThis as { [storageSymbol]?: AsyncLocalStorage<Context> }

/**
 * Carries the context from the call of an activity function through everything it awaits. There is one
 * for all copies of this module, and for those of `@temporalio/activity`: whichever of them a function
 * imports, it finds the context.
 */
export const asyncLocalStorage: AsyncLocalStorage<Context> = (shared[storageSymbol] ??=
  new AsyncLocalStorage())

/** The context of one attempt of an activity; `Context.current()` gives it to code that runs in one. */
export class Context {
  #info: Info | (() => Info)
  readonly #ports: ContextPorts
  #logInterceptors: readonly ActivityOutboundCallsInterceptor[] = []
  #log: Logger | undefined

  /** Made by the runtime, never by activity code. */
  constructor(info: Info | (() => Info), ports: ContextPorts) {
    this.#info = info
    this.#ports = ports
  }

  /** What this attempt is of; made when it is first asked for, since most activities never ask. */
  get info(): Info {
    if (typeof this.#info === 'function') this.#info = this.#info()
    return this.#info
  }

  /** @throws Error outside of an activity */
  static current(): Context {
    const context = asyncLocalStorage.getStore()
    if (context === undefined) throw new Error('Activity context not initialized')
    return context
  }

  /**
   * Say that the activity is alive and how far it has come. The last details are there for the next
   * attempt; they are journaled at most once per 0.8 × heartbeat timeout (30 s without one).
   *
   * @throws where `details` cannot be converted or are too large
   */
  readonly heartbeat = (details?: unknown): void => {
    this.#ports.heartbeat(details)
  }

  /**
   * Wait; rejects with a CancelledFailure when the activity is told to stop.
   *
   * @param duration milliseconds, or a text as the `ms` package reads it
   */
  readonly sleep = async (duration: Duration): Promise<void> => {
    const wait = finiteMs(duration)
    const { clock, cancellation } = this.#ports
    const { signal } = cancellation
    await new Promise<void>((resolve, reject) => {
      const cancel = (): void => {
        timer.cancel()
        reject(signal.reason)
      }
      const timer = clock.setTimer(clock.now() + wait, () => {
        signal.removeEventListener('abort', cancel)
        resolve()
      })
      if (signal.aborted) cancel()
      else signal.addEventListener('abort', cancel, { once: true })
    })
  }

  /** Rejects with a CancelledFailure when the activity is told to stop; never resolves. */
  get cancelled(): Promise<never> {
    return this.#ports.cancellation.promise
  }

  /** Aborts when the activity is told to stop; its reason is a CancelledFailure. */
  get cancellationSignal(): AbortSignal {
    return this.#ports.cancellation.signal
  }

  /** Undefined while the activity has not been told to stop. */
  get cancellationDetails(): ActivityCancellationDetails | undefined {
    const { reason } = this.#ports.cancellation
    return reason === undefined ? undefined : cancellationDetailsOf(reason)
  }

  /** The client of the runtime that runs the activity. @throws IllegalStateError where there is none */
  get client(): Client {
    const client = this.#ports.client()
    if (client !== undefined) return client
    throw new IllegalStateError(
      'No Client available: activities in threads of their own, and those of tests, have none',
    )
  }

  get metricMeter(): typeof metricMeter {
    return metricMeter
  }

  /** @internal Attributes of log lines go through these. */
  interceptLog(interceptors: readonly ActivityOutboundCallsInterceptor[]): void {
    this.#logInterceptors = interceptors
  }

  /** A logger that adds the ids of the activity and its workflow to each line. */
  get log(): Logger {
    this.#log ??= loggerOver(this.#ports.log, () =>
      composeInterceptors(
        this.#logInterceptors,
        'getLogAttributes',
        (given) => given,
      )(logAttributes(this.info)),
    )
    return this.#log
  }
}

/** signalbox collects no metrics of activities: each of these throws, and says so. */
export const metricMeter = {
  createCounter: (): never => notBuilt('metricMeter.createCounter'),
  createHistogram: (): never => notBuilt('metricMeter.createHistogram'),
  createGauge: (): never => notBuilt('metricMeter.createGauge'),
  withTags: (): never => notBuilt('metricMeter.withTags'),
}

function cancellationDetailsOf(reason: ActivityCancelReason): ActivityCancellationDetails {
  return {
    cancelRequested: reason === 'CANCELLED',
    notFound: reason === 'NOT_FOUND',
    timedOut: reason === 'TIMED_OUT',
    workerShutdown: reason === 'WORKER_SHUTDOWN',
    paused: false,
    reset: false,
  }
}

function logAttributes(info: Info): Record<string, unknown> {
  return {
    sdkComponent: 'activity',
    taskToken: info.base64TaskToken,
    namespace: info.namespace,
    workflowId: info.workflowExecution.workflowId,
    workflowRunId: info.workflowExecution.runId,
    workflowType: info.workflowType,
    activityId: info.activityId,
    activityType: info.activityType,
    attempt: info.attempt,
    taskQueue: info.taskQueue,
    isLocal: info.isLocal,
  }
}
