import type { LocalActivityResolution } from '../actors/inputs.ts'
import type { ActivityPolicyLimits } from './activity-policy.ts'
import type { ActivityTask } from './activity-task.ts'
import type { LogWriter } from './activity/logger.ts'
import type { Clock } from './clock.ts'

/** What the runner needs of its engine. No port is called during a call of the runner's methods. */
export interface ActivityPorts {
  readonly clock: Clock
  /**
   * Journal the state of an activity: a later attempt's number, due time and whether it has begun,
   * heartbeat details, a cancel request. Resolves when it is durable. Calls for one activity take
   * effect in their order; there is none after `resolve` or after `abandonRun` for it.
   */
  save(task: ActivityTask): Promise<void>
  /**
   * The one outcome: the engine makes it an input of the run and forgets the task in one commit.
   * `settled` is called when that is durable, or with the error that says why it is not.
   */
  resolve(task: ActivityTask, resolution: LocalActivityResolution, settled?: Settled): void
  /** An attempt failed, and another one is to follow. */
  readonly onRetry?: (task: ActivityTask) => void
  readonly log: LogWriter
}

/** Called once something is durable, or with the reason why it is not or may not be. */
export type Settled = (error?: Error) => void

export interface ActivityLimits extends Partial<ActivityPolicyLimits> {
  /** Who runs the activities, in failures and history. Default `pid@hostname`. */
  readonly identity?: string
}
