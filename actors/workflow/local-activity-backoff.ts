/** When the next attempt of a local activity is to begin; durations and times in milliseconds. */
export interface LocalActivityBackoff {
  /** The attempt that is to follow. */
  readonly attempt: number
  readonly backoffDurationMs: number
  readonly originalScheduleTimeMs: number
}

/**
 * How the call of a local activity ends whose next attempt is too far off to wait for in the turn: the
 * workflow waits by a timer and calls it again. Only interceptors see it.
 */
export class LocalActivityDoBackoff extends Error {
  readonly backoff: LocalActivityBackoff

  constructor(backoff: LocalActivityBackoff) {
    super()
    this.backoff = backoff
  }
}
