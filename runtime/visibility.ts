import { CHANGE_VERSION, changeVersionsOf } from './change-versions.ts'
import { SignalboxError } from './errors.ts'
import { checkNamespace } from './identifiers.ts'
import type { Journal } from './journal.ts'
import { RowTable, runKey, runOfKey, tableRange } from './row-keys.ts'
import { decodeRunRow, type RunRow } from './run-row.ts'
import { parseVisibilityQuery } from './visibility-filter.ts'
import type {
  CountRequest,
  CountResponse,
  ListRequest,
  ListResponse,
  WorkflowStatus,
  WorkflowSummary,
} from './workflow-service.ts'

export const DEFAULT_NAMESPACE = 'default'
const DEFAULT_PAGE_SIZE = 100
const MAX_PAGE_SIZE = 1_000
/** Run numbers have 40 bits. */
const MAX_RUN = 2 ** 40
/** Rows looked at in one macrotask: a scan must not stand in the way of signals. */
const ROWS_PER_SLICE = 500

/** A run's row as clients see it. */
export function summarize(row: RunRow): WorkflowSummary {
  const changeVersions = changeVersionsOf(row.patches)
  const searchAttributes =
    changeVersions === undefined
      ? row.searchAttributes
      : { ...row.searchAttributes, [CHANGE_VERSION]: changeVersions }
  return {
    namespace: row.namespace,
    workflowId: row.workflowId,
    runId: row.runId,
    firstExecutionRunId: row.firstExecutionRunId,
    workflowType: row.workflowType,
    taskQueue: row.taskQueue,
    status: row.status,
    startTime: row.startTime,
    historyLength: row.historyLength,
    ...(row.parent === undefined
      ? {}
      : { parentExecution: { workflowId: row.parent.workflowId, runId: row.parent.runId } }),
    ...(row.root === undefined ? {} : { rootExecution: row.root }),
    ...(row.closeTime === undefined ? {} : { closeTime: row.closeTime }),
    ...(row.executionTime === undefined ? {} : { executionTime: row.executionTime }),
    ...(row.memo === undefined ? {} : { memo: row.memo }),
    ...(searchAttributes === undefined ? {} : { searchAttributes }),
  }
}

/**
 * Lists and counts runs, newest first, by a scan of their rows in slices. What has been committed
 * is seen at once.
 */
export class Visibility {
  readonly #journal: Journal
  readonly #checkOpen: () => void

  /** @param checkOpen throws once the journal may not be read any more */
  constructor(journal: Journal, checkOpen: () => void) {
    this.#journal = journal
    this.#checkOpen = checkOpen
  }

  async list(request: ListRequest): Promise<ListResponse> {
    const pageSize = request.pageSize ?? DEFAULT_PAGE_SIZE
    if (!Number.isInteger(pageSize) || pageSize < 1 || pageSize > MAX_PAGE_SIZE) {
      throw new SignalboxError(
        'SIGNALBOX_ERR_INVALID_ARGUMENT',
        `pageSize must be a whole number from 1 to ${MAX_PAGE_SIZE}`,
        { fields: { field: 'pageSize' } },
      )
    }
    const executions: WorkflowSummary[] = []
    let last = 0
    const before = decodePageToken(request.pageToken)
    await this.#scan(request, before, (summary, run) => {
      if (executions.length === pageSize) return false
      executions.push(summary)
      last = run
      return true
    })
    // A page that is full may be the last one; then the next is empty and has no token.
    return executions.length < pageSize
      ? { executions }
      : { executions, nextPageToken: encodePageToken(last) }
  }

  async count(request: CountRequest): Promise<CountResponse> {
    const { groupBy } = parseVisibilityQuery(request.query ?? '')
    const byStatus = new Map<WorkflowStatus, number>()
    let count = 0
    await this.#scan(request, undefined, ({ status }) => {
      count++
      byStatus.set(status, (byStatus.get(status) ?? 0) + 1)
      return true
    })
    if (groupBy === undefined) return { count }
    return {
      count,
      groups: [...byStatus].map(([status, members]) => ({ status, count: members })),
    }
  }

  /** Visit the matching runs older than `before`, newest first, until `visit` says no. */
  async #scan(
    request: CountRequest,
    before: number | undefined,
    visit: (summary: WorkflowSummary, run: number) => boolean,
  ): Promise<void> {
    const namespace = request.namespace ?? DEFAULT_NAMESPACE
    checkNamespace(request.namespace)
    this.#checkOpen()
    const filter = parseVisibilityQuery(request.query ?? '')
    const { start, end } = tableRange(RowTable.run)
    let upTo: Uint8Array = before === undefined ? end : runKey(before)
    for (;;) {
      let looked = 0
      const range = { start, end: upTo, reverse: true, limit: ROWS_PER_SLICE }
      for (const [key, value] of this.#journal.rows(range)) {
        looked++
        upTo = Buffer.from(key)
        const row = decodeRunRow(value)
        if (row.namespace !== namespace) continue
        const summary = summarize(row)
        if (filter.matches(summary) && !visit(summary, runOfKey(key))) return
      }
      if (looked < ROWS_PER_SLICE) return
      await new Promise((resolve) => setImmediate(resolve))
      this.#checkOpen()
    }
  }
}

function encodePageToken(run: number): string {
  return Buffer.from(String(run)).toString('base64url')
}

function decodePageToken(token: string | undefined): number | undefined {
  if (token === undefined || token === '') return undefined
  const run = Number(Buffer.from(token, 'base64url').toString())
  if (!Number.isSafeInteger(run) || run < 0 || run > MAX_RUN) {
    throw new SignalboxError(
      'SIGNALBOX_ERR_INVALID_ARGUMENT',
      'nextPageToken is not one that a list returned',
      { fields: { field: 'nextPageToken' } },
    )
  }
  return run
}
