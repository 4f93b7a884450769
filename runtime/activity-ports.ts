import type { ActivityResolution } from '../actors/inputs.ts'
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
  /** The one outcome: the engine makes it an input of the run and forgets the task in one commit. */
  resolve(run: number, seq: number, resolution: ActivityResolution): void
  readonly log: LogWriter
}

export interface ActivityLimits {
  /** How many functions may be under way at once; the others wait in order. Default 1,000. */
  readonly maxConcurrentActivities?: number
  /** Of one result, one failure or one heartbeat's details. Default 2 MiB, as in Temporal. */
  readonly maxPayloadBytes?: number
  /** Who runs the activities, in failures and history. Default `pid@hostname`. */
  readonly identity?: string
}
