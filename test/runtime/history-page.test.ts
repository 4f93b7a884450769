import { describe, expect, it } from 'vitest'
import { type Input, InputKind } from '../../actors/inputs.ts'
import { decodeHistoryToken, encodeHistoryToken, historyPage } from '../../runtime/history-page.ts'
import { exportHistory, type HistoryRun, type HistoryTurn } from '../../runtime/history.ts'
import type { HistoryEvent, HistoryRequest } from '../../runtime/workflow-service.ts'

const open: HistoryRun = { runId: 'run-1', status: 'RUNNING' }
const completed: HistoryRun = { runId: 'run-1', status: 'COMPLETED' }

function turnsOf(ended: number, waiting = 0, completes = false): HistoryTurn[] {
  return Array.from({ length: ended + waiting }, (_none, index): HistoryTurn => {
    const seq = index + 1
    const isLast = seq === ended
    const input: Input = [InputKind.signaled, seq, 's', [String(seq)]]
    return {
      firstSeq: seq,
      lastSeq: seq,
      inputs: [input],
      commands: isLast && completes ? [{ kind: 'completeWorkflow', result: null }] : [],
      ended: seq <= ended,
    }
  })
}

function page(
  run: HistoryRun,
  turns: readonly HistoryTurn[],
  request: Partial<HistoryRequest> = {},
) {
  return historyPage({ row: run }, turns, { workflowId: 'w', ...request })
}

const ids = (events: readonly HistoryEvent[]) => events.map(({ eventId }) => Number(eventId))

describe('historyPage', () => {
  it('gives the whole in pages without a token after the last', () => {
    const turns = turnsOf(5, 0, true)
    const events: HistoryEvent[] = []
    let pages = 0
    let pageToken: string | undefined
    do {
      const response = page(completed, turns, { pageSize: 7, pageToken })
      expect(response.events.length).toBeLessThanOrEqual(7)
      events.push(...response.events)
      pageToken = response.nextPageToken
      pages++
    } while (pageToken !== undefined)
    expect(pages).toBe(3)
    expect(events).toEqual(exportHistory(turns, completed))
  })

  it('has no empty page at the end when the last one is full', () => {
    const response = page(completed, turnsOf(5, 0, true), { pageSize: 21 })
    expect(response.events).toHaveLength(21)
    expect(response.nextPageToken).toBeUndefined()
  })

  it('shows what waits on the last page as far as it fits, and no token after it', () => {
    const first = page(open, turnsOf(2, 9), { pageSize: 6 })
    expect(ids(first.events)).toEqual([1, 2, 3, 4, 5, 6])
    const last = page(open, turnsOf(2, 9), { pageSize: 6, pageToken: first.nextPageToken })
    expect(ids(last.events)).toEqual([7, 8, 9, 10, 11, 12])
    expect(last.nextPageToken).toBeUndefined()
  })

  it('follows an open run without a gap, a repetition or an event that may change', () => {
    const seen: HistoryEvent[] = []
    let pageToken: string | undefined
    for (const [run, turns] of [
      [open, turnsOf(1, 3)],
      [open, turnsOf(1, 3)],
      [open, turnsOf(3, 2)],
      [completed, turnsOf(4, 0, true)],
    ] as const) {
      const response = page(run, turns, { waitNewEvent: true, pageToken })
      seen.push(...response.events)
      pageToken = response.nextPageToken
      expect(pageToken === undefined).toBe(run === completed)
    }
    expect(seen).toEqual(exportHistory(turnsOf(4, 0, true), completed))
  })

  it('gives the close event alone, or a token to go on waiting for it', () => {
    const request = { closeEventOnly: true, waitNewEvent: true }
    const waiting = page(open, turnsOf(2), request)
    expect(waiting.events).toEqual([])
    expect(waiting.nextPageToken).toBeDefined()
    const { nextPageToken: pageToken } = waiting
    const closed = page(completed, turnsOf(3, 0, true), { ...request, pageToken })
    expect(closed.nextPageToken).toBeUndefined()
    expect(closed.events).toMatchObject([
      { eventId: '13', eventType: 'EVENT_TYPE_WORKFLOW_EXECUTION_COMPLETED' },
    ])
    expect(page(open, turnsOf(2), { closeEventOnly: true })).toEqual({ events: [] })
  })

  it('refuses tokens and sizes that are none', () => {
    const code = 'SIGNALBOX_ERR_INVALID_ARGUMENT'
    for (const pageToken of ['x', 'cnVuLTE', encodeHistoryToken({ runId: 'run-2', eventId: 3 })]) {
      expect(() => page(open, turnsOf(1), { pageToken }), pageToken).toThrow(
        expect.objectContaining({ code }),
      )
    }
    for (const pageSize of [-1, 1.5, Number.NaN]) {
      expect(() => page(open, turnsOf(1), { pageSize })).toThrow(expect.objectContaining({ code }))
    }
    expect(page(open, turnsOf(1), { pageSize: 0, pageToken: '' }).events).toHaveLength(4)
  })

  it('has tokens that name run and event', () => {
    const position = { runId: '0190-ab', eventId: 12 }
    expect(decodeHistoryToken(encodeHistoryToken(position))).toEqual(position)
    expect(decodeHistoryToken('')).toBeUndefined()
    expect(decodeHistoryToken(undefined)).toBeUndefined()
  })
})
