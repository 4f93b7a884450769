import { toPayloads } from '../payload-converter.ts'
import { assertInWorkflowContext } from './current-run.ts'
import { optionalFiniteMs, type Duration } from './duration.ts'
import { enumValue } from './enum-value.ts'
import { type ActivityInput, composeInterceptors, headersField } from './interceptors.ts'
import { fillRetryPolicy, type RetryPolicy } from './retry-policy.ts'

export const ActivityCancellationType = {
  ABANDON: 'ABANDON',
  TRY_CANCEL: 'TRY_CANCEL',
  WAIT_CANCELLATION_COMPLETED: 'WAIT_CANCELLATION_COMPLETED',
} as const
/**
 * What cancelling an activity does. `TRY_CANCEL`: ask it to stop and go on at once.
 * `WAIT_CANCELLATION_COMPLETED`: ask it to stop and wait for its end, whatever that is; it must
 * heartbeat to hear of it. `ABANDON`: let it run and go on at once.
 */
export type ActivityCancellationType =
  (typeof ActivityCancellationType)[keyof typeof ActivityCancellationType]

/** At least one of `startToCloseTimeout` and `scheduleToCloseTimeout` is required. */
export interface ActivityOptions {
  /** Default the activity's number in its run. */
  activityId?: string
  /** Recorded; one runtime runs all activities. Default the workflow's. */
  taskQueue?: string
  /** The activity must heartbeat at least this often. Default it need not. */
  heartbeatTimeout?: Duration
  /** Default: without end, from 1 second, doubling, up to 100 seconds apart. */
  retry?: RetryPolicy
  /** The longest that one attempt may take. */
  startToCloseTimeout?: Duration
  /** The longest that the activity may wait to be started; such a timeout is not tried again. */
  scheduleToStartTimeout?: Duration
  /** The longest that all attempts may take together. */
  scheduleToCloseTimeout?: Duration
  /** Default `TRY_CANCEL`. */
  cancellationType?: ActivityCancellationType
  /** Accepted and without effect here. */
  allowEagerDispatch?: boolean
  /** Shown beside the activity in the workflow's history. */
  summary?: string
}

// oxlint-disable-next-line typescript/no-explicit-any -- a function type that any activity extends
export type ActivityFunction<P extends any[] = any[], R = any> = (...args: P) => Promise<R>
export type UntypedActivities = Record<string, ActivityFunction>
/** @deprecated Use {@link UntypedActivities}. */
export type ActivityInterface = UntypedActivities

export type ActivityFunctionWithOptions<T extends ActivityFunction> = T & {
  /** Schedule the activity with other options than the proxy's. */
  executeWithOptions(options: ActivityOptions, args: Parameters<T>): Promise<Awaited<ReturnType<T>>>
}

/** The functions of an object of activities; calling one schedules it. */
export type ActivityInterfaceFor<T> = {
  [K in keyof T]: T[K] extends ActivityFunction
    ? ActivityFunctionWithOptions<T[K]>
    : typeof NotAnActivityMethod
}

/** The type of what is in an object of activities and is none. */
export const NotAnActivityMethod = Symbol.for('__TEMPORAL_NOT_AN_ACTIVITY_METHOD')

/**
 * Functions that schedule activities of the same names. An activity runs at least once, on the host,
 * with its arguments as JSON; its result or its ActivityFailure comes back as the promise's.
 *
 * @throws {TypeError} without a timeout
 */
export function proxyActivities<A = UntypedActivities>(
  options: ActivityOptions,
): ActivityInterfaceFor<A> {
  if (options === undefined) throw new TypeError('options must be defined')
  requireTimeout(options)
  return new Proxy({} as ActivityInterfaceFor<A>, {
    get(_, activityType) {
      if (typeof activityType !== 'string') {
        throw new TypeError(
          `Only strings are supported for Activity types, got: ${String(activityType)}`,
        )
      }
      const schedule = (...args: unknown[]): Promise<unknown> =>
        scheduleActivity(activityType, args, options)
      schedule.executeWithOptions = (
        overrides: ActivityOptions,
        args: unknown[],
      ): Promise<unknown> =>
        scheduleActivity(activityType, args, {
          ...options,
          ...overrides,
          ...(options.retry || overrides.retry
            ? { retry: { ...options.retry, ...overrides.retry } }
            : {}),
        })
      return schedule
    },
  })
}

/** Schedule an activity by name. {@link proxyActivities} gives the same with types. */
export function scheduleActivity<R>(
  activityType: string,
  args: unknown[],
  options: ActivityOptions,
): Promise<R> {
  const activator = assertInWorkflowContext(
    'Workflow.scheduleActivity(...) may only be used from a Workflow Execution',
  )
  if (options === undefined) throw new TypeError('Got empty activity options')
  requireTimeout(options)
  const input = { activityType, args, options, headers: {}, seq: activator.activities.takeSeq() }
  const outbound = activator.extensions?.interceptors?.outbound
  const schedule =
    outbound === undefined
      ? scheduleNext
      : composeInterceptors(outbound, 'scheduleActivity', scheduleNext)
  return schedule(input) as Promise<R>
}

function scheduleNext({
  activityType,
  args,
  options,
  headers,
  seq,
}: ActivityInput): Promise<unknown> {
  const activator = assertInWorkflowContext()
  return activator.activities.schedule(() => ({
    kind: 'scheduleActivity',
    seq,
    activityId: options.activityId ?? String(seq),
    activityType,
    args: toPayloads(args),
    taskQueue: options.taskQueue || activator.started.taskQueue,
    retryPolicy: fillRetryPolicy(options.retry),
    cancellationType: cancellationTypeOf(options),
    // Copies last: a field behind one takes Node 20 a microsecond.
    ...headersField(headers),
    ...timeouts(options),
    ...(options.summary === undefined ? {} : { summary: options.summary }),
  }))
}

export function cancellationTypeOf({
  cancellationType,
}: Pick<ActivityOptions, 'cancellationType'>): ActivityCancellationType {
  const given = enumValue(ActivityCancellationType, '', cancellationType)
  return given ?? ActivityCancellationType.TRY_CANCEL
}

function timeouts(options: ActivityOptions): {
  readonly startToCloseTimeoutMs?: number
  readonly scheduleToCloseTimeoutMs?: number
  readonly scheduleToStartTimeoutMs?: number
  readonly heartbeatTimeoutMs?: number
} {
  const startToClose = optionalFiniteMs(options.startToCloseTimeout)
  const scheduleToClose = optionalFiniteMs(options.scheduleToCloseTimeout)
  const scheduleToStart = optionalFiniteMs(options.scheduleToStartTimeout)
  const heartbeat = optionalFiniteMs(options.heartbeatTimeout)
  return {
    ...(startToClose === undefined ? {} : { startToCloseTimeoutMs: startToClose }),
    ...(scheduleToClose === undefined ? {} : { scheduleToCloseTimeoutMs: scheduleToClose }),
    ...(scheduleToStart === undefined ? {} : { scheduleToStartTimeoutMs: scheduleToStart }),
    ...(heartbeat === undefined ? {} : { heartbeatTimeoutMs: heartbeat }),
  }
}

export function requireTimeout(
  options: Pick<ActivityOptions, 'scheduleToCloseTimeout' | 'startToCloseTimeout'>,
): void {
  if (options.scheduleToCloseTimeout === undefined && options.startToCloseTimeout === undefined) {
    throw new TypeError('Required either scheduleToCloseTimeout or startToCloseTimeout')
  }
}
