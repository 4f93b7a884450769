import type { ActivityPorts, Settled } from './activity-ports.ts'
import { type ActivityTask, taskAttributes } from './activity-task.ts'

/** What is being journaled, so that closing can wait for it. */
export class ActivitySaves {
  readonly #ports: ActivityPorts
  readonly #underWay = new Set<Promise<void>>()

  constructor(ports: ActivityPorts) {
    this.#ports = ports
  }

  /**
   * Journal a task as it is now, then call `then`. An error is the journal's last word: the runtime
   * stops, and the next open recovers the activity from what is durable; so it is logged here, and
   * nothing that needed the record may follow.
   */
  save(task: ActivityTask, then?: Settled): void {
    const save = this.#saved(task).then((error) => {
      this.#underWay.delete(save)
      then?.(error)
    })
    this.#underWay.add(save)
  }

  /** Until nothing is under way, what follows from earlier saves included. */
  async settled(): Promise<void> {
    while (this.#underWay.size > 0) await Promise.all(this.#underWay)
  }

  async #saved(task: ActivityTask): Promise<Error | undefined> {
    try {
      await this.#ports.save(task)
      return undefined
    } catch (error) {
      const attributes = { ...taskAttributes(task), error }
      this.#ports.log('ERROR', 'Activity state could not be journaled', attributes)
      return error instanceof Error ? error : new Error(String(error))
    }
  }
}
