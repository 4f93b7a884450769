import * as fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { SignalboxError } from '../../runtime/errors.ts'
import { parseVisibilityQuery } from '../../runtime/visibility-filter.ts'
import { parseVisibilityText } from '../../runtime/visibility-parser.ts'
import { printVisibilityQuery, statusNames } from '../../runtime/visibility-query.ts'
import type { WorkflowStatus, WorkflowSummary } from '../../runtime/workflow-service.ts'
import { queries } from './visibility-queries.ts'

const running: WorkflowSummary = {
  namespace: 'default',
  workflowId: "order-7's",
  runId: 'run-1',
  firstExecutionRunId: 'run-1',
  workflowType: 'order',
  taskQueue: 'q',
  status: 'RUNNING',
  startTime: Date.parse('2026-01-10T12:00:00Z'),
  historyLength: 3,
}
const timedOut: WorkflowSummary = {
  ...running,
  workflowId: 'refund-8',
  status: 'TIMED_OUT',
  closeTime: Date.parse('2026-01-11T12:00:00.250Z'),
}

function matches(query: string): string {
  const filter = parseVisibilityQuery(query)
  return [running, timedOut]
    .filter((summary) => filter.matches(summary))
    .map(({ status }) => status)
    .join(' ')
}

describe('a list filter', () => {
  it.each([
    ['', 'RUNNING TIMED_OUT'],
    ['  ', 'RUNNING TIMED_OUT'],
    [`WorkflowId = 'order-7''s'`, 'RUNNING'],
    [`WorkflowId = 'order-7\\'s'`, 'RUNNING'],
    [`WorkflowId = "order-7's"`, 'RUNNING'],
    ['`WorkflowId` = "refund-8"', 'TIMED_OUT'],
    ['WorkflowId != "refund-8"', 'RUNNING'],
    ['WorkflowId <> "refund-8"', 'RUNNING'],
    ['WorkflowId > "p"', 'TIMED_OUT'],
    ['WorkflowType="order"', 'RUNNING TIMED_OUT'],
    ['WorkflowType = "Order"', ''],
    ['RunId = "run-1" AND TaskQueue = "q"', 'RUNNING TIMED_OUT'],
    ['WorkflowId STARTS_WITH "order-"', 'RUNNING'],
    ['WorkflowId not starts_with "order-"', 'TIMED_OUT'],
    ['ExecutionStatus = "Running"', 'RUNNING'],
    ['ExecutionStatus = "TIMED_OUT"', 'TIMED_OUT'],
    ['ExecutionStatus in ("TimedOut", "Failed")', 'TIMED_OUT'],
    ['ExecutionStatus NOT IN ("TimedOut")', 'RUNNING'],
    ['StartTime >= "2026-01-10T12:00:00Z"', 'RUNNING TIMED_OUT'],
    ['StartTime > "2026-01-10T13:00:00+01:00"', ''],
    ['StartTime < "2026-01-11"', 'RUNNING TIMED_OUT'],
    ['StartTime BETWEEN "2026-01-10" AND "2026-01-11" AND RunId = "run-1"', 'RUNNING TIMED_OUT'],
    ['StartTime NOT BETWEEN "2026-01-10" AND "2026-01-11"', ''],
    ['CloseTime = "2026-01-11T12:00:00.25Z"', 'TIMED_OUT'],
    ['CloseTime IS NULL', 'RUNNING'],
    ['CloseTime is not null', 'TIMED_OUT'],
    ['NOT CloseTime IS NULL', 'TIMED_OUT'],
    // Without a close time a comparison is unknown, and so is its negation.
    ['CloseTime < "2030-01-01"', 'TIMED_OUT'],
    ['NOT CloseTime > "2030-01-01"', 'TIMED_OUT'],
    ['CloseTime > "2030-01-01" OR WorkflowType = "order"', 'RUNNING TIMED_OUT'],
    ['NOT (CloseTime > "2030-01-01" AND WorkflowType = "order")', 'TIMED_OUT'],
    ['NOT (CloseTime > "2030-01-01" AND WorkflowType = "x")', 'RUNNING TIMED_OUT'],
    // AND binds closer than OR.
    ['WorkflowType = "order" OR RunId = "x" AND RunId = "y"', 'RUNNING TIMED_OUT'],
    ['(WorkflowType = "order" OR RunId = "x") AND RunId = "y"', ''],
    ['NOT WorkflowType = "order" OR RunId = "run-1"', 'RUNNING TIMED_OUT'],
  ])('%s', (query, expected) => {
    expect(matches(query)).toBe(expected)
  })

  it('may ask for a count by status', () => {
    expect(parseVisibilityQuery('GROUP BY ExecutionStatus').groupBy).toBe('ExecutionStatus')
    const filter = parseVisibilityQuery('WorkflowType = "x" group by ExecutionStatus')
    expect(filter.groupBy).toBe('ExecutionStatus')
    expect(filter.matches(running)).toBe(false)
    expect(parseVisibilityQuery('RunId = "x"').groupBy).toBeUndefined()
  })

  it.each([
    ['WorkflowId', 11, 'expected =, !=, <, >, <=, >=, IN, BETWEEN, STARTS_WITH or IS'],
    ['WorkflowId = x', 14, 'expected a text in quotes and found "x"'],
    ['WorkflowId = 7', 14, 'expected a text in quotes and found "7"'],
    ['WorkflowId = "x', 14, 'the text is not closed'],
    ['WorkflowId = "x" OR', 20, 'expected a field, NOT or "(" and found the end'],
    ['WorkflowId = "x" RunId = "y"', 18, 'expected AND, OR or the end and found "RunId"'],
    ['(WorkflowId = "x"', 18, 'expected AND, OR or ")"'],
    ['WorkflowId IN "x"', 15, 'expected "("'],
    ['WorkflowId IN ()', 16, 'expected a text in quotes'],
    ['WorkflowId IS "x"', 15, 'expected NULL or NOT NULL'],
    ['WorkflowId NOT = "x"', 16, 'expected IN, BETWEEN or STARTS_WITH'],
    ['WorkflowId BETWEEN "a" OR "b"', 24, 'expected AND'],
    ['WorkflowId ; DROP', 12, 'found ";"'],
    ['CustomerId = x', 14, 'expected a text in quotes, a number, true or false'],
    ['`` = "x"', 1, 'expected a field'],
    ['null = "x"', 1, 'expected a field'],
    ['HistoryLength > 3', 1, 'the field HistoryLength is not part of this version'],
    ['ExecutionStatus = "Done"', 19, 'unknown status "Done", expected one of Running'],
    ['ExecutionStatus < "Failed"', 17, '< does not apply to ExecutionStatus'],
    ['ExecutionStatus STARTS_WITH "F"', 17, 'STARTS_WITH does not apply'],
    ['StartTime > "yesterday"', 13, '"yesterday" is no time'],
    ['StartTime > "2026-13-01"', 13, 'is no time'],
    ['GROUP BY WorkflowType', 10, 'expected ExecutionStatus'],
    ['GROUP ExecutionStatus', 7, 'expected BY'],
    ['WorkflowId = "x" ORDER BY StartTime', 18, 'ORDER BY is not supported'],
    [`${'('.repeat(60)}RunId = "x"${')'.repeat(60)}`, 51, 'nested too deeply'],
    [`${'NOT '.repeat(60)}RunId = "x"`, 201, 'nested too deeply'],
  ])('%s is refused with the place and what was expected', (query, position, problem) => {
    let error: unknown
    try {
      parseVisibilityQuery(query)
    } catch (thrown) {
      error = thrown
    }
    expect(error).toBeInstanceOf(SignalboxError)
    expect(error).toMatchObject({
      code: 'SIGNALBOX_ERR_INVALID_ARGUMENT',
      fields: { field: 'query', position },
    })
    expect(String(error)).toContain(problem)
  })

  it('is refused beyond its bounds', () => {
    const longs = [
      `WorkflowId = "${'x'.repeat(20_000)}"`,
      `WorkflowId IN (${'"",'.repeat(1_001)}"")`,
    ]
    for (const query of longs) {
      expect(() => parseVisibilityQuery(query)).toThrow(
        expect.objectContaining({ code: 'SIGNALBOX_ERR_INVALID_ARGUMENT' }),
      )
    }
  })
})

