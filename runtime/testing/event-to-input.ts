import type { Failure } from '../../actors/failure.ts'
import {
  type ActivityResolution,
  type ChildResolution,
  type ExternalFailureCause,
  type Input,
  InputKind,
  type StartedAttributes,
  type UpdateRequestedInput,
} from '../../actors/inputs.ts'
import { defined } from '../defined.ts'
import type { RecordedEvent } from './history-tasks.ts'
import {
  durationOf,
  enumOf,
  failureOf,
  idOf,
  type JsonObject,
  objectOf,
  optionalPayloads,
  optionalText,
  payloadMapOf,
  payloadOf,
  payloadsOf,
  retryStateOf,
  textOf,
} from './history-values.ts'
import type { RecordedLinks } from './recorded-links.ts'
import { ReplayError } from './replay-errors.ts'

interface ReplayedRun {
  readonly workflowId: string
  readonly namespace: string
}

/** Events between workflow tasks that the workflow does not see. */
const UNSEEN: ReadonlySet<string> = new Set([
  'ACTIVITY_TASK_STARTED',
  'WORKFLOW_EXECUTION_OPTIONS_UPDATED',
  'WORKFLOW_EXECUTION_PAUSED',
  'WORKFLOW_EXECUTION_UNPAUSED',
  'WORKFLOW_EXECUTION_TERMINATED',
  'WORKFLOW_EXECUTION_TIMED_OUT',
])

/** Whether an event says that an update was accepted. */
export function isAcceptance({ type }: RecordedEvent): boolean {
  return type === 'WORKFLOW_EXECUTION_UPDATE_ACCEPTED'
}

/** The update that a task accepted, by the event that says so. */
export function updateOf({ attributes }: RecordedEvent, timeMs: number): UpdateRequestedInput {
  const { meta, input } = objectOf(attributes['acceptedRequest'])
  const { name, args, header } = objectOf(input)
  return [
    InputKind.updateRequested,
    timeMs,
    textOf(objectOf(meta)['updateId']) || textOf(attributes['protocolInstanceId']),
    textOf(name),
    payloadsOf(args),
    defined({ headers: payloadMapOf(header) }),
  ]
}

/**
 * The input that a history event is to the workflow; undefined if it is none.
 *
 * @throws ReplayError for an event that refers to one that is not there, or of a kind that cannot be replayed
 */
