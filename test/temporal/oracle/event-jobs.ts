import type { EventNames, ReadEvent } from './event-names.ts'
import { type Attributes, fields, type Fields } from './turn.ts'

/** The job that an event becomes; undefined for those that workflow code is not told of. */
export function jobOfEvent(event: ReadEvent, names: EventNames): Fields | undefined {
  const { type, attributes } = event
  switch (type) {
    case 'WORKFLOW_EXECUTION_STARTED':
      names.taskQueue = nameOf(attributes['taskQueue'])
      return fields('start', {
        type: nameOf(attributes['workflowType']),
        args: payloadsOf(attributes['input']),
        headers: fieldsOf(attributes['header']),
        memo: fieldsOf(attributes['memo']),
        searchAttributes: attributes['searchAttributes'],
        attempt: attributes['attempt'],
        continuedFrom: attributes['continuedExecutionRunId'],
        lastResult: attributes['lastCompletionResult'],
        lastFailure: attributes['continuedFailure'],
      })
    case 'WORKFLOW_EXECUTION_SIGNALED':
      return fields('signal', {
        name: attributes['signalName'],
        args: payloadsOf(attributes['input']),
        headers: fieldsOf(attributes['header']),
      })
    case 'WORKFLOW_EXECUTION_CANCEL_REQUESTED':
      return fields('cancel', { reason: attributes['cause'] })
    case 'TIMER_FIRED':
      return fields('timer', { id: attributes['timerId'] })
    case 'ACTIVITY_TASK_COMPLETED':
    case 'ACTIVITY_TASK_FAILED':
    case 'ACTIVITY_TASK_TIMED_OUT':
    case 'ACTIVITY_TASK_CANCELED':
      return fields('activity', {
        id: names.of(attributes['scheduledEventId']),
        ...outcomeOf(type, attributes),
      })
    case 'START_CHILD_WORKFLOW_EXECUTION_FAILED':
      return fields('childStart', { id: names.of(attributes['initiatedEventId']), failed: true })
    case 'CHILD_WORKFLOW_EXECUTION_STARTED':
      return fields('childStart', {
        id: names.of(attributes['initiatedEventId']),
        runId: (attributes['workflowExecution'] as Attributes)['runId'],
      })
    case 'CHILD_WORKFLOW_EXECUTION_COMPLETED':
    case 'CHILD_WORKFLOW_EXECUTION_FAILED':
    case 'CHILD_WORKFLOW_EXECUTION_TIMED_OUT':
    case 'CHILD_WORKFLOW_EXECUTION_TERMINATED':
    case 'CHILD_WORKFLOW_EXECUTION_CANCELED':
      return fields('child', {
        id: names.of(attributes['initiatedEventId']),
        ...outcomeOf(type, attributes),
      })
    case 'EXTERNAL_WORKFLOW_EXECUTION_SIGNALED':
    case 'SIGNAL_EXTERNAL_WORKFLOW_EXECUTION_FAILED':
      return fields('externalSignal', externalOutcome(event, names))
    case 'EXTERNAL_WORKFLOW_EXECUTION_CANCEL_REQUESTED':
    case 'REQUEST_CANCEL_EXTERNAL_WORKFLOW_EXECUTION_FAILED':
      return fields('externalCancel', externalOutcome(event, names))
    default:
      return undefined
  }
}

function externalOutcome(event: ReadEvent, names: EventNames): Readonly<Record<string, unknown>> {
  return {
    number: names.of(event.attributes['initiatedEventId']),
    failed: event.type.endsWith('_FAILED') ? true : undefined,
  }
}

/** Timeouts and failures are one to workflow code: the cause of an ActivityFailure. */
function outcomeOf(type: string, attributes: Attributes): Readonly<Record<string, unknown>> {
  if (type.endsWith('COMPLETED')) return { completed: payloadsOf(attributes['result'])?.[0] ?? '' }
  if (type.endsWith('CANCELED')) return { cancelled: payloadsOf(attributes['details']) ?? [] }
  if (type.endsWith('TERMINATED')) return { failed: 'terminated' }
  if (type === 'CHILD_WORKFLOW_EXECUTION_TIMED_OUT') return { failed: 'timed out' }
  return { failed: attributes['failure'] }
}

function nameOf(message: unknown): unknown {
  return (message as Attributes | undefined)?.['name']
}

function payloadsOf(message: unknown): readonly unknown[] | undefined {
  return (message as { readonly payloads?: readonly unknown[] } | undefined)?.payloads
}

function fieldsOf(message: unknown): unknown {
  return (message as Attributes | undefined)?.['fields']
}
