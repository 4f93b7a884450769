import * as fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { encodeSearchAttributes } from '../../actors/search-attribute-payloads.ts'
import type { SearchAttributePair } from '../../actors/search-attributes.ts'
import type { PayloadMap } from '../../actors/payload.ts'
import type { Journal } from '../../runtime/journal.ts'
import type { RunRow } from '../../runtime/run-row.ts'
import { RowTable, tableRange } from '../../runtime/row-keys.ts'
import { ScanTurns } from '../../runtime/scan-turns.ts'
import { parseVisibilityQuery } from '../../runtime/visibility-filter.ts'
import { entryKey, statusTerm } from '../../runtime/visibility-keys.ts'
import {
  type AnyField,
  customField,
  printVisibilityQuery,
  statusNames,
  type VisibilityExpression,
  type VisibilityValue,
} from '../../runtime/visibility-query.ts'
import { summarize } from '../../runtime/visibility.ts'
import type { WorkflowStatus } from '../../runtime/workflow-service.ts'
import type { JournalUnderTest } from '../journal/conformance.ts'
import { lmdbStore, memoryStore } from '../journal/stores.ts'
import { IndexedRuns } from './indexed-runs.ts'
import { queries } from './visibility-queries.ts'

/*
 * Goal: whatever starts, closes, changes its attributes, is deleted, moves from the log into the tree or
 * survives a crash, a list has what a plain filter over all runs has, in the same order and page by page.
 * A failure prints its seed.
 */

const zero = Date.UTC(2026, 0, 1)
const times = fc.integer({ min: 0, max: 6 }).map((n) => zero + n * 1_000)
const ids = fc.constantFrom('a', 'ab', 'abc', 'b', `${'x'.repeat(140)}1`, `${'x'.repeat(140)}2`)
const types = fc.constantFrom('order', 'orders', 'refund')
const closed: readonly WorkflowStatus[] = ['COMPLETED', 'FAILED', 'CONTINUED_AS_NEW', 'TIMED_OUT']
const texts = fc.constantFrom('ada', 'adam', 'x'.repeat(200), '\0', '\ud83d', '😀', '', '7', 'true')
const dates = times.map((time) => new Date(time).toISOString())
const numbers = fc.constantFrom(-1, 0, 1, 7, 7.5, -1e300, 2 ** 53)

const typedPair: fc.Arbitrary<SearchAttributePair> = fc.oneof(
  texts.map((value) => ({ key: { name: 'Word', type: 'KEYWORD' as const }, value })),
  fc
    .constantFrom('the quick fox', 'Fox, brown', '', '7 true')
    .map((value) => ({ key: { name: 'Notes', type: 'TEXT' as const }, value })),
  numbers
    .filter(Number.isInteger)
    .map((value) => ({ key: { name: 'Number', type: 'INT' as const }, value })),
  numbers.map((value) => ({ key: { name: 'Number', type: 'DOUBLE' as const }, value })),
  fc.boolean().map((value) => ({ key: { name: 'Flag', type: 'BOOL' as const }, value })),
  times.map((time) => ({
    key: { name: 'Due', type: 'DATETIME' as const },
    value: new Date(time),
  })),
  fc
    .array(texts, { minLength: 1, maxLength: 3 })
    .map((value) => ({ key: { name: 'Tags', type: 'KEYWORD_LIST' as const }, value })),
)
const untyped: fc.Arbitrary<PayloadMap> = fc
  .tuple(
    fc.constantFrom('Word', 'Number', 'Due', 'Notes'),
    fc.oneof(
      fc.array(texts, { minLength: 1, maxLength: 2 }),
      fc.array(numbers, { minLength: 1, maxLength: 2 }),
      fc.array(dates, { minLength: 1, maxLength: 2 }),
      fc.array(fc.boolean(), { minLength: 1, maxLength: 2 }),
    ),
  )
  .map(([name, values]) => ({ [name]: JSON.stringify(values) }))
const attributes: fc.Arbitrary<PayloadMap | undefined> = fc.oneof(
  fc.constant(undefined),
  untyped,
  fc
    .uniqueArray(typedPair, { minLength: 1, maxLength: 3, selector: ({ key }) => key.name })
    .map((pairs) => encodeSearchAttributes(undefined, pairs)),
)