export function inputOf(
  event: RecordedEvent,
  timeMs: number,
  run: ReplayedRun,
  links: RecordedLinks,
): Input | undefined {
  const { type, attributes } = event
  const linked = <T>(map: Map<number, T>, field: string): T => {
    const to = map.get(idOf(attributes[field]))
    if (to !== undefined) return to
    throw new ReplayError(`Event ${event.id} (${type}) has no event that it belongs to`, {
      workflowId: run.workflowId,
      eventId: event.id,
    })
  }
  switch (type) {
    case 'WORKFLOW_EXECUTION_STARTED':
      return [InputKind.started, timeMs, startedOf(attributes, run)]
    case 'WORKFLOW_TASK_FAILED': {
      const baseRunId = textOf(attributes['baseRunId'])
      return [InputKind.reset, timeMs, { baseRunId, newRunId: textOf(attributes['newRunId']) }]
    }
    case 'WORKFLOW_EXECUTION_SIGNALED':
      return [
        InputKind.signaled,
        timeMs,
        textOf(attributes['signalName']),
        payloadsOf(attributes['input']),
        defined({ headers: payloadMapOf(attributes['header']) }),
      ]
    case 'WORKFLOW_EXECUTION_CANCEL_REQUESTED':
      return [
        InputKind.cancelRequested,
        timeMs,
        defined({ reason: optionalText(attributes['cause']) }),
      ]
    case 'TIMER_FIRED':
      return [InputKind.timerFired, timeMs, linked(links.timers, 'startedEventId')]
    case 'ACTIVITY_TASK_COMPLETED':
    case 'ACTIVITY_TASK_FAILED':
    case 'ACTIVITY_TASK_TIMED_OUT':
    case 'ACTIVITY_TASK_CANCELED': {
      const activity = linked(links.activities, 'scheduledEventId')
      return [
        InputKind.activityResolved,
        timeMs,
        activity.seq,
        activityResolutionOf(type, attributes, activity),
      ]
    }
    case 'CHILD_WORKFLOW_EXECUTION_STARTED': {
      const { runId } = objectOf(attributes['workflowExecution'])
      const seq = linked(links.children, 'initiatedEventId')
      return [InputKind.childStarted, timeMs, seq, { runId: textOf(runId) }]
    }
    case 'START_CHILD_WORKFLOW_EXECUTION_FAILED': {
      const seq = linked(links.children, 'initiatedEventId')
      return [InputKind.childStarted, timeMs, seq, { cause: 'WORKFLOW_ALREADY_EXISTS' }]
    }
    case 'CHILD_WORKFLOW_EXECUTION_COMPLETED':
    case 'CHILD_WORKFLOW_EXECUTION_FAILED':
    case 'CHILD_WORKFLOW_EXECUTION_CANCELED':
    case 'CHILD_WORKFLOW_EXECUTION_TIMED_OUT':
    case 'CHILD_WORKFLOW_EXECUTION_TERMINATED': {
      const seq = linked(links.children, 'initiatedEventId')
      return [InputKind.childResolved, timeMs, seq, childResolutionOf(type, attributes)]
    }
    case 'EXTERNAL_WORKFLOW_EXECUTION_SIGNALED':
      return [InputKind.externalSignalResolved, timeMs, linked(links.signals, 'initiatedEventId')]
    case 'SIGNAL_EXTERNAL_WORKFLOW_EXECUTION_FAILED': {
      const seq = linked(links.signals, 'initiatedEventId')
      return [InputKind.externalSignalResolved, timeMs, seq, causeOf(attributes, 'SIGNAL')]
    }
    case 'EXTERNAL_WORKFLOW_EXECUTION_CANCEL_REQUESTED': {
      const { seq, target } = linked(links.cancels, 'initiatedEventId')
      return [InputKind.externalCancelResolved, timeMs, seq, target]
    }
    case 'REQUEST_CANCEL_EXTERNAL_WORKFLOW_EXECUTION_FAILED': {
      const { seq, target } = linked(links.cancels, 'initiatedEventId')
      return [InputKind.externalCancelResolved, timeMs, seq, target, causeOf(attributes, 'CANCEL')]
    }
    default:
      if (UNSEEN.has(type)) return undefined
      throw new ReplayError(
        `Event ${event.id} is of a kind that this version cannot replay: ${type}`,
        { workflowId: run.workflowId, eventId: event.id },
      )
  }
}

function startedOf(attributes: JsonObject, run: ReplayedRun): StartedAttributes {
  const runId = textOf(attributes['originalExecutionRunId'])
  const parent = objectOf(attributes['parentWorkflowExecution'])
  const root = objectOf(attributes['rootWorkflowExecution'])
  const ofParent = { workflowId: textOf(parent['workflowId']), runId: textOf(parent['runId']) }
  return {
    namespace: run.namespace,
    workflowId: run.workflowId,
    runId,
    workflowType: textOf(objectOf(attributes['workflowType'])['name']),
    taskQueue: textOf(objectOf(attributes['taskQueue'])['name']),
    args: payloadsOf(attributes['input']),
    firstExecutionRunId: optionalText(attributes['firstExecutionRunId']) ?? runId,
    attempt: Number(attributes['attempt'] ?? 1) || 1,
    taskTimeoutMs: durationOf(attributes['workflowTaskTimeout']) ?? 10_000,
    ...defined({
      continuedFromExecutionRunId: optionalText(attributes['continuedExecutionRunId']),
      identity: optionalText(attributes['identity']),
      executionTimeoutMs: durationOf(attributes['workflowExecutionTimeout']),
      runTimeoutMs: durationOf(attributes['workflowRunTimeout']),
      retryPolicy: retryPolicyOf(attributes['retryPolicy']),
      cronSchedule: optionalText(attributes['cronSchedule']),
      memo: payloadMapOf(attributes['memo']),
      searchAttributes: payloadMapOf(attributes['searchAttributes']),
      headers: payloadMapOf(attributes['header']),
      parent: ofParent.workflowId === '' ? undefined : { ...ofParent, seq: 0 },
      root:
        root['workflowId'] === undefined
          ? undefined
          : { workflowId: textOf(root['workflowId']), runId: textOf(root['runId']) },
    }),
  }
}

