import { MAX_IDENTIFIER_BYTES } from './identifiers.ts'
import type { KeyRange } from './row-keys.ts'
import { numberOf, timeOf } from './visibility-attribute.ts'
import {
  allStatuses,
  attributePrefixRange,
  attributeRange,
  attributeTerm,
  clampTime,
  closeTimeRange,
  idTerm,
  MAX_TEXT_BYTES,
  numberRange,
  prefixRange,
  statusTerm,
  typeTerm,
  withoutHalfPair,
} from './visibility-keys.ts'
import {
  type AnyField,
  type ComparisonOperator,
  isCustom,
  nameOfField,
  statusNames,
  type VisibilityExpression,
  type VisibilityValue,
} from './visibility-query.ts'
import { wantedValues } from './visibility-terms.ts'
import type { WorkflowStatus } from './workflow-service.ts'
import { isOpenStatus } from './workflow-status.ts'

/**
 * Where the runs that a filter matches are to be looked for.
 *
 * Guarantee: every run that the filter matches is found by the plan; it may find others, too, unless it
 * is `exact`. What no index helps with is looked for among all runs.
 */
export interface Plan {
  /** The runs started from here, up to but not including `to`, in milliseconds. */
  readonly from: number
  readonly to: number
  /** Undefined: all of them. */
  readonly node: PlanNode | undefined
  /** It finds nothing that the filter does not match. */
  readonly exact: boolean
}

export type PlanNode =
  /** The runs of one term, which are in the order of lists. */
  | { readonly kind: 'term'; readonly term: Buffer; readonly rank: number }
  /** Those of many terms, which are not. */
  | { readonly kind: 'range'; readonly range: KeyRange }
  /** The last runs of workflow ids: of one, or of all that begin with a text. */
  | { readonly kind: 'workflows'; readonly workflowId: string; readonly isPrefix: boolean }
  | { readonly kind: 'run'; readonly runId: string }
  | { readonly kind: 'anyOf'; readonly plans: readonly Plan[] }
  /** Each of them finds all that is looked for: the one that finds least is to be taken. */
  | { readonly kind: 'oneOf'; readonly nodes: readonly PlanNode[] }

/** More than any start. */
export const endOfTime = 2 ** 48

/** How selective a term is likely to be, where that cannot be told: the lowest is taken. */
const Rank = { value: 1, type: 2, status: 3 } as const

/** A plan for the runs of a namespace that match. */
export function planFor(namespace: string, where: VisibilityExpression | undefined): Plan {
  return where === undefined ? everything : new Planner(namespace).plan(where, false)
}

const everything: Plan = { from: 0, to: endOfTime, node: undefined, exact: true }
/** No index knows: all runs have to be looked at. */
const unknown: Plan = { ...everything, exact: false }

class Planner {
  readonly #namespace: string

  constructor(namespace: string) {
    this.#namespace = namespace
  }