type Step =
  | {
      readonly do: 'start'
      readonly id: string
      readonly type: string
      readonly time: number
      readonly attributes: PayloadMap | undefined
      readonly parent: string | undefined
      readonly isElsewhere: boolean
    }
  | { readonly do: 'close'; readonly pick: number; readonly status: WorkflowStatus; time: number }
  | {
      readonly do: 'upsert'
      readonly pick: number
      readonly attributes: PayloadMap | undefined
    }
  | { readonly do: 'patch' | 'strike' | 'delete'; readonly pick: number }

const changes: fc.Arbitrary<Step> = fc.oneof(
  {
    weight: 6,
    arbitrary: fc.record({
      do: fc.constant('start' as const),
      id: ids,
      type: types,
      time: times,
      attributes,
      parent: fc.option(ids, { nil: undefined, freq: 3 }),
      isElsewhere: fc.integer({ max: 5, min: 0 }).map((n) => n === 0),
    }),
  },
  {
    weight: 4,
    arbitrary: fc.record({
      do: fc.constant('close' as const),
      pick: fc.nat(),
      status: fc.constantFrom(...closed),
      time: times,
    }),
  },
  {
    weight: 3,
    arbitrary: fc.record({ do: fc.constant('upsert' as const), pick: fc.nat(), attributes }),
  },
  {
    weight: 3,
    arbitrary: fc.record({
      do: fc.constantFrom('patch' as const, 'strike' as const, 'delete' as const),
      pick: fc.nat(),
    }),
  },
)

const customFields: readonly AnyField[] = [
  ...['Word', 'Notes', 'Number', 'Flag', 'Due', 'Tags', 'Missing'].map(customField),
  customField('TemporalChangeVersion'),
]
const values: fc.Arbitrary<VisibilityValue> = fc.oneof(
  texts,
  dates,
  numbers,
  fc.boolean(),
  fc.constantFrom('the', 'FOX quick', 'False', 'change-1', ' 7 ', '2026-01-01'),
)
const negated = fc.boolean()
const custom = fc.constantFrom(...customFields)
const keyword = fc.constantFrom<AnyField>(
  'WorkflowId',
  'WorkflowType',
  'ParentWorkflowId',
  'RootWorkflowId',
  'TaskQueue',
)
const time = fc.constantFrom<AnyField>('StartTime', 'CloseTime', 'ExecutionTime')
const keywords: fc.Arbitrary<VisibilityValue> = fc.oneof(ids, types)
const statuses: fc.Arbitrary<VisibilityValue> = fc.constantFrom(...Object.values(statusNames))
const order = fc
  .constantFrom('=' as const, '!=' as const, '<' as const, '>' as const)
  .chain((op) =>
    fc.constantFrom(op, op === '<' ? ('<=' as const) : op === '>' ? ('>=' as const) : op),
  )

function about(
  field: fc.Arbitrary<AnyField>,
  value: fc.Arbitrary<VisibilityValue>,
): fc.Arbitrary<VisibilityExpression> {
  return fc.oneof(
    fc.record({ kind: fc.constant('compare' as const), field, operator: order, value }),
    fc.record({
      kind: fc.constant('in' as const),
      field,
      negated,
      values: fc.array(value, { minLength: 1, maxLength: 3 }),
    }),
    fc.record({ kind: fc.constant('between' as const), field, negated, low: value, high: value }),
    fc.record({ kind: fc.constant('isNull' as const), field, negated }),
  )
}
const predicates: fc.Arbitrary<VisibilityExpression> = fc.oneof(
  about(custom, values),
  about(keyword, keywords),
  about(time, times),
  fc.record({
    kind: fc.constant('compare' as const),
    field: fc.constant('ExecutionStatus' as const),
    operator: fc.constantFrom('=' as const, '!=' as const),
    value: statuses,
  }),
  fc.record({
    kind: fc.constant('in' as const),
    field: fc.constant('ExecutionStatus' as const),
    negated,
    values: fc.array(statuses, { minLength: 1, maxLength: 3 }),
  }),
  fc.record({
    kind: fc.constant('startsWith' as const),
    field: fc.oneof(custom, keyword),
    negated,
    prefix: fc.oneof(ids, types, texts, dates),
  }),
)
const { expression } = fc.letrec<{ expression: VisibilityExpression }>((tie) => ({
  expression: fc.oneof(
    { maxDepth: 3 },
    { weight: 3, arbitrary: predicates },
    { weight: 1, arbitrary: fc.record({ kind: fc.constant('not'), operand: tie('expression') }) },
    {
      weight: 3,
      arbitrary: fc.record({
        kind: fc.constantFrom('and' as const, 'or' as const),
        operands: fc.array(tie('expression'), { minLength: 2, maxLength: 3 }),
      }),
    },
  ),
}))
/** A filter over what the runs of this test have. */
const filters = fc.record({ where: expression }, { requiredKeys: [] }).map(printVisibilityQuery)

