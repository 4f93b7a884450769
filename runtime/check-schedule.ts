import { parseCronSchedule } from './cron-schedule.ts'
import { SignalboxError } from './errors.ts'
import type { StartRequest } from './workflow-service.ts'

/** A hundred years: a longer one is a mistake. */
const MAX_MS = 100 * 365 * 24 * 3_600_000

/** When a workflow is to begin, and to begin again. @throws SIGNALBOX_ERR_INVALID_ARGUMENT */
export function checkSchedule(
  request: Pick<StartRequest, 'startDelayMs' | 'cronSchedule' | 'retryPolicy'>,
): void {
  const { startDelayMs, cronSchedule, retryPolicy } = request
  if (startDelayMs !== undefined && !(startDelayMs >= 0 && startDelayMs <= MAX_MS)) {
    throw invalid('startDelayMs', 'startDelay must be 0 to 100 years')
  }
  if (cronSchedule !== undefined) {
    if (startDelayMs !== undefined) {
      throw invalid('startDelayMs', 'CronSchedule and WorkflowStartDelay may not be used together.')
    }
    try {
      parseCronSchedule(cronSchedule)
    } catch (error) {
      const why = error instanceof Error ? error.message : String(error)
      throw invalid('cronSchedule', `Invalid CronSchedule: ${why}`)
    }
  }
  if (retryPolicy === undefined) return
  const { initialIntervalMs, backoffCoefficient, maximumIntervalMs, maximumAttempts } = retryPolicy
  const fits =
    initialIntervalMs > 0 &&
    backoffCoefficient >= 1 &&
    maximumIntervalMs >= initialIntervalMs &&
    Number.isInteger(maximumAttempts) &&
    maximumAttempts >= 0
  if (!fits) {
    throw invalid(
      'retryPolicy',
      'retryPolicy needs an initial interval above 0, a coefficient of at least 1, a maximum ' +
        'interval that is not shorter, and a whole number of attempts',
    )
  }
}

function invalid(field: string, message: string): SignalboxError {
  return new SignalboxError('SIGNALBOX_ERR_INVALID_ARGUMENT', message, { fields: { field } })
}