  /** @param negated the runs are wanted for which the expression is false; unknown is not false */
  plan(expression: VisibilityExpression, negated: boolean): Plan {
    switch (expression.kind) {
      case 'not':
        return this.plan(expression.operand, !negated)
      case 'and':
      case 'or': {
        const plans = expression.operands.map((operand) => this.plan(operand, negated))
        const isAnd = (expression.kind === 'and') !== negated
        return isAnd ? intersection(plans) : union(plans)
      }
      case 'compare': {
        const { field, operator, value } = expression
        return this.#compare(field, negated ? opposite[operator] : operator, value)
      }
      case 'in': {
        const { field, values } = expression
        if (expression.negated === negated) {
          return union(values.map((value) => this.#compare(field, '=', value)))
        }
        return field === 'ExecutionStatus'
          ? this.#statuses((name) => !values.includes(name))
          : unknown
      }
      case 'between': {
        const { field, low, high } = expression
        if (expression.negated !== negated) return unknown
        return this.#between(field, low, high)
      }
      case 'startsWith':
        if (expression.negated !== negated) return unknown
        return this.#startsWith(expression.field, expression.prefix)
      case 'isNull':
        return this.#isNull(expression.field, expression.negated !== negated)
      default:
        return expression satisfies never
    }
  }

  #compare(field: AnyField, operator: ComparisonOperator, value: VisibilityValue): Plan {
    if (operator !== '=') {
      if (field === 'ExecutionStatus') return this.#statuses((name) => name !== value)
      if (operator === '!=') return unknown
      const isBelow = operator === '<' || operator === '<='
      return isBelow
        ? this.#interval(field, undefined, value, operator === '<')
        : this.#interval(field, value, undefined, operator === '>')
    }
    if (isCustom(field)) {
      const name = nameOfField(field)
      return anyTerm(
        wantedValues(value).map((wanted) => attributeTerm(this.#namespace, name, wanted)),
      )
    }
    const text = String(value)
    switch (field) {
      case 'ExecutionStatus':
        return this.#statuses((name) => name === value)
      case 'WorkflowType': {
        // A term of full length is also that of every longer text that begins so.
        const exact = Buffer.byteLength(text) < MAX_TEXT_BYTES && !text.includes('\0')
        return { ...one(termNode(typeTerm(this.#namespace, text), Rank.type)), exact }
      }
      case 'WorkflowId':
        return this.#workflowId(text)
      case 'ParentWorkflowId':
        return one(termNode(idTerm(this.#namespace, 'parent', text), Rank.value))
      case 'RootWorkflowId':
        return union([
          one(termNode(idTerm(this.#namespace, 'root', text), Rank.value)),
          this.#workflowId(text),
        ])
      case 'RunId':
        return one({ kind: 'run', runId: text })
      case 'StartTime':
      case 'CloseTime':
      case 'ExecutionTime':
        return this.#between(field, value, value)
      default:
        return unknown
    }
  }

  /** Closed runs of the id have a term; an open one is its last. */
  #workflowId(workflowId: string): Plan {
    if (!mayBeId(workflowId)) return union([])
    return union([
      one({ kind: 'workflows', workflowId, isPrefix: false }),
      one(termNode(idTerm(this.#namespace, 'workflowId', workflowId), Rank.value)),
    ])
  }

  #statuses(isWanted: (name: string) => boolean): Plan {
    const wanted = allStatuses.filter((status) => isWanted(statusNames[status]))
    return { ...union(wanted.map((status) => this.#status(status))), exact: true }
  }

  #status(status: WorkflowStatus): Plan {
    return { ...one(termNode(statusTerm(this.#namespace, status), Rank.status)), exact: true }
  }

  #between(field: AnyField, low: VisibilityValue, high: VisibilityValue): Plan {
    return this.#interval(field, low, high, false)
  }

  /** @param isOpen the bounds are not part of it */
  #interval(
    field: AnyField,
    low: VisibilityValue | undefined,
    high: VisibilityValue | undefined,
    isOpen: boolean,
  ): Plan {
    if (isCustom(field)) return this.#attributeInterval(nameOfField(field), low, high)
    const from = typeof low === 'number' ? low : 0
    const to = typeof high === 'number' ? high : endOfTime - 1
    switch (field) {
      case 'StartTime': {
        const isExact = Number.isInteger(from) && Number.isInteger(to) && from >= 0
        return {
          from: clampTime(isExact && isOpen && low !== undefined ? from + 1 : from),
          to: clampTime(isExact && isOpen && high !== undefined ? to - 1 : to) + 1,
          node: undefined,
          exact: isExact,
        }
      }
      case 'ExecutionTime':
        // A run's first turn is never before its start.
        return { ...unknown, to: clampTime(to) + 1 }
      case 'CloseTime':
        return one({ kind: 'range', range: closeTimeRange(this.#namespace, from, to) })
      default:
        return unknown
    }
  }

  /** Bounds are taken as included: what is found too much is sorted out by the filter. */
  #attributeInterval(
    name: string,
    low: VisibilityValue | undefined,
    high: VisibilityValue | undefined,
  ): Plan {
    const namespace = this.#namespace
    const ranges: KeyRange[] = []
    const bounds = [low, high].filter((bound) => bound !== undefined)
    const within = (
      kind: 'number' | 'time',
      read: (bound: VisibilityValue) => unknown,
    ): boolean => {
      const [from, to] = [low, high].map((bound) => (bound === undefined ? undefined : read(bound)))
      if (bounds.some((bound) => typeof read(bound) !== 'number')) return false
      const start = typeof from === 'number' ? from : -Infinity
      const end = typeof to === 'number' ? to : Infinity
      if (start <= end) ranges.push(numberRange(namespace, name, kind, start, end))
      return true
    }
    within('number', (bound) => (typeof bound === 'string' ? numberOf(bound) : bound))
    if (bounds.every((bound) => /^(true|false)$/i.test(String(bound)))) {
      ranges.push(attributeRange(namespace, name, 'boolean'))
    }
    if (bounds.every((bound) => typeof bound === 'string')) {
      // Texts sort by UTF-16 in filters and by UTF-8 in keys: all of them are looked at.
      ranges.push(attributeRange(namespace, name, 'text'))
      const areTimes = within('time', (bound) => timeOf(String(bound)))
      if (!areTimes) ranges.push(attributeRange(namespace, name, 'timeText'))
    }
    return union(ranges.map((range) => one({ kind: 'range', range })))
  }

  #startsWith(field: AnyField, prefix: string): Plan {
    const namespace = this.#namespace
    if (isCustom(field)) {
      const name = nameOfField(field)
      return union(
        (['text', 'timeText'] as const).map((kind) =>
          one({ kind: 'range', range: attributePrefixRange(namespace, name, kind, prefix) }),
        ),
      )
    }
    const withPrefix = (of: 'workflowId' | 'parent' | 'root' | 'type'): Plan =>
      one({ kind: 'range', range: prefixRange(namespace, of, prefix) })
    const workflows = (): Plan => {
      const workflowId = withoutHalfPair(prefix)
      if (!mayBeId(workflowId)) return union([])
      return union([
        one({ kind: 'workflows', workflowId, isPrefix: true }),
        withPrefix('workflowId'),
      ])
    }
    switch (field) {
      case 'WorkflowId':
        return workflows()
      case 'WorkflowType':
        return withPrefix('type')
      case 'ParentWorkflowId':
        return withPrefix('parent')
      case 'RootWorkflowId':
        return union([withPrefix('root'), workflows()])
      default:
        return unknown
    }
  }

  #isNull(field: AnyField, isThere: boolean): Plan {
    if (field === 'CloseTime') {
      const statuses = allStatuses.filter((status) => isOpenStatus(status) !== isThere)
      return { ...union(statuses.map((status) => this.#status(status))), exact: true }
    }
    if (!isThere) return unknown
    if (isCustom(field)) {
      return one({ kind: 'range', range: attributeRange(this.#namespace, nameOfField(field)) })
    }
    return field === 'ParentWorkflowId' ? this.#startsWith(field, '') : unknown
  }
}

/** Longer than any id: no key of the journal could hold it. */
function mayBeId(text: string): boolean {
  return Buffer.byteLength(text) <= MAX_IDENTIFIER_BYTES
}

const opposite: Readonly<Record<ComparisonOperator, ComparisonOperator>> = {
  '=': '!=',
  '!=': '=',
  '<': '>=',
  '>=': '<',
  '>': '<=',
  '<=': '>',
}

function termNode(term: Buffer, rank: number): PlanNode {
  return { kind: 'term', term, rank }
}

function one(node: PlanNode): Plan {
  return { ...everything, node, exact: false }
}

function anyTerm(terms: readonly Buffer[]): Plan {
  return union(terms.map((term) => one(termNode(term, Rank.value))))
}

/** What all of the plans find, found by any one of them. */
function intersection(plans: readonly Plan[]): Plan {
  const nodes = plans.flatMap(({ node }) =>
    node === undefined ? [] : node.kind === 'oneOf' ? node.nodes : [node],
  )
  return {
    from: Math.max(...plans.map(({ from }) => from)),
    to: Math.min(...plans.map(({ to }) => to)),
    node: nodes.length > 1 ? { kind: 'oneOf', nodes } : nodes[0],
    exact: nodes.length <= 1 && plans.every(({ exact }) => exact),
  }
}

function union(plans: readonly Plan[]): Plan {
  const [first] = plans
  if (first !== undefined && plans.length === 1) return first
  const bounds = {
    from: Math.min(endOfTime, ...plans.map(({ from }) => from)),
    to: Math.max(0, ...plans.map(({ to }) => to)),
  }
  // All runs within the same bounds: there is nothing to choose from.
  const isAll = plans.some(
    ({ from, to, node }) => node === undefined && from === bounds.from && to === bounds.to,
  )
  return {
    ...bounds,
    node: isAll ? undefined : { kind: 'anyOf', plans },
    exact: isAll
      ? plans.some(
          ({ from, to, node, exact }) =>
            exact && node === undefined && from === bounds.from && to === bounds.to,
        )
      : plans.every(({ exact }) => exact),
  }
}