/** Runs in a journal, and the same runs in a map. */
class Twins {
  readonly rows = new Map<number, RunRow>()
  runs: IndexedRuns
  readonly #store: JournalUnderTest
  readonly #maxScannedRuns: number

  private constructor(store: JournalUnderTest, runs: IndexedRuns, maxScannedRuns: number) {
    this.#store = store
    this.runs = runs
    this.#maxScannedRuns = maxScannedRuns
  }

  static async open(store: JournalUnderTest, maxScannedRuns: number): Promise<Twins> {
    const runs = await IndexedRuns.open(await store.open(), maxScannedRuns, new ScanTurns(0, 1))
    return new Twins(store, runs, maxScannedRuns)
  }

  /** @param then what happens to the journal before it is taken up again */
  async crash(then?: (journal: Journal) => Promise<void>): Promise<void> {
    await this.runs.commit()
    const journal = await this.#store.crash()
    await then?.(journal)
    this.runs = await IndexedRuns.open(journal, this.#maxScannedRuns, new ScanTurns(0, 1))
  }

  /** @returns the runs that are no longer as they were */
  async do(step: Step): Promise<readonly number[]> {
    if (step.do === 'start') return this.#start(step)
    const keys = [...this.rows.keys()]
    const key = keys[step.pick % keys.length]
    const row = key === undefined ? undefined : this.rows.get(key)
    if (key === undefined || row === undefined) return []
    switch (step.do) {
      case 'close':
        if (row.closeTime !== undefined) return []
        this.runs.close(key, step.status, step.time)
        break
      case 'upsert':
        this.runs.change(key, { searchAttributes: step.attributes })
        break
      case 'patch':
        this.runs.change(key, { patches: [[`change-${step.pick % 3}`, 1, false, 2]] })
        break
      case 'strike':
        this.runs.change(key, { strikes: row.strikes + 1 })
        break
      default:
        if (row.closeTime === undefined) return []
        await this.runs.commit()
        this.runs.delete(key)
        this.rows.delete(key)
        return [key]
    }
    this.rows.set(key, this.runs.row(key))
    return [key]
  }

  #start(step: Step & { readonly do: 'start' }): readonly number[] {
    const namespace = step.isElsewhere ? 'elsewhere' : 'default'
    const touched: number[] = []
    // A workflow id has one open run at most.
    for (const [key, row] of this.rows) {
      const isSame = row.namespace === namespace && row.workflowId === step.id
      if (!isSame || row.closeTime !== undefined) continue
      this.runs.close(key, 'TERMINATED', step.time)
      this.rows.set(key, this.runs.row(key))
      touched.push(key)
    }
    const { id: workflowId, type: workflowType, time: startTime, parent } = step
    const family =
      parent === undefined
        ? {}
        : {
            parent: { namespace, workflowId: parent, runId: 'p', seq: 1 },
            root: { workflowId: `${parent}b`, runId: 'r' },
          }
    const key = this.runs.start({
      namespace,
      workflowId,
      workflowType,
      startTime,
      ...family,
      ...(step.attributes === undefined ? {} : { searchAttributes: step.attributes }),
    })
    this.rows.set(key, this.runs.row(key))
    return [...touched, key]
  }

