/**
 * What activity code imports: the names of `@temporalio/activity`. Activities run on the host, in
 * the process that opened the runtime, with everything Node has.
 */
import type { ActivityFunction } from '../../actors/workflow/activities.ts'
import type { Duration } from '../../actors/workflow/duration.ts'
import { notBuilt } from '../../actors/workflow/not-built.ts'
import type { Client } from '../client.ts'
import {
  type ActivityCancellationDetails,
  asyncLocalStorage,
  Context,
  type Info,
} from './context.ts'
import type { Logger } from './logger.ts'

export {
  ActivityFailure,
  ApplicationFailure,
  type ApplicationFailureOptions,
  ApplicationFailureCategory,
  CancelledFailure,
  CompleteAsyncError,
  isCancellation,
  ServerFailure,
  TemporalFailure,
  TerminatedFailure,
  TimeoutFailure,
} from '../../actors/failures.ts'
export type {
  ActivityFunction,
  ActivityInterface,
  UntypedActivities,
} from '../../actors/workflow/activities.ts'
export type { Duration } from '../../actors/workflow/duration.ts'
export { asyncLocalStorage, Context, metricMeter } from './context.ts'
export type { ActivityCancellationDetails, Info } from './context.ts'
export type { ActivityCancelReason } from './cancellation.ts'
export type {
  ActivityExecuteInput,
  ActivityInboundCallsInterceptor,
  ActivityInterceptors,
  ActivityInterceptorsFactory,
  ActivityOutboundCallsInterceptor,
} from './interceptors.ts'
export type { LogLevel, LogMetadata, Logger } from './logger.ts'

/** True in code that an activity function called or awaits. */
export function inActivityContext(): boolean {
  return asyncLocalStorage.getStore() !== undefined
}

/** What this activity may know about itself. @throws Error outside of an activity */
export function activityInfo(): Info {
  return Context.current().info
}

/** As {@link Context.heartbeat}. */
export function heartbeat(details?: unknown): void {
  Context.current().heartbeat(details)
}

/** As {@link Context.sleep}. */
export function sleep(duration: Duration): Promise<void> {
  return Context.current().sleep(duration)
}

/** As {@link Context.cancelled}. */
export function cancelled(): Promise<never> {
  return Context.current().cancelled
}

/** As {@link Context.cancellationSignal}. */
export function cancellationSignal(): AbortSignal {
  return Context.current().cancellationSignal
}

/** As {@link Context.cancellationDetails}. */
export function cancellationDetails(): ActivityCancellationDetails | undefined {
  return Context.current().cancellationDetails
}

/** As {@link Context.client}. */
export function getClient(): Client {
  return Context.current().client
}

/** Temporal's type information for converters; signalbox has no use for it and says so. */
export function setActivityOptions(_options: object, _fn: ActivityFunction): never {
  return notBuilt('setActivityOptions')
}

/** The current activity's logger; see {@link Context.log}. */
export const log: Logger = {
  log: (level, message, meta) => Context.current().log.log(level, message, meta),
  trace: (message, meta) => Context.current().log.trace(message, meta),
  debug: (message, meta) => Context.current().log.debug(message, meta),
  info: (message, meta) => Context.current().log.info(message, meta),
  warn: (message, meta) => Context.current().log.warn(message, meta),
  error: (message, meta) => Context.current().log.error(message, meta),
}
