import * as fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { encodeSearchAttributes } from '../../actors/search-attribute-payloads.ts'
import {
  defineSearchAttributeKey,
  type SearchAttributePair,
  type SearchAttributes,
} from '../../actors/search-attributes.ts'
import type { PayloadMap } from '../../actors/payload.ts'
import { parseVisibilityQuery } from '../../runtime/visibility-filter.ts'
import type { WorkflowSummary } from '../../runtime/workflow-service.ts'

const name = defineSearchAttributeKey('Name', 'KEYWORD')
const notes = defineSearchAttributeKey('Notes', 'TEXT')
const count = defineSearchAttributeKey('Count', 'INT')
const price = defineSearchAttributeKey('Price', 'DOUBLE')
const urgent = defineSearchAttributeKey('Urgent', 'BOOL')
const due = defineSearchAttributeKey('Due', 'DATETIME')
const tags = defineSearchAttributeKey('Tags', 'KEYWORD_LIST')

function summary(searchAttributes: PayloadMap | undefined): WorkflowSummary {
  return {
    namespace: 'default',
    workflowId: 'w',
    runId: 'r',
    firstExecutionRunId: 'r',
    workflowType: 'order',
    taskQueue: 'q',
    status: 'RUNNING',
    startTime: 0,
    historyLength: 3,
    ...(searchAttributes === undefined ? {} : { searchAttributes }),
  }
}

const typed: SearchAttributePair[] = [
  { key: name, value: 'order-17' },
  { key: notes, value: 'Handle with care, please' },
  { key: count, value: 7 },
  { key: price, value: 9.5 },
  { key: urgent, value: true },
  { key: due, value: new Date('2026-03-01T12:00:00Z') },
  { key: tags, value: ['red', 'green'] },
]
const untyped: SearchAttributes = {
  Name: ['order-17'],
  Count: [7],
  Price: [9.5],
  Urgent: [true],
  Due: [new Date('2026-03-01T12:00:00Z')],
  Tags: ['red', 'green'],
}
const withTypes = summary(encodeSearchAttributes(undefined, typed))
const withoutTypes = summary(encodeSearchAttributes(untyped, undefined))
const without = summary(undefined)

const holds = (query: string, run: WorkflowSummary): boolean =>
  parseVisibilityQuery(query).matches(run)

describe('a filter over search attributes', () => {
  it.each<[query: string, expected: boolean]>([
    ["Name = 'order-17'", true],
    ["Name = 'Order-17'", false],
    ["Name != 'order-18'", true],
    ["Name > 'order-16' AND Name < 'order-18'", true],
    ["Name IN ('x', 'order-17')", true],
    ["Name NOT IN ('x', 'order-17')", false],
    ["Name STARTS_WITH 'order'", true],
    ["Name NOT STARTS_WITH 'order'", false],
    ["Name BETWEEN 'a' AND 'z'", true],
    ['Name = 17', false],
    ['NOT Name = 17', false],
    ['Count = 7', true],
    ["Count = '7'", true],
    ['Count > 6.5 AND Count <= 7', true],
    ['Count BETWEEN 1 AND 6', false],
    ['Count NOT BETWEEN 1 AND 6', true],
    ['Count IN (1, 7)', true],
    ["Count = 'seven'", false],
    ["Count STARTS_WITH '7'", false],
    ['Price >= 9.5', true],
    ['Price < 1e1', true],
    ['Urgent = true', true],
    ["Urgent = 'TRUE'", true],
    ['Urgent != false', true],
    ['Urgent = false', false],
    ["Due = '2026-03-01T13:00:00+01:00'", true],
    ["Due < '2026-03-02'", true],
    ["Due BETWEEN '2026-02-01' AND '2026-02-28'", false],
    ["Tags = 'red'", true],
    ["Tags = 'blue'", false],
    ["Tags != 'blue'", true],
    ["Tags != 'red'", false],
    ["Tags IN ('blue', 'green')", true],
    ["Tags NOT IN ('blue', 'green')", false],
    ["Tags STARTS_WITH 'gr'", true],
    ['Tags IS NOT NULL', true],
    ["`Tags` = 'red' AND (Count = 1 OR Urgent = true)", true],
  ])('%s', (query, expected) => {
    expect(holds(query, withTypes)).toBe(expected)
    expect(holds(query, withoutTypes)).toBe(expected)
    // Of a run without the attribute nothing is known.
    expect(holds(query, without)).toBe(false)
  })

  it('finds words of a text', () => {
    expect(holds("Notes = 'care'", withTypes)).toBe(true)
    expect(holds("Notes = 'CARE now'", withTypes)).toBe(true)
    expect(holds("Notes = 'careless'", withTypes)).toBe(false)
    expect(holds("Notes != 'careless'", withTypes)).toBe(true)
    expect(holds("Notes > 'a'", withTypes)).toBe(false)
    expect(holds("Notes STARTS_WITH 'Handle'", withTypes)).toBe(false)
  })

  it('knows what is not there', () => {
    expect(holds('Name IS NULL', without)).toBe(true)
    expect(holds('Name IS NULL', withTypes)).toBe(false)
    expect(holds('constructor IS NULL', withTypes)).toBe(true)
    const unreadable = summary({ Name: { metadata: {}, data: new Uint8Array(3) } })
    expect(holds('Name IS NULL', unreadable)).toBe(true)
  })

  it('orders numbers and times as they are ordered, whatever is asked', () => {
    const operators = fc.constantFrom('=', '!=', '<', '>', '<=', '>=')
    const times = fc.date({
      min: new Date('0001-01-01T00:00:00Z'),
      max: new Date('9999-12-31T00:00:00Z'),
      noInvalidDate: true,
    })
    const decide = (operator: string, a: number, b: number): boolean =>
      ({ '=': a === b, '!=': a !== b, '<': a < b, '>': a > b, '<=': a <= b, '>=': a >= b })[
        operator
      ] as boolean
    fc.assert(
      fc.property(operators, fc.integer(), fc.integer(), times, times, (operator, a, b, s, t) => {
        const run = summary(
          encodeSearchAttributes(undefined, [
            { key: count, value: a },
            { key: due, value: s },
          ]),
        )
        expect(holds(`Count ${operator} ${b}`, run)).toBe(decide(operator, a, b))
        const expected = decide(operator, s.getTime(), t.getTime())
        expect(holds(`Due ${operator} '${t.toISOString()}'`, run)).toBe(expected)
      }),
    )
  })

  it('is the union of its parts for lists', () => {
    const words = fc.constantFrom('a', 'b', 'c', 'd')
    fc.assert(
      fc.property(fc.uniqueArray(words, { minLength: 1 }), fc.uniqueArray(words), (has, asked) => {
        const run = summary(encodeSearchAttributes(undefined, [{ key: tags, value: has }]))
        const meets = asked.some((word) => has.includes(word))
        const list = asked.length === 0 ? "'z'" : asked.map((word) => `'${word}'`).join(', ')
        expect(holds(`Tags IN (${list})`, run)).toBe(meets)
        expect(holds(`Tags NOT IN (${list})`, run)).toBe(!meets)
      }),
    )
  })
})
