import type { StartChildCommand } from '../actors/commands.ts'
import type { ChildResolution } from '../actors/inputs.ts'
import { InputKind } from '../actors/inputs.ts'
import { taskQueueToJson } from './history-inputs.ts'
import {
  durationToJson,
  failureToJson,
  type JsonMessage,
  jsonMessage,
  optionalDuration,
  payloadMapToJson,
  payloadsToJson,
  payloadToJson,
  retryPolicyToJson,
} from './history-json.ts'
import type { LinkedCommand, LinkedInput } from './linked-effect.ts'

/** An event without its id; the attributes are only made if it is shown. */
export interface LinkedEvent {
  readonly type: string
  readonly attributes: () => JsonMessage
  /** For `userMetadata`. */
  readonly summary?: string | undefined
}

interface Initiated {
  readonly eventId: number
  readonly taskCompletedId: number
  readonly workflowId: string
  readonly runId?: string | undefined
}

interface Child extends Initiated {
  readonly workflowType: string
  startedEventId: number
  startedRunId: string
}

/**
 * The events of a run's children, and of its signals and cancellations of other workflows. Like the
 * exporter that asks it, it sees commands and inputs in the order of the history.
 */
export class LinkedHistory {
  readonly #namespace: () => string
  readonly #children = new Map<number, Child>()
  readonly #signals = new Map<number, Initiated>()
  readonly #cancels = new Map<number, Initiated>()
  readonly #childCancels = new Map<number, Initiated>()

  constructor(namespace: () => string) {
    this.#namespace = namespace
  }

  /** The event of a command, which gets the id `eventId`. */
  ofCommand(command: LinkedCommand, eventId: number, taskCompletedId: number): LinkedEvent {
    const { workflowId, seq } = command
    const namespace = this.#namespace()
    const workflowTaskCompletedEventId = String(taskCompletedId)
    if (command.kind === 'startChildWorkflow') {
      const { workflowType, summary } = command
      const child = { eventId, taskCompletedId, workflowId, workflowType }
      this.#children.set(seq, { ...child, startedEventId: 0, startedRunId: '' })
      return {
        type: 'START_CHILD_WORKFLOW_EXECUTION_INITIATED',
        attributes: () => ({
          namespace,
          ...startChildAttributes(command),
          workflowTaskCompletedEventId,
        }),
        summary,
      }
    }
    const { runId } = command
    const initiated: Initiated = { eventId, taskCompletedId, workflowId, runId }
    const base = {
      workflowTaskCompletedEventId,
      namespace,
      workflowExecution: execution(initiated),
    }
    switch (command.kind) {
      case 'signalExternalWorkflow':
        this.#signals.set(seq, initiated)
        return {
          type: 'SIGNAL_EXTERNAL_WORKFLOW_EXECUTION_INITIATED',
          attributes: () =>
            jsonMessage({
              ...base,
              signalName: command.signalName,
              input: payloadsToJson(command.args),
              childWorkflowOnly: command.childOnly === true ? true : undefined,
              header: payloadMapToJson(command.headers),
            }),
        }
      case 'cancelExternalWorkflow':
        this.#cancels.set(seq, initiated)
        return {
          type: 'REQUEST_CANCEL_EXTERNAL_WORKFLOW_EXECUTION_INITIATED',
          attributes: () => base,
        }
      case 'cancelChildWorkflow':
        this.#childCancels.set(seq, initiated)
        return {
          type: 'REQUEST_CANCEL_EXTERNAL_WORKFLOW_EXECUTION_INITIATED',
          attributes: () => ({ ...base, childWorkflowOnly: true }),
        }
      default:
        return command satisfies never
    }
  }

