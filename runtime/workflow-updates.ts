import { randomUUID } from 'node:crypto'
import { attempt } from './attempt.ts'
import { checkStart } from './check-start.ts'
import type { EngineParts } from './engine-parts.ts'
import { SignalboxError } from './errors.ts'
import { holdRequest } from './held-requests.ts'
import { checkIdentifier, checkText } from './identifiers.ts'
import { checkTimeoutMs } from './processed-wait.ts'
import { checkSameStart, type EarlierRequest } from './request-ledger.ts'
import type { Run } from './run.ts'
import type { UpdateState, UpdateWaiter } from './run-updates.ts'
import {
  checkChain,
  closedError,
  durableRun,
  findRun,
  notFound,
  pausedError,
} from './workflow-target.ts'
import { startResponse, type WorkflowWrites } from './workflow-writes.ts'
import { WorkflowNotFoundError } from './client-errors.ts'
import type {
  PollUpdateRequest,
  UpdateRequest,
  UpdateResponse,
  UpdateStage,
  UpdateWithStartRequest,
  UpdateWithStartResponse,
} from './workflow-service.ts'

type Wait = Pick<UpdateRequest, 'waitForStage' | 'timeoutMs' | 'signal'>
/** An update with its id, so that making the request again is not another update. */
type NamedUpdate = UpdateRequest & { readonly updateId: string }

/**
 * Updates: they take their place in the run's queue as signals do, and whoever asks waits until the update
 * is as far as it wants to know.
 */
export class WorkflowUpdates {
  readonly #parts: EngineParts
  readonly #writes: WorkflowWrites

  constructor(parts: EngineParts, writes: WorkflowWrites) {
    this.#parts = parts
    this.#writes = writes
  }

  updateWorkflow(request: UpdateRequest): Promise<UpdateResponse> {
    const named = { ...request, updateId: request.updateId ?? randomUUID() }
    return this.#parts.telemetry.attempt('update', () => this.#update(named))
  }

  async pollUpdate(request: PollUpdateRequest): Promise<UpdateResponse> {
    const { updateId } = request
    checkIdentifier('UpdateId', updateId)
    checkWait(request)
    const run = await durableRun(this.#parts, request)
    const answer = this.#follow(run, updateId, request, undefined)
    if (answer !== undefined) return answer
    const { workflowId, runId } = run.row
    throw new WorkflowNotFoundError(`update "${updateId}" not found`, workflowId, runId)
  }

  updateWithStart(request: UpdateWithStartRequest): Promise<UpdateWithStartResponse> {
    const updateId = request.update.updateId ?? randomUUID()
    return this.#parts.telemetry.attempt('updateWithStart', () =>
      this.#updateWithStart({ ...request, update: { ...request.update, updateId } }, updateId),
    )
  }

  #update(request: NamedUpdate): Promise<UpdateResponse> {
    const { runs } = this.#parts
    this.#parts.checkOpen()
    checkUpdate(request)
    const run = findRun(runs, request)
    if (run === undefined) throw notFound(request)
    checkChain(run, request.firstExecutionRunId)
    const again = (): Promise<UpdateResponse> => attempt(() => this.#update(request))
    if (run.closing !== undefined) return holdRequest(this.#parts, run, again)
    const followsRuns = request.runId === undefined || request.runId === ''
    const known = this.#follow(run, request.updateId, request, followsRuns ? again : undefined)
    if (known !== undefined) return known
    if (!run.isOpen) throw closedError(run)
    this.#checkRoom(run)
    return this.#admit(run, request, followsRuns ? again : undefined)
  }

  #updateWithStart(
    request: UpdateWithStartRequest,
    updateId: string,
  ): Promise<UpdateWithStartResponse> {
    const { acceptor, requests, runs } = this.#parts
    const namespace = checkStart(this.#parts, request)
    const { workflowId } = request
    if (request.idConflictPolicy === undefined) {
      throw new SignalboxError(
        'SIGNALBOX_ERR_INVALID_ARGUMENT',
        'idConflictPolicy is required to start a workflow with an update',
        { fields: { field: 'idConflictPolicy' } },
      )
    }
    const update = { ...request.update, namespace, workflowId, updateId }
    checkUpdate(update)
    const again = (): Promise<UpdateWithStartResponse> =>
      attempt(() => this.#updateWithStart(request, updateId))
    const retried =
      request.requestId === undefined
        ? undefined
        : requests.find('start', namespace, workflowId, request.requestId)
    const existing = retried?.run ?? runs.current(namespace, workflowId)
    if (existing?.closing !== undefined) return holdRequest(this.#parts, existing, again)
    // A retry whose first attempt got through: whatever became of the run since, it has the update.
    const known = existing && this.#follow(existing, updateId, update, undefined)
    if (known !== undefined) return this.#durable(existing as Run, retried !== undefined, known)
    if (retried !== undefined) return this.#updateStarted(retried, request, update)
    return this.#writes.startTogether(
      { ...request, namespace },
      {
        again,
        check: (run) => {
          if (run === undefined) acceptor.measureSignal(update)
          else this.#checkRoom(run)
        },
        join: (run, started) => this.#durable(run, started, this.#admit(run, update, undefined)),
      },
    )
  }

  /** The start is a retry whose first attempt got through, without the update: give it to that run. */
  #updateStarted(
    retried: EarlierRequest,
    { workflowType, args, requestId = '' }: UpdateWithStartRequest,
    update: NamedUpdate,
  ): Promise<UpdateWithStartResponse> {
    const { run } = retried
    return this.#writes.ifSame(
      retried,
      args,
      (input, given) => checkSameStart(input, workflowType, given, requestId),
      () => {
        const { runId } = run.row
        return this.#durable(
          run,
          true,
          attempt(() => this.#update({ ...update, runId })),
        )
      },
    )
  }

