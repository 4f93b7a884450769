import type { WorkflowStatus } from './workflow-service.ts'

/** The fields of a run that a list filter may name, by the type of their values. */
export const visibilityFields = {
  WorkflowId: 'keyword',
  WorkflowType: 'keyword',
  RunId: 'keyword',
  TaskQueue: 'keyword',
  ExecutionStatus: 'status',
  StartTime: 'time',
  CloseTime: 'time',
  ExecutionTime: 'time',
  ParentWorkflowId: 'keyword',
  ParentRunId: 'keyword',
  RootWorkflowId: 'keyword',
  RootRunId: 'keyword',
} as const

export type VisibilityField = keyof typeof visibilityFields

/** A search attribute of the user's, by its name behind the colon. */
export type CustomField = `custom:${string}`
export type AnyField = VisibilityField | CustomField

const CUSTOM = 'custom:'

export function customField(name: string): CustomField {
  return `${CUSTOM}${name}`
}

export function isCustom(field: AnyField): field is CustomField {
  return field.startsWith(CUSTOM)
}

export function nameOfField(field: AnyField): string {
  return isCustom(field) ? field.slice(CUSTOM.length) : field
}

export function typeOfField(field: AnyField): 'keyword' | 'status' | 'time' | 'custom' {
  return isCustom(field) ? 'custom' : visibilityFields[field]
}

/**
 * Keyword and status values are texts, time values milliseconds since the epoch; those of custom
 * fields are what the filter says.
 */
export type VisibilityValue = string | number | boolean

export type ComparisonOperator = '=' | '!=' | '<' | '>' | '<=' | '>='

/** A filter as a tree. */
export type VisibilityExpression =
  | {
      readonly kind: 'compare'
      readonly field: AnyField
      readonly operator: ComparisonOperator
      readonly value: VisibilityValue
    }
  | {
      readonly kind: 'in'
      readonly field: AnyField
      readonly negated: boolean
      readonly values: readonly VisibilityValue[]
    }
  | {
      readonly kind: 'startsWith'
      readonly field: AnyField
      readonly negated: boolean
      readonly prefix: string
    }
  | {
      readonly kind: 'between'
      readonly field: AnyField
      readonly negated: boolean
      readonly low: VisibilityValue
      readonly high: VisibilityValue
    }
  | { readonly kind: 'isNull'; readonly field: AnyField; readonly negated: boolean }
  | { readonly kind: 'not'; readonly operand: VisibilityExpression }
  | { readonly kind: 'and' | 'or'; readonly operands: readonly VisibilityExpression[] }

export interface VisibilityQuery {
  /** Missing: everything matches. */
  readonly where?: VisibilityExpression
  readonly groupBy?: 'ExecutionStatus'
}

/** The names of statuses as filters have them: Temporal's. */
export const statusNames: Readonly<Record<WorkflowStatus, string>> = {
  RUNNING: 'Running',
  COMPLETED: 'Completed',
  FAILED: 'Failed',
  CANCELED: 'Canceled',
  TERMINATED: 'Terminated',
  CONTINUED_AS_NEW: 'ContinuedAsNew',
  TIMED_OUT: 'TimedOut',
  PAUSED: 'Paused',
}

/** Whether an expression names no field but these. */
export function namesOnly(
  expression: VisibilityExpression | undefined,
  fields: readonly AnyField[],
): boolean {
  if (expression === undefined) return true
  switch (expression.kind) {
    case 'and':
    case 'or':
      return expression.operands.every((operand) => namesOnly(operand, fields))
    case 'not':
      return namesOnly(expression.operand, fields)
    default:
      return fields.includes(expression.field)
  }
}

/** A query as text, from which parsing makes the same query again. */
export function printVisibilityQuery({ where, groupBy }: VisibilityQuery): string {
  const parts: string[] = []
  if (where !== undefined) parts.push(print(where))
  if (groupBy !== undefined) parts.push(`GROUP BY ${groupBy}`)
  return parts.join(' ')
}

function print(expression: VisibilityExpression): string {
  switch (expression.kind) {
    case 'and':
    case 'or': {
      const operator = ` ${expression.kind.toUpperCase()} `
      return expression.operands.map((operand) => `(${print(operand)})`).join(operator)
    }
    case 'not':
      return `NOT (${print(expression.operand)})`
    default:
      return printPredicate(expression)
  }
}

function printPredicate(
  predicate: Exclude<VisibilityExpression, { readonly kind: 'and' | 'or' | 'not' }>,
): string {
  const field = printField(predicate.field)
  const value = (item: VisibilityValue): string => printValue(predicate.field, item)
  if (predicate.kind === 'compare')
    return `${field} ${predicate.operator} ${value(predicate.value)}`
  const not = predicate.negated ? 'NOT ' : ''
  switch (predicate.kind) {
    case 'in':
      return `${field} ${not}IN (${predicate.values.map(value).join(', ')})`
    case 'startsWith':
      return `${field} ${not}STARTS_WITH ${value(predicate.prefix)}`
    case 'between':
      return `${field} ${not}BETWEEN ${value(predicate.low)} AND ${value(predicate.high)}`
    default:
      return `${field} IS ${not}NULL`
  }
}

function printField(field: AnyField): string {
  // Between backticks, so that it may be a word of the language.
  return isCustom(field) ? `\`${nameOfField(field)}\`` : field
}

function printValue(field: AnyField, value: VisibilityValue): string {
  if (typeof value === 'boolean') return String(value)
  if (typeof value === 'number') {
    return typeOfField(field) === 'time' ? `'${new Date(value).toISOString()}'` : String(value)
  }
  return `'${value.replaceAll(/['\\]/g, (character) => `\\${character}`)}'`
}
