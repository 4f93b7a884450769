import type { ActivityExecution } from './activity-execution.ts'
import { isUnderWay } from './activity-execution.ts'
import type { AttemptOutcome } from './activity-executor.ts'
import { failureBytes } from './activity-failure.ts'
import type { Settled } from './activity-ports.ts'
import { isLocal } from './activity-task.ts'
import type { EngineParts } from './engine-parts.ts'
import { SignalboxError } from './errors.ts'
import { checkIdentifier, checkNamespace } from './identifiers.ts'
import { checkPayloads } from './payload-size.ts'
import { decodeTaskToken } from './task-token.ts'
import { DEFAULT_NAMESPACE } from './visibility.ts'
import { activityNotFound, findRun } from './workflow-target.ts'
import type {
  ActivityTarget,
  CancelActivityRequest,
  CompleteActivityRequest,
  FailActivityRequest,
  HeartbeatActivityRequest,
  HeartbeatActivityResponse,
} from './workflow-service.ts'

/**
 * Activities whose outcome is told from outside: by the token of an attempt, or by the activity's ids.
 *
 * Guarantee: a call that has resolved is durable, and an attempt has one outcome, whoever tells it: the
 * second one is refused with SIGNALBOX_ERR_ACTIVITY_NOT_FOUND, as is that of an attempt that timed out.
 */
export class ActivityCompletions {
  readonly #parts: EngineParts

  constructor(parts: EngineParts) {
    this.#parts = parts
  }

  // async: what is thrown on the way is the promise's error.
  async complete(request: CompleteActivityRequest): Promise<void> {
    const { result } = request
    checkPayloads([result], this.#maxPayloadBytes, 'result')
    // By its ids it may be completed before it has begun, as on Temporal.
    const execution = this.#find(request, request.taskToken === undefined)
    await this.#conclude(execution, { status: 'completed', result })
  }

  async fail(request: FailActivityRequest): Promise<void> {
    const { failure } = request
    const bytes = failureBytes(failure)
    if (bytes > this.#maxPayloadBytes) throw tooLarge('failure', bytes, this.#maxPayloadBytes)
    await this.#conclude(this.#find(request), { status: 'failed', failure })
  }

  async cancel(request: CancelActivityRequest): Promise<void> {
    const { details } = request
    checkPayloads(details ?? [], this.#maxPayloadBytes, 'details')
    const execution = this.#find(request)
    if (execution.task.cancelRequested !== true) {
      throw new SignalboxError(
        'SIGNALBOX_ERR_ACTIVITY_NOT_CANCELLED',
        'unable to mark activity as canceled without activity being request canceled first',
      )
    }
    await this.#conclude(execution, { status: 'cancelled', details })
  }

  async heartbeat(request: HeartbeatActivityRequest): Promise<HeartbeatActivityResponse> {
    const { details = [] } = request
    checkPayloads(details, this.#maxPayloadBytes, 'details')
    const execution = this.#find(request)
    await durable((settled) => this.#parts.activities.beat(execution, details, settled))
    return { cancelRequested: execution.task.cancelRequested === true }
  }

  get #maxPayloadBytes(): number {
    return this.#parts.options.limits.maxPayloadBytes
  }

  #conclude(execution: ActivityExecution, outcome: AttemptOutcome): Promise<void> {
    return durable((settled) => this.#parts.activities.conclude(execution, outcome, settled))
  }

  /** @throws ActivityNotFoundError unless an attempt, that of the token if there is one, is under way */
  #find(target: ActivityTarget, mayBeIdle = false): ActivityExecution {
    const { activities } = this.#parts
    this.#parts.checkOpen()
    if (target.taskToken !== undefined) {
      const token = decodeTaskToken(target.taskToken)
      checkNamespace(target.namespace)
      if (token.namespace !== (target.namespace ?? token.namespace)) {
        throw new SignalboxError(
          'SIGNALBOX_ERR_INVALID_ARGUMENT',
          'Operation requested with a token from a different namespace.',
        )
      }
      const run = findRun(this.#parts.runs, token)
      const execution = run === undefined ? undefined : activities.find(run.key, token)
      const isCurrent = execution?.task.attempt === token.attempt && !isLocal(execution.task)
      if (execution === undefined || !isCurrent || !isUnderWay(execution)) throw activityNotFound()
      return execution
    }
    checkIdentifier('ActivityId', target.activityId)
    const { namespace = DEFAULT_NAMESPACE, workflowId, runId, activityId } = target
    const run = findRun(this.#parts.runs, { namespace, workflowId, runId })
    const execution = run === undefined ? undefined : activities.find(run.key, { activityId })
    if (execution === undefined || !(mayBeIdle || isUnderWay(execution))) throw activityNotFound()
    return execution
  }
}

function durable(start: (settled: Settled) => void): Promise<void> {
  return new Promise((resolve, reject) => {
    start((error) => (error === undefined ? resolve() : reject(error)))
  })
}

function tooLarge(field: string, bytes: number, maxBytes: number): SignalboxError {
  return new SignalboxError(
    'SIGNALBOX_ERR_PAYLOAD_TOO_LARGE',
    `${field} has ${bytes} bytes, more than maxPayloadBytes = ${maxBytes}.`,
    { fields: { field, bytes, maxBytes } },
  )
}
