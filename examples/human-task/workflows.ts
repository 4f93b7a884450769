import {
  condition,
  defineQuery,
  defineSignal,
  proxyActivities,
  setHandler,
} from 'signalbox/workflow'
import type * as activities from './activities.ts'

export interface TaskRequest {
  readonly title: string
  /** When people are reminded of a task that nobody has finished, in milliseconds. Default one day. */
  readonly remindEveryMs?: number
}

export type TaskState = 'open' | 'claimed' | 'completed' | 'rejected'

/** An action that the task's state, or somebody else's claim, did not allow. */
export interface RefusedAction {
  readonly action: 'claim' | 'return' | 'complete' | 'reject'
  readonly user: string
  readonly reason: string
}

export interface TaskStatus {
  readonly state: TaskState
  /** Who holds the task, or who finished it. */
  readonly user?: string
  readonly form?: Readonly<Record<string, unknown>>
  readonly rejectReason?: string
  readonly refused: readonly RefusedAction[]
}

export const claim = defineSignal<[user: string]>('claim')
export const giveBack = defineSignal<[user: string]>('return')
export const complete =
  defineSignal<[user: string, form: Readonly<Record<string, unknown>>]>('complete')
export const reject = defineSignal<[user: string, reason: string]>('reject')
export const taskStatus = defineQuery<TaskStatus>('taskStatus')

const { publishTask, remindOfTask, withdrawTask } = proxyActivities<typeof activities>({
  startToCloseTimeout: '30 seconds',
})

const oneDayMs = 24 * 60 * 60 * 1000

/** A task for people: published, claimed and returned at will, until its holder completes or rejects it. */
export async function humanTask(taskId: string, request: TaskRequest): Promise<TaskStatus> {
  let state: TaskState = 'open'
  let user: string | undefined
  let form: Readonly<Record<string, unknown>> | undefined
  let rejectReason: string | undefined
  const refused: RefusedAction[] = []

  // A signal has no answer, so an action that comes too late is no error of the workflow: it is
  // written down where the form can show it. Throwing here would fail the task for everybody.
  const refuse = (action: RefusedAction['action'], by: string, reason: string): void => {
    refused.push({ action, user: by, reason })
  }
  const heldBy = (by: string, action: RefusedAction['action']): boolean => {
    if (state === 'claimed' && user === by) return true
    refuse(action, by, state === 'claimed' ? `claimed by ${user}` : `the task is ${state}`)
    return false
  }

  setHandler(claim, (by) => {
    if (state !== 'open') {
      return refuse(
        'claim',
        by,
        state === 'claimed' ? `claimed by ${user}` : `the task is ${state}`,
      )
    }
    state = 'claimed'
    user = by
  })
  setHandler(giveBack, (by) => {
    if (!heldBy(by, 'return')) return
    state = 'open'
    user = undefined
  })
  setHandler(complete, (by, answers) => {
    if (!heldBy(by, 'complete')) return
    state = 'completed'
    form = answers
  })
  setHandler(reject, (by, reason) => {
    if (!heldBy(by, 'reject')) return
    state = 'rejected'
    rejectReason = reason
  })
  const status = (): TaskStatus => ({
    state,
    ...(user !== undefined && { user }),
    ...(form !== undefined && { form }),
    ...(rejectReason !== undefined && { rejectReason }),
    refused,
  })
  setHandler(taskStatus, status)

  const finished = (): boolean => state === 'completed' || state === 'rejected'
  await publishTask(taskId, request.title)
  while (!(await condition(finished, request.remindEveryMs ?? oneDayMs))) {
    await remindOfTask(taskId, user)
  }
  await withdrawTask(taskId)
  return status()
}