  /** Resolves once everything taken in so far is on disk; the update's own answer may take longer. */
  async #durable(
    run: Run,
    started: boolean,
    update: Promise<UpdateResponse>,
  ): Promise<UpdateWithStartResponse> {
    // Its owner has it when this is done, and may be too late to handle it.
    update.catch(() => undefined)
    await this.#parts.committer.allDurable
    return { ...startResponse(run, started), update }
  }

  #checkRoom(run: Run): void {
    if (run.isPaused) throw pausedError(run)
    this.#parts.acceptor.checkRoom(run)
    this.#parts.updates.checkRoom(run)
  }

  #admit(
    run: Run,
    request: NamedUpdate,
    again: (() => Promise<UpdateResponse>) | undefined,
  ): Promise<UpdateResponse> {
    const { acceptor, updates } = this.#parts
    acceptor.update(run, request, request.updateId)
    updates.admit(run, request.updateId)
    return this.#wait(run, request.updateId, request, again)
  }

  /** The answer for an update that the run was asked for before; undefined for one that is new to it. */
  #follow(
    run: Run,
    updateId: string,
    wait: Wait,
    again: (() => Promise<UpdateResponse>) | undefined,
  ): Promise<UpdateResponse> | undefined {
    const state = this.#parts.updates.find(run, updateId)
    if (state === undefined) return undefined
    if (state.stage === 'COMPLETED') return Promise.resolve(respond(run, updateId, state))
    return this.#wait(run, updateId, wait, again)
  }

  #wait(
    run: Run,
    updateId: string,
    { waitForStage = 'ACCEPTED', timeoutMs, signal }: Wait,
    again: (() => Promise<UpdateResponse>) | undefined,
  ): Promise<UpdateResponse> {
    const { updates, committer } = this.#parts
    // An update that is not on disk is not known to anybody else, whatever the wait says.
    const durable = committer.allDurable
    return new Promise((resolve, reject) => {
      let timer: NodeJS.Timeout | undefined
      const finish = (): void => {
        clearTimeout(timer)
        signal?.removeEventListener('abort', giveUp)
        updates.leave(run, updateId, waiter)
      }
      const waiter: UpdateWaiter = {
        stage: waitForStage,
        resolve: (state) => {
          finish()
          resolve(respond(run, updateId, state))
        },
        reject: (error) => {
          finish()
          reject(error)
        },
        ...(again && {
          again: () => {
            finish()
            again().then(resolve, reject)
          },
        }),
      }
      const giveUp = (): void => {
        // The stage may have moved on meanwhile; a close that is being written decides it.
        durable.then(() => this.#pollNow(run, updateId)).then(waiter.resolve, waiter.reject)
      }
      // Before the wait, which may end at once: what ends it takes these away.
      if (signal?.aborted !== true) signal?.addEventListener('abort', giveUp)
      if (timeoutMs !== undefined) timer = setTimeout(giveUp, Math.min(timeoutMs, MAX_TIMEOUT_MS))
      if (!updates.wait(run, updateId, waiter)) throw new Error('the update is not live')
      durable.catch(waiter.reject)
      if (signal?.aborted === true) giveUp()
    })
  }

  /** How far the update is, once a close that is being written has been. */
  async #pollNow(run: Run, updateId: string): Promise<UpdateState> {
    while (run.closing?.phase === 'committing') await this.#parts.committer.allDurable
    this.#parts.checkOpen()
    return this.#parts.updates.find(run, updateId) ?? { stage: 'ADMITTED' }
  }
}

/** The longest that a timer takes. */
const MAX_TIMEOUT_MS = 2 ** 31 - 1
const STAGES: readonly UpdateStage[] = ['ADMITTED', 'ACCEPTED', 'COMPLETED']

function checkUpdate(request: NamedUpdate): void {
  checkIdentifier('UpdateName', request.updateName)
  checkIdentifier('UpdateId', request.updateId)
  checkText('identity', request.identity)
  checkWait(request)
}

function checkWait({ waitForStage, timeoutMs }: Wait): void {
  if (waitForStage !== undefined && !STAGES.includes(waitForStage)) {
    throw new SignalboxError(
      'SIGNALBOX_ERR_INVALID_ARGUMENT',
      `waitForStage must be one of ${STAGES.join(', ')}`,
      { fields: { field: 'waitForStage' } },
    )
  }
  if (timeoutMs !== undefined) checkTimeoutMs(timeoutMs)
}

function respond(run: Run, updateId: string, { stage, outcome }: UpdateState): UpdateResponse {
  const { workflowId, runId } = run.row
  return { workflowId, runId, updateId, stage, ...(outcome === undefined ? {} : { outcome }) }
}