  /** What a plain filter finds, newest first. */
  matching(query: string): readonly number[] {
    const filter = parseVisibilityQuery(query)
    return [...this.rows]
      .filter(([, row]) => row.namespace === 'default' && filter.matches(summarize(row)))
      .sort(([a, { startTime: s }], [b, { startTime: t }]) => t - s || b - a)
      .map(([key]) => key)
  }

  /** All pages of a list, with steps between them that do not touch what is compared. */
  async pages(
    query: string,
    pageSize: number,
    between: () => Promise<void>,
  ): Promise<readonly number[]> {
    const byRunId = new Map<string, number>()
    const note = (): void => {
      for (const [key, { runId }] of this.rows) byRunId.set(runId, key)
    }
    note()
    const found: number[] = []
    let pageToken: string | undefined
    do {
      const page = await this.runs.visibility.list({ query, pageSize, pageToken })
      expect(page.executions.length).toBeLessThanOrEqual(pageSize)
      note()
      for (const { runId } of page.executions) found.push(byRunId.get(runId)!)
      pageToken = page.nextPageToken
      if (pageToken !== undefined) await between()
    } while (pageToken !== undefined)
    return found
  }

  async compareCounts(query: string): Promise<void> {
    const keys = this.matching(query)
    expect(await this.runs.visibility.count({ query }), query).toEqual({ count: keys.length })
    const byStatus: Record<string, number> = {}
    for (const key of keys) {
      const { status } = this.rows.get(key)!
      byStatus[status] = (byStatus[status] ?? 0) + 1
    }
    const grouped = await this.runs.visibility.count({ query: `${query} GROUP BY ExecutionStatus` })
    expect(grouped.count).toBe(keys.length)
    const groups = grouped.groups?.map(({ status, count }) => [status, count] as const)
    expect(Object.fromEntries(groups ?? []), query).toEqual(byStatus)
  }
}

const rounds = fc.array(
  fc.record({
    changes: fc.array(changes, { maxLength: 12 }),
    query: filters,
    pageSize: fc.integer({ min: 1, max: 9 }),
    between: fc.array(fc.array(changes, { maxLength: 4 }), { maxLength: 4 }),
    ending: fc.constantFrom('go on', 'go on', 'commit', 'crash', 'crash between pages'),
  }),
  { minLength: 1, maxLength: 6 },
)

async function compareOnce(
  make: () => Promise<JournalUnderTest>,
  steps: typeof rounds extends fc.Arbitrary<infer T> ? T : never,
  maxScannedRuns: number,
): Promise<void> {
  const store = await make()
  try {
    const twins = await Twins.open(store, maxScannedRuns)
    for (const { changes, query, pageSize, between, ending } of steps) {
      for (const change of changes) await twins.do(change)
      await twins.runs.commit()
      if (ending === 'crash') await twins.crash()
      await twins.compareCounts(query)
      const before = twins.matching(query)
      const touched = new Set<number>()
      let page = 0
      const found = await twins.pages(query, pageSize, async () => {
        for (const change of between[page++] ?? []) {
          for (const key of await twins.do(change)) touched.add(key)
        }
        if (ending === 'crash between pages') await twins.crash()
        else await twins.runs.commit()
      })
      expect(new Set(found).size, query).toBe(found.length)
      const isUntouched = (key: number): boolean => !touched.has(key)
      expect(found.filter(isUntouched), query).toEqual(before.filter(isUntouched))
    }
  } finally {
    await store.dispose()
  }
}

