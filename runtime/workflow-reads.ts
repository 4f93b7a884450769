import { InputKind } from '../actors/inputs.ts'
import type { PayloadMap } from '../actors/payload.ts'
import type { QueryOutcome } from '../actors/turns.ts'
import { QueryNotRegisteredError } from './client-errors.ts'
import type { EngineParts } from './engine-parts.ts'
import { SignalboxError } from './errors.ts'
import { viewHistory } from './history.ts'
import { decodeHistoryToken, historyPage, reverseHistoryPage } from './history-page.ts'
import { checkIdentifier } from './identifiers.ts'
import { checkPayloadMap, checkPayloads } from './payload-size.ts'
import { isStackTraceQuery } from './read-answer.ts'
import { readInput } from './request-ledger.ts'
import type { Run, Waiter } from './run.ts'
import { readClose, readTurns } from './run-history.ts'
import { summarize } from './visibility.ts'
import { durableRun } from './workflow-target.ts'
import type {
  CloseStatus,
  HistoryRequest,
  HistoryResponse,
  QueryRejectCondition,
  QueryRequest,
  QueryResponse,
  Standstill,
  Target,
  WaitForCloseRequest,
  WorkflowDescription,
  WorkflowStatus,
} from './workflow-service.ts'

/**
 * The calls that change nothing. They see what is durable: a run whose start is still being written
 * is waited for.
 */
export class WorkflowReads {
  readonly #parts: EngineParts
  #nextQuery = 1

  constructor(parts: EngineParts) {
    this.#parts = parts
  }

