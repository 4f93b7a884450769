import type { Failure } from '../actors/failure.ts'
import type { Payload } from '../actors/payload.ts'
import type { ActivityTimeouts } from './activity-policy.ts'
import type { ActivityTask } from './activity-task.ts'
import type { ActivityCancelReason } from './activity/cancellation.ts'

/** How one call of an activity function ended. */
export type AttemptOutcome =
  | { readonly status: 'completed'; readonly result: Payload }
  | { readonly status: 'failed'; readonly failure: Failure }
  | { readonly status: 'cancelled'; readonly details: readonly Payload[] | undefined }
  /** The function has ended, and its outcome will be told by somebody else. */
  | { readonly status: 'async' }

/** What an attempt tells the runner. */
export interface AttemptEvents {
  readonly ended: (outcome: AttemptOutcome) => void
  readonly heartbeat: (details: readonly Payload[]) => void
}

/** A call under way, wherever it runs. */
export interface RunningAttempt {
  /** Tell the function to stop; it may not heed it. */
  cancel(reason: ActivityCancelReason): void
  /** From now on nothing of the function is heard. */
  detach(): void
}

/**
 * Where activity functions run: on the host's thread or in threads of their own.
 *
 * Guarantee: `ended` is called at most once for an attempt, and neither it nor `heartbeat` after
 * `detach`. It may be called before `start` returns.
 */
export interface ActivityExecutor {
  /** The activity types that there are functions for. */
  readonly activityTypes: readonly string[]
  start(task: ActivityTask, timeouts: ActivityTimeouts, events: AttemptEvents): RunningAttempt
  /** End what runs, once nothing is expected of it any more. */
  close(): Promise<void>
}
