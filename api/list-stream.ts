import { setTimeout as delay } from 'node:timers/promises'
import { SignalboxError } from '../runtime/errors.ts'
import { parseListQuery } from '../runtime/visibility-filter.ts'
import type { WorkflowService, WorkflowSummary } from '../runtime/workflow-service.ts'
import { formatEvent, keepAliveComment } from './event-streams.ts'
import { encodeExecutionInfo } from './execution-json.ts'
import { invalidField } from './invalid-field.ts'
import { writeJson } from './json-text.ts'

/** Workflows with news that a slow client has not been told of; further ones end its stream. */
const maxWaiting = 10_000
/** A change is told after its commit, which may be this much later than its time. */
const overlapMs = 60_000
const catchUpPageSize = 500
/** Filters know times up to the year 9999. */
const latestTime = Date.UTC(9999, 11, 31)

/** Read a Last-Event-ID of a list: the time up to which its client was told everything. */
export function parseListPosition(id: string | undefined): number | undefined {
  if (id === undefined || id === '') return undefined
  if (/^\d{1,15}$/.test(id) && Number(id) <= latestTime) return Number(id)
  throw invalidField('Last-Event-ID', 'is not the id of an event of this stream')
}

export interface ListStreamOptions {
  readonly namespace: string
  readonly query: string | undefined
  readonly shorthand: boolean
  readonly keepAliveMs: number
}

/**
 * The workflows of a list as they start, change and close. Each event has a run's present state, so
 * it does no harm that one comes twice, as happens after a reconnect; none is left out.
 */
export class ListStream {
  readonly #service: WorkflowService
  readonly #options: ListStreamOptions
  readonly #filter: { matches(summary: WorkflowSummary): boolean }
  /** The latest state of each run that has news. */
  readonly #waiting = new Map<string, WorkflowSummary>()
  #isOverrun = false
  #wake: () => void = () => {}

  /** @throws SignalboxError SIGNALBOX_ERR_INVALID_ARGUMENT for a filter that is none */
  constructor(service: WorkflowService, options: ListStreamOptions) {
    this.#service = service
    this.#options = options
    this.#filter = parseListQuery(options.query ?? '')
  }

  /** News from now on or, with `since`, also what has happened from that time on. */
  async *events(
    since: number | undefined,
    signal: AbortSignal,
  ): AsyncGenerator<string, void, void> {
    const stop = this.#service.watchWorkflows(this.#options.namespace, (summary) => {
      this.#note(summary)
    })
    const onAbort = (): void => this.#wake()
    signal.addEventListener('abort', onAbort)
    try {
      const started = Date.now()
      if (since !== undefined) yield* this.#catchUp(since - overlapMs)
      // From here on a client that reconnects knows where it was, also if nothing happens.
      yield formatEvent('ready', String(started), '{}')
      while (!signal.aborted) {
        if (this.#isOverrun) throw overrun()
        const text = this.#takeEvents()
        if (text !== '') yield text
        else if (!(await this.#hasNews(signal)) && !signal.aborted) yield keepAliveComment
      }
    } finally {
      signal.removeEventListener('abort', onAbort)
      stop()
    }
  }

  #note(summary: WorkflowSummary): void {
    if (!this.#waiting.has(summary.runId) && this.#waiting.size >= maxWaiting) {
      this.#isOverrun = true
    } else {
      this.#waiting.set(summary.runId, summary)
    }
    this.#wake()
  }

  #takeEvents(): string {
    const now = Date.now()
    let text = ''
    for (const summary of this.#waiting.values()) text += this.#format(summary, now)
    this.#waiting.clear()
    return text
  }

  /** Everything that has started or closed since `since`, by pages of the list. */
  async *#catchUp(since: number): AsyncGenerator<string, void, void> {
    const time = new Date(Math.max(0, since)).toISOString()
    const query = `StartTime >= '${time}' OR CloseTime >= '${time}'`
    const { namespace } = this.#options
    let pageToken: string | undefined
    do {
      const page = await this.#service.listWorkflows({
        namespace,
        query,
        pageSize: catchUpPageSize,
        pageToken,
      })
      // Without ids: who loses the connection in the middle must catch up again.
      const text = page.executions.map((summary) => this.#format(summary)).join('')
      if (text !== '') yield text
      pageToken = page.nextPageToken
    } while (pageToken !== undefined)
  }

  /** `workflow` for what is in the list now, `removed` for what may have been in it while it was running or paused. */
  #format(summary: WorkflowSummary, id?: number): string {
    const eventId = id === undefined ? undefined : String(id)
    if (this.#filter.matches(summary)) {
      const data = writeJson(encodeExecutionInfo(summary, this.#options.shorthand))
      return formatEvent('workflow', eventId, data)
    }
    const { closeTime: _closeTime, ...whileOpen } = summary
    const wasIn = (['RUNNING', 'PAUSED'] as const).some(
      (status) => status !== summary.status && this.#filter.matches({ ...whileOpen, status }),
    )
    if (!wasIn) return ''
    const { workflowId, runId } = summary
    return formatEvent('removed', eventId, writeJson({ execution: { workflowId, runId } }))
  }

  /** False if nothing happens until the stream has to show that it is alive. */
  async #hasNews(signal: AbortSignal): Promise<boolean> {
    const timer = new AbortController()
    const news = new Promise<boolean>((resolve) => {
      this.#wake = () => resolve(true)
    })
    if (signal.aborted) return false
    const quiet = delay(this.#options.keepAliveMs, false, { signal: timer.signal })
    quiet.catch(() => {})
    try {
      return await Promise.race([news, quiet])
    } finally {
      this.#wake = () => {}
      timer.abort()
    }
  }
}

function overrun(): SignalboxError {
  return new SignalboxError(
    'SIGNALBOX_ERR_TOO_MANY_REQUESTS',
    `more than ${maxWaiting} workflows changed before this client read of them: connect again`,
  )
}