  /** Guarantee: the answer reflects every signal that was acknowledged before this call. */
  async queryWorkflow(request: QueryRequest): Promise<QueryResponse> {
    const { limits } = this.#parts.options
    checkIdentifier('QueryType', request.queryType)
    checkPayloads(request.args, limits.maxPayloadBytes, 'queryArgs')
    checkPayloadMap(request.headers, limits.maxPayloadBytes, 'header')
    const run = await durableRun(this.#parts, request)
    if (isRejected(run.row.status, request.rejectCondition ?? 'NONE')) {
      return { rejectedStatus: run.row.status }
    }
    const notReady = this.#parts.failures.notReady(run)
    if (notReady !== undefined) throw notReady
    if (run.queries.length + run.outstandingQueryCount >= limits.maxWaitingQueries) {
      throw new SignalboxError(
        'SIGNALBOX_ERR_MAILBOX_FULL',
        `maxWaitingQueries = ${limits.maxWaitingQueries} queries of workflow ` +
          `${request.workflowId} wait for their answer; retry later.`,
        { fields: { retryAfterMs: 1_000 } },
      )
    }
    const outcome = await new Promise<QueryOutcome>((resolve, reject) => {
      const { queryType, args, headers } = request
      run.queries.push({
        id: this.#nextQuery++,
        request: { queryType, args, ...(headers === undefined ? {} : { headers }) },
        followsRuns: request.runId === undefined || request.runId === '',
        resolve,
        reject,
      })
      // Built anew, it notes where it waits.
      const isTrace = isStackTraceQuery(queryType)
      if (isTrace && run.closing === undefined) this.#parts.dispatcher.evict(run, true)
      this.#parts.dispatcher.wake(run)
    })
    if ('result' in outcome) return { result: outcome.result }
    const { failure, notRegistered } = outcome
    const fields = { failure, queryType: request.queryType }
    if (notRegistered === true) throw new QueryNotRegisteredError(failure.message, fields)
    throw new SignalboxError('SIGNALBOX_ERR_QUERY_FAILED', failure.message, { fields })
  }

  async describeWorkflow(target: Target): Promise<WorkflowDescription> {
    const run = await durableRun(this.#parts, target)
    const { row } = run
    // Not told by a turn since the runtime was opened: counted once, from the journal.
    if (run.historyLength === 0) this.#countHistory(run)
    const userMetadata = this.#userMetadata(run)
    return {
      ...summarize(row),
      ...(userMetadata === undefined ? {} : { userMetadata }),
      historyLength: run.historyLength,
      taskTimeoutMs: row.taskTimeoutMs,
      attempt: row.attempt,
      ...(row.retryPolicy === undefined ? {} : { retryPolicy: row.retryPolicy }),
      ...(row.cronSchedule === undefined ? {} : { cronSchedule: row.cronSchedule }),
      ...(row.delayed === true ? { delayed: true } : {}),
      ...(row.executionTimeoutMs === undefined
        ? {}
        : { executionTimeoutMs: row.executionTimeoutMs }),
      ...(row.runTimeoutMs === undefined ? {} : { runTimeoutMs: row.runTimeoutMs }),
      pendingActivities: this.#parts.activities.pending(run.key),
      pendingChildren: [...run.children].map((link) => ({
        workflowId: link.workflowId,
        runId: link.firstRunId,
        workflowType: link.workflowType,
        parentClosePolicy: link.parentClosePolicy,
      })),
      mailboxDepth: run.isOpen ? run.mailboxDepth : 0,
      ...standstill(run),
      ...(row.pause === undefined ? {} : { pause: row.pause }),
      ...(row.resetRunId === undefined ? {} : { resetRunId: row.resetRunId }),
      ...(row.reset === undefined ? {} : { reset: row.reset }),
    }
  }

  #userMetadata(run: Run): PayloadMap | undefined {
    try {
      const started = readInput(this.#parts.journal, run.key, 1)
      return started?.[0] === InputKind.started ? started[2].userMetadata : undefined
    } catch (error) {
      if (isCorruption(error)) return undefined
      throw error
    }
  }

  #countHistory(run: Run): void {
    try {
      const turns = readTurns(this.#parts.journal, run)
      run.historyLength = viewHistory(turns, run.row, { limit: 0 }).settledLength
    } catch (error) {
      // Of a run with a corrupt record nothing can be counted, and why it stands still must be told.
      if (!isCorruption(error)) throw error
    }
  }

  async waitForClose(request: WaitForCloseRequest): Promise<CloseStatus> {
    const until =
      request.timeoutMs === undefined ? undefined : performance.now() + request.timeoutMs
    let run = await durableRun(this.#parts, request)
    for (;;) {
      if (!run.isOpen && run.closing === undefined) {
        const status = readClose(this.#parts.journal, run)
        const next = status.closed ? status.newRunId : undefined
        if (request.followRuns !== true || next === undefined) return status
        const { namespace, workflowId } = run.row
        run = await durableRun(this.#parts, { namespace, workflowId, runId: next })
        continue
      }
      const left = until === undefined ? undefined : until - performance.now()
      run.closeWaiters ??= new Set()
      const closed = await waitOn(run.closeWaiters, left, request.signal)
      if (!closed && !(!run.isOpen && run.closing === undefined)) {
        // A run that stands still looks like one that only takes long.
        return { closed: false, ...standstill(run) }
      }
    }
  }

  async getHistory(request: HistoryRequest): Promise<HistoryResponse> {
    // A page belongs to the run that the first one was of, also when another has started since.
    const runId = request.runId ?? decodeHistoryToken(request.pageToken)?.runId
    const run = await durableRun(this.#parts, { ...request, runId })
    const until = performance.now() + (request.timeoutMs ?? 0)
    for (;;) {
      const turns = readTurns(this.#parts.journal, run)
      const page =
        request.reverse === true
          ? reverseHistoryPage(run, turns, request)
          : historyPage(run, turns, request)
      const waits =
        request.waitNewEvent === true &&
        page.events.length === 0 &&
        run.isOpen &&
        performance.now() < until &&
        request.signal?.aborted !== true
      if (!waits) return page
      await this.#nextChange(run, until - performance.now(), request.signal)
      this.#parts.checkOpen()
    }
  }

  async #nextChange(run: Run, waitMs: number, signal: AbortSignal | undefined): Promise<void> {
    const waiters = new Set<Waiter>()
    run.watchers ??= new Set()
    const wake = (): void => {
      for (const waiter of waiters) waiter.resolve()
    }
    run.watchers.add(wake)
    await waitOn(waiters, waitMs, signal)
    run.watchers.delete(wake)
    if (run.watchers.size === 0) run.watchers = undefined
  }
}

function standstill({ parked, row }: Run): Standstill {
  return {
    ...(parked === undefined ? {} : { parked }),
    ...(row.quarantined === undefined ? {} : { quarantined: row.quarantined }),
  }
}

function isCorruption(error: unknown): boolean {
  return error instanceof SignalboxError && error.code === 'SIGNALBOX_ERR_JOURNAL_CORRUPT'
}

function isRejected(status: WorkflowStatus, condition: QueryRejectCondition): boolean {
  // As on Temporal: a paused run has no say, whatever the condition.
  if (status === 'PAUSED') return true
  if (condition === 'NONE' || status === 'RUNNING') return false
  return condition === 'NOT_OPEN' || status !== 'COMPLETED'
}

/**
 * Wait until the waiters' owner calls; false when the time is over or the signal aborts. A waiter leaves
 * the set as it is called: the owner may go through it all the same.
 */
function waitOn(
  waiters: Set<Waiter>,
  timeoutMs: number | undefined,
  signal: AbortSignal | undefined,
): Promise<boolean> {
  if (signal?.aborted === true || (timeoutMs !== undefined && timeoutMs <= 0)) {
    return Promise.resolve(false)
  }
  return new Promise((resolve, reject) => {
    let timer: NodeJS.Timeout | undefined
    const leave = (): void => {
      clearTimeout(timer)
      signal?.removeEventListener('abort', giveUp)
      waiters.delete(waiter)
    }
    const giveUp = (): void => {
      leave()
      resolve(false)
    }
    const waiter: Waiter = {
      resolve: () => {
        leave()
        resolve(true)
      },
      reject: (error) => {
        leave()
        reject(error)
      },
    }
    waiters.add(waiter)
    signal?.addEventListener('abort', giveUp)
    if (timeoutMs !== undefined) timer = setTimeout(giveUp, timeoutMs)
  })
}
