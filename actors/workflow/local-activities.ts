import type { ScheduleLocalActivityCommand } from '../commands.ts'
import { toPayloads } from '../payload-converter.ts'
import { knowsActivity } from './activity-calls.ts'
import {
  type ActivityCancellationType,
  cancellationTypeOf,
  type ActivityFunction,
  type NotAnActivityMethod,
  requireTimeout,
  type UntypedActivities,
} from './activities.ts'
import { assertInWorkflowContext } from './current-run.ts'
import { optionalFiniteMs, type Duration } from './duration.ts'
import { composeInterceptors, headersField, type LocalActivityInput } from './interceptors.ts'
import { LocalActivityDoBackoff } from './local-activity-backoff.ts'
import { fillRetryPolicy, type RetryPolicy } from './retry-policy.ts'
import { sleep } from './waiting.ts'

const DEFAULT_RETRY_THRESHOLD_MS = 60_000

/** At least one of `startToCloseTimeout` and `scheduleToCloseTimeout` is required. */
export interface LocalActivityOptions {
  /** Default: without end, from 1 second, doubling, up to 100 seconds apart. */
  retry?: RetryPolicy
  /** The longest that one attempt may take; such a timeout is tried again. */
  startToCloseTimeout?: Duration
  /** The longest that the activity may wait to be started; such a timeout is not tried again. */
  scheduleToStartTimeout?: Duration
  /** The longest that all attempts may take together. */
  scheduleToCloseTimeout?: Duration
  /** A wait before a retry that is longer than this is a durable timer. Default 1 minute. */
  localRetryThreshold?: Duration
  /** Default `TRY_CANCEL`. */
  cancellationType?: ActivityCancellationType
  /** Shown beside the activity's marker in the workflow's history. */
  summary?: string
}

export type LocalActivityFunctionWithOptions<T extends ActivityFunction> = T & {
  /** Run the activity with other options than the proxy's. */
  executeWithOptions(
    options: LocalActivityOptions,
    args: Parameters<T>,
  ): Promise<Awaited<ReturnType<T>>>
}

/** The functions of an object of activities; calling one runs it as a local activity. */
export type LocalActivityInterfaceFor<T> = {
  [K in keyof T]: T[K] extends ActivityFunction
    ? LocalActivityFunctionWithOptions<T[K]>
    : typeof NotAnActivityMethod
}

/**
 * Functions that run activities of the same names as local ones: for short calls, whose outcome alone
 * is in the workflow's history. It runs at least once, has no heartbeat, and starts anew if the
 * process ends before its outcome is on disk.
 *
 * @throws {TypeError} without a timeout
 */
export function proxyLocalActivities<A = UntypedActivities>(
  options: LocalActivityOptions,
): LocalActivityInterfaceFor<A> {
  if (options === undefined) throw new TypeError('options must be defined')
  requireTimeout(options)
  return new Proxy({} as LocalActivityInterfaceFor<A>, {
    get(_, activityType) {
      if (typeof activityType !== 'string') {
        throw new TypeError(
          `Only strings are supported for Activity types, got: ${String(activityType)}`,
        )
      }
      const run = (...args: unknown[]): Promise<unknown> =>
        scheduleLocalActivity(activityType, args, options)
      run.executeWithOptions = (
        overrides: LocalActivityOptions,
        args: unknown[],
      ): Promise<unknown> =>
        scheduleLocalActivity(activityType, args, {
          ...options,
          ...overrides,
          ...(options.retry || overrides.retry
            ? { retry: { ...options.retry, ...overrides.retry } }
            : {}),
        })
      return run
    },
  })
}

/**
 * Run a local activity by name. {@link proxyLocalActivities} gives the same with types.
 *
 * @throws {ReferenceError} if the runtime has no such activity; the run is parked until it has
 */
export async function scheduleLocalActivity<R>(
  activityType: string,
  args: unknown[],
  options: LocalActivityOptions,
): Promise<R> {
  const activator = assertInWorkflowContext(
    'Workflow.scheduleLocalActivity(...) may only be used from a Workflow Execution',
  )
  if (options === undefined) throw new TypeError('Got empty activity options')
  let attempt = 1
  let originalScheduleTime: number | undefined
  for (;;) {
    const seq = activator.activities.takeSeq()
    try {
      const headers = {}
      const input = { activityType, args, options, headers, seq, attempt, originalScheduleTime }
      const outbound = activator.extensions?.interceptors?.outbound
      const run =
        outbound === undefined
          ? issue
          : composeInterceptors(outbound, 'scheduleLocalActivity', issue)
      return (await run(input)) as R
    } catch (error) {
      if (!(error instanceof LocalActivityDoBackoff)) throw error
      const { backoff } = error
      await sleep(backoff.backoffDurationMs)
      attempt = backoff.attempt
      originalScheduleTime = backoff.originalScheduleTimeMs
    }
  }
}

// async, with the errors of its checks in its promise: as many microtasks as on Temporal.
// oxlint-disable-next-line typescript/require-await
async function issue(input: LocalActivityInput): Promise<unknown> {
  const activator = assertInWorkflowContext()
  const { activityType } = input
  // In replay nothing is run, so that the journal's outcome is enough.
  if (!activator.replaying && !knowsActivity(activityType)) {
    throw new ReferenceError(`Local activity of type '${activityType}' not registered on worker`)
  }
  requireTimeout(input.options)
  return activator.activities.scheduleLocal(() => commandOf(input))
}

function commandOf(input: LocalActivityInput): ScheduleLocalActivityCommand {
  const { activityType, args, options, headers, seq, attempt, originalScheduleTime } = input
  const startToClose = optionalFiniteMs(options.startToCloseTimeout)
  const scheduleToClose = optionalFiniteMs(options.scheduleToCloseTimeout)
  const scheduleToStart = optionalFiniteMs(options.scheduleToStartTimeout)
  return {
    kind: 'scheduleLocalActivity',
    seq,
    activityId: String(seq),
    activityType,
    args: toPayloads(args),
    retryPolicy: fillRetryPolicy(options.retry),
    cancellationType: cancellationTypeOf(options),
    attempt,
    localRetryThresholdMs:
      optionalFiniteMs(options.localRetryThreshold) ?? DEFAULT_RETRY_THRESHOLD_MS,
    ...headersField(headers),
    ...(originalScheduleTime === undefined ? {} : { originalScheduleTime }),
    ...(startToClose === undefined ? {} : { startToCloseTimeoutMs: startToClose }),
    ...(scheduleToClose === undefined ? {} : { scheduleToCloseTimeoutMs: scheduleToClose }),
    ...(scheduleToStart === undefined ? {} : { scheduleToStartTimeoutMs: scheduleToStart }),
    ...(options.summary === undefined ? {} : { summary: options.summary }),
  }
}
