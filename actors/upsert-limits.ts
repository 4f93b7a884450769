import type { Payload, PayloadMap } from './payload.ts'

/** The bounds of what a run may be found by and be told apart by. */
export interface UpsertLimits {
  readonly maxSearchAttributes: number
  readonly maxSearchAttributeBytes: number
  readonly maxSearchAttributesBytes: number
  readonly maxMemoBytes: number
}

/** Temporal's. */
export const defaultUpsertLimits: UpsertLimits = {
  maxSearchAttributes: 100,
  maxSearchAttributeBytes: 2 * 1024,
  maxSearchAttributesBytes: 40 * 1024,
  maxMemoBytes: 2 * 1024 * 1024,
}

/** What is known of every run by itself; a search attribute of the name would be shadowed by it. */
const SYSTEM_NAMES: ReadonlySet<string> = new Set([
  'WorkflowId',
  'RunId',
  'WorkflowType',
  'TaskQueue',
  'ExecutionStatus',
  'StartTime',
  'CloseTime',
  'ExecutionTime',
  'ExecutionDuration',
  'HistoryLength',
  'HistorySizeBytes',
  'StateTransitionCount',
  'ParentWorkflowId',
  'ParentRunId',
  'RootWorkflowId',
  'RootRunId',
])

/**
 * What is wrong with a run's search attributes, or undefined: a bound that they pass, or a name among
 * those that are given now, which is not theirs to set.
 */
export function searchAttributesProblem(
  attributes: PayloadMap,
  limits: UpsertLimits,
  given = attributes,
): string | undefined {
  for (const name of Object.keys(given)) {
    if (SYSTEM_NAMES.has(name)) return `${name} attribute can't be set in SearchAttributes`
  }
  const entries = Object.entries(attributes)
  if (entries.length > limits.maxSearchAttributes) {
    return (
      `number of search attributes ${entries.length} exceeds limit ` +
      `maxSearchAttributes = ${limits.maxSearchAttributes}`
    )
  }
  let total = 0
  for (const [name, payload] of entries) {
    const bytes = dataBytes(payload)
    if (bytes > limits.maxSearchAttributeBytes) {
      return (
        `search attribute ${name} value size ${bytes} exceeds size limit ` +
        `maxSearchAttributeBytes = ${limits.maxSearchAttributeBytes}`
      )
    }
    total += name.length + bytes
  }
  if (total <= limits.maxSearchAttributesBytes) return undefined
  return (
    `total size of search attributes ${total} exceeds size limit ` +
    `maxSearchAttributesBytes = ${limits.maxSearchAttributesBytes}`
  )
}

/** Which bound a run's memo passes, or undefined. */
export function memoProblem(memo: PayloadMap, limits: UpsertLimits): string | undefined {
  let total = 0
  for (const [name, payload] of Object.entries(memo)) total += name.length + dataBytes(payload)
  if (total <= limits.maxMemoBytes) return undefined
  return `memo size ${total} exceeds size limit maxMemoBytes = ${limits.maxMemoBytes}`
}

/** A character is taken for a byte: exact for ASCII. */
function dataBytes(payload: Payload): number {
  if (payload === null) return 0
  if (typeof payload === 'string' || payload instanceof Uint8Array) return payload.length
  return payload.data.length
}
