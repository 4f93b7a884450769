import { cronBackoff, parseCronSchedule } from './cron-schedule.ts'
import type { StartRequest } from './workflow-service.ts'

/** How long a new workflow's first turn waits, in milliseconds; undefined if it does not. */
export function firstBackoff(
  request: Pick<StartRequest, 'startDelayMs' | 'cronSchedule'>,
  now: number,
): number | undefined {
  if (request.startDelayMs !== undefined) return request.startDelayMs
  if (request.cronSchedule === undefined) return undefined
  return cronBackoff(parseCronSchedule(request.cronSchedule), now, now)
}
