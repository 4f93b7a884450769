import type { ActivityExecutor } from './activity-executor.ts'
import { ActivityPool } from './activity-pool.ts'
import type { LogWriter } from './activity/logger.ts'
import type { Client } from './client.ts'
import { HostActivities } from './host-activities.ts'
import { activityModules, type ResolvedOptions } from './options.ts'

/** Where activities run: functions on this thread, those of a file in threads of their own. */
export function createActivityExecutor(
  options: ResolvedOptions,
  log: LogWriter,
  client: () => Client | undefined,
): {
  readonly executor: ActivityExecutor
  /** Before the first activity. @throws SIGNALBOX_ERR_INVALID_OPTION if the file cannot be used */
  readonly open: () => Promise<void>
} {
  const { activitiesPath, activityThreads, limits, clock, converters, interceptors } = options
  if (activitiesPath === undefined) {
    const ports = { clock, log, client, converters, interceptors: interceptors.activity }
    const executor = new HostActivities(options.activities, ports, limits)
    return { executor, open: () => Promise.resolve() }
  }
  const { payloadConverterPath: payloads, failureConverterPath: failures } = options.dataConverter
  const executor = new ActivityPool({
    file: activitiesPath,
    interceptorFiles: activityModules(interceptors),
    threads: activityThreads,
    heapMb: limits.slotHeapMb,
    stuckAfterMs: limits.activityThreadTimeoutMs,
    maxPayloadBytes: limits.maxPayloadBytes,
    log,
    // As texts: a URL cannot be sent to a thread.
    dataConverter: {
      ...(payloads === undefined ? {} : { payloadConverterPath: String(payloads) }),
      ...(failures === undefined ? {} : { failureConverterPath: String(failures) }),
    },
  })
  return { executor, open: () => executor.open() }
}
