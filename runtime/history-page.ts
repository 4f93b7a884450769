import { SignalboxError } from './errors.ts'
import { type HistoryRun, type HistoryTurn, viewHistory } from './history.ts'
import type { HistoryRequest, HistoryResponse } from './workflow-service.ts'
import { isOpenStatus } from './workflow-status.ts'

const DEFAULT_PAGE_SIZE = 1_000

/** Where a page begins: in which run, and at which event. */
export interface HistoryPosition {
  readonly runId: string
  readonly eventId: number
}

/**
 * One page of a run's history. There is a token as long as there is more to come: further pages, or,
 * with `waitNewEvent`, whatever an open run does next.
 *
 * Inputs that wait are shown at the end of an open run's last page, as far as they fit, but never
 * before a token: their event ids are not final before their turns have ended.
 *
 * @throws SignalboxError SIGNALBOX_ERR_INVALID_ARGUMENT for a page size or token that is none
 */
export function historyPage(
  { row }: { readonly row: HistoryRun },
  turns: Iterable<HistoryTurn>,
  request: HistoryRequest,
): HistoryResponse {
  const limit = pageSizeOf(request)
  const from = startOf(row, request) ?? 1
  const follows = request.waitNewEvent === true && isOpenStatus(row.status)
  if (request.closeEventOnly === true) {
    const { events } = viewHistory(turns, row, { closeEventOnly: true })
    return follows && events.length === 0
      ? { events, nextPageToken: encodeHistoryToken({ runId: row.runId, eventId: from }) }
      : { events }
  }
  const view = viewHistory(turns, row, { from, limit, settledOnly: follows })
  const next = Math.min(from + limit, Math.max(view.settledLength + 1, from))
  const more = next <= view.settledLength
  return more || follows
    ? {
        events: view.events,
        nextPageToken: encodeHistoryToken({ runId: row.runId, eventId: next }),
      }
    : { events: view.events }
}

/**
 * One page of a run's history from its newest settled event backwards, as Temporal's
 * GetWorkflowExecutionHistoryReverse. The token is the id of the next older event, so that what
 * happens between two pages moves nothing.
 *
 * @throws SignalboxError SIGNALBOX_ERR_INVALID_ARGUMENT for a page size or token that is none
 */
export function reverseHistoryPage(
  { row }: { readonly row: HistoryRun },
  turns: readonly HistoryTurn[],
  request: HistoryRequest,
): HistoryResponse {
  const limit = pageSizeOf(request)
  const { settledLength } = viewHistory(turns, row, { limit: 0 })
  const last = Math.min(startOf(row, request) ?? settledLength, settledLength)
  const from = Math.max(1, last - limit + 1)
  const { events } = viewHistory(turns, row, {
    from,
    limit: last - from + 1,
    settledOnly: true,
  })
  const page = events.toReversed()
  return from === 1
    ? { events: page }
    : {
        events: page,
        nextPageToken: encodeHistoryToken({ runId: row.runId, eventId: from - 1 }),
      }
}

function pageSizeOf(request: HistoryRequest): number {
  const { pageSize } = request
  if (pageSize === undefined || pageSize === 0) return DEFAULT_PAGE_SIZE
  if (Number.isInteger(pageSize) && pageSize >= 1) return pageSize
  throw invalid('pageSize must be a positive whole number', 'pageSize')
}

/** The event that the request's token names; undefined without a token. */
function startOf(row: HistoryRun, request: HistoryRequest): number | undefined {
  const position = decodeHistoryToken(request.pageToken)
  if (position !== undefined && position.runId !== row.runId) {
    throw invalid('nextPageToken belongs to another run', 'nextPageToken')
  }
  return position?.eventId
}

export function encodeHistoryToken({ runId, eventId }: HistoryPosition): string {
  return Buffer.from(`${runId} ${eventId}`).toString('base64url')
}

/**
 * What a token of {@link historyPage} means; undefined for none. A caller that names no run must go
 * on with the token's, although another run may be the current one by now.
 *
 * @throws SignalboxError SIGNALBOX_ERR_INVALID_ARGUMENT for any other text
 */
export function decodeHistoryToken(token: string | undefined): HistoryPosition | undefined {
  if (token === undefined || token === '') return undefined
  const [runId = '', number = ''] = Buffer.from(token, 'base64url').toString().split(' ')
  const eventId = /^[1-9]\d{0,15}$/.test(number) ? Number(number) : 0
  if (runId === '' || eventId === 0 || encodeHistoryToken({ runId, eventId }) !== token) {
    throw invalid('nextPageToken is not one that a history returned', 'nextPageToken')
  }
  return { runId, eventId }
}

function invalid(message: string, field: string): SignalboxError {
  return new SignalboxError('SIGNALBOX_ERR_INVALID_ARGUMENT', message, { fields: { field } })
}
