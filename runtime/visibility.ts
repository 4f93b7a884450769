import { SignalboxError } from './errors.ts'
import { checkNamespace } from './identifiers.ts'
import type { Journal } from './journal.ts'
import { runKey } from './row-keys.ts'
import { decodeRunRow, type RunRow } from './run-row.ts'
import { ScanTurns } from './scan-turns.ts'
import { readCounts } from './visibility-counts.ts'
import { parseListQuery, parseVisibilityQuery, type VisibilityFilter } from './visibility-filter.ts'
import { decodePlace, encodePlace, type Place } from './visibility-keys.ts'
import { planFor } from './visibility-plan.ts'
import { namesOnly } from './visibility-query.ts'
import { StreamPlanner } from './visibility-streams.ts'
import { searchAttributesOf } from './visibility-terms.ts'
import { walkPlaces } from './visibility-walk.ts'
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

/** A run's row as clients see it. */
export function summarize(row: RunRow): WorkflowSummary {
  const searchAttributes = searchAttributesOf(row)
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
 * Lists and counts runs, newest first: by when they started. What has been committed is seen at once.
 *
 * A page goes on behind the place of the last run that the one before has looked at. Places never change,
 * so over all pages no run comes twice, and one that does not change meanwhile is not left out.
 */
export class Visibility {
  readonly #journal: Journal
  readonly #maxScannedRuns: number
  readonly #checkOpen: () => void
  readonly #turns: ScanTurns

  /** @param checkOpen throws once the journal may not be read any more */
  constructor(
    journal: Journal,
    maxScannedRuns: number,
    checkOpen: () => void,
    turns = new ScanTurns(),
  ) {
    this.#journal = journal
    this.#maxScannedRuns = maxScannedRuns
    this.#checkOpen = checkOpen
    this.#turns = turns
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
    const filter = this.#check(request, parseListQuery)
    const executions: WorkflowSummary[] = []
    let scanned = 0
    let goOn: Place | undefined
    await this.#walk(request, filter, decodePageToken(request.pageToken), (place) => {
      if (executions.length === pageSize || scanned === this.#maxScannedRuns) return false
      scanned++
      goOn = place
      const summary = this.#read(place)
      if (summary !== undefined && filter.matches(summary)) executions.push(summary)
      return true
    })
    // A page that is full may be the last one; then the next is empty and has no token.
    const isLast = executions.length < pageSize && scanned < this.#maxScannedRuns
    return isLast || goOn === undefined
      ? { executions }
      : { executions, nextPageToken: encodePageToken(goOn) }
  }

  async count(request: CountRequest): Promise<CountResponse> {
    const filter = this.#check(request, parseVisibilityQuery)
    const namespace = request.namespace ?? DEFAULT_NAMESPACE
    if (namesOnly(filter.where, ['ExecutionStatus', 'WorkflowType'])) {
      return this.#countByNumbers(namespace, filter)
    }
    const byStatus = new Map<WorkflowStatus, number>()
    let count = 0
    await this.#walk(request, filter, undefined, (place, isExact) => {
      if (isExact && filter.groupBy === undefined) {
        count++
        return true
      }
      const summary = this.#read(place)
      if (summary === undefined || !filter.matches(summary)) return true
      count++
      byStatus.set(summary.status, (byStatus.get(summary.status) ?? 0) + 1)
      return true
    })
    return answerOf(count, byStatus, filter)
  }

  /** Types and statuses are counted as runs start and close. */
  #countByNumbers(namespace: string, filter: VisibilityFilter): CountResponse {
    const byStatus = new Map<WorkflowStatus, number>()
    let sum = 0
    for (const { workflowType, status, count } of readCounts(this.#journal, namespace)) {
      if (!filter.matches({ ...nobody, namespace, workflowType, status })) continue
      sum += count
      byStatus.set(status, (byStatus.get(status) ?? 0) + count)
    }
    return answerOf(sum, byStatus, filter)
  }

  #check(request: CountRequest, parse: (query: string) => VisibilityFilter): VisibilityFilter {
    checkNamespace(request.namespace)
    this.#checkOpen()
    return parse(request.query ?? '')
  }

  /**
   * Visit the places of runs that may match, behind `before`, newest first, until `visit` says no. It is
   * told whether all of them do.
   */
  async #walk(
    request: CountRequest,
    { where }: VisibilityFilter,
    before: Place | undefined,
    visit: (place: Place, isExact: boolean) => boolean,
  ): Promise<void> {
    const namespace = request.namespace ?? DEFAULT_NAMESPACE
    const plan = planFor(namespace, where)
    const planner = new StreamPlanner(this.#journal, this.#turns, namespace, this.#checkOpen)
    const found = plan.node && (await planner.streams(plan.node, plan))
    // With too many streams all runs are looked at, whatever the plan.
    const isExact = plan.exact && (plan.node === undefined || found !== undefined)
    const streams = found ?? planner.everything(plan)
    await walkPlaces(this.#journal, streams, before, this.#turns, this.#checkOpen, (place) =>
      visit(place, isExact),
    )
  }

  #read({ run }: Place): WorkflowSummary | undefined {
    const value = this.#journal.getRow(runKey(run))
    return value && summarize(decodeRunRow(value))
  }
}

function answerOf(
  count: number,
  byStatus: ReadonlyMap<WorkflowStatus, number>,
  { groupBy }: VisibilityFilter,
): CountResponse {
  if (groupBy === undefined) return { count }
  return { count, groups: [...byStatus].map(([status, members]) => ({ status, count: members })) }
}

/** What a filter of types and statuses does not look at. */
const nobody: Omit<WorkflowSummary, 'namespace' | 'workflowType' | 'status'> = {
  workflowId: '',
  runId: '',
  firstExecutionRunId: '',
  taskQueue: '',
  startTime: 0,
  historyLength: 0,
}

function encodePageToken(place: Place): string {
  return encodePlace(place).toString('base64url')
}

function decodePageToken(token: string | undefined): Place | undefined {
  if (token === undefined || token === '') return undefined
  const place = decodePlace(Buffer.from(token, 'base64url'))
  if (place !== undefined && encodePageToken(place) === token) return place
  throw new SignalboxError(
    'SIGNALBOX_ERR_INVALID_ARGUMENT',
    'nextPageToken is not one that a list returned',
    { fields: { field: 'nextPageToken' } },
  )
}
