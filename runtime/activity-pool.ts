import type { ActivityExecutor, AttemptEvents, RunningAttempt } from './activity-executor.ts'
import type { ActivityThreadStart, UnusableFile } from './activity-messages.ts'
import type { ActivityTimeouts } from './activity-policy.ts'
import type { ActivityTask } from './activity-task.ts'
import { ActivityThread } from './activity-thread.ts'
import type { LogWriter } from './activity/logger.ts'
import { checkActivitiesFile } from './check-activities-file.ts'
import { SignalboxError } from './errors.ts'
import { WorkerPool } from './worker-pool.ts'

/** How long threads may take to end by themselves, at close. */
const CLOSE_GRACE_MS = 1_000

export interface ActivityPoolOptions extends Omit<ActivityThreadStart, 'port'> {
  readonly threads: number
  readonly heapMb: number
  /** A thread that answers no cancel for this long is ended. */
  readonly stuckAfterMs: number
  readonly log: LogWriter
}

/**
 * Runs the activities of a module in threads of their own, so that those which compute do not slow the
 * journal. An attempt goes to the thread with the fewest.
 */
export class ActivityPool implements ActivityExecutor {
  readonly #pool: WorkerPool<ActivityThreadStart, void>
  readonly #threads: readonly ActivityThread[]
  readonly #file: string
  #activityTypes: readonly string[] = []
  #nextId = 1
  #opening: { resolve: () => void; reject: (error: Error) => void } | undefined

  constructor(options: ActivityPoolOptions) {
    const { threads, heapMb, stuckAfterMs, log, ...start } = options
    this.#file = start.file
    const entry = new URL('./activity-worker.js', import.meta.url)
    this.#pool = new WorkerPool({ entry, threads, heapMb })
    this.#threads = Array.from(
      { length: threads },
      () =>
        new ActivityThread(this.#pool, start, stuckAfterMs, {
          log,
          onReady: (activityTypes) => {
            this.#activityTypes = activityTypes
            if (this.#threads.every((thread) => thread.everReady)) this.#opening?.resolve()
          },
          onUnusable: (why) => this.#opening?.reject(unusable(this.#file, why)),
        }),
    )
  }

  /**
   * @throws SIGNALBOX_ERR_INVALID_OPTION if the module is not there, cannot be loaded, or exports no
   * function
   */
  async open(): Promise<void> {
    checkActivitiesFile(this.#file)
    const ready = new Promise<void>((resolve, reject) => {
      this.#opening = { resolve, reject }
    })
    for (const thread of this.#threads) thread.open()
    await ready
    this.#opening = undefined
  }

  get activityTypes(): readonly string[] {
    return this.#activityTypes
  }

  start(task: ActivityTask, timeouts: ActivityTimeouts, events: AttemptEvents): RunningAttempt {
    const id = this.#nextId++
    const thread = this.#threads.reduce((least, next) => (next.load < least.load ? next : least))
    thread.start({ is: 'start', id, task, timeouts }, events)
    return {
      cancel: (reason) => thread.cancel({ is: 'cancel', id, reason }),
      detach: () => thread.detach(id),
    }
  }

  async close(): Promise<void> {
    await Promise.all(this.#threads.map((thread) => thread.close(CLOSE_GRACE_MS)))
    await this.#pool.destroy()
  }
}

function unusable(file: string, { reason, fields, stack }: UnusableFile): SignalboxError {
  const message = `activities file ${file} cannot be used: ${reason}`
  return new SignalboxError('SIGNALBOX_ERR_INVALID_OPTION', message, {
    fields: { option: 'activities', file, ...fields },
    ...(stack === undefined ? {} : { cause: Object.assign(new Error(reason), { stack }) }),
  })
}