  /** The event of an input, which gets the id `eventId`. */
  ofInput(input: LinkedInput, eventId: number): LinkedEvent {
    switch (input[0]) {
      case InputKind.childStarted:
        return this.#childStarted(input[2], input[3], eventId)
      case InputKind.childResolved:
        return this.#childResolved(input[2], input[3])
      case InputKind.externalSignalResolved: {
        const signal = take(this.#signals, input[2])
        return isMissing(input[3])
          ? { type: 'EXTERNAL_WORKFLOW_EXECUTION_SIGNALED', attributes: () => this.#done(signal) }
          : {
              type: 'SIGNAL_EXTERNAL_WORKFLOW_EXECUTION_FAILED',
              attributes: () => this.#failed('SIGNAL', signal, input[3] as string),
            }
      }
      case InputKind.externalCancelResolved: {
        const cancels = input[3] === 'child' ? this.#childCancels : this.#cancels
        const cancel = take(cancels, input[2])
        return isMissing(input[4])
          ? {
              type: 'EXTERNAL_WORKFLOW_EXECUTION_CANCEL_REQUESTED',
              attributes: () => this.#done(cancel),
            }
          : {
              type: 'REQUEST_CANCEL_EXTERNAL_WORKFLOW_EXECUTION_FAILED',
              attributes: () => this.#failed('CANCEL', cancel, input[4] as string),
            }
      }
      default:
        return input satisfies never
    }
  }

  #childStarted(
    seq: number,
    outcome: { readonly runId: string } | { readonly cause: string },
    eventId: number,
  ): LinkedEvent {
    const namespace = this.#namespace()
    const child = this.#children.get(seq)
    const workflowType = { name: child?.workflowType ?? '' }
    const initiatedEventId = String(child?.eventId ?? 0)
    if ('runId' in outcome) {
      const { runId } = outcome
      if (child !== undefined) {
        child.startedEventId = eventId
        child.startedRunId = runId
      }
      const workflowExecution = { workflowId: child?.workflowId ?? '', runId }
      return {
        type: 'CHILD_WORKFLOW_EXECUTION_STARTED',
        attributes: () => ({ namespace, initiatedEventId, workflowExecution, workflowType }),
      }
    }
    this.#children.delete(seq)
    return {
      type: 'START_CHILD_WORKFLOW_EXECUTION_FAILED',
      attributes: () => ({
        namespace,
        workflowId: child?.workflowId ?? '',
        workflowType,
        cause: `START_CHILD_WORKFLOW_EXECUTION_FAILED_CAUSE_${outcome.cause}`,
        initiatedEventId,
        workflowTaskCompletedEventId: String(child?.taskCompletedId ?? 0),
      }),
    }
  }

  #childResolved(seq: number, resolution: ChildResolution): LinkedEvent {
    const namespace = this.#namespace()
    const child = take(this.#children, seq)
    return {
      type: `CHILD_WORKFLOW_EXECUTION_${CHILD_EVENT[resolution.status]}`,
      attributes: () =>
        jsonMessage({
          ...childResolutionAttributes(resolution),
          namespace,
          workflowExecution: {
            workflowId: child?.workflowId ?? '',
            runId: child?.startedRunId ?? '',
          },
          workflowType: { name: child?.workflowType ?? '' },
          initiatedEventId: String(child?.eventId ?? 0),
          startedEventId: String(child?.startedEventId ?? 0),
        }),
    }
  }

  #done(initiated: Initiated | undefined): JsonMessage {
    return {
      initiatedEventId: String(initiated?.eventId ?? 0),
      namespace: this.#namespace(),
      workflowExecution: execution(initiated),
    }
  }

  #failed(verb: 'SIGNAL' | 'CANCEL', initiated: Initiated | undefined, cause: string): JsonMessage {
    return {
      cause: `${verb}_EXTERNAL_WORKFLOW_EXECUTION_FAILED_CAUSE_${cause}`,
      workflowTaskCompletedEventId: String(initiated?.taskCompletedId ?? 0),
      ...this.#done(initiated),
    }
  }
}

const CHILD_EVENT = {
  completed: 'COMPLETED',
  failed: 'FAILED',
  cancelled: 'CANCELED',
  timedOut: 'TIMED_OUT',
  terminated: 'TERMINATED',
} as const

function childResolutionAttributes(resolution: ChildResolution): JsonMessage {
  switch (resolution.status) {
    case 'completed':
      return { result: { payloads: [payloadToJson(resolution.result)] } }
    case 'failed':
      return jsonMessage({
        failure: failureToJson(resolution.failure),
        retryState: `RETRY_STATE_${resolution.retryState}`,
      })
    case 'cancelled':
      return jsonMessage({ details: payloadsToJson(resolution.details) })
    case 'timedOut':
      return { retryState: `RETRY_STATE_${resolution.retryState}` }
    case 'terminated':
      return {}
    default:
      return resolution satisfies never
  }
}

function startChildAttributes(command: StartChildCommand): JsonMessage {
  return jsonMessage({
    workflowId: command.workflowId,
    workflowType: { name: command.workflowType },
    taskQueue: taskQueueToJson(command.taskQueue),
    input: payloadsToJson(command.args),
    workflowExecutionTimeout: optionalDuration(command.executionTimeoutMs),
    workflowRunTimeout: optionalDuration(command.runTimeoutMs),
    workflowTaskTimeout: durationToJson(command.taskTimeoutMs ?? 10_000),
    parentClosePolicy: `PARENT_CLOSE_POLICY_${command.parentClosePolicy}`,
    workflowIdReusePolicy: `WORKFLOW_ID_REUSE_POLICY_${command.idReusePolicy ?? 'ALLOW_DUPLICATE'}`,
    retryPolicy: command.retryPolicy && retryPolicyToJson(command.retryPolicy),
    cronSchedule: command.cronSchedule,
    header: payloadMapToJson(command.headers),
    memo: payloadMapToJson(command.memo),
    searchAttributes: payloadMapToJson(command.searchAttributes, 'indexedFields'),
  })
}

function execution(initiated: Initiated | undefined): JsonMessage {
  return jsonMessage({ workflowId: initiated?.workflowId ?? '', runId: initiated?.runId })
}

function take<T>(map: Map<number, T>, key: number): T | undefined {
  const value = map.get(key)
  map.delete(key)
  return value
}

function isMissing(cause: string | null | undefined): boolean {
  return cause === undefined || cause === null
}
