import type { EventNames, ReadEvent } from './event-names.ts'
import { type Attributes, fields, type Fields } from './turn.ts'

/** The command that an event records; undefined for an event that no command makes. */
export function commandOfEvent(event: ReadEvent, names: EventNames): Fields | undefined {
  const { id, type, attributes, summary } = event
  switch (type) {
    case 'TIMER_STARTED': {
      const timerId = names.name(id, String(attributes['timerId']))
      return fields('startTimer', { id: timerId, ms: attributes['startToFireTimeout'], summary })
    }
    case 'TIMER_CANCELED':
      return fields('cancelTimer', { id: attributes['timerId'] })
    case 'ACTIVITY_TASK_SCHEDULED':
      return fields('scheduleActivity', {
        id: names.name(id, String(attributes['activityId'])),
        type: nested(attributes, 'activityType', 'name'),
        ...inputOf(attributes, names),
        ...timeoutsOf(attributes, [
          'scheduleToCloseTimeout',
          'scheduleToStartTimeout',
          'startToCloseTimeout',
          'heartbeatTimeout',
        ]),
        retryPolicy: attributes['retryPolicy'],
        summary,
      })
    case 'ACTIVITY_TASK_CANCEL_REQUESTED':
      return fields('cancelActivity', { id: names.of(attributes['scheduledEventId']) })
    case 'START_CHILD_WORKFLOW_EXECUTION_INITIATED':
      return fields('startChild', {
        id: names.name(id, String(attributes['workflowId'])),
        type: nested(attributes, 'workflowType', 'name'),
        ...inputOf(attributes, names),
        ...timeoutsOf(attributes, ['workflowExecutionTimeout', 'workflowRunTimeout']),
        parentClosePolicy: attributes['parentClosePolicy'],
        retryPolicy: attributes['retryPolicy'],
        cronSchedule: attributes['cronSchedule'],
        memo: nested(attributes, 'memo', 'fields'),
        searchAttributes: attributes['searchAttributes'],
      })
    case 'SIGNAL_EXTERNAL_WORKFLOW_EXECUTION_INITIATED':
      return fields('signalExternal', {
        number: names.number(id, 'signal'),
        target: nested(attributes, 'workflowExecution', 'workflowId'),
        name: attributes['signalName'],
        ...inputOf(attributes, names),
      })
    case 'REQUEST_CANCEL_EXTERNAL_WORKFLOW_EXECUTION_INITIATED':
      return fields('cancelExternal', {
        number: names.number(id, 'cancel'),
        target: nested(attributes, 'workflowExecution', 'workflowId'),
      })
    case 'WORKFLOW_EXECUTION_UPDATE_ACCEPTED': {
      const update = nested(attributes, 'acceptedRequest', 'meta') as Attributes
      return fields('acceptUpdate', { id: names.name(id, String(update['updateId'])) })
    }
    case 'WORKFLOW_EXECUTION_UPDATE_COMPLETED': {
      const outcome = (attributes['outcome'] ?? {}) as Attributes
      const [completed] = (nested(outcome, 'success', 'payloads') ?? []) as readonly unknown[]
      return fields('completeUpdate', {
        id: nested(attributes, 'meta', 'updateId'),
        completed,
        failed: outcome['failure'],
      })
    }
    case 'UPSERT_WORKFLOW_SEARCH_ATTRIBUTES':
      return fields('upsertSearchAttributes', { attributes: attributes['searchAttributes'] })
    case 'WORKFLOW_PROPERTIES_MODIFIED':
      return fields('modifyProperties', { memo: nested(attributes, 'upsertedMemo', 'fields') })
    case 'MARKER_RECORDED':
      if (attributes['markerName'] === 'core_patch') {
        const { id: patchId, deprecated } = markerData(attributes)
        return fields('patched', { patchId, deprecated: deprecated === true ? true : undefined })
      }
      return fields('marker', { name: attributes['markerName'], details: attributes['details'] })
    default:
      return terminalOf(event, names)
  }
}

/** What the SDK's core notes in a marker of its own. */
export function markerData({ details }: Attributes): Attributes {
  const { data, 'patch-data': patch } = (details ?? {}) as Readonly<
    Record<string, { readonly payloads?: readonly string[] } | undefined>
  >
  const [text = ''] = (patch ?? data)?.payloads ?? []
  return JSON.parse(text.replace('json/plain ', '')) as Attributes
}

function terminalOf({ type, attributes }: ReadEvent, names: EventNames): Fields | undefined {
  switch (type) {
    case 'WORKFLOW_EXECUTION_COMPLETED': {
      const [result] = (nested(attributes, 'result', 'payloads') ?? []) as readonly unknown[]
      return fields('complete', { result })
    }
    case 'WORKFLOW_EXECUTION_FAILED':
      return fields('fail', { failure: attributes['failure'] })
    case 'WORKFLOW_EXECUTION_CANCELED':
      return fields('cancelled', {})
    case 'WORKFLOW_EXECUTION_CONTINUED_AS_NEW':
      // One that the engine started by itself, for a retry or by a schedule, is no command.
      return fields('continueAsNew', {
        type: nested(attributes, 'workflowType', 'name'),
        ...inputOf(attributes, names),
      })
    default:
      return undefined
  }
}

function inputOf(attributes: Attributes, names: EventNames): Attributes {
  const taskQueue = nested(attributes, 'taskQueue', 'name')
  return {
    args: nested(attributes, 'input', 'payloads'),
    headers: nested(attributes, 'header', 'fields'),
    taskQueue: taskQueue === names.taskQueue ? undefined : taskQueue,
  }
}

function timeoutsOf(attributes: Attributes, timeouts: readonly string[]): Attributes {
  return Object.fromEntries(timeouts.map((name) => [name, attributes[name]]))
}

function nested(attributes: Attributes, outer: string, inner: string): unknown {
  return (attributes[outer] as Attributes | undefined)?.[inner]
}