/*
 * Goal: the parser reads what the printer writes, and answers any text with a filter or with an error
 * of the right code.
 */
describe('parsing', () => {
  it('is the inverse of printing', () => {
    fc.assert(
      fc.property(queries, (query) => {
        expect(parseVisibilityText(printVisibilityQuery(query))).toEqual(query)
      }),
      { numRuns: 1_000 },
    )
  })

  it('never fails but with INVALID_ARGUMENT', () => {
    const words =
      'WorkflowId StartTime ExecutionStatus AND OR NOT IN IS NULL BETWEEN STARTS_WITH GROUP BY ' +
      '( ) , = <> < "a" \'b "2026-01-01" 7 ` \\ ☃'
    const pieces = fc.constantFrom(...words.split(' '))
    const texts = fc.oneof(
      fc.string({ unit: 'binary', maxLength: 40 }),
      fc.array(pieces, { maxLength: 20 }).map((words) => words.join(' ')),
      fc.tuple(queries, fc.nat(), fc.nat(3)).map(([query, at, length]) => {
        const text = printVisibilityQuery(query)
        const cut = at % (text.length + 1)
        return text.slice(0, cut) + text.slice(cut + length)
      }),
    )
    fc.assert(
      fc.property(texts, (text) => {
        try {
          parseVisibilityQuery(text).matches(running)
        } catch (error) {
          expect(error).toMatchObject({ code: 'SIGNALBOX_ERR_INVALID_ARGUMENT' })
        }
      }),
      { numRuns: 2_000 },
    )
  })

  it('knows every status by its name', () => {
    const statuses: readonly WorkflowStatus[] = [
      'RUNNING',
      'COMPLETED',
      'FAILED',
      'CANCELED',
      'TERMINATED',
      'CONTINUED_AS_NEW',
      'TIMED_OUT',
      'PAUSED',
    ]
    expect(Object.keys(statusNames).sort()).toEqual([...statuses].sort())
    for (const status of statuses) {
      const summary = { ...running, status }
      const name = statusNames[status]
      expect(parseVisibilityQuery(`ExecutionStatus = '${name}'`).matches(summary)).toBe(true)
    }
  })
})
