import { type Input, InputKind } from '../actors/inputs.ts'
import type { Payload } from '../actors/payload.ts'
import { attempt } from './attempt.ts'
import type { EngineParts } from './engine-parts.ts'
import { SignalboxError } from './errors.ts'
import { holdRequest } from './held-requests.ts'
import { checkIdentifier, checkText } from './identifiers.ts'
import { checkPayloads } from './payload-size.ts'
import {
  checkTimeoutMs,
  PROCESSED,
  untilLastProcessed,
  untilPendingProcessed,
  untilProcessed,
} from './processed-wait.ts'
import {
  checkSameDecoded,
  checkSameSignal,
  checkSameStart,
  type EarlierRequest,
} from './request-ledger.ts'
import type { Run } from './run.ts'
import { checkStart } from './check-start.ts'
import { DEFAULT_NAMESPACE } from './visibility.ts'
import {
  alreadyStarted,
  checkChain,
  closedBeforeHandled,
  closedError,
  findRun,
  notFound,
} from './workflow-target.ts'
import type {
  CancelRequest,
  SignalRequest,
  SignalResponse,
  SignalWithStartRequest,
  StartRequest,
  StartResponse,
  Target,
  TerminateRequest,
} from './workflow-service.ts'

/** What a run is started together with: a signal or an update. */
interface FirstTurnGuest<T> {
  /** Make the whole request anew: the workflow is closing. */
  readonly again: () => Promise<T>
  /** Throw if it cannot be taken; nothing has been changed yet. */
  readonly check: (existing: Run | undefined) => void
  /** Take its place in the run's queue. */
  readonly join: (run: Run, started: boolean) => Promise<T>
}

/**
 * The calls that change a workflow. Each takes its place in the run's queue before it returns, so
 * calls of one client keep their order without being awaited; the promise is that of the commit.
 */
export class WorkflowWrites {
  readonly #parts: EngineParts

  constructor(parts: EngineParts) {
    this.#parts = parts
  }

  startWorkflow(request: StartRequest): Promise<StartResponse> {
    return this.#parts.telemetry.attempt('start', () => this.#start(request))
  }

  signalWorkflow(request: SignalRequest): Promise<SignalResponse | undefined> {
    // As attempt() does, without a closure: this is the way of every signal.
    try {
      return this.submitSignal(request)
    } catch (error) {
      this.#parts.telemetry.rejected('signal', error)
      return Promise.reject(error)
    }
  }

