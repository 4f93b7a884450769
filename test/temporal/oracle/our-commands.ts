import type { Command } from '../../../actors/commands.ts'
import type { Payload, PayloadMap } from '../../../actors/payload.ts'
import { toProtoFailure } from '../../../actors/proto-failure.ts'
import { toProtoPayload } from '../../../actors/proto-payload.ts'
import type { RetryPolicyData } from '../../../actors/inputs.ts'
import { readable } from './readable.ts'
import { fields, type Attributes, type Fields } from './turn.ts'

const ACTIVITY_CANCELLATION_TYPES = ['TRY_CANCEL', 'WAIT_CANCELLATION_COMPLETED', 'ABANDON']
const CLOSE_POLICIES = ['', 'TERMINATE', 'ABANDON', 'REQUEST_CANCEL']

/** Commands of our sandbox in the words of {@link Fields}, in which those of the SDK's are read too. */
export class OurCommandReader {
  readonly #ownTaskQueue: string
  #signals = 0
  #cancels = 0

  /** @param ownTaskQueue that of the run, which stands in where code names none */
  constructor(ownTaskQueue: string) {
    this.#ownTaskQueue = ownTaskQueue
  }

  read(commands: readonly Command[]): readonly Fields[] {
    const withdrawn = withdrawnIn(commands)
    return commands
      .filter((command) => !withdrawn.has(command))
      .map((command) => this.#read(command))
  }

  #read(command: Command): Fields {
    switch (command.kind) {
      case 'startTimer':
        return said('startTimer', { id: String(command.seq), ms: command.delayMs })
      case 'cancelTimer':
        return said('cancelTimer', { id: String(command.seq) })
      case 'scheduleActivity':
        return said('scheduleActivity', {
          id: command.activityId,
          type: command.activityType,
          args: payloads(command.args),
          taskQueue: this.#taskQueueOf(command),
          scheduleToCloseTimeout: command.scheduleToCloseTimeoutMs,
          scheduleToStartTimeout: command.scheduleToStartTimeoutMs,
          startToCloseTimeout: command.startToCloseTimeoutMs,
          heartbeatTimeout: command.heartbeatTimeoutMs,
          retryPolicy: policyOf(command.retryPolicy),
        })
      case 'requestCancelActivity':
        return said('cancelActivity', { id: String(command.seq) })
      case 'scheduleLocalActivity':
        return said('scheduleLocal', {
          id: command.activityId,
          type: command.activityType,
          args: payloads(command.args),
          startToCloseTimeout: command.startToCloseTimeoutMs,
          localRetryThreshold: command.localRetryThresholdMs,
          maximumAttempts: command.retryPolicy.maximumAttempts,
          attempt: command.attempt,
          originalScheduleTime: command.originalScheduleTime,
          cancellationType: ACTIVITY_CANCELLATION_TYPES.indexOf(command.cancellationType),
        })
      case 'cancelLocalActivity':
        return said('cancelLocal', { id: String(command.seq) })
      case 'startChildWorkflow':
        return said('startChild', {
          id: command.workflowId,
          type: command.workflowType,
          args: payloads(command.args),
          taskQueue: this.#taskQueueOf(command),
          parentClosePolicy: CLOSE_POLICIES.indexOf(command.parentClosePolicy),
          retryPolicy: command.retryPolicy && policyOf(command.retryPolicy),
          workflowExecutionTimeout: command.executionTimeoutMs,
          workflowRunTimeout: command.runTimeoutMs,
        })
      case 'cancelChildWorkflow':
      case 'cancelExternalWorkflow':
        return said('cancelExternal', {
          number: String(++this.#cancels),
          target: command.workflowId,
        })
      case 'signalExternalWorkflow':
        return said('signalExternal', {
          number: String(++this.#signals),
          target: command.workflowId,
          name: command.signalName,
          args: payloads(command.args),
        })
      case 'acceptUpdate':
        return said('acceptUpdate', { id: command.updateId })
      case 'completeUpdate': {
        const { updateId, outcome } = command
        return 'result' in outcome
          ? said('completeUpdate', { id: updateId, completed: toProtoPayload(outcome.result) })
          : said('completeUpdate', { id: updateId, failed: toProtoFailure(outcome.failure) })
      }
      case 'rejectUpdate': {
        const { failure } = command
        // Beyond Temporal's text there is which updates would be taken.
        const message = failure.message.replace(/\. Registered updates: \[[^\]]*\]$/, '')
        return said('completeUpdate', {
          id: command.updateId,
          failed: toProtoFailure({ ...failure, message }),
        })
      }
      // The SDK has patches of its own in some of its functions.
      case 'setPatchMarker': {
        const { patchId, deprecated } = command
        return said('patched', { patchId, deprecated })
      }
      case 'upsertMemo':
        return said('modifyProperties', { memo: payloadMap(command.memo) })
      case 'completeWorkflow':
        return said('complete', { result: toProtoPayload(command.result) })
      case 'failWorkflow':
        return said('fail', { failure: toProtoFailure(command.failure) })
      case 'cancelWorkflow':
        return said('cancelled', {})
      case 'continueAsNew':
        return said('continueAsNew', { type: command.workflowType, args: payloads(command.args) })
      default:
        throw new Error(`A command that no program asks for: ${command.kind}`)
    }
  }

  #taskQueueOf({ taskQueue }: { readonly taskQueue?: string }): string | undefined {
    return taskQueue === this.#ownTaskQueue ? undefined : taskQueue
  }
}

/** Local activities that are cancelled in the turn that asks for them: they never begin. */
function withdrawnIn(commands: readonly Command[]): ReadonlySet<Command> {
  const begun = new Map<number, Command>()
  const withdrawn = new Set<Command>()
  for (const command of commands) {
    if (command.kind === 'scheduleLocalActivity') begun.set(command.seq, command)
    if (command.kind !== 'cancelLocalActivity') continue
    const beginning = begun.get(command.seq)
    if (beginning !== undefined) withdrawn.add(beginning).add(command)
  }
  return withdrawn
}

function said(kind: string, values: Attributes): Fields {
  return fields(kind, readable(values) as Attributes)
}

function payloads(values: readonly Payload[]): readonly unknown[] {
  return values.map(toProtoPayload)
}

function payloadMap(map: PayloadMap): Attributes {
  return Object.fromEntries(
    Object.entries(map).map(([name, payload]) => [name, toProtoPayload(payload)]),
  )
}

function policyOf(policy: RetryPolicyData): Attributes {
  return {
    initialInterval: policy.initialIntervalMs,
    backoffCoefficient: policy.backoffCoefficient,
    maximumInterval: policy.maximumIntervalMs,
    maximumAttempts: policy.maximumAttempts,
    nonRetryableErrorTypes: policy.nonRetryableErrorTypes,
  }
}
