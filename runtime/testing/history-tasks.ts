import { idOf, type JsonObject, listOf, objectOf, textOf, timeOf } from './history-values.ts'
import { ReplayError } from './replay-errors.ts'

/** A history event, read. */
export interface RecordedEvent {
  readonly id: number
  /** Without `EVENT_TYPE_`. */
  readonly type: string
  readonly timeMs: number
  readonly attributes: JsonObject
}

/** One completed workflow task: what the code was given, and what it asked for. */
export interface RecordedTask {
  readonly startedId: number
  readonly completedId: number
  /** The workflow's `Date.now()`. */
  readonly timeMs: number
  readonly historySize: number
  readonly continueAsNewSuggested: boolean
  /** Events since the task before. */
  readonly inputs: readonly RecordedEvent[]
  /** Events of the commands with which the task was completed. */
  readonly commands: readonly RecordedEvent[]
}

/**
 * The events of an exported history, `{ "events": […] }` in proto3 JSON.
 *
 * @throws ReplayError if they are not a history, or have gaps
 */
export function readEvents(history: unknown, workflowId: string): RecordedEvent[] {
  const given = objectOf(history)['events']
  if (!Array.isArray(given) || given.length === 0) {
    throw new ReplayError('A history must be an object with a list of events', { workflowId })
  }
  return listOf(given).map((event, index) => readEvent(objectOf(event), index + 1, workflowId))
}

function readEvent(event: JsonObject, expectedId: number, workflowId: string): RecordedEvent {
  const id = idOf(event['eventId'])
  if (id !== expectedId) {
    const message = `History is out of order: event ${expectedId} has the id ${id}`
    throw new ReplayError(message, { workflowId, eventId: expectedId })
  }
  const name = textOf(event['eventType'])
  if (name === '') {
    const message = `Event ${id} has no type in text form; export the history as JSON`
    throw new ReplayError(message, { workflowId, eventId: id })
  }
  // Older exports have `ActivityTaskScheduled`.
  const type = name.startsWith('EVENT_TYPE_')
    ? name.slice('EVENT_TYPE_'.length)
    : name.replace(/(?<=[a-z])(?=[A-Z])/g, '_').toUpperCase()
  const field = `${type.toLowerCase().replace(/_([a-z])/g, (_, letter: string) => letter.toUpperCase())}EventAttributes`
  return {
    id,
    type,
    timeMs: event['eventTime'] === undefined ? 0 : timeOf(event['eventTime']),
    attributes: objectOf(event[field]),
  }
}

const UPDATE_EVENTS: ReadonlySet<string> = new Set([
  'WORKFLOW_EXECUTION_UPDATE_ACCEPTED',
  'WORKFLOW_EXECUTION_UPDATE_COMPLETED',
])

/**
 * The workflow tasks of a history that were completed. Those that failed or timed out did nothing that
 * counts: what they were given waits for the next one. Events at the end that no task has handled are left.
 */
export function* completedTasks(events: readonly RecordedEvent[]): Generator<RecordedTask> {
  let inputs: RecordedEvent[] = []
  let timeMs = 0
  for (let at = 0; at < events.length; at++) {
    const event = events[at] as RecordedEvent
    if (event.type !== 'WORKFLOW_TASK_STARTED') {
      if (!event.type.startsWith('WORKFLOW_TASK_') || isReset(event)) inputs.push(event)
      continue
    }
    const end = events.findIndex(({ type }, index) => index > at && isTaskEnd(type))
    const completed = end < 0 ? undefined : events[end]
    if (completed?.type !== 'WORKFLOW_TASK_COMPLETED') continue
    const between = events.slice(at + 1, end)
    const commands: RecordedEvent[] = []
    // What came while the task was under way follows its commands, and belongs to the next one.
    const later: RecordedEvent[] = between
    let next = end + 1
    for (; next < events.length; next++) {
      const follower = events[next] as RecordedEvent
      if (follower.type.startsWith('WORKFLOW_TASK_')) break
      if (isCommandOf(follower, completed.id)) commands.push(follower)
      else later.push(follower)
    }
    // The clock of a workflow never goes back.
    timeMs = Math.max(timeMs, event.timeMs)
    yield {
      startedId: event.id,
      completedId: completed.id,
      timeMs,
      historySize: idOf(event.attributes['historySizeBytes']),
      continueAsNewSuggested: event.attributes['suggestContinueAsNew'] === true,
      inputs,
      commands,
    }
    inputs = later
    at = next - 1
  }
}

/** The code is told of it, since it changes its random numbers. */
function isReset({ type, attributes }: RecordedEvent): boolean {
  return (
    type === 'WORKFLOW_TASK_FAILED' &&
    attributes['cause'] === 'WORKFLOW_TASK_FAILED_CAUSE_RESET_WORKFLOW'
  )
}

function isTaskEnd(type: string): boolean {
  return (
    type === 'WORKFLOW_TASK_COMPLETED' ||
    type === 'WORKFLOW_TASK_FAILED' ||
    type === 'WORKFLOW_TASK_TIMED_OUT'
  )
}

function isCommandOf({ type, attributes }: RecordedEvent, completedId: number): boolean {
  if (UPDATE_EVENTS.has(type)) return true
  // Failures to start a child or to reach another workflow name the task too, and are no commands.
  if (type.endsWith('_EXECUTION_FAILED') && type !== 'WORKFLOW_EXECUTION_FAILED') return false
  return idOf(attributes['workflowTaskCompletedEventId']) === completedId
}
