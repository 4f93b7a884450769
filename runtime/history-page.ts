import { SignalboxError } from './errors.ts'
import { type HistoryRun, type HistoryTurn, viewHistory } from './history.ts'
import type { HistoryRequest, HistoryResponse } from './workflow-service.ts'

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
  const limit =
    request.pageSize === undefined || request.pageSize === 0 ? DEFAULT_PAGE_SIZE : request.pageSize
  if (!Number.isInteger(limit) || limit < 1) {
    throw invalid('pageSize must be a positive whole number', 'pageSize')
  }
  const position = decodeHistoryToken(request.pageToken)
  if (position !== undefined && position.runId !== row.runId) {
    throw invalid('nextPageToken belongs to another run', 'nextPageToken')
  }
  const from = position?.eventId ?? 1
  const follows = request.waitNewEvent === true && row.status === 'RUNNING'
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
