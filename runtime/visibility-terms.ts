import type { Payload, PayloadMap } from '../actors/payload.ts'
import { CHANGE_VERSION, changeVersionsOf } from './change-versions.ts'
import type { RunRow } from './run-row.ts'
import { numberOf, readAttribute, timeOf, wordsOf } from './visibility-attribute.ts'
import {
  attributeTerm,
  closeTimeTerm,
  type IndexedValue,
  idTerm,
  statusTerm,
  typeTerm,
} from './visibility-keys.ts'
import type { VisibilityValue } from './visibility-query.ts'

/*
 * What the index has of a run. Guarantee: a filter that matches a run names a term of it wherever the
 * planner (visibility-plan.ts) looks for one; both are made from the functions below.
 */

/** Terms that a run has from its start to its end. */
export function lastingTerms(row: RunRow): Buffer[] {
  const { namespace, parent, root } = row
  const terms = [typeTerm(namespace, row.workflowType)]
  if (parent !== undefined) terms.push(idTerm(namespace, 'parent', parent.workflowId))
  if (root !== undefined) terms.push(idTerm(namespace, 'root', root.workflowId))
  return terms
}

/** Terms of how far a run is. */
export function stateTerms(row: RunRow): Buffer[] {
  const { namespace, status, closeTime } = row
  const terms = [statusTerm(namespace, status)]
  if (closeTime === undefined) return terms
  return [
    ...terms,
    closeTimeTerm(namespace, closeTime),
    idTerm(namespace, 'workflowId', row.workflowId),
  ]
}

/** Terms of a run's search attributes, each once. */
export function attributeTerms(row: RunRow): Buffer[] {
  const attributes = searchAttributesOf(row)
  if (attributes === undefined) return []
  const terms = new Map<string, Buffer>()
  for (const [name, payload] of Object.entries(attributes)) {
    for (const indexed of indexedValues(payload)) {
      const term = attributeTerm(row.namespace, name, indexed)
      terms.set(term.toString('latin1'), term)
    }
  }
  return [...terms.values()]
}

/** A run's search attributes with the one that lists its patches. */
export function searchAttributesOf(row: RunRow): PayloadMap | undefined {
  const changeVersions = changeVersionsOf(row.patches)
  return changeVersions === undefined
    ? row.searchAttributes
    : { ...row.searchAttributes, [CHANGE_VERSION]: changeVersions }
}

/** At least one for each attribute that has a value at all. */
function indexedValues(payload: Payload): IndexedValue[] {
  const attribute = readAttribute(payload)
  if (attribute === undefined) return []
  const { type, values } = attribute
  if (type === 'TEXT') {
    const words = values.flatMap((value) => wordsOf(String(value)))
    // So that a text without words is found to be there.
    if (words.length === 0) words.push('')
    return words.map((value) => ({ kind: 'word', value }))
  }
  return values.flatMap((value): IndexedValue[] => {
    if (typeof value === 'number') return [{ kind: 'number', value }]
    if (typeof value === 'boolean') return [{ kind: 'boolean', value }]
    const time = type === undefined || type === 'DATETIME' ? timeOf(value) : undefined
    if (time === undefined) return [{ kind: 'text', value }]
    return [
      { kind: 'time', value: time },
      { kind: 'timeText', value },
    ]
  })
}

/** Everything that equals a value of a filter, whatever the type of the attribute. */
export function wantedValues(wanted: VisibilityValue): IndexedValue[] {
  const words = wordsOf(String(wanted)).map((value): IndexedValue => ({ kind: 'word', value }))
  if (typeof wanted === 'number') return [{ kind: 'number', value: wanted }, ...words]
  const flag = String(wanted).toLowerCase()
  if (flag === 'true' || flag === 'false') words.push({ kind: 'boolean', value: flag === 'true' })
  if (typeof wanted === 'boolean') return words
  const number = numberOf(wanted)
  const time = timeOf(wanted)
  return [
    ...words,
    { kind: 'text', value: wanted },
    ...(number === undefined ? [] : [{ kind: 'number', value: number } as const]),
    ...(time === undefined ? [] : [{ kind: 'time', value: time } as const]),
  ]
}