function retryPolicyOf(value: unknown): StartedAttributes['retryPolicy'] {
  if (value === undefined) return undefined
  const policy = objectOf(value)
  const initialIntervalMs = durationOf(policy['initialInterval']) ?? 1_000
  const types = policy['nonRetryableErrorTypes']
  return {
    initialIntervalMs,
    backoffCoefficient: Number(policy['backoffCoefficient'] ?? 2),
    maximumIntervalMs: durationOf(policy['maximumInterval']) ?? initialIntervalMs * 100,
    maximumAttempts: Number(policy['maximumAttempts'] ?? 0),
    nonRetryableErrorTypes: Array.isArray(types) ? types.map(textOf) : [],
  }
}

function activityResolutionOf(
  type: string,
  attributes: JsonObject,
  activity: { readonly activityType: string; readonly activityId: string },
): ActivityResolution {
  const attempt = 1
  if (type === 'ACTIVITY_TASK_COMPLETED') {
    return { status: 'completed', result: resultOf(attributes), attempt }
  }
  const { activityType, activityId } = activity
  const identity = textOf(attributes['identity'])
  const failed = (message: string, cause: Failure): Failure => ({
    message,
    cause,
    activityFailureInfo: {
      activityType,
      activityId,
      identity,
      retryState:
        type === 'ACTIVITY_TASK_CANCELED'
          ? 'CANCEL_REQUESTED'
          : retryStateOf(attributes['retryState']),
    },
  })
  if (type === 'ACTIVITY_TASK_CANCELED') {
    const details = optionalPayloads(attributes['details'])
    const cause = { message: '', canceledFailureInfo: defined({ details }) }
    return { status: 'cancelled', failure: failed('Activity cancelled', cause), attempt }
  }
  const message =
    type === 'ACTIVITY_TASK_TIMED_OUT' ? 'Activity task timed out' : 'Activity task failed'
  const cause = failureOf(attributes['failure'])
  return { status: 'failed', failure: failed(message, cause), attempt }
}

function childResolutionOf(type: string, attributes: JsonObject): ChildResolution {
  switch (type) {
    case 'CHILD_WORKFLOW_EXECUTION_COMPLETED':
      return { status: 'completed', result: resultOf(attributes) }
    case 'CHILD_WORKFLOW_EXECUTION_CANCELED':
      return {
        status: 'cancelled',
        ...defined({ details: optionalPayloads(attributes['details']) }),
      }
    case 'CHILD_WORKFLOW_EXECUTION_TIMED_OUT':
      return { status: 'timedOut', retryState: retryStateOf(attributes['retryState']) }
    case 'CHILD_WORKFLOW_EXECUTION_TERMINATED':
      return { status: 'terminated' }
    default:
      return {
        status: 'failed',
        failure: failureOf(attributes['failure']),
        retryState: retryStateOf(attributes['retryState']),
      }
  }
}

function resultOf(attributes: JsonObject): ReturnType<typeof payloadOf> {
  return payloadsOf(attributes['result'])[0] ?? null
}

function causeOf(attributes: JsonObject, verb: 'SIGNAL' | 'CANCEL'): ExternalFailureCause {
  const prefix = `${verb}_EXTERNAL_WORKFLOW_EXECUTION_FAILED_CAUSE_`
  return enumOf(attributes['cause'], prefix) as ExternalFailureCause
}