  signalWithStart(request: SignalWithStartRequest): Promise<StartResponse> {
    return this.#parts.telemetry.attempt('signalWithStart', () =>
      this.submitSignalWithStart(request),
    )
  }

  cancelWorkflow(request: CancelRequest): Promise<void> {
    return this.#parts.telemetry.attempt('cancel', () => this.#cancel(request))
  }

  terminateWorkflow(request: TerminateRequest): Promise<void> {
    return this.#parts.telemetry.attempt('terminate', () => this.#terminate(request))
  }

  /** Let a quarantined or parked run try again at once. */
  releaseWorkflow(target: Target): Promise<void> {
    return attempt(() => {
      const { failures, committer } = this.#parts
      this.#parts.checkOpen()
      const run = findRun(this.#parts.runs, target)
      if (run === undefined) throw notFound(target)
      // A parked run has nothing to write; a quarantined one has its row.
      if (!failures.release(run)) {
        throw new SignalboxError(
          'SIGNALBOX_ERR_INVALID_ARGUMENT',
          `workflow ${target.workflowId} is neither parked nor quarantined`,
        )
      }
      return committer.allDurable
    })
  }

  /** As {@link signalWorkflow}, but throws what is refused at once. */
  submitSignal(request: SignalRequest): Promise<SignalResponse | undefined> {
    const { acceptor, requests, runs, committer } = this.#parts
    this.#parts.checkOpen()
    if (request.timeoutMs !== undefined) checkTimeoutMs(request.timeoutMs)
    checkIdentifier('SignalName', request.signalName)
    checkText('identity', request.identity)
    const run = findRun(runs, request)
    const { requestId } = request
    if (requestId !== undefined) {
      checkIdentifier('requestId', requestId)
      const namespace = request.namespace ?? DEFAULT_NAMESPACE
      const earlier = requests.find('signal', namespace, request.workflowId, requestId)
      if (earlier !== undefined) {
        return this.ifSame(
          earlier,
          request.args,
          (input, args) => checkSameSignal(input, request.signalName, args, requestId),
          () => this.#waitForEarlier(earlier, request, () => this.signalWorkflow(request)),
        )
      }
    }
    if (run === undefined) throw notFound(request)
    if (run.closing !== undefined)
      return holdRequest(this.#parts, run, () => this.signalWorkflow(request))
    if (!run.isOpen) throw closedError(run)
    acceptor.checkRoom(run)
    acceptor.signal(run, request)
    return request.waitFor === 'processed'
      ? untilLastProcessed(committer, run, request)
      : committer.durable
  }

  #start(request: StartRequest): Promise<StartResponse> {
    const { acceptor } = this.#parts
    const namespace = checkStart(this.#parts, request)
    const earlier = this.#earlierStart(request, namespace)
    if (earlier !== undefined) return earlier
    const current = this.#parts.runs.current(namespace, request.workflowId)
    if (current?.closing !== undefined) {
      return holdRequest(this.#parts, current, () => this.startWorkflow(request))
    }
    if (current !== undefined && this.#usesExisting(current, request)) {
      return this.#durable(() => startResponse(current, false))
    }
    acceptor.checkRoom(undefined)
    acceptor.measureStart(request)
    this.#replace(current)
    const run = acceptor.start({ ...request, namespace })
    return this.#accepted(run, request, true)
  }

  /** As {@link signalWithStart}, but throws what is refused at once. */
  submitSignalWithStart(request: SignalWithStartRequest): Promise<StartResponse> {
    const { acceptor, requests } = this.#parts
    const namespace = checkStart(this.#parts, request)
    checkIdentifier('SignalName', request.signalName)
    if (request.idConflictPolicy === 'FAIL') {
      throw new SignalboxError(
        'SIGNALBOX_ERR_INVALID_ARGUMENT',
        'idConflictPolicy FAIL does not go with signalWithStart; use start, or USE_EXISTING',
        { fields: { field: 'idConflictPolicy' } },
      )
    }
    const { requestId, signalName, signalArgs } = request
    if (requestId !== undefined) {
      const earlier = requests.find('signal', namespace, request.workflowId, requestId)
      if (earlier !== undefined) {
        return this.ifSame(
          earlier,
          signalArgs,
          (input, args) => checkSameSignal(input, signalName, args, requestId),
          async () => {
            const again = (): Promise<StartResponse> => this.signalWithStart(request)
            const waited = await this.#waitForEarlier(earlier, request, again)
            return startResponse(earlier.run, false, waited)
          },
        )
      }
    }
    // As on Temporal, headers are those of the start and of the signal.
    const { identity, headers } = request
    const signal = { signalName, args: signalArgs, requestId, identity, headers }
    const policy = request.idConflictPolicy ?? 'USE_EXISTING'
    return this.startTogether(
      { ...request, namespace, idConflictPolicy: policy },
      {
        again: () => this.signalWithStart(request),
        check: (existing) => {
          if (existing === undefined) acceptor.measureSignal(signal)
        },
        join: (run, started) => {
          acceptor.signal(run, signal)
          return this.#accepted(run, request, started)
        },
      },
    )
  }

  /**
   * Start a run whose first turn has something beside the start, or give that to the run that there is,
   * by the id policies. The caller has checked the start; see checkStart.
   */
  startTogether<T>(
    request: StartRequest & { readonly namespace: string },
    guest: FirstTurnGuest<T>,
  ): Promise<T> {
    const { acceptor, runs } = this.#parts
    const current = runs.current(request.namespace, request.workflowId)
    if (current?.closing !== undefined) {
      return holdRequest(this.#parts, current, () => guest.again())
    }
    if (current !== undefined && this.#usesExisting(current, request)) {
      acceptor.checkRoom(current)
      guest.check(current)
      const joined = guest.join(current, false)
      this.#parts.beginTurns(current)
      return joined
    }
    // What can be refused is refused before anything is changed.
    acceptor.checkRoom(undefined)
    acceptor.measureStart(request)
    guest.check(undefined)
    this.#replace(current)
    // The start and what comes with it are the run's first two inputs, and one turn.
    return guest.join(acceptor.start(request, [[1, 2]]), true)
  }

  #cancel(request: CancelRequest): Promise<void> {
    const { acceptor, committer, runs } = this.#parts
    this.#parts.checkOpen()
    const run = findRun(runs, request)
    if (run === undefined) throw notFound(request)
    checkChain(run, request.firstExecutionRunId)
    if (run.closing !== undefined)
      return holdRequest(this.#parts, run, () => this.cancelWorkflow(request))
    // Idempotent, as in Temporal: nothing is left to be cancelled, or it is under way.
    if (!run.isOpen || run.row.cancelRequested) return committer.allDurable
    const { reason, identity, requestId } = request
    checkText('reason', reason)
    checkText('identity', identity)
    if (requestId !== undefined) checkIdentifier('requestId', requestId)
    acceptor.cancel(run, { reason, identity, requestId })
    return committer.durable
  }

  #terminate(request: TerminateRequest): Promise<void> {
    const { closer, committer, runs, options } = this.#parts
    this.#parts.checkOpen()
    const run = findRun(runs, request)
    if (run === undefined) throw notFound(request)
    checkChain(run, request.firstExecutionRunId)
    if (run.closing?.phase === 'committing') {
      return holdRequest(this.#parts, run, () => this.terminateWorkflow(request))
    }
    if (!run.isOpen) throw closedError(run)
    const { reason, identity, details } = request
    checkText('reason', reason)
    checkText('identity', identity)
    if (details !== undefined) checkPayloads(details, options.limits.maxPayloadBytes, 'details')
    closer.closePastMailbox(
      run,
      [
        InputKind.terminated,
        this.#parts.options.clock.now(),
        {
          ...(reason === undefined ? {} : { reason }),
          ...(identity === undefined ? {} : { identity }),
          ...(details === undefined ? {} : { details }),
        },
      ],
      'TERMINATED',
    )
    return committer.durable
  }

  #earlierStart(request: StartRequest, namespace: string): Promise<StartResponse> | undefined {
    const { requestId, workflowId } = request
    if (requestId === undefined) return undefined
    const earlier = this.#parts.requests.find('start', namespace, workflowId, requestId)
    if (earlier === undefined) return undefined
    return this.ifSame(
      earlier,
      request.args,
      (input, args) => checkSameStart(input, request.workflowType, args, requestId),
      async () => {
        const again = (): Promise<StartResponse> => this.startWorkflow(request)
        const waited = await this.#waitForEarlier(earlier, request, again)
        return startResponse(earlier.run, true, waited)
      },
    )
  }

  /** Go on with a duplicate once `check` has found it to be one; it throws if the two differ. */
  ifSame<T>(
    earlier: EarlierRequest,
    args: readonly Payload[],
    check: (earlier: Input, args: readonly Payload[]) => void,
    proceed: () => Promise<T>,
  ): Promise<T> {
    const { codec } = this.#parts
    if (codec !== undefined) {
      return checkSameDecoded(codec, earlier.input, args, check).then(proceed)
    }
    check(earlier.input, args)
    return proceed()
  }

  /**
   * Apply the id policies: true to use the run that is there, false to start another, after the one
   * that is there was closed by {@link #replace}.
   */
  #usesExisting(current: Run, request: StartRequest): boolean {
    const reuse = request.idReusePolicy ?? 'ALLOW_DUPLICATE'
    if (current.isOpen) {
      const conflict =
        reuse === 'TERMINATE_IF_RUNNING'
          ? 'TERMINATE_EXISTING'
          : (request.idConflictPolicy ?? 'FAIL')
      if (conflict === 'FAIL') throw alreadyStarted(current)
      return conflict === 'USE_EXISTING'
    }
    const failed = current.row.status !== 'COMPLETED' && current.row.status !== 'CONTINUED_AS_NEW'
    const refused =
      reuse === 'REJECT_DUPLICATE' || (reuse === 'ALLOW_DUPLICATE_FAILED_ONLY' && !failed)
    if (refused) throw alreadyStarted(current)
    return false
  }

  #replace(current: Run | undefined): void {
    if (current?.isOpen !== true) return
    this.#parts.closer.closePastMailbox(
      current,
      [
        InputKind.terminated,
        this.#parts.options.clock.now(),
        { reason: 'TerminateExisting conflict policy', identity: 'signalbox' },
      ],
      'TERMINATED',
    )
  }

  #durable<T>(result: () => T): Promise<T> {
    return this.#parts.committer.allDurable.then(result)
  }

  #accepted(run: Run, wait: ProcessedRequest, started: boolean): Promise<StartResponse> {
    const { committer } = this.#parts
    if (wait.waitFor !== 'processed') {
      return committer.durable.then(() => startResponse(run, started))
    }
    return untilLastProcessed(committer, run, wait).then((response) =>
      startResponse(run, started, response),
    )
  }

  /**
   * A duplicate gets the answer that the first one got or will get. `again` makes the request anew:
   * while the first one is on its way to its number, or to another run, it is not known what to wait
   * for.
   */
  #waitForEarlier(
    earlier: EarlierRequest,
    wait: ProcessedRequest,
    again: () => Promise<SignalResponse | undefined>,
  ): Promise<SignalResponse | undefined> {
    const { run, input, seq } = earlier
    const { committer } = this.#parts
    if (wait.waitFor !== 'processed') {
      return seq === undefined ? committer.allDurable : Promise.resolve(undefined)
    }
    if (seq === undefined) {
      const index = run.placeOfPending(input)
      if (index < 0) return committer.allDurable.then(again)
      return untilPendingProcessed(committer, run, index, wait)
    }
    if (run.closing?.phase === 'committing') return holdRequest(this.#parts, run, again)
    if (!run.isOpen && seq > run.row.closeSeq) throw closedBeforeHandled(run)
    if (run.processed >= seq) return Promise.resolve(PROCESSED)
    return untilProcessed(committer, run, seq, wait)
  }
}

type ProcessedRequest = Pick<StartRequest, 'waitFor' | 'timeoutMs' | 'signal'>

export function startResponse(run: Run, started: boolean, waited?: SignalResponse): StartResponse {
  const { runId, firstExecutionRunId } = run.row
  const processed = waited?.processed
  return { runId, firstExecutionRunId, started, ...(processed === undefined ? {} : { processed }) }
}
