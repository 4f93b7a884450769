import { type Attributes, type Fields } from './turn.ts'
import { CommandReader } from './sdk-commands.ts'
import { jobOfActivation } from './sdk-jobs.ts'
import { readableVariant } from './replay-turns.ts'

const WAIT_FOR_ACTIVITY = 1
/** ABANDON is before it. */
const TRY_CHILD = 1
const ALREADY_EXISTS = 1

interface Activity {
  readonly id: string
  readonly type: string
  readonly waits: boolean
  isCancelRequested: boolean
}

interface LocalActivity extends Activity {
  readonly attempt: number
}

interface Child {
  readonly workflowId: string
  readonly workflowType: string
  readonly cancellation: number
  isStarted: boolean
  runId: string
}

/**
 * What the SDK's core does between the activations of one workflow task: leave out what was begun and
 * cancelled in the same task and what has ended before it was cancelled, and itself resolve what
 * is cancelled without waiting for its outcome. And what is under way outside, for the world to end.
 */
export class EmulatedCore {
  readonly timers = new Set<number>()
  readonly activities = new Map<number, Activity>()
  readonly locals = new Map<number, LocalActivity>()
  readonly children = new Map<number, Child>()
  readonly signals = new Set<number>()
  readonly cancels = new Set<number>()
  readonly #reader = new CommandReader({ localActivities: true })
  /** Commands of the task in hand. */
  #commands: Attributes[] = []
  #begun = new Set<string>()

  /** Must be told of every job before the activation that has it. */
  hand(jobs: readonly Attributes[]): void {
    for (const job of jobs) jobOfActivation(readableVariant(job), this.#reader)
  }

  /** @returns jobs for another activation of the same task */
  take(commands: readonly Attributes[]): readonly Attributes[] {
    const jobs: Attributes[] = []
    let isOver = false
    for (const raw of commands) {
      const command = readableVariant(raw)
      const kind = Object.keys(command)[0] ?? ''
      const attributes = command[kind] as Attributes
      isOver ||= /^(complete|fail|cancel|continueAsNew)Workflow/.test(kind)
      if (this.#follow(kind, attributes, jobs)) this.#commands.push(command)
    }
    return isOver ? [] : jobs
  }

  /** The commands of the whole task. */
  conclude(): readonly Fields[] {
    const said = this.#reader.read(this.#commands)
    this.#commands = []
    this.#begun = new Set()
    return said
  }

  /** Whether the command counts. */
  #follow(kind: string, attributes: Attributes, jobs: Attributes[]): boolean {
    const seq = Number(attributes['seq'] ?? attributes['childWorkflowSeq'] ?? 0)
    switch (kind) {
      case 'startTimer':
        this.timers.add(seq)
        return true
      case 'cancelTimer':
        return this.timers.delete(seq)
      case 'scheduleActivity':
        this.#begun.add(`activity ${seq}`)
        this.activities.set(seq, {
          id: String(attributes['activityId']),
          type: String(attributes['activityType']),
          waits: attributes['cancellationType'] === WAIT_FOR_ACTIVITY,
          isCancelRequested: false,
        })
        return true
      case 'requestCancelActivity':
        return this.#cancelActivity(seq, jobs)
      case 'scheduleLocalActivity':
        this.#begun.add(`local ${seq}`)
        this.locals.set(seq, {
          id: String(attributes['activityId']),
          type: String(attributes['activityType']),
          waits: attributes['cancellationType'] === WAIT_FOR_ACTIVITY,
          attempt: Number(attributes['attempt'] ?? 1),
          isCancelRequested: false,
        })
        return true
      case 'requestCancelLocalActivity':
        return this.#cancelLocal(seq, jobs)
      case 'startChildWorkflowExecution':
        this.#begun.add(`child ${seq}`)
        this.children.set(seq, {
          workflowId: String(attributes['workflowId']),
          workflowType: String(attributes['workflowType']),
          cancellation: Number(attributes['cancellationType'] ?? 0),
          isStarted: false,
          runId: '',
        })
        return true
      case 'cancelChildWorkflowExecution':
        return this.#cancelChild(seq, jobs)
      case 'signalExternalWorkflowExecution':
        this.#begun.add(`signal ${seq}`)
        this.signals.add(seq)
        return true
      case 'cancelSignalWorkflow':
        if (!this.#begun.has(`signal ${seq}`) || !this.signals.delete(seq)) return false
        jobs.push({ resolveSignalExternalWorkflow: { seq, failure: signalWithdrawn } })
        return true
      case 'requestCancelExternalWorkflowExecution':
        this.cancels.add(seq)
        return true
      default:
        return true
    }
  }

  #cancelActivity(seq: number, jobs: Attributes[]): boolean {
    const activity = this.activities.get(seq)
    if (activity === undefined) return false
    if (activity.waits && !this.#begun.has(`activity ${seq}`)) {
      activity.isCancelRequested = true
      return true
    }
    jobs.push(this.activityJob(seq, 'cancelled', cancelledCause))
    return true
  }

  #cancelLocal(seq: number, jobs: Attributes[]): boolean {
    const activity = this.locals.get(seq)
    if (activity === undefined) return false
    if (activity.waits && !this.#begun.has(`local ${seq}`)) {
      activity.isCancelRequested = true
      return true
    }
    this.locals.delete(seq)
    const failure = {
      message: 'Local Activity cancelled',
      cause: { message: 'Activity cancelled', canceledFailureInfo: {} },
      activityFailureInfo: {
        activityId: activity.id,
        activityType: { name: activity.type },
        retryState: CANCEL_REQUESTED,
      },
    }
    jobs.push(localJob(seq, { cancelled: { failure } }))
    return true
  }

