import type { ScheduleActivityCommand, ScheduleLocalActivityCommand } from '../actors/commands.ts'
import type { Failure } from '../actors/failure.ts'
import type { Payload } from '../actors/payload.ts'
import type { LogWriter } from './activity/logger.ts'
import type { Run } from './run.ts'

/** An activity that a workflow has scheduled and that has no outcome yet: what the journal keeps of it. */
export interface ActivityTask {
  /** The run's number. */
  readonly run: number
  readonly workflow: {
    readonly namespace: string
    readonly workflowId: string
    readonly runId: string
    readonly workflowType: string
    /** Where the command names none. */
    readonly taskQueue?: string
  }
  readonly command: ScheduleActivityCommand | ScheduleLocalActivityCommand
  /** When the workflow scheduled it, in milliseconds since the epoch. */
  readonly scheduledTime: number
  /** From 1: the attempt that runs, or the one that is to come. */
  readonly attempt: number
  /** The attempt may have begun. True of attempt 1 as soon as its schedule command is committed. */
  readonly started: boolean
  /** When the attempt is, or was, to begin, in milliseconds since the epoch. */
  readonly dueTime: number
  /** Why the attempt before this one failed. */
  readonly lastFailure?: Failure
  readonly heartbeatDetails?: readonly Payload[]
  readonly cancelRequested?: boolean
  /** When the attempt that runs began. Journaled with {@link completesAsync} alone. */
  readonly startedTime?: number
  /**
   * The attempt's function has ended and somebody else will tell the outcome. It outlives the
   * process: at the next open the attempt is still under way, and its token still good.
   */
  readonly completesAsync?: boolean
  /** When the attempt before this one ended, and how long this one waits since then. */
  readonly lastAttemptEndTime?: number
  readonly retryDelayMs?: number
}

/** The task of a local activity; see {@link ScheduleLocalActivityCommand}. */
export interface LocalActivityTask extends ActivityTask {
  readonly command: ScheduleLocalActivityCommand
}

/** What the journal keeps of an activity that a run schedules now. Its commit is the start of its attempt. */
export function newActivityTask(
  run: Run,
  command: ActivityTask['command'],
  now: number,
): ActivityTask {
  const { namespace, workflowId, runId, workflowType } = run.row
  return {
    run: run.key,
    workflow: { namespace, workflowId, runId, workflowType },
    command,
    scheduledTime: now,
    attempt: command.kind === 'scheduleLocalActivity' ? command.attempt : 1,
    started: true,
    dueTime: now,
  }
}

export function isLocal(task: ActivityTask): task is LocalActivityTask {
  return task.command.kind === 'scheduleLocalActivity'
}

/** What log lines about a task say of it. */
export function taskAttributes(task: ActivityTask): Readonly<Record<string, unknown>> {
  const { command, workflow, attempt } = task
  return {
    workflowId: workflow.workflowId,
    workflowRunId: workflow.runId,
    workflowType: workflow.workflowType,
    activityId: command.activityId,
    activityType: command.activityType,
    attempt,
  }
}

/** An attempt that failed is worth a warning, unless its author called the failure benign. */
export function logFailure(
  log: LogWriter,
  task: ActivityTask,
  failure: Failure,
  retrying: boolean,
): void {
  const benign = failure.applicationFailureInfo?.category === 'BENIGN'
  log(benign ? 'DEBUG' : 'WARN', 'Activity failed', {
    ...taskAttributes(task),
    error: failure.message,
    errorType: failure.applicationFailureInfo?.type,
    retrying,
  })
}