describe('the index of runs', () => {
  it('answers as a plain filter does, on disk, through checkpoints and crashes', async () => {
    // Few rows to a window: most reads meet a checkpoint under way.
    const make = () => lmdbStore({ logWindowRows: 4, checkpointSliceMs: 0 })
    await fc.assert(
      fc.asyncProperty(rounds, fc.constantFrom(2, 7, 1_000), (steps, maxScannedRuns) =>
        compareOnce(make, steps, maxScannedRuns),
      ),
      { numRuns: 60 },
    )
  }, 120_000)

  it('answers as a plain filter does, in memory', async () => {
    await fc.assert(
      fc.asyncProperty(rounds, fc.constantFrom(3, 1_000), (steps, maxScannedRuns) =>
        compareOnce(memoryStore, steps, maxScannedRuns),
      ),
      { numRuns: 300 },
    )
  }, 120_000)

  it('is built for a folder that has none, or half of one', async () => {
    const store = await lmdbStore({ logWindowRows: 50 })
    try {
      const twins = await Twins.open(store, 1_000)
      const run = { namespace: 'default', workflowType: 't' }
      for (let i = 0; i < 5_000; i++) {
        const attributes = { Customer: `["customer-${i % 7}"]` }
        const more = i % 3 === 0 ? { searchAttributes: attributes } : {}
        const key = twins.runs.start({ ...run, workflowId: `w${i}`, startTime: zero + i, ...more })
        if (i % 2 === 0) twins.runs.close(key, 'FAILED', zero + i)
        twins.rows.set(key, twins.runs.row(key))
      }
      await twins.runs.commit()
      for (const tables of [[RowTable.visibility, RowTable.runCount], [RowTable.runCount]]) {
        await twins.crash(async (journal) => {
          const gone = tables.flatMap((table) => {
            const rows = [...journal.rows(tableRange(table))]
            return rows.map(([key]) => [Uint8Array.from(key), null] as const)
          })
          expect(gone.length).toBeGreaterThan(1)
          // An entry of a run that was changed since by what knows of no index.
          const place = { start: zero, run: 1 }
          const stale = entryKey(statusTerm('default', 'RUNNING'), place)
          await journal.commit({ records: [], rows: [...gone, [stale, new Uint8Array(0)]] })
        })
        for (const query of ['', "ExecutionStatus = 'Running'", "Customer = 'customer-3'"]) {
          await twins.compareCounts(query)
          expect(await twins.pages(query, 1_000, async () => undefined)).toEqual(
            twins.matching(query),
          )
        }
      }
    } finally {
      await store.dispose()
    }
  }, 60_000)

  it('takes the strangest filters', async () => {
    const store = await memoryStore()
    const runs = await IndexedRuns.open(await store.open())
    const run = { namespace: 'default', workflowId: 'w', workflowType: 't', startTime: zero }
    runs.start({ ...run, searchAttributes: { Customer: '["x"]' } })
    await runs.commit()
    const row = runs.row(1)
    await fc.assert(
      fc.asyncProperty(queries.map(printVisibilityQuery), async (query) => {
        const filter = parseVisibilityQuery(query)
        const found = filter.matches(summarize(row)) ? 1 : 0
        expect((await runs.visibility.count({ query })).count).toBe(found)
        const list = runs.visibility.list({ query })
        if (filter.groupBy === undefined) expect((await list).executions.length).toBe(found)
        else await expect(list).rejects.toMatchObject({ fields: { field: 'query' } })
      }),
      { numRuns: 500 },
    )
    const long = `"${'x'.repeat(16_000)}"`
    for (const field of ['WorkflowId', 'RunId', 'ParentWorkflowId', 'RootWorkflowId', 'Customer']) {
      for (const operator of ['=', 'STARTS_WITH', '>']) {
        const query = `${field} ${operator} ${long}`
        const expected = parseVisibilityQuery(query).matches(summarize(row)) ? 1 : 0
        expect((await runs.visibility.list({ query })).executions.length).toBe(expected)
      }
    }
    await store.dispose()
  })

  it.each([
    ['none', 'x'],
    ['cut off', 'AAAA'],
    ['of an earlier version', Buffer.from('17').toString('base64url')],
    ['longer', Buffer.alloc(13).toString('base64url')],
  ])('refuses a page token that is %s', async (_, pageToken) => {
    const store = await memoryStore()
    const { visibility } = await IndexedRuns.open(await store.open())
    await expect(visibility.list({ pageToken })).rejects.toMatchObject({
      code: 'SIGNALBOX_ERR_INVALID_ARGUMENT',
      fields: { field: 'nextPageToken' },
    })
    await store.dispose()
  })
})