  #cancelChild(seq: number, jobs: Attributes[]): boolean {
    const child = this.children.get(seq)
    if (child === undefined) return false
    if (this.#begun.has(`child ${seq}`)) {
      this.children.delete(seq)
      const failure = {
        message: 'Child Workflow Execution cancelled before scheduled: ',
        cause: cancelledCause,
        ...childInfo(child),
      }
      jobs.push({ resolveChildWorkflowExecutionStart: { seq, cancelled: { failure } } })
    } else if (child.cancellation <= TRY_CHILD) jobs.push(this.childJob(seq, 'cancelled'))
    return true
  }

  /** The job that ends an activity. */
  activityJob(seq: number, how: 'completed' | 'failed' | 'cancelled', what: unknown): Attributes {
    const activity = this.activities.get(seq) as Activity
    this.activities.delete(seq)
    if (how === 'completed') {
      return { resolveActivity: { seq, result: { completed: { result: what } } } }
    }
    const failure = {
      message: how === 'failed' ? 'Activity task failed' : 'Activity cancelled',
      cause: what,
      activityFailureInfo: {
        activityId: activity.id,
        activityType: { name: activity.type },
        retryState: how === 'failed' ? MAXIMUM_ATTEMPTS_REACHED : CANCEL_REQUESTED,
      },
    }
    return { resolveActivity: { seq, result: { [how]: { failure } } } }
  }

  childStartJob(seq: number, runId: string | undefined): Attributes {
    const child = this.children.get(seq) as Child
    if (runId !== undefined) {
      child.isStarted = true
      child.runId = runId
      return { resolveChildWorkflowExecutionStart: { seq, succeeded: { runId } } }
    }
    this.children.delete(seq)
    const { workflowId, workflowType } = child
    const failed = { workflowId, workflowType, cause: ALREADY_EXISTS }
    return { resolveChildWorkflowExecutionStart: { seq, failed } }
  }

  /** The job that ends a child. */
  childJob(seq: number, how: 'completed' | 'failed' | 'cancelled', what?: unknown): Attributes {
    const child = this.children.get(seq) as Child
    this.children.delete(seq)
    if (how === 'completed') {
      return { resolveChildWorkflowExecution: { seq, result: { completed: { result: what } } } }
    }
    const failure = {
      message: `Child Workflow execution ${how}`,
      cause: how === 'failed' ? what : cancelledCause,
      ...childInfo(child),
    }
    return { resolveChildWorkflowExecution: { seq, result: { [how]: { failure } } } }
  }
}

/** The job that ends a local activity, or leaves its next attempt to the workflow. */
export function localJob(seq: number, result: Attributes): Attributes {
  return { resolveActivity: { seq, isLocal: true, result } }
}

const NON_RETRYABLE_FAILURE = 2
const MAXIMUM_ATTEMPTS_REACHED = 4
const CANCEL_REQUESTED = 7
const cancelledCause = { canceledFailureInfo: {} }
const signalWithdrawn = {
  message: 'Signal was cancelled before being sent',
  canceledFailureInfo: {},
}

function childInfo({ workflowId, workflowType, runId }: Child): Attributes {
  return {
    childWorkflowExecutionFailureInfo: {
      namespace: 'default',
      workflowExecution: { workflowId, runId },
      workflowType: { name: workflowType },
      retryState: NON_RETRYABLE_FAILURE,
    },
  }
}
