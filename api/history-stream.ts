import { setTimeout as delay } from 'node:timers/promises'
import { encodeHistoryToken } from '../runtime/history-page.ts'
import type { HistoryResponse, Target, WorkflowService } from '../runtime/workflow-service.ts'
import { encodeCloseStatus } from './close-status-json.ts'
import { formatEvent, keepAliveComment } from './event-streams.ts'
import { invalidField } from './invalid-field.ts'
import { writeJson } from './json-text.ts'
import { shortenPayloads } from './payload-json.ts'

/** Events read at a time. */
const pageSize = 500
/** What happens in quick succession is read together: each look reads the run's history. */
const gatherMs = 50
const closedMark = 'closed'

/** How far a client has got: the last history event of a run, or that the run has closed. */
export interface StreamPosition {
  readonly runId: string
  readonly after: number | typeof closedMark
}

/** Read a Last-Event-ID: undefined if there is none. */
export function parseStreamPosition(id: string | undefined): StreamPosition | undefined {
  if (id === undefined || id === '') return undefined
  const [, runId, after] = /^([\w-]{1,64})\/([1-9]\d{0,14}|closed)$/.exec(id) ?? []
  if (runId === undefined || after === undefined) {
    throw invalidField('Last-Event-ID', 'is not the id of an event of this stream')
  }
  return { runId, after: after === closedMark ? closedMark : Number(after) }
}

export interface HistoryStreamOptions {
  readonly shorthand: boolean
  /** Go on with the run that continues a closed one. */
  readonly followRuns: boolean
  readonly keepAliveMs: number
}

/** Where a stream begins, and the first page from there. */
interface StreamStart {
  readonly target: Target
  readonly from: number
  readonly page: HistoryResponse
}

/** A run's events as they happen, and how it ended; see {@link HistoryStream.events}. */
export class HistoryStream {
  readonly #service: WorkflowService
  readonly #options: HistoryStreamOptions

  constructor(service: WorkflowService, options: HistoryStreamOptions) {
    this.#service = service
    this.#options = options
  }

  /**
   * The first page after a position, read before the answer begins so that a workflow that is not
   * there is answered 404. Undefined if nothing will ever come: the last run was told to its end.
   */
  async open(
    target: Target,
    position: StreamPosition | undefined,
  ): Promise<StreamStart | undefined> {
    if (position === undefined) {
      const { runId } = await this.#service.describeWorkflow(target)
      return this.#start({ ...target, runId }, 1)
    }
    const { runId, after } = position
    const run = { ...target, runId }
    if (after !== closedMark) return this.#start(run, after + 1)
    const next = await this.#successor(run)
    return next === undefined ? undefined : this.#start(next, 1)
  }

  /** Events in the order of their ids, each once; ids are positions to go on from. */
  async *events(start: StreamStart, signal: AbortSignal): AsyncGenerator<string, void, void> {
    let { target, from: next, page } = start
    for (;;) {
      let text = ''
      for (const event of page.events) {
        next = Number(event.eventId) + 1
        const shown = this.#options.shorthand ? shortenPayloads(event) : event
        text += formatEvent('history', `${target.runId}/${event.eventId}`, writeJson(shown))
      }
      if (text !== '') yield text
      if (signal.aborted) return
      if (page.nextPageToken === undefined) {
        yield await this.#closeEvent(target)
        const successor = await this.#successor(target)
        if (successor === undefined) return
        target = successor
        next = 1
      } else if (page.events.length < pageSize) {
        await delay(gatherMs)
      }
      page = await this.#page(target, next, this.#options.keepAliveMs, signal)
      if (signal.aborted) return
      if (page.events.length === 0 && page.nextPageToken !== undefined) yield keepAliveComment
    }
  }

  async #start(target: Target, from: number): Promise<StreamStart> {
    return { target, from, page: await this.#page(target, from, 0) }
  }

  #page(
    target: Target,
    from: number,
    timeoutMs: number,
    signal?: AbortSignal,
  ): Promise<HistoryResponse> {
    const { runId = '' } = target
    return this.#service.getHistory({
      ...target,
      pageSize,
      pageToken: encodeHistoryToken({ runId, eventId: from }),
      waitNewEvent: true,
      timeoutMs,
      signal,
    })
  }

  async #closeEvent(target: Target): Promise<string> {
    const status = await this.#service.waitForClose({ ...target, timeoutMs: 0 })
    const data = writeJson(encodeCloseStatus(status, this.#options.shorthand))
    return formatEvent(closedMark, `${target.runId}/${closedMark}`, data)
  }

  /** The run that continues a closed one, if it is to be followed. */
  async #successor(target: Target): Promise<Target | undefined> {
    if (!this.#options.followRuns) return undefined
    const status = await this.#service.waitForClose({ ...target, timeoutMs: 0 })
    const runId = status.closed ? status.newRunId : undefined
    return runId === undefined ? undefined : { ...target, runId }
  }
}
