import * as fc from 'fast-check'
import {
  customField,
  statusNames,
  type VisibilityExpression,
  visibilityFields,
  type VisibilityField,
  type VisibilityQuery,
  type VisibilityValue,
} from '../../runtime/visibility-query.ts'

const isField =
  (...types: readonly string[]) =>
  (field: VisibilityField): boolean =>
    types.includes(visibilityFields[field])
const allFields: readonly VisibilityField[] = [
  'WorkflowId',
  'WorkflowType',
  'RunId',
  'TaskQueue',
  'ExecutionStatus',
  'StartTime',
  'CloseTime',
  'ExecutionTime',
  'ParentWorkflowId',
  'RootRunId',
]
const fields = fc.constantFrom(...allFields)
const negated = fc.boolean()

function valueFor(field: VisibilityField): fc.Arbitrary<VisibilityValue> {
  switch (visibilityFields[field]) {
    case 'time':
      return fc.integer({ min: 0, max: Date.UTC(9999, 0, 1) })
    case 'status':
      return fc.constantFrom(...Object.values(statusNames))
    default:
      return fc.string({ unit: 'binary', maxLength: 12 })
  }
}

const customFields = fc
  .oneof(fc.constantFrom('Customer', 'and', 'NULL', 'true', 'a b'), fc.string({ maxLength: 8 }))
  .filter((name) => name !== '' && !name.includes('`') && !(name in visibilityFields))
  // A name that Temporal gives a meaning of its own is refused.
  .filter((name) => !name.includes('Id') && !name.includes('History'))
  .map(customField)
const customValues: fc.Arbitrary<VisibilityValue> = fc.oneof(
  fc.string({ unit: 'binary', maxLength: 8 }),
  fc.integer(),
  fc.double({ noNaN: true, noDefaultInfinity: true, min: -1e9, max: 1e9 }).map((n) => n || 0),
  fc.boolean(),
)

const predicates: fc.Arbitrary<VisibilityExpression> = fc.oneof(
  fc.record({
    kind: fc.constant('compare' as const),
    field: customFields,
    operator: fc.constantFrom('=' as const, '!=' as const, '<' as const, '>=' as const),
    value: customValues,
  }),
  fc.record({
    kind: fc.constant('in' as const),
    field: customFields,
    negated,
    values: fc.array(customValues, { minLength: 1, maxLength: 4 }),
  }),
  fc.record({ kind: fc.constant('isNull' as const), field: customFields, negated }),
  fields.chain((field) =>
    fc.record({
      kind: fc.constant('compare' as const),
      field: fc.constant(field),
      operator: isField('status')(field)
        ? fc.constantFrom('=' as const, '!=' as const)
        : fc.constantFrom(
            '=' as const,
            '!=' as const,
            '<' as const,
            '>' as const,
            '<=' as const,
            '>=' as const,
          ),
      value: valueFor(field),
    }),
  ),
  fields.chain((field) =>
    fc.record({
      kind: fc.constant('in' as const),
      field: fc.constant(field),
      negated,
      values: fc.array(valueFor(field), { minLength: 1, maxLength: 4 }),
    }),
  ),
  fc.record({
    kind: fc.constant('startsWith' as const),
    field: fields.filter(isField('keyword')),
    negated,
    prefix: fc.string({ unit: 'binary', maxLength: 12 }),
  }),
  fields.chain((field) =>
    fc.record({
      kind: fc.constant('between' as const),
      field: fc.constant(field),
      negated,
      low: valueFor(field),
      high: valueFor(field),
    }),
  ),
  fc.record({ kind: fc.constant('isNull' as const), field: fields, negated }),
)
const { expression } = fc.letrec<{ expression: VisibilityExpression }>((tie) => ({
  expression: fc.oneof(
    { maxDepth: 4 },
    predicates,
    fc.record({ kind: fc.constant('not' as const), operand: tie('expression') }),
    fc.record({
      kind: fc.constantFrom('and' as const, 'or' as const),
      operands: fc.array(tie('expression'), { minLength: 2, maxLength: 3 }),
    }),
  ),
}))
/** Any list filter, of the strangest names and values. */
export const queries: fc.Arbitrary<VisibilityQuery> = fc.record(
  { where: expression, groupBy: fc.constant('ExecutionStatus' as const) },
  { requiredKeys: [] },
)
