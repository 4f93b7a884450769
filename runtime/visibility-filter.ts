import { SignalboxError } from './errors.ts'
import type { Payload } from '../actors/payload.ts'
import { parseVisibilityText } from './visibility-parser.ts'
import {
  compareAttribute,
  readAttribute,
  type VisibilityAttribute,
} from './visibility-attribute.ts'
import {
  type AnyField,
  type ComparisonOperator,
  type CustomField,
  isCustom,
  nameOfField,
  statusNames,
  type VisibilityExpression,
  type VisibilityField,
  type VisibilityValue,
} from './visibility-query.ts'
import type { WorkflowSummary } from './workflow-service.ts'

export interface VisibilityFilter {
  matches(summary: WorkflowSummary): boolean
  /** What it asks for; undefined if for everything. */
  readonly where?: VisibilityExpression
  /** For count: one number per status. */
  readonly groupBy?: 'ExecutionStatus'
}

/**
 * A list filter, ready to be asked; the empty text matches every run.
 *
 * A run without a close time has no value there: as in SQL no comparison with it holds, nor does the
 * negation of one (`CloseTime NOT IN`, `NOT CloseTime > …`); `CloseTime IS NULL` finds it.
 *
 * @throws SignalboxError SIGNALBOX_ERR_INVALID_ARGUMENT for a text that is no filter, with the
 *   position in `fields`
 */
export function parseVisibilityQuery(query: string): VisibilityFilter {
  const { where, groupBy } = parseVisibilityText(query)
  const test = where === undefined ? undefined : compile(where)
  return {
    matches: (summary) => test === undefined || test(summary) === true,
    ...(where === undefined ? {} : { where }),
    ...(groupBy === undefined ? {} : { groupBy }),
  }
}

/** {@link parseVisibilityQuery} for what tells of runs rather than how many there are: no GROUP BY. */
export function parseListQuery(query: string): VisibilityFilter {
  const filter = parseVisibilityQuery(query)
  if (filter.groupBy === undefined) return filter
  throw new SignalboxError(
    'SIGNALBOX_ERR_INVALID_ARGUMENT',
    'query must not have GROUP BY, which is for counts',
    { fields: { field: 'query' } },
  )
}

/** SQL's three values: undefined is unknown. */
type Test = (summary: WorkflowSummary) => boolean | undefined

function compile(expression: VisibilityExpression): Test {
  switch (expression.kind) {
    case 'and':
      return all(expression.operands.map(compile), false)
    case 'or':
      return all(expression.operands.map(compile), true)
    case 'not': {
      const operand = compile(expression.operand)
      return (summary) => negate(operand(summary))
    }
    case 'isNull': {
      const { field, negated } = expression
      return (summary) => isMissing(summary, field) !== negated
    }
    case 'compare': {
      const { field, operator, value } = expression
      if (isCustom(field)) {
        return onAttribute(field, false, (actual) => compareAttribute(actual, operator, value))
      }
      return onValue(field, false, (actual) => compare(actual, operator, value))
    }
    case 'in': {
      const { field, negated } = expression
      const values = new Set(expression.values)
      if (!isCustom(field)) return onValue(field, negated, (actual) => values.has(actual))
      return onAttribute(field, negated, (actual) =>
        anyOf([...values].map((value) => compareAttribute(actual, '=', value))),
      )
    }
    case 'startsWith': {
      const { field, negated, prefix } = expression
      if (isCustom(field)) {
        return onAttribute(field, negated, ({ type, values }) => {
          const texts = values.filter((value) => typeof value === 'string')
          if (type === 'TEXT' || texts.length === 0) return undefined
          return texts.some((text) => text.startsWith(prefix))
        })
      }
      return onValue(field, negated, (actual) => String(actual).startsWith(prefix))
    }
    case 'between': {
      const { field, negated, low, high } = expression
      if (isCustom(field)) {
        return onAttribute(field, negated, (actual) =>
          anyOf(
            actual.values.map((value) => {
              const one = { type: actual.type, values: [value] }
              const isAbove = compareAttribute(one, '>=', low)
              const isBelow = compareAttribute(one, '<=', high)
              return isAbove === undefined || isBelow === undefined ? undefined : isAbove && isBelow
            }),
          ),
        )
      }
      return onValue(field, negated, (actual) => actual >= low && actual <= high)
    }
    default:
      return expression satisfies never
  }
}

/** AND ends with the first false, OR with the first true; else one that is unknown makes it unknown. */
function all(tests: readonly Test[], decisive: boolean): Test {
  return (summary) => {
    let result: boolean | undefined = !decisive
    for (const test of tests) {
      const value = test(summary)
      if (value === decisive) return decisive
      if (value === undefined) result = undefined
    }
    return result
  }
}

function onValue(
  field: VisibilityField,
  negated: boolean,
  test: (actual: VisibilityValue) => boolean,
): Test {
  return (summary) => {
    const actual = valueOf(summary, field)
    return actual === undefined ? undefined : test(actual) !== negated
  }
}

function onAttribute(
  field: CustomField,
  negated: boolean,
  test: (actual: VisibilityAttribute) => boolean | undefined,
): Test {
  const name = nameOfField(field)
  return (summary) => {
    const actual = readAttribute(ownAttribute(summary, name))
    const result = actual === undefined ? undefined : test(actual)
    return negated ? negate(result) : result
  }
}

function isMissing(summary: WorkflowSummary, field: AnyField): boolean {
  if (!isCustom(field)) return valueOf(summary, field) === undefined
  return readAttribute(ownAttribute(summary, nameOfField(field))) === undefined
}

function ownAttribute({ searchAttributes }: WorkflowSummary, name: string): Payload | undefined {
  if (searchAttributes === undefined || !Object.hasOwn(searchAttributes, name)) return undefined
  return searchAttributes[name]
}

/** SQL's OR of values that are known. */
function anyOf(results: readonly (boolean | undefined)[]): boolean | undefined {
  if (results.includes(true)) return true
  return results.includes(false) ? false : undefined
}

function negate(value: boolean | undefined): boolean | undefined {
  return value === undefined ? undefined : !value
}

function compare(
  actual: VisibilityValue,
  operator: ComparisonOperator,
  value: VisibilityValue,
): boolean {
  switch (operator) {
    case '=':
      return actual === value
    case '!=':
      return actual !== value
    case '<':
      return actual < value
    case '>':
      return actual > value
    case '<=':
      return actual <= value
    case '>=':
      return actual >= value
    default:
      return operator satisfies never
  }
}

function valueOf(summary: WorkflowSummary, field: VisibilityField): VisibilityValue | undefined {
  switch (field) {
    case 'WorkflowId':
      return summary.workflowId
    case 'WorkflowType':
      return summary.workflowType
    case 'RunId':
      return summary.runId
    case 'TaskQueue':
      return summary.taskQueue
    case 'ExecutionStatus':
      return statusNames[summary.status]
    case 'StartTime':
      return summary.startTime
    case 'CloseTime':
      return summary.closeTime
    case 'ExecutionTime':
      return summary.executionTime ?? summary.startTime
    case 'ParentWorkflowId':
      return summary.parentExecution?.workflowId
    case 'ParentRunId':
      return summary.parentExecution?.runId
    case 'RootWorkflowId':
      return summary.rootExecution?.workflowId ?? summary.workflowId
    case 'RootRunId':
      return summary.rootExecution?.runId ?? summary.firstExecutionRunId
    default:
      return field satisfies never
  }
}
