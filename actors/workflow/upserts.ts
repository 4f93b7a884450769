import type { PayloadMap } from '../payload.ts'
import { toPayloadMap } from '../payload-converter.ts'
import {
  encodeSearchAttributes,
  mergeMemo,
  mergeSearchAttributes,
  toPair,
} from '../search-attribute-payloads.ts'
import {
  inferType,
  type SearchAttributes,
  type SearchAttributeUpdatePair,
  type TypedSearchAttributes,
} from '../search-attributes.ts'
import {
  defaultUpsertLimits,
  memoProblem,
  searchAttributesProblem,
  type UpsertLimits,
} from '../upsert-limits.ts'
import type { Activator } from './activator.ts'
import { assertInWorkflowContext } from './current-run.ts'
import { changeInfo, infoOf } from './workflow-info.ts'

let limits = defaultUpsertLimits

export function setUpsertLimits(given: UpsertLimits): void {
  limits = given
}

/**
 * Change the search attributes by which this workflow is found. They are merged with those it has; an
 * empty array, or null for a typed one, removes. `workflowInfo()` shows the change at once.
 *
 * More than the limits allow, or the name of what every run has, such as WorkflowId, fails the turn, and the
 * run is parked until the code is mended.
 *
 * @throws {ValueError} for a value that no search attribute can have
 */
export function upsertSearchAttributes(
  searchAttributes: SearchAttributes | SearchAttributeUpdatePair[],
): void {
  const activator = assertInWorkflowContext(
    'Workflow.upsertSearchAttributes(...) may only be used from a Workflow Execution.',
  )
  // What TypeScript refuses, JavaScript may still pass.
  if ((searchAttributes as unknown) === null || (searchAttributes as unknown) === undefined) {
    throw new Error('searchAttributes must be a non-null SearchAttributes')
  }
  const isTyped = Array.isArray(searchAttributes)
  const upserted = isTyped
    ? encodeSearchAttributes(undefined, searchAttributes)
    : encodeSearchAttributes(searchAttributes, undefined)
  const merged = mergeSearchAttributes(
    activator.searchAttributes ?? activator.started.searchAttributes,
    upserted,
  )
  checkBounds(activator, searchAttributesProblem(merged, limits, upserted), 'BadSearchAttributes')
  activator.push({ kind: 'upsertSearchAttributes', searchAttributes: upserted })
  activator.searchAttributes = merged
  const info = infoOf(activator)
  const untyped = { ...info.searchAttributes }
  const { typedSearchAttributes } = info
  if (isTyped) {
    for (const { key, value } of searchAttributes) {
      if (value === null) delete untyped[key.name]
      else untyped[key.name] = (Array.isArray(value) ? value : [value]) as SearchAttributes[string]
    }
    changeInfo(activator, {
      searchAttributes: untyped,
      typedSearchAttributes: typedSearchAttributes.updateCopy(searchAttributes),
    })
    return
  }
  let typed = typedSearchAttributes
  for (const [name, values] of Object.entries(searchAttributes)) {
    // Written, but not shown, as by Temporal's SDK: several numbers are of no type.
    const isRemoval = values === undefined || values.length === 0
    if (!isRemoval && inferType(values) === undefined) continue
    typed = withUntyped(typed, name, values)
    if (isRemoval) delete untyped[name]
    else untyped[name] = values
  }
  changeInfo(activator, { searchAttributes: untyped, typedSearchAttributes: typed })
}

/** An untyped value among typed ones: it keeps the type that is there, or gets the one it looks like. */
function withUntyped(
  typed: TypedSearchAttributes,
  name: string,
  values: SearchAttributes[string],
): TypedSearchAttributes {
  const there = typed.getAll().find((pair) => pair.key.name === name)?.key
  if (values === undefined || values.length === 0) {
    if (there === undefined) return typed
    return typed.updateCopy([{ key: there, value: null } as SearchAttributeUpdatePair])
  }
  const inferred = inferType(values)
  const type = inferred === 'TEXT' ? (there?.type ?? inferred) : inferred
  const pair = toPair(name, type, values)
  return pair === undefined ? typed : typed.updateCopy([pair])
}

/**
 * Change the workflow's memo. It is merged with what is there, field by field at the first level; null
 * and undefined remove. `workflowInfo()` shows the change at once.
 */
export function upsertMemo(memo: Record<string, unknown>): void {
  const activator = assertInWorkflowContext(
    'Workflow.upsertMemo(...) may only be used from a Workflow Execution.',
  )
  if ((memo as unknown) === null || (memo as unknown) === undefined) {
    throw new Error('memo must be a non-null Record')
  }
  const values = Object.entries(memo).map(([name, value]) => [name, value ?? undefined] as const)
  const upserted: PayloadMap = toPayloadMap(Object.fromEntries(values))
  const merged = mergeMemo(activator.memo ?? activator.started.memo, upserted)
  checkBounds(activator, memoProblem(merged, limits), 'BadModifyWorkflowPropertiesAttributes')
  activator.push({ kind: 'upsertMemo', memo: upserted })
  activator.memo = merged
  const kept = Object.entries({ ...infoOf(activator).memo, ...memo }).filter(
    ([, value]) => value !== null && value !== undefined,
  )
  changeInfo(activator, { memo: Object.fromEntries(kept) })
}

/** The same bounds for what a new run is to be given. */
export function checkSuccessor(
  activator: Activator,
  attributes: PayloadMap | undefined,
  memo: PayloadMap | undefined,
): void {
  const found = attributes && searchAttributesProblem(attributes, limits)
  checkBounds(activator, found, 'BadContinueAsNewAttributes')
  checkBounds(activator, memo && memoProblem(memo, limits), 'BadContinueAsNewAttributes')
}

/** What was accepted once is accepted in every replay, also if a limit was lowered since. */
function checkBounds(activator: Activator, problem: string | undefined, cause: string): void {
  if (problem === undefined || activator.replaying) return
  const error = new Error(`${cause}: ${problem}`)
  // Temporal's server fails the task, which no workflow code can catch.
  activator.failTurn(error)
  throw error
}
