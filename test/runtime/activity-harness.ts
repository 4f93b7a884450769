import type { ScheduleActivityCommand } from '../../actors/commands.ts'
import type { LocalActivityResolution, RetryPolicyData } from '../../actors/inputs.ts'
import { defaultActivityLimits } from '../../runtime/activity-policy.ts'
import type { ActivityLimits } from '../../runtime/activity-ports.ts'
import { ActivityRunner } from '../../runtime/activity-runner.ts'
import type { ActivityTask } from '../../runtime/activity-task.ts'
import type { LogMetadata } from '../../runtime/activity/logger.ts'
import { SimulatedClock } from '../../runtime/clock.ts'
import { HostActivities } from '../../runtime/host-activities.ts'

export const defaultPolicy: RetryPolicyData = {
  initialIntervalMs: 1_000,
  backoffCoefficient: 2,
  maximumIntervalMs: 100_000,
  maximumAttempts: 0,
  nonRetryableErrorTypes: [],
}

export interface TaskOptions {
  readonly run?: number
  readonly seq?: number
  readonly type?: string
  readonly command?: Partial<ScheduleActivityCommand>
  readonly policy?: Partial<RetryPolicyData>
  readonly task?: Partial<ActivityTask>
}

/**
 * A runner over a simulated clock and a journal that is an array: what it saved, what it resolved.
 * The journal's commits take effect when `commit` is called, or at once with `autoCommit`.
 */
export class ActivityHarness {
  readonly clock = new SimulatedClock(1_000_000)
  readonly saves: ActivityTask[] = []
  readonly committed: ActivityTask[] = []
  readonly abandoned = new Set<number>()
  /** Saves after the outcome of their activity or the end of its run: there must be none. */
  readonly savedAfterOutcome: ActivityTask[] = []
  readonly outcomes: (readonly [run: number, seq: number, resolution: LocalActivityResolution])[] =
    []
  readonly logs: (readonly [level: string, message: string, meta: LogMetadata])[] = []
  readonly executor: HostActivities
  readonly runner: ActivityRunner
  autoCommit = true
  failSaves: Error | undefined
  #uncommitted: (() => void)[] = []

  constructor(activities: Record<string, unknown>, given?: ActivityLimits) {
    const limits = { ...defaultActivityLimits, ...given }
    this.executor = new HostActivities(
      activities,
      { clock: this.clock, log: (...line) => void this.logs.push(line), client: () => undefined },
      limits,
    )
    this.runner = new ActivityRunner(
      this.executor,
      {
        clock: this.clock,
        save: (task) => this.#save(task),
        resolve: ({ run, command }, resolution, settled) => {
          this.outcomes.push([run, command.seq, resolution])
          settled?.()
        },
        log: (...line) => void this.logs.push(line),
      },
      { identity: 'me', ...limits },
    )
  }

  task(options: TaskOptions = {}): ActivityTask {
    const { run = 1, seq = 1, type = 'act' } = options
    return {
      run,
      workflow: {
        namespace: 'default',
        workflowId: `wf/${run}`,
        runId: `run-${run}`,
        workflowType: 'workflow',
        taskQueue: 'queue',
      },
      command: {
        kind: 'scheduleActivity',
        seq,
        activityId: String(seq),
        activityType: type,
        args: [],
        startToCloseTimeoutMs: 10_000,
        retryPolicy: { ...defaultPolicy, ...options.policy },
        cancellationType: 'WAIT_CANCELLATION_COMPLETED',
        ...options.command,
      },
      scheduledTime: this.clock.now(),
      attempt: 1,
      started: true,
      dueTime: this.clock.now(),
      ...options.task,
    }
  }

  schedule(options: TaskOptions = {}): ActivityTask {
    const task = this.task(options)
    this.runner.schedule(task)
    return task
  }

  /** Let what can happen now happen. */
  async settle(): Promise<void> {
    await this.clock.advanceAsync(0)
  }

  async advance(ms: number): Promise<void> {
    await this.clock.advanceAsync(ms)
  }

  commit(): void {
    for (const resolve of this.#uncommitted.splice(0)) resolve()
  }

  #save(task: ActivityTask): Promise<void> {
    this.saves.push(task)
    const { run, command } = task
    const isOver = this.outcomes.some((outcome) => outcome[0] === run && outcome[1] === command.seq)
    if (isOver || this.abandoned.has(run)) {
      this.savedAfterOutcome.push(task)
    }
    if (this.failSaves !== undefined) return Promise.reject(this.failSaves)
    if (this.autoCommit) {
      this.committed.push(task)
      return Promise.resolve()
    }
    return new Promise((resolve) => {
      this.#uncommitted.push(() => {
        this.committed.push(task)
        resolve()
      })
    })
  }
}

/** The item that a test knows to be there. */
export function nth<T>(items: readonly T[], index: number): T {
  const item = items[index]
  if (item === undefined) throw new RangeError(`no item ${index}`)
  return item
}
